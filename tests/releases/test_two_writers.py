"""A release and the present code write to the same sweep: before, during and after upgrades."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from releases import Release
from sweep_service.errors import Stale
from sweep_service.model.records.records import (
    Base,
    ConfigVersion,
    Lease,
    LiveSummary,
    Run,
    SweepStatus,
)
from sweep_service.model.records.states import SweepState
from sweep_service.storage.dynamodb.store import DynamoStore
from sweep_service.storage.sqlite.store import SqliteStore

SWEEP, TABLE = "k3v9x2ab", "sweeps"
META = ConfigVersion(SWEEP, 1, "project", None, {"method": "random"}, 1000.0, "key")
COUNTER = SweepStatus(SweepState.RUNNING, 0, 9, None, (Base(1, 0),), 7)
LEASE = Lease(0, 1, "key", "agent", "host", "0", 1300.0)
RUN = Run(0, {"x": 1}, 1, 1, "key", "agent", "host", 1.0, 1.0)
CREATE = """
import sys
from sweep_service.model.records import Base, Counter, SweepMeta
from sweep_service.model.states import SweepState
from sweep_service.storage.sqlite.store import SqliteStore
store = SqliteStore(sys.argv[1])
meta = SweepMeta("k3v9x2ab", 1, "project", None, {}, 1000.0, "key")
store.create_sweep(meta, Counter(SweepState.RUNNING, 0, 9, None, (Base(1, 0),), 7, 0))
store.close()
"""
OLD_SQLITE = """
import sys
from pathlib import Path
from sweep_service.bootstrap import local_services
from sweep_service.model.records import Lease
store = local_services(Path(sys.argv[1])).store
store.get_counter("k3v9x2ab")
print("open", flush=True)
sys.stdin.readline()
lease = Lease(0, 1, "key", "agent", "host", "0", 1300.0)
for write in (
    lambda: store.claim_index("k3v9x2ab"),
    lambda: store.extend_lease("k3v9x2ab", 0, 1, 1400.0, None),
    lambda: store.note_run("k3v9x2ab", 0, 1, {"name": "old"}),
):
    try:
        write()
    except Exception as error:
        print(type(error).__name__, error, flush=True)
    else:
        print("written", flush=True)
