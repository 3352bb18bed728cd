"""``sweep-sdk agent``: work on a sweep."""

from __future__ import annotations

from pathlib import Path

import click

from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples

_SECONDS = click.FloatRange(min=0)
_SOME_SECONDS = click.FloatRange(min=0, min_open=True)
_NUMBER = click.IntRange(min=0)

_EXAMPLES = examples(
    "sweep-sdk agent k3v9x2ab",
    "sweep-sdk agent entity/project/k3v9x2ab --count 10",
    "sweep-sdk agent k3v9x2ab --gpus 0-3",
    "sweep-sdk agent k3v9x2ab --gpus 0-7 --gpus-per-run 2",
    "sweep-sdk agent k3v9x2ab --metrics-from 'loss=loss: ([0-9.]+)'",
)


@click.command(epilog=_EXAMPLES, short_help="Work on a sweep: ask, run, report, repeat.")
@click.argument("sweep")
@click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after so many runs.")
@click.option("--project", "-p", metavar="NAME", help="The sweep's project; its id is enough.")
@click.option("--entity", "-e", metavar="NAME", help="Has no effect: an account is one team.")
@click.option("--name", help="How the agent is called; by default after host and process.")
@click.option("--parallel", type=click.IntRange(min=1), metavar="N", help="Runs at once.")
@click.option(
    "--gpus",
    metavar="0,1,...",
    help="One run at once on each GPU, which sees no other; also 0-3, and 0+1,2+3 for groups. "
    "Counted within the GPUs that are allotted to the agent.",
)
@click.option(
    "--gpus-per-run", type=click.IntRange(min=1), metavar="N", help="So many of them for each run."
)
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the folders of runs are kept.",
)
@click.option("--run-timeout", type=_SOME_SECONDS, metavar="SECONDS", help="Longest time of a run.")
@click.option(
    "--report-interval",
    type=_SOME_SECONDS,
    metavar="SECONDS",
    help="Report and hear of a stop at least this often.  [default: 30]",
)
@click.option(
    "--max-failures",
    type=_NUMBER,
    metavar="N",
    default=5,
    show_default=True,
    help="Give up after so many failed runs before any success; 0: never.",
)
@click.option(
    "--max-initial-failures",
    type=_NUMBER,
    metavar="N",
    default=3,
    show_default=True,
    help="Give up after so many failed runs in the first minute; 0: never.",
)
@click.option(
    "--max-consecutive-failed-runs",
    type=_NUMBER,
    metavar="N",
    default=10,
    show_default=True,
    help="Give up after so many failed runs in a row, or half as many while others succeed; "
    "0: never.",
)
@click.option(
    "--max-runs-without-metric",
    type=_NUMBER,
    metavar="N",
    default=3,
    show_default=True,
    help="Give up after so many finished runs in a row that never logged the metric; 0: never.",
)
@click.option(
    "--forward-signals/--no-forward-signals",
    "-f",
    default=True,
    show_default=True,
    help="Pass the first Ctrl-C or SIGTERM on to the programs, or let them finish.",
)
@click.option(
    "--term-timeout",
    "-t",
    type=_SECONDS,
    metavar="SECONDS",
    default=15.0,
    show_default=True,
    help="How long a program that has to end may take; the agent ends 8 s later at the latest.",
)
@click.option(
    "--metrics-from",
    "patterns",
    multiple=True,
    metavar="NAME=PATTERN",
    help="Take a metric from what the programs print: the last group of a regular expression. "
    "Repeatable; the name step gives the step.",
)
@click.option("--spot", is_flag=True, help="Watch for the interruption notice of a spot instance.")
def command(
    sweep: str,
    count: int | None,
    project: str | None,
    entity: str | None,  # noqa: ARG001  of moved launch scripts
    name: str | None,
    parallel: int | None,
    gpus: str | None,
    gpus_per_run: int | None,
    runs_dir: Path | None,
    run_timeout: float | None,
    report_interval: float | None,
    max_failures: int,
    max_initial_failures: int,
    max_consecutive_failed_runs: int,
    max_runs_without_metric: int,
    forward_signals: bool,
    term_timeout: float,
    patterns: tuple[str, ...],
    spot: bool,
) -> int:
    """Work on SWEEP until it has ended: ask for a configuration, run the program, report.

    Start it in the folder from which the sweep's 'program' counts, in as many terminals and on
    as many machines as you like. What the programs print is shown, and kept: see 'logs'.
    """
    from sweep_sdk._agent.options import AgentOptions
    from sweep_sdk.cli.agent_loop import run_agent_in_terminal

    require_sweep(sweep, "agent")
    options = AgentOptions(
        count=count,
        name=name,
        parallel=parallel,
        gpus=tuple(gpus.split(",")) if gpus is not None else (),
        gpus_per_run=gpus_per_run,
        runs_dir=runs_dir.absolute() if runs_dir else None,
        report_interval_seconds=report_interval,
        max_failures=max_failures,
        max_initial_failures=max_initial_failures,
        max_consecutive_failures=max_consecutive_failed_runs,
        max_runs_without_metric=max_runs_without_metric,
        forwards_signals=forward_signals,
        term_timeout_seconds=term_timeout,
        run_timeout_seconds=run_timeout,
        metrics_from=dict(map(_parse_pattern, patterns)),
        watches_spot=spot,
    )
    return run_agent_in_terminal(sweep, options, project)


def _parse_pattern(text: str) -> tuple[str, str]:
    name, sign, pattern = text.partition("=")
    if not sign or not name.strip():
        raise click.UsageError(
            f"--metrics-from: found '{text}'; needs NAME=PATTERN, such as 'loss=loss: ([0-9.]+)'"
        )
    return name.strip(), pattern
