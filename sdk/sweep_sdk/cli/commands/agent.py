"""``sweep-sdk agent``: work on a sweep until it ends."""

from __future__ import annotations

from pathlib import Path

import click

from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples

_SECONDS = click.FloatRange(min=0)
_POSITIVE_SECONDS = click.FloatRange(min=0, min_open=True)
_NUMBER = click.IntRange(min=0)

_EXAMPLES = examples(
    "sweep-sdk agent k3v9x2ab",
    "sweep-sdk agent entity/project/k3v9x2ab --count 10",
    "sweep-sdk agent k3v9x2ab --gpus 0-3",
    "sweep-sdk agent k3v9x2ab --gpus 0-7 --gpus-per-run 2",
    "sweep-sdk agent k3v9x2ab --metrics-from 'loss=loss: ([0-9.]+)'",
    "sweep-sdk agent k3v9x2ab --metrics-from tensorboard:logs",
)


@click.command(epilog=_EXAMPLES, short_help="Work on a sweep until it ends.")
@click.argument("sweep")
@click.option(
    "--count",
    type=click.IntRange(min=1),
    metavar="N",
    help="Maximum number of runs for this agent.",
)
@click.option(
    "--project", "-p", metavar="NAME", help="Project of the sweep; optional, since ids are unique."
)
@click.option("--entity", "-e", metavar="NAME", help="Accepted for compatibility; has no effect.")
@click.option("--name", help="Name of the agent.  [default: HOST-PID]")
@click.option(
    "--parallel", type=click.IntRange(min=1), metavar="N", help="Number of concurrent runs."
)
@click.option(
    "--gpus",
    metavar="0,1,...",
    help="GPUs to use, with one run at a time on each; a run sees only its own GPU. Also accepts "
    "ranges (0-3) and groups (0+1,2+3). Numbers count within the GPUs visible to the agent.",
)
@click.option(
    "--gpus-per-run",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of GPUs for each run.  [default: 1]",
)
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that holds one folder for each run.  [default: SWEEP_RUNS_DIR]",
)
@click.option(
    "--run-timeout",
    type=_POSITIVE_SECONDS,
    metavar="SECONDS",
    help="Maximum duration of a run.",
)
@click.option(
    "--report-interval",
    type=_POSITIVE_SECONDS,
    metavar="SECONDS",
    help="Longest time between two reports, and until a stop request is noticed.  [default: 30]",
)
@click.option(
    "--max-failures",
    type=_NUMBER,
    metavar="N",
    default=5,
    show_default=True,
    help="Exit after this many failed runs without a success; 0 disables the limit.",
)
@click.option(
    "--max-initial-failures",
    type=_NUMBER,
    metavar="N",
    default=3,
    show_default=True,
    help="Exit after this many failed runs in the first minute; 0 disables the limit.",
)
@click.option(
    "--max-consecutive-failed-runs",
    type=_NUMBER,
    metavar="N",
    default=10,
    show_default=True,
    help="Exit after this many consecutive failed runs, or half as many while other agents "
    "succeed; 0 disables the limit.",
)
@click.option(
    "--max-runs-without-metric",
    type=_NUMBER,
    metavar="N",
    default=3,
    show_default=True,
    help="Exit after this many consecutive finished runs that never logged the metric; 0 disables "
    "the limit.",
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
    help="Time a program has to exit after a signal before it is killed; the agent exits at most "
    "8 s later.",
)
@click.option(
    "--metrics-from",
    "metrics_from",
    multiple=True,
    metavar="NAME=PATTERN|tensorboard:PATH|mlflow:PATH",
    help="Extract a metric from the programs' output: the last group of a regular expression (the "
    "name 'step' sets the step). Or read what the programs write for TensorBoard or MLflow. Can be "
    "repeated.",
)
@click.option(
    "--pin",
    metavar="HASH",
    help="Run only the command and program with this hash, as 'sweep-sdk show' prints it.",
)
@click.option("--spot", is_flag=True, help="Watch for the interruption notice of a spot instance.")
def command(
    sweep: str,
    count: int | None,
    project: str | None,
    entity: str | None,  # noqa: ARG001  passed by scripts written for wandb
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
    metrics_from: tuple[str, ...],
    pin: str | None,
    spot: bool,
) -> int:
    """Work on SWEEP until it ends: request a configuration, run the program, report its metrics.

    Start it in the folder that the sweep's 'program' is relative to, in any number of terminals
    and on any number of machines. The output of the programs is shown and stored: see 'logs'.
    """
    from sweep_sdk._agent.options import AgentOptions
    from sweep_sdk.cli.agent_loop import run_agent_in_terminal
    from sweep_service.model.language.followed import KINDS, Source

    require_sweep(sweep, "agent")
    followed = [text for text in metrics_from if text.partition(":")[0] in KINDS]
    patterns = [text for text in metrics_from if text not in followed]
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
        follows=tuple(Source(*text.split(":", 1)) for text in followed),
        watches_spot=spot,
        pin=pin,
    )
    return run_agent_in_terminal(sweep, options, project)


def _parse_pattern(text: str) -> tuple[str, str]:
    name, sign, pattern = text.partition("=")
    if not sign or not name.strip():
        raise click.UsageError(
            f"--metrics-from: found '{text}'; needs NAME=PATTERN, such as 'loss=loss: ([0-9.]+)',"
            " tensorboard:PATH or mlflow:PATH"
        )
    return name.strip(), pattern
