"""Fixtures of the contract suite: the stores, and the number of tests run on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack
from pathlib import Path

import pytest
from crowds import Crowd, crowd_of_processes, crowd_of_threads, process_pool
from store_kinds import KINDS, StoreKind

from sweep_service.storage.store import Store


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> StoreKind:
    """The implementation under test."""
    kind: StoreKind = request.param
    request.node.user_properties.append(("store", kind.name))
    return kind


@pytest.fixture
def address(kind: StoreKind, tmp_path: Path) -> Iterator[str]:
    """An empty place to keep sweeps."""
    with kind.place(tmp_path) as place:
        yield place


@pytest.fixture
def make_store(kind: StoreKind, address: str) -> Iterator[Callable[[], Store]]:
    """Opens one more store at the same place."""
    with ExitStack() as stores:
        yield lambda: stores.enter_context(kind.open(address))


@pytest.fixture
def store(make_store: Callable[[], Store]) -> Store:
    """A store of the kind, empty."""
    return make_store()


@pytest.fixture(scope="module")
def pool() -> Iterator[Callable[[], Executor]]:
    """The processes, started when first asked for."""
    entered: list[Executor] = []
    manager = process_pool()

    def get() -> Executor:
        if not entered:
            entered.append(manager.__enter__())
        return entered[0]

    yield get
    if entered:
        manager.__exit__(None, None, None)


@pytest.fixture
def crowd(
    workers: str, kind: StoreKind, address: str, store: Store, pool: Callable[[], Executor]
) -> Iterator[Crowd]:
    """Runs a job at the same time in ``workers``: threads, processes, or just one."""
    if workers == "processes":
        yield crowd_of_processes(pool(), kind.name, address)
    elif workers == "threads":
        with crowd_of_threads(store) as threads:
            yield threads
    else:
        yield lambda job: [job(store, 0)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts per store: none may be left out unseen."""
    counts: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
        for report in terminalreporter.getreports(outcome):
            properties = getattr(report, "user_properties", ())  # a module's report has none
            if report.when == "call" or outcome in ("error", "skipped"):
                counts.update((store, outcome) for name, store in properties if name == "store")
    for store in sorted({store for store, _ in counts}):
        reported = ", ".join(f"{n} {what}" for (name, what), n in counts.items() if name == store)
        terminalreporter.write_line(f"store contract on {store}: {reported}")
