"""Why bayes suggested the configuration of a run, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk.cli.formats import value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Record = Mapping[str, Any]


def suggestion_text(record: Record) -> str:
    """Reason, prediction of the model, and number of observed values."""
    return "; ".join(_parts(record))


def _parts(record: Record) -> Iterator[str]:
    if "reason" in record:
        yield str(record["reason"])
    if "start" in record:
        yield f"start point {value_text(record['start'])} of the sweep file"
    if "mean" in record and "std" in record:
        yield f"predicted {value_text(record['mean'])} +- {value_text(record['std'])}"
    if "expected_improvement" in record:
        yield f"expected improvement {value_text(record['expected_improvement'])}"
    if "observations" in record:
        yield f"from {value_text(record['observations'])} values"
