"""The fixtures of the next release can be made: the story works with the present code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from make_release import write_dynamodb, write_sqlite

from releases import Release
from sweep_service.storage.store import Store


def leftovers(store: Store, sweep: str) -> tuple[set[int], set[int], set[int]]:
    """Indices that nobody has opened, leases without a run, and ended runs with a lease."""
    runs = {run.index: run for run in store.list_runs(sweep, 0, 100)}
    leases = {lease.index for lease in store.list_leases(sweep)}
    claimed = set(range(store.get_status(sweep).next_index))
    ended = {index for index, run in runs.items() if run.outcome is not None}
    return claimed - leases - set(runs), leases - set(runs), leases & ended


@pytest.mark.parametrize("kind", ["sqlite", "dynamodb"])
def test_interrupted_requests_leave_what_they_should(tmp_path: Path, kind: str) -> None:
    written = tmp_path / "written"
    written.mkdir()
    found = (write_sqlite if kind == "sqlite" else write_dynamodb)(written)
    (written / "answers.json").write_text(json.dumps(found))
    assert len(found["holders"]) > 5
    with getattr(Release(written), kind)(tmp_path) as store:
        holes, without_run, with_lease = leftovers(store, found["sweeps"]["interrupted"])
    assert holes == {0}
    assert without_run == {1}
    assert with_lease >= {2}
