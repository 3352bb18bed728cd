"""Real tuning tables as problems: linear interpolation over the continuous settings."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from searching.held_out_grids import HELD_OUT_GRIDS
from searching.parameters import Parameter, Real, Steps
from searching.problems import Problem
from searching.table_grids import DEVELOPMENT_GRIDS

GRIDS = DEVELOPMENT_GRIDS | HELD_OUT_GRIDS


def load(folder: Path, is_held_out: bool) -> list[Problem]:
    """The problems of all tables of one set; ``make_tables.py`` must have written them."""
    return [
        from_table(name, np.load(folder / f"{name}.npz")["errors"])
        for name in (HELD_OUT_GRIDS if is_held_out else DEVELOPMENT_GRIDS)
    ]


def from_table(name: str, errors: np.ndarray) -> Problem:
    """A problem whose values at grid points are ``errors``.

    Between grid points a continuous setting is interpolated linearly, so the smallest error of
    the table is the optimum.
    """
    parameters = tuple(_parameter(*row) for row in GRIDS[name])
    is_real = np.array([isinstance(p, Real) for p in parameters])

    def function(unit: np.ndarray) -> np.ndarray:
        sizes = np.array(errors.shape)
        last = sizes - 1
        place = np.where(is_real, unit * last, np.minimum(np.floor(unit * sizes), last))
        low = np.minimum(np.floor(place).astype(int), np.maximum(last - 1, 0))
        low = np.where(is_real, low, place.astype(int))
        share = place - low
        total = np.zeros(len(unit))
        for corner in itertools.product(*[(0, 1) if real else (0,) for real in is_real]):
            weight = np.where(np.array(corner) == 1, share, 1 - share)
            weight = np.where(is_real, weight, 1.0).prod(axis=1)
            total += weight * errors[tuple((low + np.array(corner)).T)]
        return total

    return Problem(name, parameters, function, float(errors.min()))


def _parameter(name: str, values: tuple[Any, ...], kind: str) -> Parameter:
    if kind in ("log", "linear"):
        return Real(name, values[0], values[-1], is_log=kind == "log")
    return Steps(name, values, kind)
