"""What early termination does to a sweep, or would do, as it travels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sweep_service.wire import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    Json = dict[str, Any]

_BANDS = shapes.record(
    {
        "bands": shapes.list_of(
            shapes.record(
                {
                    "step": shapes.COUNT,
                    "threshold": shapes.FINITE,
                    "kept": shapes.COUNT,
                    "stopped": shapes.COUNT,
                    "rank_correlation": shapes.maybe(shapes.FINITE),
                    "best_kept": shapes.maybe(shapes.FINITE),
                    "pairs": shapes.list_of(shapes.list_of(shapes.FINITE)),
                }
            )
        ),
        "steps_run": shapes.COUNT,
        "steps_saved": shapes.COUNT,
        "hypothetical": shapes.BOOLEAN,
    }
)


@dataclass(frozen=True, slots=True)
class Band:
    """How the values at a band agree with what became of the runs.

    Attributes:
        step: Count of values of the metric at which the runs are judged.
        threshold: Worse values are stopped, by all values that are known now.
        kept: Number of runs that went on,
        stopped: and of those that were stopped here.
        rank_correlation: Of the value at the band and the final one; None where fewer than two
            runs have both.
        best_kept: Of the ten best runs in the end, the share that is within the threshold.
        pairs: Value at the band, final value and index of each run that has both.
    """

    step: int
    threshold: float
    kept: int
    stopped: int
    rank_correlation: float | None
    best_kept: float | None
    pairs: tuple[tuple[float, float, int], ...]


@dataclass(frozen=True, slots=True)
class Bands:
    """An audit of early termination.

    Attributes:
        bands: By step.
        steps_run: How many values of the metric the runs have logged, from a sample of them.
        steps_saved: How many more there would have been if no run had been stopped.
        is_hypothetical: Whether the sweep has no early termination, so that the bands are examples:
            10, 30 and 90 % of the longest run, of which each keeps the best third.
    """

    bands: tuple[Band, ...] = ()
    steps_run: int = 0
    steps_saved: int = 0
    is_hypothetical: bool = True

    def to_json(self) -> Json:
        """The answer to a request for the bands."""
        document = asdict(self)
        document["hypothetical"] = document.pop("is_hypothetical")
        return document

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Bands:
        """The bands of an answer.

        Raises:
            WrongShape: It holds none.
        """
        _BANDS(found, "bands")
        bands = tuple(
            Band(
                **{
                    **{name: item[name] for name in Band.__dataclass_fields__},
                    "pairs": tuple((at, final, int(index)) for at, final, index in item["pairs"]),
                }
            )
            for item in found["bands"]
        )
        return cls(bands, found["steps_run"], found["steps_saved"], found["hypothetical"])