"""


def fill(store: Any) -> None:
    store.create_sweep(META, COUNTER)
    store.save(SWEEP, None, LEASE)
    store.save(SWEEP, None, RUN)


def test_a_release_that_had_opened_the_file_before_its_upgrade_is_asked_to_upgrade(
    old: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "sweeps.db"
    command = [sys.executable, "-c", OLD_SQLITE, str(path)]
    subprocess.run([sys.executable, "-c", CREATE, str(path)], env=old, check=True)
    process = subprocess.Popen(
        command, env=old, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    with SqliteStore(path) as store:
        store.save(SWEEP, None, LEASE)
        store.save(SWEEP, None, RUN)
        before = store.get_status(SWEEP), store.get_lease(SWEEP, 0), store.get_run(SWEEP, 0)
        said, _ = process.communicate("go on\n", timeout=60)
        assert len(said.splitlines()) == 3
        for line in said.splitlines():
            assert re.match(r"StoreUnusable .*upgrade", line), line
        after = store.get_status(SWEEP), store.get_lease(SWEEP, 0), store.get_run(SWEEP, 0)
    assert after == before


@contextmanager
def imported(site: Path) -> Iterator[None]:
    """``sweep_service`` is that of a folder within the block, and the present one after it."""
    present = {n: m for n, m in sys.modules.items() if n.partition(".")[0] == "sweep_service"}
    for name in present:
        del sys.modules[name]
    sys.path.insert(0, str(site))
    try:
        yield
    finally:
        sys.path.remove(str(site))
        for name in [name for name in sys.modules if name.partition(".")[0] == "sweep_service"]:
            del sys.modules[name]
        sys.modules.update(present)


class OldStore:
    """The release's store, and its records."""

    def __init__(self, site: Path) -> None:
        with imported(site):
            self.records = importlib.import_module("sweep_service.model.records")
            self.states = importlib.import_module("sweep_service.model.states")
            module = importlib.import_module("sweep_service.storage.dynamodb.store")
        assert Path(module.__file__ or "").is_relative_to(site)
        self.store = module.DynamoStore(TABLE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


@pytest.fixture
def both(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[OldStore, DynamoStore]]:
    """The stores of the release and of the present code over one table."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with zipfile.ZipFile(release.wheel) as packed:
        packed.extractall(tmp_path / "site")
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in keys],
        )
        old = OldStore(tmp_path / "site")
        with DynamoStore(TABLE) as store:
            fill(store)
            yield old, store
        old.close()
        client.close()


def take(old: OldStore) -> None:
    seen = old.get_lease(SWEEP, 0)
    old.take_lease(SWEEP, seen, replace(seen, attempt=2, key="other"))


def end(old: OldStore) -> None:
    outcome = old.records.Outcome(old.states.RunState.FINISHED, 1200.0, best=0.5)
    old.end_run(SWEEP, 0, 1, 0, outcome)


def report(old: OldStore) -> None:
    live = old.records.LiveSummary(0, 3, 0.5, 0.25, 9, 0.5, 3)
    old.extend_lease(SWEEP, 0, 1, 1200.0, live)


WRITES: dict[str, tuple[str, Callable[[OldStore], object]]] = {
    "claim": ("counter", lambda old: old.claim_index(SWEEP)),
    "pause": (
        "counter",
        lambda old: old.set_state(
            SWEEP, old.states.SweepState.PAUSED, list(old.states.SweepState), old.get_counter(SWEEP)
        ),
    ),
    "limit": ("counter", lambda old: old.set_limit(SWEEP, 5, 5, old.get_counter(SWEEP))),
    "suspect": ("lease", lambda old: old.suspect_lease(SWEEP, old.get_lease(SWEEP, 0), 1400.0)),
    "take": ("lease", take),
    "extend": ("lease", lambda old: old.extend_lease(SWEEP, 0, 1, 1500.0, None)),
    "report": ("lease", report),
    "preempt": ("lease", lambda old: old.preempt_lease(SWEEP, 0, 1, 1300.0)),
    "release": ("lease", lambda old: old.release_lease(SWEEP, 0, 1, 1)),
    "stop": ("lease", lambda old: old.stop_run(SWEEP, 0)),
    "stop early": (
        "lease",
        lambda old: old.mark_stopped(SWEEP, 0, 1, old.records.EarlyStop(9, 0.5, 0.25)),
    ),
    "drop": ("lease", lambda old: old.drop_lease(SWEEP, 0, 1, 0)),
    "advance": (
        "run",
        lambda old: old.advance_attempt(SWEEP, 0, 2, old.get_lease(SWEEP, 0), 1500.0),
    ),
    "end": ("run", end),
    "note": ("run", lambda old: old.note_run(SWEEP, 0, 1, {"name": "old"})),
}


def read(store: DynamoStore, kind: str) -> Any:
    if kind == "counter":
        return store.get_status(SWEEP)
    return (store.get_lease if kind == "lease" else store.get_run)(SWEEP, 0)


def changed(record: Any) -> Any:
    if isinstance(record, SweepStatus):
        return replace(record, run_cap=7)
    return replace(record, agent="new")


@pytest.mark.parametrize("n_before", [0, 2], ids=["at first", "after writes of both"])
@pytest.mark.parametrize("name", WRITES)
def test_on_dynamodb_each_notices_what_the_other_has_written(
    both: tuple[OldStore, DynamoStore], name: str, n_before: int
) -> None:
    old, store = both
    kind, write = WRITES[name]
    for n in range(n_before):
        seen = read(store, kind)
        again = replace(seen, run_cap=n) if kind == "counter" else replace(seen, agent=f"{n}")
        store.save(SWEEP, seen, again)
        old.extend_lease(SWEEP, 0, 1, 1300.0 + n, None)
    seen = read(store, kind)
    write(old)
    stored = read(store, kind)
    assert repr(stored) != repr(seen)
    with pytest.raises(Stale) as refused:
        store.save(SWEEP, seen, changed(seen))
    assert repr(refused.value.stored) == repr(stored) == repr(read(store, kind))
    if stored is not None:
        stored = store.save(SWEEP, stored, changed(stored))
        assert repr(read(store, kind)) == repr(stored)
        found = getattr(old, f"get_{kind}")(*([SWEEP] if kind == "counter" else [SWEEP, 0]))
        assert found.run_cap == 7 if kind == "counter" else found.agent == "new"


def test_on_dynamodb_the_release_goes_on_after_writes_of_the_present_code(
    both: tuple[OldStore, DynamoStore],
) -> None:
    old, store = both
    lease = store.get_lease(SWEEP, 0)
    assert lease is not None
    live = LiveSummary(0, 3, 0.5, 0.25, 9, 0.5, 3)
    store.save(SWEEP, lease, replace(lease, lease_end=1400.0, live=live))
    extended = old.extend_lease(SWEEP, 0, 1, 1600.0, None)
    assert (extended.lease_end, extended.live.next_row) == (1600.0, 3)
    store.claim_index(SWEEP)
    assert old.claim_index(SWEEP)[0] == 1
    end(old)
    run = store.get_run(SWEEP, 0)
    assert run is not None
    assert run.outcome is not None
    assert run.outcome.best == 0.5
