"""``sweep-sdk sweep``: register a sweep, or change one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import InvalidConfig, NotPossible
from sweep_sdk._process.terminal import printable
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text, metric_text
from sweep_sdk.cli.kinds import require_run, require_sweep
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json, strong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sweep_sdk._backend.client import Client
    from sweep_sdk._settings import Settings

    Sweep = dict[str, Any]

_VERBS = {"pause": "paused", "resume": "running", "stop": "finished", "cancel": "canceled"}
_STOP_THIS_RUN = "to stop this run: sweep-sdk sweep --stop-run {run}"
#: Options that take a sweep, with what to use for a run instead.
_FOR_A_RUN = {
    "stop": _STOP_THIS_RUN,
    "cancel": _STOP_THIS_RUN,
    "retry-failed": "to retry this run: sweep-sdk sweep --retry-run {run}",
}
#: Options that take a run, with what to use for a sweep instead.
_FOR_A_SWEEP = {
    "stop-run": "to stop the sweep: sweep-sdk sweep --stop {sweep}",
    "retry-run": "to retry all failed runs: sweep-sdk sweep --retry-failed {sweep}",
}


@dataclass(frozen=True)
class Options:
    """The options of the command, without those that change an existing sweep."""

    file: str | None
    project: str | None
    name: str | None
    program: str | None
    is_dry_run: bool
    is_agent: bool
    is_json: bool
    prior_runs: tuple[str, ...] = ()
    wandb: str | None = None


#: By requested and actual state: what may have been meant by a change that had no effect.
_ADVICE = {
    ("paused", "paused"): "to resume it: sweep-sdk sweep --resume {sweep}",
    ("finished", "finished"): "to resume it: sweep-sdk sweep --resume {sweep}",
    ("running", "running"): "to work on it: sweep-sdk agent {sweep}",
    ("running", "pending"): "to work on it: sweep-sdk agent {sweep}",
    ("running", "finished"): "to change its config: sweep-sdk sweep --update {sweep} FILE",
    (None, "finished"): "to continue it: sweep-sdk sweep --resume {sweep}; "
    "to retry its failed runs: sweep-sdk sweep --retry-failed {sweep}",
}
_EXAMPLES = examples(
    "sweep-sdk sweep sweep.yaml --dry-run",
    "sweep-sdk sweep sweep.yaml --project digits",
    "sweep-sdk sweep sweep.yaml --agent",
    "sweep-sdk sweep sweep.yaml --prior-run k3v9x2ab-17 --prior-run k3v9x2ab-18",
    "sweep-sdk sweep --pause k3v9x2ab",
    "sweep-sdk sweep --stop-run k3v9x2ab-17",
    "sweep-sdk sweep --update k3v9x2ab sweep.yaml",
    "sweep-sdk sweep --retry-failed k3v9x2ab",
)


@click.command(epilog=_EXAMPLES, short_help="Register a sweep, or change one.")
@click.argument("file", required=False)
@click.option("--project", "-p", metavar="NAME", help="Project of the sweep; overrides the file's.")
@click.option("--entity", "-e", metavar="NAME", help="Accepted for compatibility; has no effect.")
@click.option("--name", help="Name of the sweep; overrides the file's.")
@click.option("--program", metavar="PATH", help="Program that agents run; overrides the file's.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check FILE and show how it is understood, without registering a sweep.",
)
@click.option(
    "--prior-run",
    "-R",
    metavar="RUN-OR-SWEEP",
    multiple=True,
    help="Ended run, or sweep with its ended runs, whose results bayes starts from; in a finite "
    "search space their points count as done. Can be repeated.",
)
@click.option("--agent", is_flag=True, help="Start an agent for the new sweep.")
@click.option("--pause", metavar="SWEEP", help="Hand out no new runs until the sweep is resumed.")
@click.option("--resume", metavar="SWEEP", help="Resume a paused or stopped sweep.")
@click.option("--stop", metavar="SWEEP", help="End the sweep; runs in progress continue.")
@click.option("--cancel", metavar="SWEEP", help="End the sweep and stop its runs.")
@click.option("--stop-run", metavar="RUN", help="Stop one run.")
@click.option(
    "--retry-failed", metavar="SWEEP", help="Retry all runs that failed, crashed or were killed."
)
@click.option("--retry-run", metavar="RUN", help="Retry one such run.")
@click.option("--update", metavar="SWEEP", help="Use the config in FILE for new runs of the sweep.")
@click.option(
    "--wandb",
    type=click.Choice(["capture", "mirror", "off"]),
    help="Whether what programs log with wandb goes to the sweep (capture), to your own W&B as "
    "well (mirror), or not to the sweep (off).  [default: SWEEP_WANDB, else mirror for users with "
    "a W&B account and capture for others]",
)
@json_option
def command(
    file: str | None,
    project: str | None,
    entity: str | None,  # noqa: ARG001  passed by scripts written for wandb
    name: str | None,
    program: str | None,
    dry_run: bool,
    agent: bool,
    prior_run: tuple[str, ...],
    wandb: str | None,
    is_json: bool,
    **changes: str | None,
) -> int:
    """Register the sweep described by FILE and print its id, or change an existing sweep.

    If FILE is '-', it is read from standard input.
    """
    options = Options(file, project, name, program, dry_run, agent, is_json, prior_run, wandb)
    requested = {
        verb.replace("_", "-"): target for verb, target in changes.items() if target is not None
    }
    _check_usage(options, requested)
    if not requested:
        return _create(options)
    verb, target = requested.popitem()
    if verb in _FOR_A_SWEEP:
        require_run(target, f"--{verb}", _FOR_A_SWEEP[verb])
    else:
        require_sweep(target, f"--{verb}", _FOR_A_RUN.get(verb, ""))
    if verb in _VERBS:
        _change_state(options, verb, target)
    else:
        _ACTIONS[verb](options, target)
    return 0


def _check_usage(options: Options, changes: dict[str, str]) -> None:
    if len(changes) > 1:
        raise click.UsageError(f"use only one of {', '.join(f'--{verb}' for verb in changes)}")
    if not changes:
        if options.file is None:
            raise click.UsageError(
                "a sweep file is missing; for example: sweep-sdk sweep sweep.yaml"
            )
        if options.is_agent and (options.is_dry_run or options.is_json):
            raise click.UsageError("--agent cannot be combined with --dry-run or --json")
        return
    verb = next(iter(changes))
    if (verb == "update") != (options.file is not None):
        raise click.UsageError(
            "--update needs the FILE with the new config"
            if verb == "update"
            else f"--{verb} takes no sweep file"
        )
    registering = (
        *(options.project, options.name, options.program, options.prior_runs),
        options.wandb,
    )
    if options.is_dry_run or options.is_agent or any(registering):
        raise click.UsageError(f"--{verb} can only be combined with --json")


def _create(options: Options) -> int:
    from sweep_sdk._settings import load_settings
    from sweep_sdk._sweeps.registering import create_sweep
    from sweep_sdk.cli.sweep_file import read_sweep_file

    text = read_sweep_file(str(options.file))
    settings = load_settings()
    with connected(settings=settings) as client, _reported_problems(str(options.file)):
        project = options.project or _default_project(client, settings, text)
        sweep = create_sweep(
            client,
            wandb=options.wandb,
            say=note,
            yaml=text,
            project=project,
            name=options.name,
            program=options.program,
            prior_runs=options.prior_runs,
            dry_run=options.is_dry_run,
        )
    _note_warnings(options, sweep)
    _note_missing_program(options, sweep)
    if options.is_json:
        say_json(sweep)
    elif options.is_dry_run:
        _say_dry_run(sweep)
    else:
        _say_created(sweep)
    if options.is_agent:
        from sweep_sdk.cli.agent_loop import run_agent_in_terminal

        return run_agent_in_terminal(str(sweep["id"]))
    return 0


@contextmanager
def _reported_problems(file: str) -> Iterator[None]:
    """Print every problem of a sweep file on its own line, and end the command."""
    try:
        yield
    except InvalidConfig as error:
        for warning in error.warnings:
            note(f"warning: {file}: {printable(str(warning))}")
        for problem in error.problems or (error,):
            note(f"error: {file}: {printable(str(problem))}")
        raise click.exceptions.Exit(error.exit_code) from None


def _default_project(client: Client, settings: Settings, text: str) -> str | None:
    """``SWEEP_PROJECT``, if the file names no project."""
    if settings.project is None:
        return None
    checked = client.create_sweep(yaml=text, dry_run=True)
    return None if checked["config"].get("project") else settings.project


def _note_warnings(options: Options, sweep: Sweep) -> None:
    from sweep_sdk._backend.answers import warnings_of

    for warning in warnings_of(sweep):
        note(f"warning: {options.file}: {printable(warning)}")


def _note_missing_program(options: Options, sweep: Sweep) -> None:
    """Warn if an agent started in this folder would not find the program."""
    from sweep_sdk._agent.process.launcher import Launcher
    from sweep_sdk._settings import environment

    missing = Launcher(sweep["config"], environment()).missing_program()
    if missing is not None and not options.is_agent:  # an agent reports it itself
        note(f"warning: {printable(missing)}")


def _say_created(sweep: Sweep) -> None:
    project = printable(sweep["project"])
    say(f"sweep {strong(sweep['id'])} in project {project}: {_size_text(sweep)}")
    say("start agents, in any number of terminals and on any number of machines:")
    say(f"  sweep-sdk agent {sweep['id']}")


def _size_text(sweep: Sweep) -> str:
    aim = "" if sweep["metric"] is None else f", {metric_text(sweep['metric'])}"
    points, cap = sweep["grid_points"], sweep["run_cap"]
    size = "unlimited runs" if points is None else count_text(points, "point")
    if points is not None and sweep["method"] != "grid":
        size = f"{size}, each run once"
    if cap is not None:
        size = f"{size}, run_cap {cap:,}"
    return f"{sweep['method']}, {size}{aim}"


def _say_dry_run(sweep: Sweep) -> None:
    from sweep_sdk.cli.dry_run import dry_run_lines

    for line in dry_run_lines(sweep):
        say(line)


def _change_state(options: Options, verb: str, target: str) -> None:
    with connected(target) as client:
        sweep = client.change_sweep(target, state=_VERBS[verb])
    if options.is_json:
        say_json(sweep)
    else:
        say(f"sweep {sweep['id']} is {sweep['state']}")
    _note_no_effect(sweep, "state", _VERBS[verb])


def _stop_run(options: Options, target: str) -> None:
    with connected(target) as client:
        run = client.stop_run(target)
    if options.is_json:
        say_json(run)
    else:
        say(f"run {run['id']} will be stopped when its agent next contacts the backend")


def _retry_run(options: Options, target: str) -> None:
    from sweep_sdk._backend.changes import amended_text

    with connected(target) as client:
        seen = client.get_run(target)
        if seen["state"] in ("finished", "deleted"):
            raise NotPossible(
                f"run {seen['id']} is {seen['state']}; only runs that failed, crashed or were"
                f" killed can be retried. To remove its result and run its configuration again:"
                f" sweep-sdk delete {seen['id']} --again"
            )
        answer = client.retry_run(target, seen["attempt"])
    if options.is_json:
        say_json(answer)
    if text := amended_text(answer, seen, is_deletion=False):
        note(text)
        return
    if not options.is_json:
        say(f"run {seen['id']} will be handed out again: sweep-sdk agent {seen['sweep']}")
    _note_held_back(seen["sweep"], answer["sweep_state"])


def _retry_failed(options: Options, target: str) -> None:
    retried: list[str] = []
    with connected(target) as client:
        for answer in client.retry_failed(target):
            retried += answer["runs"]
            if answer["next"] is not None:
                note(f"{len(retried):,} runs so far")
        sweep = client.get_sweep(target)
    if options.is_json:
        say_json({"runs": retried, "sweep_state": sweep["state"]})
    if not retried:
        note(f"no run of sweep {sweep['id']} failed, crashed or was killed; nothing was changed")
        return
    if not options.is_json:
        name, n_runs = sweep["id"], count_text(len(retried), "run")
        say(f"{n_runs} of sweep {name} will be handed out again: sweep-sdk agent {name}")
    _note_held_back(sweep["id"], sweep["state"])


def _note_held_back(sweep: str, state: str) -> None:
    from sweep_sdk._backend.changes import held_back_text

    if text := held_back_text(sweep, state):
        note(f"{text}: sweep-sdk sweep --resume {sweep}")


def _update(options: Options, target: str) -> None:
    from sweep_sdk.cli.sweep_file import read_sweep_file

    text = read_sweep_file(str(options.file))
    with connected(target) as client, _reported_problems(str(options.file)):
        sweep = client.change_sweep(target, yaml=text)
    _note_warnings(options, sweep)
    if options.is_json:
        say_json(sweep)
    else:
        version = sweep["config_version"]
        say(f"sweep {sweep['id']} has config version {version}: {_size_text(sweep)}")
    _note_no_effect(sweep, "yaml", None)


def _note_no_effect(sweep: Sweep, field: str, state: str | None) -> None:
    """Print why a change had no effect, and which command would have one."""
    from sweep_sdk._backend.changes import no_effect_text

    if text := no_effect_text(sweep, (field,), state):
        advice = _ADVICE.get((state, sweep["state"]), "")
        note(text + (advice and f"; {advice.format(sweep=sweep['id'])}"))


_ACTIONS = {
    "stop-run": _stop_run,
    "retry-run": _retry_run,
    "retry-failed": _retry_failed,
    "update": _update,
}
