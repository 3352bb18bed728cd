"""Wire format of curves: one metric of many runs, in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_service.model.records.numbers import decode_metric, encode_number
from sweep_service.wire import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    Json = dict[str, Any]

_CURVE = shapes.record(
    {
        "index": shapes.COUNT,
        "run_id": shapes.RUN,
        "attempt": shapes.maybe(shapes.COUNT),
        "step": shapes.list_of(shapes.WHOLE),
        "at": shapes.list_of(shapes.maybe(shapes.FINITE)),
        "value": shapes.list_of(shapes.METRIC),
        "last_step": shapes.maybe(shapes.WHOLE),
        "thinned": shapes.BOOLEAN,
    }
)
_CURVES = shapes.record(
    {
        "metric": shapes.TEXT,
        "runs": shapes.list_of(_CURVE),
        "left_out": shapes.list_of(shapes.COUNT),
    }
)


@dataclass(frozen=True, slots=True)
class Curve:
    """The curve of one run; ``step``, ``at`` and ``value`` have one entry per point.

    Attributes:
        attempt: The newest attempt that has logged the metric, if any.
        step: Step of each point; rows logged without a step are numbered.
        at: Time of each point in seconds since the epoch.
        value: Value of each point, which may be NaN or infinite.
        last_step: The last step that was logged.
        is_thinned: Whether points were left out.
    """

    index: int
    run_id: str
    attempt: int | None
    step: tuple[int, ...]
    at: tuple[float | None, ...]
    value: tuple[float, ...]
    last_step: int | None
    is_thinned: bool

    def to_json(self) -> Json:
        """Encode the curve."""
        return {
            "index": self.index,
            "run_id": self.run_id,
            "attempt": self.attempt,
            "step": self.step,
            "at": self.at,
            "value": [encode_number(value) for value in self.value],
            "last_step": self.last_step,
            "thinned": self.is_thinned,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Curve:
        """Decode a curve from an answer whose shape has been checked."""
        return cls(
            found["index"],
            found["run_id"],
            found["attempt"],
            tuple(found["step"]),
            tuple(found["at"]),
            tuple(map(decode_metric, found["value"])),
            found["last_step"],
            found["thinned"],
        )


@dataclass(frozen=True, slots=True)
class Curves:
    """The curves of some runs.

    Attributes:
        runs: The curves in the order of the request.
        left_out: Indices of runs for which another request is needed.
    """

    metric: str
    runs: tuple[Curve, ...]
    left_out: tuple[int, ...] = ()

    def to_json(self) -> Json:
        """Encode the answer."""
        runs = [curve.to_json() for curve in self.runs]
        return {"metric": self.metric, "runs": runs, "left_out": self.left_out}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Curves:
        """Decode an answer.

        Raises:
            WrongShape: The answer has another shape.
        """
        _CURVES(found, "curves")
        runs = tuple(map(Curve.from_json, found["runs"]))
        return cls(found["metric"], runs, tuple(found["left_out"]))
