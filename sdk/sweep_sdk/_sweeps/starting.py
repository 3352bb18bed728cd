"""The functions of the Python API that start work; ``sweep_sdk`` loads them on first use."""

from __future__ import annotations

import atexit
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.session.session import find_sweep
from sweep_sdk._agent.view.plain import show
from sweep_sdk._backend.answers import warnings_of
from sweep_sdk._backend.client import open_client
from sweep_sdk._exceptions import AgentGaveUp, UsageError
from sweep_sdk._process.notices import notify
from sweep_sdk._settings import load_settings
from sweep_sdk._sweeps.asked_run import AskedRun, ask_run
from sweep_sdk._sweeps.registering import create_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._backend.client import Client
    from sweep_sdk._settings import Settings

_CTRL_C = 130


def sweep(
    config: Mapping[str, Any] | None = None,
    project: str | None = None,
    name: str | None = None,
    prior_runs: Sequence[str] | None = (),
    *,
    sweep: Mapping[str, Any] | None = None,
    entity: str | None = None,  # noqa: ARG001  of moved scripts
) -> str:
    """Register a sweep; warnings about its config are printed on stderr.

    Args:
        config: The sweep config, as in a sweep file.
        project: Name of the project; by default the config's, else ``SWEEP_PROJECT``.
        name: Display name; by default the config's.
        prior_runs: Ids of ended runs of any sweep: bayes learns from their results, and in a finite
            space the finished ones count as done. The id of a sweep means all of its ended runs.
        sweep: The config, by its name in wandb.
        entity: Has no effect: an account is one team.

    Returns:
        The sweep's id, for ``agent`` and the command line.

    Raises:
        InvalidConfig: The config has problems; the error lists all of them.
        UsageError: The config is not a mapping.
        BackendUnavailable: The backend is away.
    """
    config = sweep if config is None else config
    if not isinstance(config, Mapping):
        raise UsageError(f"a sweep takes a dict, not {type(config).__name__}")
    settings = load_settings()
    with open_client(settings) as client:
        if project is None and not config.get("project"):
            project = settings.project
        created = create_sweep(
            client,
            say=notify,
            config=config,
            project=project,
            name=name,
            prior_runs=prior_runs or (),
        )
        for warning in warnings_of(created):
            notify(warning)
        return str(created["id"])


def agent(
    sweep_id: str,
    function: Callable[[], object] | None = None,
    count: int | None = None,
    *,
    options: AgentOptions | None = None,
    entity: str | None = None,  # noqa: ARG001  of moved scripts
    project: str | None = None,
) -> None:
    """Work on a sweep until it ends.

    With a function, each run is a call of it in this process: it calls ``init()``, trains and logs.
    An exception in it fails the run; Ctrl-C gives the run back and ends the agent. Without a
    function, the sweep's ``program`` is started for each run, as by ``sweep-sdk agent``.

    Args:
        sweep_id: ``entity/project/id``, ``project/id`` or ``id``.
        function: A function without arguments, possibly ``async``; its result is ignored.
        count: Maximum number of runs.
        options: Further options; ``count`` takes precedence over theirs.
        entity: Has no effect: an account is one team.
        project: Has no effect, since the id identifies the sweep; a difference is reported.

    Raises:
        AgentGaveUp: Too many runs failed, none succeeded, or results wait on disk because they
            could not be delivered.
        UsageError: There is no such sweep, or its program cannot be started here.
        BackendUnavailable: The backend was away for too long.
        KeyboardInterrupt: Ctrl-C, once the run in progress has been given back.
        SystemExit: Another signal, likewise.
    """
    options = options or AgentOptions()
    if count is not None:
        options = replace(options, count=count)
    with open_client() as client:
        _compare_project(client, sweep_id, project)
        if function is None:
            from sweep_sdk._agent.agent import run_agent

            code = run_agent(client, sweep_id, options, show)
        else:
            from sweep_sdk._agent.function_agent import run_function_agent

            code = run_function_agent(client, sweep_id, function, options, show)
    if code == AgentGaveUp.exit_code:
        raise AgentGaveUp(
            "too many runs of this agent failed, none succeeded, or results wait on disk; see above"
        )
    if code == _CTRL_C:
        raise KeyboardInterrupt
    if code:
        raise SystemExit(code)


def _compare_project(client: Client, sweep_id: str, project: str | None) -> None:
    if (
        project is not None
        and (found := find_sweep(client, sweep_id, notify)["project"]) != project
    ):
        notify(f"sweep {sweep_id} is of project '{found}', not '{project}'; its id decides")


def ask(sweep_id: str) -> AskedRun | None:
    """The next run of a sweep, for your own loop; None if the sweep has ended.

    Evaluate ``run.config``, then call ``run.tell({"loss": 0.3})``. Several runs may be in progress
    at once; each stays leased while this process lives.

    Args:
        sweep_id: ``entity/project/id``, ``project/id`` or ``id``.
    """
    client = _lasting_client(load_settings())
    handout = ask_run(client, sweep_id, time.sleep)
    return None if handout is None else AskedRun(handout, client)


@cache
def _lasting_client(settings: Settings) -> Client:
    """One client for all runs from ``ask``, which outlive the call and share its connections."""
    client = open_client(settings)
    atexit.register(client.close)
    return client
