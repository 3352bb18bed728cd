"""Runs and rows as data frames of pandas, which is loaded only here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.records import GROUPS, RUN_FIELDS, RUN_TIMES, record_names, run_record
from sweep_sdk._results.rows import ROW_TIMES, row_names

if TYPE_CHECKING:
    import pandas as pd


def to_pandas(items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """A data frame of what ``runs()`` or ``history()`` returned: one line each, flat names.

    Args:
        items: Runs give the columns ``config.*``, ``summary.*`` and ``attributes.*`` beside their
            fields; rows give a column for each metric. Times are UTC.

    Raises:
        UsageError: pandas is not installed, or the items are neither runs nor rows.
    """
    pandas = _load_pandas()
    found = [items] if isinstance(items, Mapping) else list(items)
    are_runs = [all(name in item for name in (*RUN_FIELDS, *GROUPS[:2])) for item in found]
    if any(are_runs) and not all(are_runs):
        raise UsageError("these are runs and rows: make one data frame of each")
    if any(are_runs):
        records = [run_record(item) for item in found]
        names = record_names(records)
    else:
        records = [dict(item) for item in found]
        names = row_names(records) if found else []
    frame = pandas.DataFrame({name: [record.get(name) for record in records] for name in names})
    for name in RUN_TIMES if any(are_runs) else ROW_TIMES:
        if name in frame:
            frame[name] = pandas.to_datetime(frame[name], unit="s", utc=True)
    return frame


def _load_pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise UsageError("data frames need pandas: pip install pandas") from None
    return pd
