"""Wire format of an audit of early termination."""

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
    """Agreement between values at a band and final values.

    Attributes:
        step: Number of metric values at which runs are judged.
        threshold: Threshold by all values known now; worse values are stopped.
        kept: Number of runs that continued.
        stopped: Number of runs stopped at this band.
        rank_correlation: Rank correlation of the value at the band and the final value; None if
            fewer than two runs have both.
        best_kept: Share of the ten finally best runs that are within the threshold.
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
        bands: The bands in order of step.
        steps_run: Number of metric values that the runs have logged, estimated from a sample.
        steps_saved: Number of further values if no run had been stopped.
        is_hypothetical: Whether the sweep has no early termination. The bands are then examples at
            10, 30 and 90 % of the longest run, each of which keeps the best third.
    """

    bands: tuple[Band, ...] = ()
    steps_run: int = 0
    steps_saved: int = 0
    is_hypothetical: bool = True

    def to_json(self) -> Json:
        """Encode the answer."""
        document = asdict(self)
        document["hypothetical"] = document.pop("is_hypothetical")
        return document

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Bands:
        """Decode an answer.

        Raises:
            WrongShape: The answer has another shape.
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
