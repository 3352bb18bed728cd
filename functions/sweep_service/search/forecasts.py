"""Judges the forecasts of a sweep's runs by the values that the runs achieved."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sweep_service.wire.model import Coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.wire.model import RunForecast

#: Half width of the 95% interval of a normal distribution, in standard deviations.
SIGMAS = 1.96
_NOMINAL = 0.95
_FEWEST = 10  #: Minimum number of forecasts from which the width of the band can be judged.
_N_LATEST = 30


def coverage(forecasts: Sequence[RunForecast]) -> Coverage | None:
    """The share of values within their band, and the factor that would correct its width.

    Args:
        forecasts: Forecasts in order of index; those without a value are ignored.
    """
    errors = [
        abs(forecast.value - forecast.mean) / forecast.std
        for forecast in forecasts
        if forecast.value is not None and forecast.std > 0
    ]
    if not errors:
        return None
    inside = sum(error <= SIGMAS for error in errors) / len(errors)
    scale = None if len(errors) < _FEWEST else _quantile(errors[-_N_LATEST:]) / SIGMAS
    return Coverage(len(errors), inside, scale)


def _quantile(errors: Sequence[float]) -> float:
    """The 95% quantile of the errors, by linear interpolation."""
    ordered = sorted(errors)
    place = _NOMINAL * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
