"""Iterators over lists that the store returns page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sweep_service.model.records.records import Run
    from sweep_service.storage.store import Store

_RUNS_A_READ = 500


def every_run(store: Store, sweep: str, since: int = 0) -> Iterator[Run]:
    """The runs with index >= ``since`` in order of index; pages are read lazily."""
    while runs := store.list_runs(sweep, since, _RUNS_A_READ):
        yield from runs
        since = runs[-1].index + 1
