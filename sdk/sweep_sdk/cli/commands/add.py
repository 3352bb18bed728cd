"""``sweep-sdk add``: have configurations handed out next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._backend.changes import held_back_text
from sweep_sdk._backend.references import parse_sweep
from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.terminal import printable
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import assignments, count_text
from sweep_sdk.cli.kinds import require_sweep
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._backend.client import Client

    Json = dict[str, Any]

_EXAMPLES = examples(
    "sweep-sdk add k3v9x2ab lr=0.1 layers=2",
    "sweep-sdk add k3v9x2ab --csv points.csv",
    "sweep-sdk add k3v9x2ab --from w7c1d4ef --top 5",
)


@click.command(
    epilog=_EXAMPLES,
    short_help="Have configurations handed out next.",
    context_settings={"ignore_unknown_options": True},
)
@click.argument("sweep")
@click.argument("values", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--csv", "file", type=click.Path(dir_okay=False), help="Add the rows of a CSV file.")
@click.option("--from", "source", metavar="SWEEP", help="Add the best runs of another sweep.")
@click.option("--top", type=click.IntRange(1, 1000), help="How many of them; 1 if left out.")
@click.option("--front", is_flag=True, help="Before points that were added earlier and still wait.")
@json_option
def command(
    sweep: str,
    values: tuple[str, ...],
    file: str | None,
    source: str | None,
    top: int | None,
    front: bool,
    is_json: bool,
) -> int:
    """Have configurations of SWEEP handed out next, each exactly once.

    VALUE is a value that the parameter can take; nested parameters have dotted names. In a finite
    search space, including a grid, an added point is not handed out a second time. Adding a point
    again changes nothing.
    """
    from sweep_sdk._backend.answers import warnings_of

    require_sweep(sweep, "add", "points are added to a sweep")
    if sum(map(bool, (values, file, source))) != 1:
        raise click.UsageError("give one of: NAME=VALUE..., --csv FILE, --from SWEEP")
    if top is not None and not source:
        raise click.UsageError("--top says how many runs of --from SWEEP to add")
    with connected(sweep) as client:
        configs = _configs(client, sweep, values, file, source, top or 1)
        answer = client.add_points(sweep, configs, front=front)
    for warning in warnings_of(answer):
        note(f"warning: {printable(warning)}")
    if is_json:
        say_json(answer)
        return 0
    _say_points(parse_sweep(sweep), answer)
    return 0


def _configs(
    client: Client,
    sweep: str,
    values: tuple[str, ...],
    file: str | None,
    source: str | None,
    top: int,
) -> list[Json]:
    from sweep_sdk._results.adding import best_configs, points_of
    from sweep_sdk._results.importing import read_table

    found = client.get_sweep(sweep, survey=False)
    if values:
        row = dict(map(_pair, values))
        (config,), unknown = points_of([row], found)
        return [config | {name: row[name] for name in unknown}]
    rows = read_table(file) if file else best_configs(client, source or "", top)
    configs, unknown = points_of(rows, found)
    if unknown:
        names = ", ".join(map(printable, unknown))
        note(f"not used, since they are no parameters of sweep {found['id']}: {names}")
    return configs


def _say_points(sweep: str, answer: Mapping[str, Any]) -> None:
    for point in answer["points"]:
        config = assignments(point["config"])
        if point["id"] is None:
            note(f"not added, since it was handed out before or waits already: {config}")
        else:
            say(f"  {point['id']}  {config}")
    n_points = count_text(answer["n_added"], "point")
    say(f"sweep {sweep} hands out {n_points} next" if answer["n_added"] else "nothing was added")
    held_back = held_back_text(sweep, answer["sweep_state"])
    if held_back and answer["n_added"]:
        note(held_back)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise UsageError(f"found '{text}'; expected NAME=VALUE, such as lr=0.1")
    return name, value
