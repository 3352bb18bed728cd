"""Long histories, many runs, and rows that are too large.

Lists are read page by page: memory is that of a page, however long the list. A row that is too
large is refused by name and left out, it alone, and that is reported.
"""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Callable, Iterable

import pytest
from agents import register
from sizes import size

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.view.events import Notice
from sweep_sdk._backend.client import Client
from sweep_sdk._exceptions import InvalidRequest
from sweep_sdk._settings import load_settings
from sweep_service.model.records.records import Outcome, Run
from sweep_service.model.records.states import RunState
from sweep_service.storage.sqlite.store import SqliteStore

N_ROWS, ROWS_A_REPORT = size(15_000, 100_000), 100  # pages have 100 reports
N_RUNS = size(3_000, 10_000)
A_FEW = 2.5  # pages at once: the one that is read, its text, the one before
PROGRAM = """
    log(loss=2)
    log(**{f"metric-number-{n}": 1 / 7 for n in range(35_000)})
    log(loss=1)
"""
TOO_LARGE = {"metrics": {f"metric-number-{n}": 1 / 7 for n in range(25_000)}}  # 1 MB


def peak_bytes(call: Callable[[], object]) -> int:
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def check_paged(read: Callable[[], Iterable[object]], n_items: int) -> float:
    """All is read, in no more memory than a few pages take; how many bytes those are."""
    first_page = peak_bytes(lambda: next(iter(read())))
    n_read: list[int] = []
    whole = peak_bytes(lambda: n_read.append(sum(1 for _ in read())))
    assert n_read == [n_items]
    assert whole < A_FEW * first_page
    print(f"\n{n_items:,} read in {whole / 1e6:.1f} MB; a page takes {first_page / 1e6:.1f} MB")
    return A_FEW * first_page


def test_a_long_history(client: Client) -> None:
    run = client.ask(register(client, ""), "some-ask-key", "agent")
    for offset in range(0, N_ROWS, ROWS_A_REPORT):
        steps = range(offset, offset + ROWS_A_REPORT)
        rows = [{"step": n, "at": 1.0, "metrics": {"loss": n / 7, "acc": 0.5}} for n in steps]
        client.report(run.id, 1, offset, rows)
    few_pages = check_paged(lambda: client.history(run.id), N_ROWS)
    assert [row["step"] for row in client.history(run.id)] == list(range(N_ROWS))
    thinned = client.thinned_history(run.id, 100)
    steps = [row["step"] for row in thinned.rows]
    assert 100 <= len(steps) <= 201
    assert (steps[0], steps[-1]) == (0, N_ROWS - 1)
    assert thinned.n_rows == N_ROWS
    assert peak_bytes(lambda: client.thinned_history(run.id, 100)) < few_pages


def test_many_runs(client: Client) -> None:
    sweep, rng = register(client, "", 10**6), random.Random(1)
    losses = rng.sample(range(10**6), N_RUNS)
    with SqliteStore(load_settings().local_db) as store:
        for index, loss in enumerate(losses):
            store.claim_index(sweep)
            key = f"ask-key-{index}"
            ended = Outcome(RunState.FINISHED, 2.0, 0, summary={"loss": loss}, best=float(loss))
            run = Run(index, {"n": index}, 1, 1, key, "agent", "", 1.0, 1.0, outcome=ended)
            store.save(sweep, None, run)
    check_paged(lambda: client.list_runs(sweep), N_RUNS)
    best = client.best_run(sweep)
    assert best is not None
    assert best["index"] == losses.index(min(losses))
    found = client.get_sweep(sweep)
    assert found["counts"] == {"finished": N_RUNS}
    assert found["best"]["id"] == best["id"]


def test_a_row_that_is_too_large_is_refused_by_name(client: Client) -> None:
    run = client.ask(register(client, ""), "some-ask-key", "agent")
    rows = [{"metrics": {"loss": 1.0}}, TOO_LARGE]
    with pytest.raises(InvalidRequest, match=r"rows\[1\] has 1,\d{3},\d{3} bytes; at most 256,000"):
        client.report(run.id, 1, 0, rows)
    assert list(client.history(run.id)) == []
    body = json.dumps({"attempt": 1, "offset": 0, "rows": rows}).encode()
    path = f"/v1/sweeps/{run.sweep}/runs/{run.id}/reports"
    assert client.transport.request("POST", path, {}, {}, body, 1.0).status == 413


def test_an_agent_keeps_what_fits_and_delivers_the_others(client: Client) -> None:
    notices: list[str] = []

    def watch(event: object) -> None:
        if isinstance(event, Notice):
            notices.append(event.message)

    sweep = register(client, PROGRAM)
    assert run_agent(client, sweep, AgentOptions(), watch) == 0
    run = client.get_run(f"{sweep}-0")
    assert (run["state"], run["best"]) == ("finished", 1)
    rows = [row["metrics"] for row in client.history(run["id"])]
    assert [row.get("loss") for row in rows] == [2, None, 1]
    assert 5_000 < len(rows[1]) < 35_000
    row, summary = notices[-2:]
    assert "of its 35,000 values are left out" in row
    assert "values of the summary are left out" in summary
    assert all(len(notice.splitlines()) == 1 for notice in notices)
