"""``sweep-sdk log``: metrics from a shell script, or from a program in any language."""

from __future__ import annotations

import time

import click

from sweep_sdk._exceptions import UsageError
from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.writer import MetricsFile
from sweep_sdk.cli.metric_arguments import parse_metrics
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note

_EXAMPLES = examples(
    "sweep-sdk log loss=0.31 accuracy=0.9 step=4",
    "sweep-sdk log --summary test_accuracy=0.93",
)


@click.command(
    epilog=_EXAMPLES,
    short_help="Log metrics from a shell script.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("values", nargs=-1, required=True, metavar="NAME=VALUE...")
@click.option("--summary", is_flag=True, help="Set the run's summary, log no row.")
def command(values: tuple[str, ...], summary: bool) -> None:
    """Log metrics of the run in which this is called; 'step' is the row's step.

    The agent that started the run sends them. Elsewhere nothing is kept, and a note says so.
    """
    from sweep_sdk._settings import run_environment

    line = line_format.encode_summary(parse_metrics(values)) if summary else _row(values)
    environment = run_environment()
    if environment is None or environment.metrics_file is None:
        note("not in a run of an agent: nothing is kept")
    else:
        _append(environment.metrics_file, line)


def _row(values: tuple[str, ...]) -> bytes:
    metrics = parse_metrics(values)
    step = line_format.whole_step(metrics.pop("step", None))
    if step is None and any(text.startswith("step=") for text in values):
        raise UsageError("step: needs a whole number, such as step=4")
    return line_format.encode_row(step, time.time(), metrics)


def _append(path: str, line: bytes) -> None:
    file = MetricsFile(path)
    problem = file.append(line)
    file.close()
    if problem is not None:
        raise UsageError(problem)
