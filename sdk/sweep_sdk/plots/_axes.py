"""The axes of figures: parameters on the scale of their distributions, values without outliers."""

from __future__ import annotations

import html
import json
import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from sweep_sdk._results.outliers import limit_of

if TYPE_CHECKING:
    from typing import TypeAlias

    import pandas as pd

    from sweep_service.model.space.search_space import Parameter

    Series: TypeAlias = "pd.Series[Any]"

Scale = Literal["linear", "log", "category"]


@dataclass(frozen=True)
class ParameterAxis:
    """An axis with the values of a parameter.

    Attributes:
        scale: On which the values are searched; ``category`` for a list of values.
    """

    name: str
    scale: Scale

    @property
    def column(self) -> str:
        """The column of a frame of runs."""
        return f"config.{self.name}"

    def values(self, runs: pd.DataFrame) -> Series:
        """The value of each run: a number, NaN for none; on the scale ``category`` a text."""
        import pandas as pd

        if self.scale == "category":
            names = [n for n in runs if n == self.column or n.startswith(f"{self.column}.")]
            rows = (dict(zip(names, row, strict=True)) for row in runs[names].values)
            return pd.Series([*map(self._text, rows)], index=runs.index, dtype=object)
        found: Any = runs[self.column] if self.column in runs else [math.nan] * len(runs)
        return pd.Series(pd.to_numeric(found, errors="coerce"), index=runs.index)

    def categories(self, runs: pd.DataFrame) -> list[str]:
        """The different texts of ``values``: numbers by size, then texts."""
        return sorted(set(self.values(runs)), key=_numbers_first)

    def fit(self, runs: pd.DataFrame) -> ParameterAxis:
        """This axis; linear instead of logarithmic if a value is not positive, so it is drawn."""
        is_drawn = self.scale != "log" or (self.values(runs).dropna() > 0).all()
        return self if is_drawn else replace(self, scale="linear")

    def _text(self, row: dict[str, Any]) -> str:
        """A value as a text; one that is a map has a column for each of its names."""
        known = {name: _plain(value) for name, value in row.items() if not _is_missing(value)}
        nested = {name.removeprefix(f"{self.column}."): value for name, value in known.items()}
        return category_text(known.get(self.column, nested or None))


def parameter_axis(parameter: Parameter) -> ParameterAxis:
    """The axis of a searched parameter, on the scale of its distribution."""
    from sweep_service.model.space.distributions import Categorical, LogNormal, LogUniform

    distribution = parameter.distribution
    if isinstance(distribution, Categorical):
        return ParameterAxis(parameter.name, "category")
    of_values = getattr(distribution, "underlying", distribution)
    is_log = isinstance(of_values, (LogUniform, LogNormal))
    return ParameterAxis(parameter.name, "log" if is_log else "linear")


@dataclass(frozen=True)
class ValueAxis:
    """An axis with the values of a metric.

    Attributes:
        values: Finite ones.
        sign: 1 if small values are better, else -1.
    """

    name: str
    values: Series
    sign: int

    @cached_property
    def limit(self) -> float | None:
        """Where the axis ends that a few diverged values would flatten; None for all values."""
        limit = limit_of((self.sign * self.values).tolist())
        return None if limit is None else self.sign * limit

    @property
    def clipped(self) -> Series:
        """The values, those beyond the limit as the limit."""
        if self.limit is None:
            return self.values
        return self.values.clip(**{"upper" if self.sign > 0 else "lower": self.limit})

    @property
    def notes(self) -> list[str]:
        """How many values lie beyond the limit, if there is one."""
        if self.limit is None:
            return []
        n_beyond = int((self.sign * self.values > self.sign * self.limit).sum())
        name = html.escape(self.name, quote=False)
        return [f"{n_beyond:,} values of {name} are beyond the 95% quantile, {self.limit:.4g}"]

    @property
    def range(self) -> tuple[float, float] | None:
        """The limits of the axis in increasing order; None for those that the values give it."""
        if self.limit is None:
            return None
        best = self.sign * float((self.sign * self.values).min())
        room = 0.05 * (self.limit - best)
        low, high = sorted((best - room, self.limit + room))
        return low, high


def category_text(value: Any) -> str:
    """A value of a categorical axis as a text."""
    return value if isinstance(value, str) else json.dumps(value)


def _plain(value: Any) -> Any:
    """A value without the types of numpy; pandas makes floats of integers if some are missing."""
    value = value.item() if hasattr(value, "item") else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _numbers_first(text: str) -> tuple[bool, float, str]:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    return (True, 0.0, text) if math.isnan(number) else (False, number, text)
