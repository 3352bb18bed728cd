"""Wire format of the predictions of a sweep's model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from sweep_service.model.records.numbers import tagged
from sweep_service.wire import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    Json = dict[str, Any]
    Numbers = tuple[float, ...]

Scale = Literal["linear", "log", "categorical", "integer"]

_NUMBERS = shapes.list_of(shapes.FINITE)
_VALUES = shapes.list_of(lambda _, __: None)
_AXIS = shapes.record({"name": shapes.TEXT, "values": _VALUES})
_MODEL = shapes.record(
    {
        "metric": shapes.maybe(shapes.TEXT),
        "goal": shapes.maybe(shapes.TEXT),
        "runs": shapes.COUNT,
        "importance": shapes.list_of(
            shapes.record(
                {
                    "name": shapes.TEXT,
                    "importance": shapes.FINITE,
                    "correlation": shapes.maybe(shapes.FINITE),
                }
            )
        ),
        "slices": shapes.list_of(
            shapes.record(
                {
                    "name": shapes.TEXT,
                    "scale": shapes.TEXT,
                    "x": _VALUES,
                    "mean": _NUMBERS,
                    "low": _NUMBERS,
                    "high": _NUMBERS,
                }
            )
        ),
        "contour": shapes.maybe(
            shapes.record({"x": _AXIS, "y": _AXIS, "mean": shapes.list_of(_NUMBERS)})
        ),
        "suggested": shapes.maybe(
            shapes.record(
                {
                    "config": shapes.PLAIN_MAP,
                    "mean": shapes.FINITE,
                    "low": shapes.FINITE,
                    "high": shapes.FINITE,
                }
            )
        ),
        "forecasts": shapes.list_of(
            shapes.record(
                {
                    "index": shapes.COUNT,
                    "mean": shapes.FINITE,
                    "std": shapes.FINITE,
                    "value": shapes.maybe(shapes.FINITE),
                    "reason": shapes.TEXT,
                }
            )
        ),
        "coverage": shapes.maybe(
            shapes.record(
                {"n": shapes.COUNT, "inside": shapes.FINITE, "scale": shapes.maybe(shapes.FINITE)}
            )
        ),
        "reason_missing": shapes.maybe(shapes.TEXT),
    }
)


@dataclass(frozen=True, slots=True)
class ParameterImportance:
    """The effect of a parameter on the metric.

    Attributes:
        importance: Its total effect as a share of the sum over all parameters.
        correlation: Rank correlation of its values with the metric; None for categories.
    """

    name: str
    importance: float
    correlation: float | None


@dataclass(frozen=True, slots=True)
class Slice:
    """Predictions along one parameter, with all others as in the best configuration.

    Attributes:
        scale: Scale on which to show the parameter's values.
        x: Values of the parameter.
        mean: Predicted metric value at each, in the metric's own units.
        low: Lower bound of the band in which 95 % of the values are expected.
        high: Upper bound of this band.
    """

    name: str
    scale: Scale
    x: tuple[Any, ...]
    mean: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True, slots=True)
class Contour:
    """Predictions over two parameters; ``mean`` has a row for each value of the second."""

    x_name: str
    x: tuple[Any, ...]
    y_name: str
    y: tuple[Any, ...]
    mean: tuple[Numbers, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """A configuration with its predicted value; bounds as in ``Slice``."""

    config: Mapping[str, Any]
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RunForecast:
    """The prediction for a run when it was suggested, and its value.

    Attributes:
        value: Value of a run that has finished without being stopped early; else None.
        reason: Why the run was suggested.
    """

    index: int
    mean: float
    std: float
    value: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """The accuracy of forecasts.

    Attributes:
        n: Number of forecasts whose value is known.
        inside: Share of the values within the band in which 95 % were expected.
        scale: Correction factor for the width of the band, from the last 30 forecasts; None if
            there are fewer than 10.
    """

    n: int
    inside: float
    scale: float | None


@dataclass(frozen=True, slots=True)
class SweepModel:
    """The predictions of a model.

    Attributes:
        metric: Name of the sweep's metric, if it has one.
        goal: ``minimize`` or ``maximize``.
        runs: Number of runs whose values the model uses.
        reason_missing: Why there is no model; None if there is one.
    """

    metric: str | None
    goal: str | None
    runs: int = 0
    importance: tuple[ParameterImportance, ...] = ()
    slices: tuple[Slice, ...] = ()
    contour: Contour | None = None
    suggested: Expected | None = None
    forecasts: tuple[RunForecast, ...] = ()
    coverage: Coverage | None = None
    reason_missing: str | None = None

    def to_json(self) -> Json:
        """Encode the answer."""
        document = asdict(self)
        contour = self.contour
        if contour is not None:
            x = {"name": contour.x_name, "values": contour.x}
            y = {"name": contour.y_name, "values": contour.y}
            document["contour"] = {"x": x, "y": y, "mean": contour.mean}
        return dict(tagged(document))

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> SweepModel:
        """Decode an answer.

        Raises:
            WrongShape: The answer has another shape.
        """
        _MODEL(found, "model")
        contour, suggested, coverage = (
            found[name] for name in ("contour", "suggested", "coverage")
        )
        return cls(
            metric=found["metric"],
            goal=found["goal"],
            runs=found["runs"],
            importance=_records(ParameterImportance, found["importance"]),
            slices=_records(Slice, found["slices"]),
            contour=None if contour is None else _contour(contour),
            suggested=None if suggested is None else _record(Expected, suggested),
            forecasts=_records(RunForecast, found["forecasts"]),
            coverage=None if coverage is None else _record(Coverage, coverage),
            reason_missing=found["reason_missing"],
        )


def _record(kind: Any, found: Mapping[str, Any]) -> Any:
    """Build a record from its known fields, with tuples for lists."""
    known = {name: found[name] for name in kind.__dataclass_fields__}
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in known.items()})


def _records(kind: Any, found: list[Mapping[str, Any]]) -> Any:
    return tuple(_record(kind, item) for item in found)


def _contour(found: Mapping[str, Any]) -> Contour:
    x, y = found["x"], found["y"]
    rows = tuple(map(tuple, found["mean"]))
    return Contour(x["name"], tuple(x["values"]), y["name"], tuple(y["values"]), rows)
