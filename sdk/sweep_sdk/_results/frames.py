"""Data frames of runs and rows. Only this module loads pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.records import GROUPS, RUN_FIELDS, RUN_TIMES, record_names, run_record
from sweep_sdk._results.rows import ROW_TIMES, row_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    Item = Mapping[str, Any]


def frame_of(items: Iterable[Item] | Item) -> pd.DataFrame:
    """A data frame of runs or of rows: one line per item, flat names, times in UTC.

    Raises:
        UsageError: pandas is not installed, or the items mix runs and rows.
    """
    found = [items] if isinstance(items, Mapping) else list(items)
    are_runs = [all(name in item for name in (*RUN_FIELDS, *GROUPS[:2])) for item in found]
    if any(are_runs) and not all(are_runs):
        raise UsageError("these are runs and rows: make one data frame of each")
    if any(are_runs):
        return frame_of_runs(found)
    return _frame(found, row_names(map(dict, found)) if found else [], ROW_TIMES)


def frame_of_runs(runs: Iterable[Item]) -> pd.DataFrame:
    """A data frame of runs, with the columns of their fields even if there are none.

    Raises:
        UsageError: pandas is not installed.
    """
    records = [run_record(run) for run in runs]
    return _frame(records, record_names(records), RUN_TIMES)


def _frame(records: Sequence[Item], names: Iterable[str], times: Iterable[str]) -> pd.DataFrame:
    pandas = _load_pandas()
    frame = pandas.DataFrame({name: [record.get(name) for record in records] for name in names})
    for name in times:
        if name in frame:
            frame[name] = pandas.to_datetime(frame[name], unit="s", utc=True)
    return frame


def _load_pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise UsageError("data frames need pandas: pip install pandas") from None
    return pd
