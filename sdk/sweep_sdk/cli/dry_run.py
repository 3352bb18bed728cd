"""What ``sweep --dry-run`` says: how a sweep file was understood."""

from __future__ import annotations

import random
from itertools import chain, islice
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_sdk.cli.formats import assignments, command_text
from sweep_sdk.cli.space_view import aim_lines, lined_up, parameter_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sweep_service.model.space import SearchSpace
    from sweep_service.model.sweep_config import SweepConfig

N_SAMPLES = 3


def dry_run_lines(sweep: Mapping[str, Any]) -> Iterator[str]:
    """Lines about a sweep that was checked and not registered.

    Args:
        sweep: The backend's answer, with the normalised config.
    """
    from sweep_sdk._launcher import Launcher
    from sweep_sdk._settings import environment
    from sweep_service.model.sweep_config import from_document

    config = from_document(sweep["config"])
    launcher = Launcher(sweep["config"], environment())
    samples = _samples(config, int(sweep["seed"]))
    yield from lined_up(aim_lines(sweep))
    yield ""
    yield "parameters"
    yield from parameter_lines(sweep["config"])
    yield ""
    yield "the first runs" if config.method == "grid" else "runs could be"
    yield from (f"  {assignments(sample)}" for sample in samples)
    yield ""
    yield "command of the first"
    yield f"  {command_text(launcher.command_line(dict(samples[0]), Path('arguments.json')))}"
    yield from (f"  warning: {warning}" for warning in launcher.warnings())
    yield ""
    yield "this was a dry run: nothing is registered"


def _samples(config: SweepConfig, seed: int) -> list[Mapping[str, Any]]:
    """Some configurations: start points, a grid's first ones, draws from the parameters' laws."""
    found = _grid_points(config.space) if config.method == "grid" else _draws(config.space, seed)
    return list(islice(chain(config.start, found), N_SAMPLES))


def _draws(space: SearchSpace, seed: int) -> Iterator[dict[str, Any]]:
    rng = random.Random(seed)  # noqa: S311  nothing secret
    while True:
        yield space.sample([rng.random() for _ in space.searched])


def _grid_points(space: SearchSpace) -> Iterator[dict[str, Any]]:
    """Points in the grid's order: the last parameter varies fastest."""
    for ordinal in range(prod(axis.n_values for axis in space.grid)):
        values = []
        rest = ordinal
        for axis in reversed(space.grid):
            rest, digit = divmod(rest, axis.n_values)
            values.append(axis.value_at(digit))
        yield space.config(reversed(values))
