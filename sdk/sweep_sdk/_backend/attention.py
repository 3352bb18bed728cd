"""Which rows of a run the backend wants to have at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Attention:
    """Which rows of a run are to be sent at once; all others can wait for the next heartbeat.

    Attributes:
        report_at: Counts of finite values of the metric, ascending.
        at_most: A value of the metric that is no greater than this matters; None for none.
        at_least: One that is no less than this; None for none.
    """

    report_at: tuple[int, ...] = ()
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no row matters at once."""
        return not self.report_at and self.at_most is None and self.at_least is None

    def is_due(self, n_values: int, lowest: float, highest: float) -> bool:
        """Whether rows are to be sent at once.

        Args:
            n_values: How many finite values of the metric there are.
            lowest: Of those that have not been sent; infinity where there are none.
            highest: Likewise; minus infinity.
        """
        return (
            any(count <= n_values for count in self.report_at)
            or (self.at_most is not None and lowest <= self.at_most)
            or (self.at_least is not None and highest >= self.at_least)
        )


def attention_of(found: Mapping[str, Any]) -> Attention | None:
    """What a hand-out or the answer to a report says; None from an older backend."""
    if "report_at" not in found:
        return None
    target = found["target"] or {}
    counts = tuple(int(count) for count in found["report_at"])
    return Attention(counts, target.get("at_most"), target.get("at_least"))
