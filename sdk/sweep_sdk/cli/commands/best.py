"""``sweep-sdk best``: the best run and its configuration."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._process.terminal import printable
from sweep_sdk._results.missing_metric import runs_without_metric
from sweep_sdk._results.records import flattened
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import assignments, metric_text, value_text
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json
from sweep_sdk.cli.space_view import lined_up

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._results.queries import Best

_EXAMPLES = examples(
    "sweep-sdk best k3v9x2ab",
    "sweep-sdk best k3v9x2ab --metric val_acc --goal max",
    "sweep-sdk best k3v9x2ab --format yaml > best.yaml",
    'eval "python train.py $(sweep-sdk best k3v9x2ab --format args)"',
)


@click.command(epilog=_EXAMPLES, short_help="Show the best run and its configuration.")
@click.argument("sweep")
@click.option("--metric", metavar="NAME", help="Metric to compare by, instead of the sweep's.")
@click.option(
    "--goal",
    type=click.Choice(["minimize", "maximize", "min", "max"]),
    help="Whether lower or higher values of --metric are better.",
)
@click.option(
    "--format",
    "config_format",
    type=click.Choice(["yaml", "json", "args"]),
    help="Print only the configuration: as a file, or as command-line flags.",
)
@json_option
def command(
    sweep: str, metric: str | None, goal: str | None, config_format: str | None, is_json: bool
) -> int:
    """Show the best run of SWEEP so far, by the sweep's metric or by --metric.

    Failed and crashed runs are not considered. With --metric, only runs that have ended are
    compared, each by the best value it logged. Exits with code 1 while no run has a value.
    """
    from sweep_sdk._results.queries import find_best

    if is_json and config_format:
        raise click.UsageError(
            "--json prints the whole run and --format its configuration: use only one of them"
        )
    require_sweep(sweep, "best", "to show this run: sweep-sdk show {run}")
    with connected(sweep) as client:
        found = find_best(client, sweep, metric, goal, _GOAL_ADVICE)
        if found is None:
            name = metric or client.get_sweep(sweep)["metric"]["name"]
            missing = runs_without_metric(name, client.list_runs(sweep))
            note(printable(missing or f"no run of this sweep has a value of {name} yet"))
            return 1
    if is_json:
        say_json(found.run)
    elif config_format is None:
        _say_best(found)
    else:
        say(_FORMATS[config_format](found.run["config"]))
    return 0


def _say_best(best: Best) -> None:
    value = assignments({best.metric: best.value})
    aim = metric_text({"name": best.metric, "goal": best.goal})
    say(f"{value} by run {best.run['id']} ({aim})")
    pairs = [(name, value_text(value)) for name, value in flattened(best.run["config"]).items()]
    for line in lined_up(pairs, indent="  "):
        say(line)


def _yaml_text(config: Mapping[str, Any]) -> str:
    import yaml

    text: str = yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=False)
    return text.rstrip("\n")


def _json_text(config: Mapping[str, Any]) -> str:
    return json.dumps(config, indent=2)


def _args_text(config: Mapping[str, Any]) -> str:
    """The configuration as the flags of ``${args}``, quoted for a shell."""
    from sweep_service.model.language.command import Launch, command_line

    return shlex.join(command_line(["${args}"], config, Launch(program=None, environment={})))


_GOAL_ADVICE = "use --goal minimize or --goal maximize"
_FORMATS = {"yaml": _yaml_text, "json": _json_text, "args": _args_text}
