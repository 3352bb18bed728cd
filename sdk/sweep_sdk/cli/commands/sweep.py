"""``sweep-sdk sweep``: register a sweep, or change one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import InvalidConfig, NotPossible
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text, metric_text, printable
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
#: What takes a sweep, and what does the like to a run.
_FOR_A_RUN = {
    "stop": _STOP_THIS_RUN,
    "cancel": _STOP_THIS_RUN,
    "retry-failed": "to run this run again: sweep-sdk sweep --retry-run {run}",
}
#: What takes a run, and what does the like to a sweep.
_FOR_A_SWEEP = {
    "stop-run": "to stop the sweep: sweep-sdk sweep --stop {sweep}",
    "retry-run": "to run all again that failed: sweep-sdk sweep --retry-failed {sweep}",
}


@dataclass(frozen=True)
class Wish:
    """What the options say."""

    file: str | None
    project: str | None
    name: str | None
    program: str | None
    is_dry_run: bool
    is_agent: bool
    is_json: bool
    prior_runs: tuple[str, ...] = ()


#: (wanted, found): what may have been meant where a change had no effect
_ADVICE = {
    ("paused", "paused"): "to go on: sweep-sdk sweep --resume {sweep}",
    ("finished", "finished"): "to go on: sweep-sdk sweep --resume {sweep}",
    ("running", "running"): "to work on it: sweep-sdk agent {sweep}",
    ("running", "pending"): "to work on it: sweep-sdk agent {sweep}",
    ("running", "finished"): "to change its config: sweep-sdk sweep --update {sweep} FILE",
    (None, "finished"): "to go on with what is left: sweep-sdk sweep --resume {sweep}; "
    "to run again what failed: sweep-sdk sweep --retry-failed {sweep}",
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
@click.option(
    "--project", "-p", metavar="NAME", help="Where to list it; instead of the file's project."
)
@click.option("--entity", "-e", metavar="NAME", help="Has no effect: an account is one team.")
@click.option("--name", help="A name for people; instead of the file's name.")
@click.option("--program", metavar="PATH", help="What agents run; instead of the file's program.")
@click.option("--dry-run", is_flag=True, help="Say what was understood, register nothing.")
@click.option(
    "--prior-run",
    "-R",
    metavar="RUN-OR-SWEEP",
    multiple=True,
    help="An ended run that bayes shall know and that counts as done in a finite space, or a sweep"
    " with all of its runs; repeatable.",
)
@click.option("--agent", is_flag=True, help="Go on as an agent of the new sweep.")
@click.option("--pause", metavar="SWEEP", help="Hand out no runs until it is resumed.")
@click.option("--resume", metavar="SWEEP", help="Go on after --pause or --stop.")
@click.option("--stop", metavar="SWEEP", help="End it: no new runs, those begun go on.")
@click.option("--cancel", metavar="SWEEP", help="End it and stop its runs.")
@click.option("--stop-run", metavar="RUN", help="Stop one run.")
@click.option(
    "--retry-failed", metavar="SWEEP", help="Run again what failed, crashed or was killed."
)
@click.option("--retry-run", metavar="RUN", help="Run one of these again.")
@click.option("--update", metavar="SWEEP", help="Give it the config of FILE for its new runs.")
@json_option
def command(
    file: str | None,
    project: str | None,
    entity: str | None,  # noqa: ARG001  of moved launch scripts
    name: str | None,
    program: str | None,
    dry_run: bool,
    agent: bool,
    prior_run: tuple[str, ...],
    is_json: bool,
    **verbs: str | None,
) -> int:
    """Register the sweep that FILE describes and print its id; or change one that exists.

    '-' as FILE reads standard input.
    """
    wish = Wish(file, project, name, program, dry_run, agent, is_json, prior_run)
    named = {verb.replace("_", "-"): target for verb, target in verbs.items()}
    given = {verb: target for verb, target in named.items() if target is not None}
    _check_usage(wish, given)
    if not given:
        return _create(wish)
    verb, target = given.popitem()
    if verb in _FOR_A_SWEEP:
        require_run(target, f"--{verb}", _FOR_A_SWEEP[verb])
    else:
        require_sweep(target, f"--{verb}", _FOR_A_RUN.get(verb, ""))
    if verb in _VERBS:
        _change_state(wish, verb, target)
    else:
        _ACTIONS[verb](wish, target)
    return 0


def _check_usage(wish: Wish, given: dict[str, str]) -> None:
    if len(given) > 1:
        raise click.UsageError(f"give one of {', '.join(f'--{verb}' for verb in given)}")
    if not given:
        if wish.file is None:
            raise click.UsageError("which sweep file? For instance: sweep-sdk sweep sweep.yaml")
        if wish.is_agent and (wish.is_dry_run or wish.is_json):
            raise click.UsageError("--agent goes with neither --dry-run nor --json")
        return
    verb = next(iter(given))
    if (verb == "update") != (wish.file is not None):
        raise click.UsageError(
            "--update needs the FILE with the new config"
            if verb == "update"
            else f"--{verb} takes no sweep file"
        )
    registering = (wish.project, wish.name, wish.program, wish.prior_runs)
    if wish.is_dry_run or wish.is_agent or any(registering):
        raise click.UsageError(f"--{verb} goes with no option but --json")


def _create(wish: Wish) -> int:
    from sweep_sdk._settings import load_settings
    from sweep_sdk.cli.sweep_file import read_sweep_file

    text = read_sweep_file(str(wish.file))
    settings = load_settings()
    with connected(settings=settings) as client, _problems_told(str(wish.file)):
        project = wish.project or _default_project(client, settings, text)
        sweep = client.create_sweep(
            yaml=text,
            project=project,
            name=wish.name,
            program=wish.program,
            prior_runs=wish.prior_runs,
            dry_run=wish.is_dry_run,
        )
    _tell_warnings(wish, sweep)
    _tell_missing_program(wish, sweep)
    if wish.is_json:
        say_json(sweep)
    elif wish.is_dry_run:
        _say_understood(sweep)
    else:
        _say_created(sweep)
    if wish.is_agent:
        from sweep_sdk.cli.agent_loop import run_agent_in_terminal

        return run_agent_in_terminal(str(sweep["id"]))
    return 0


@contextmanager
def _problems_told(file: str) -> Iterator[None]:
    """Tell all that is wrong with a sweep file, a line each, and end the command."""
    try:
        yield
    except InvalidConfig as error:
        for warning in error.warnings:
            note(f"warning: {file}: {printable(str(warning))}")
        for problem in error.problems or (error,):
            note(f"error: {file}: {printable(str(problem))}")
        raise click.exceptions.Exit(error.exit_code) from None


def _default_project(client: Client, settings: Settings, text: str) -> str | None:
    """SWEEP_PROJECT where the file names no project."""
    if settings.project is None:
        return None
    understood = client.create_sweep(yaml=text, dry_run=True)
    return None if understood["config"].get("project") else settings.project


def _tell_warnings(wish: Wish, sweep: Sweep) -> None:
    from sweep_sdk._backend.answers import warnings_of

    for warning in warnings_of(sweep):
        note(f"warning: {wish.file}: {printable(warning)}")


def _tell_missing_program(wish: Wish, sweep: Sweep) -> None:
    """Say it now if an agent that is started in this folder would find nothing to run."""
    from sweep_sdk._agent.process.launcher import Launcher
    from sweep_sdk._settings import environment

    missing = Launcher(sweep["config"], environment()).missing_program()
    if missing is not None and not wish.is_agent:  # an agent says so itself
        note(f"warning: {printable(missing)}")


def _say_created(sweep: Sweep) -> None:
    project = printable(sweep["project"])
    say(f"sweep {strong(sweep['id'])} in project {project}: {_size_text(sweep)}")
    say("run it, in as many terminals and on as many machines as you like:")
    say(f"  sweep-sdk agent {sweep['id']}")


def _size_text(sweep: Sweep) -> str:
    aim = "" if sweep["metric"] is None else f", {metric_text(sweep['metric'])}"
    points, cap = sweep["grid_points"], sweep["run_cap"]
    size = "no end of runs" if points is None else count_text(points, "point")
    if points is not None and sweep["method"] != "grid":
        size = f"{size}, each once"
    if cap is not None:
        size = f"{size}, run_cap {cap:,}"
    return f"{sweep['method']}, {size}{aim}"


def _say_understood(sweep: Sweep) -> None:
    from sweep_sdk.cli.dry_run import dry_run_lines

    for line in dry_run_lines(sweep):
        say(line)


def _change_state(wish: Wish, verb: str, target: str) -> None:
    with connected(target) as client:
        sweep = client.change_sweep(target, state=_VERBS[verb])
    if wish.is_json:
        say_json(sweep)
    else:
        say(f"sweep {sweep['id']} is {sweep['state']}")
    _tell_no_effect(sweep, "state", _VERBS[verb])


def _stop_run(wish: Wish, target: str) -> None:
    with connected(target) as client:
        run = client.stop_run(target)
    if wish.is_json:
        say_json(run)
    else:
        say(f"run {run['id']} will be stopped: its agent is told at its next report")


def _retry_run(wish: Wish, target: str) -> None:
    from sweep_sdk._backend.changes import amended_text

    with connected(target) as client:
        seen = client.get_run(target)
        if seen["state"] in ("finished", "deleted"):
            raise NotPossible(
                f"run {seen['id']} is {seen['state']}, and only runs that failed, crashed or were"
                f" killed are run again; to have its configuration run anew, and its result"
                f" removed: sweep-sdk delete {seen['id']} --again"
            )
        answer = client.retry_run(target, seen["attempt"])
    if wish.is_json:
        say_json(answer)
    if text := amended_text(answer, seen, is_deletion=False):
        note(text)
        return
    if not wish.is_json:
        say(f"run {seen['id']} is handed out again: sweep-sdk agent {seen['sweep']}")
    _tell_held_back(seen["sweep"], answer["sweep_state"])


def _retry_failed(wish: Wish, target: str) -> None:
    retried: list[str] = []
    with connected(target) as client:
        for answer in client.retry_failed(target):
            retried += answer["runs"]
            if answer["next"] is not None:
                note(f"{len(retried):,} so far")
        sweep = client.get_sweep(target)
    if wish.is_json:
        say_json({"runs": retried, "sweep_state": sweep["state"]})
    if not retried:
        note(f"no run of sweep {sweep['id']} failed, crashed or was killed, so nothing has changed")
        return
    if not wish.is_json:
        name, n_runs = sweep["id"], count_text(len(retried), "run")
        verb = "is" if len(retried) == 1 else "are"
        say(f"{n_runs} of sweep {name} {verb} handed out again: sweep-sdk agent {name}")
    _tell_held_back(sweep["id"], sweep["state"])


def _tell_held_back(sweep: str, state: str) -> None:
    from sweep_sdk._backend.changes import held_back_text

    if text := held_back_text(sweep, state):
        note(f"{text}: sweep-sdk sweep --resume {sweep}")


def _update(wish: Wish, target: str) -> None:
    from sweep_sdk.cli.sweep_file import read_sweep_file

    text = read_sweep_file(str(wish.file))
    with connected(target) as client, _problems_told(str(wish.file)):
        sweep = client.change_sweep(target, yaml=text)
    _tell_warnings(wish, sweep)
    if wish.is_json:
        say_json(sweep)
    else:
        version = sweep["config_version"]
        say(f"sweep {sweep['id']} has config version {version}: {_size_text(sweep)}")
    _tell_no_effect(sweep, "yaml", None)


def _tell_no_effect(sweep: Sweep, asked: str, state: str | None) -> None:
    """Say why a change had no effect, and which command would have one."""
    from sweep_sdk._backend.changes import no_effect_text

    if text := no_effect_text(sweep, (asked,), state):
        advice = _ADVICE.get((state, sweep["state"]), "")
        note(text + (advice and f"; {advice.format(sweep=sweep['id'])}"))


_ACTIONS = {
    "stop-run": _stop_run,
    "retry-run": _retry_run,
    "retry-failed": _retry_failed,
    "update": _update,
}
