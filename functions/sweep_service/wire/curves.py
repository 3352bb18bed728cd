"""Curves as they travel: one metric of many runs, in columns."""

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
    """A metric of one run; ``step``, ``at`` and ``value`` have one entry a point.

    Attributes:
        index: Of the run.
        run_id: Its id.
        attempt: The newest attempt that has logged the metric; None: none has.
        step: Of each point; of rows that were logged without a step, their number.
        at: When each was logged, in seconds since the epoch.
        value: May be NaN or infinite.
        last_step: Of all that was logged.
        is_thinned: Whether there are more points than these.
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
        """As it travels."""
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
        """A curve of an answer whose shape has been checked."""
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
        metric: Its name.
        runs: In the order in which they were asked for.
        left_out: Indices of those for which another request is needed.
    """

    metric: str
    runs: tuple[Curve, ...]
    left_out: tuple[int, ...] = ()

    def to_json(self) -> Json:
        """The answer to a request for curves."""
        runs = [curve.to_json() for curve in self.runs]
        return {"metric": self.metric, "runs": runs, "left_out": self.left_out}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Curves:
        """The curves of an answer.

        Raises:
            WrongShape: It holds none.
        """
        _CURVES(found, "curves")
        runs = tuple(map(Curve.from_json, found["runs"]))
        return cls(found["metric"], runs, tuple(found["left_out"]))
