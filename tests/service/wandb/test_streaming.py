"""What programs that use wandb report about their runs, and which programs may do so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wandb_client import ANN, BOB, GRID, WandbClient, take_over

from sweep_service.errors import Throttled

RECORDED = """{"files": {"wandb-history.jsonl": {"offset": 0, "content": [
    "{\\"loss\\": NaN, \\"_step\\": 0, \\"_timestamp\\": 5.5, \\"_runtime\\": 1.0}",
    "{\\"loss\\": 0.5, \\"nested\\": {\\"a\\": 2}, \\"_step\\": 4, \\"_timestamp\\": 6.5}"]},
  "wandb-events.jsonl": {"offset": 0, "content": ["{\\"system.cpu\\": 3}"]},
  "output.log": {"offset": 0, "content": ["2026-11-23T22:25:18.803123 hello"]}},
  "uploaded": ["requirements.txt"]}"""


@pytest.fixture
def run(wandb: WandbClient, grid: str) -> str:
    run = wandb.next_run(wandb.create_agent(grid))
    wandb.begin(run)
    return run


def history(backend: Any, run: str) -> list[tuple[int, Any]]:
    path = f"/v1/sweeps/{run[:8]}/runs/{run}/history"
    return [(row["step"], row["metrics"]) for row in backend.call("GET", path).body["items"]]


def test_rows_are_counted_once_however_often_they_are_sent(
    backend: Any, wandb: WandbClient, run: str
) -> None:
    for _ in range(3):
        assert wandb.stream(run, RECORDED.encode()) == (200, {})
    assert history(backend, run) == [(0, {"loss": "NaN"}), (4, {"loss": 0.5, "nested.a": 2})]
    assert backend.run(run)["best"] == 0.5
    assert wandb.begin(run)["historyLineCount"] == 2


def test_a_program_that_goes_on_is_sent_to_the_row_after_the_last(
    backend: Any, wandb: WandbClient, run: str
) -> None:
    wandb.log(run, *({"loss": float(n)} for n in range(5)))
    assert wandb.begin(run)["historyLineCount"] == 5
    wandb.log(run, {"loss": 9.0})
    assert [row["loss"] for _, row in history(backend, run)] == [0.0, 1.0, 2.0, 3.0, 4.0, 9.0]


def test_an_idle_program_keeps_its_lease(
    backend: Any, wandb: WandbClient, run: str, clock: Any
) -> None:
    for _ in range(100):
        clock.advance(30.0)
        assert wandb.stream(run, {}) == (200, {})
    assert backend.run(run)["state"] == "running"


def test_more_rows_than_a_report_holds_are_kept(backend: Any, wandb: WandbClient, run: str) -> None:
    wandb.log(run, *({"loss": 20_000.0 - n} for n in range(10_001)))
    assert wandb.begin(run)["historyLineCount"] == 10_001
    assert backend.run(run)["best"] == 10_000.0


def test_a_row_that_is_too_large_is_left_out_and_the_stream_goes_on(
    backend: Any, wandb: WandbClient, run: str
) -> None:
    """To refuse it would be final: the client drops every later row."""
    large = {f"metric-{n:05}": 1.0 for n in range(20_000)}
    assert wandb.log(run, {"loss": 2.0}, large, {"loss": 1.0}) == {}
    assert history(backend, run) == [(0, {"loss": 2.0}), (1, {}), (2, {"loss": 1.0})]


@pytest.mark.parametrize(
    ("exit_code", "state"), [(0, "finished"), (1, "failed"), (3, "failed"), (255, "killed")]
)
def test_the_exit_code_says_how_a_run_has_ended(
    backend: Any, wandb: WandbClient, run: str, exit_code: int, state: str
) -> None:
    wandb.log(run, {"loss": 1.0})
    assert wandb.complete(run, exit_code, loss=1.0, note="a text", _step=0) == {}
    assert wandb.complete(run, exit_code, loss=1.0) == {}, "a repeat"
    ended = backend.run(run)
    assert (ended["state"], ended["exit_code"]) == (state, exit_code)
    assert ended["summary"] == {"loss": 1.0}


def test_a_failed_run_shows_what_its_program_printed_last(
    backend: Any, wandb: WandbClient, run: str
) -> None:
    lines = [
        f"2026-11-23T22:25:18.80312{n} {text}" for n, text in enumerate(["Traceback:", " x \ud800"])
    ]
    files = {"output.log": {"offset": 0, "content": lines}}
    assert wandb.stream(run, {"files": files, "complete": True, "exitcode": 1}) == (200, {})
    assert backend.run(run)["error_tail"] == "Traceback:\n x \\ud800"


def test_what_a_program_notes_is_kept_beside_the_values_of_the_sweep(
    backend: Any, wandb: WandbClient, run: str
) -> None:
    config = {"n": {"value": 1}, "layers": {"value": [1, 2]}, "_wandb": {"value": {"t": 1}}}
    wandb.begin(run, displayName="bold-run", config=json.dumps(config), tags=["a"], notes="why")
    wandb.begin(run, summaryMetrics="{}")
    wanted = {"name": "bold-run", "tags": ["a"], "notes": "why", "config": {"layers": [1, 2]}}
    assert backend.run(run)["attributes"] == wanted
    wandb.complete(run)
    found = backend.run(run)
    assert (found["attributes"], found["config"]) == (wanted, {"n": 1})
    large = {"x": {"value": "y" * 30_000}}
    other = wandb.next_run(wandb.create_agent(run[:8]))
    wandb.begin(other, displayName="large", config=json.dumps(large))
    assert backend.run(other)["attributes"] == {"name": "large"}


def test_people_change_the_labels_of_a_run(backend: Any, wandb: WandbClient, run: str) -> None:
    """As ``wandb.Api().run(...).update()`` does, which an admin may."""
    wandb.complete(run)
    sent = {"id": run, "name": run, "config": "{}", "display_name": run, "notes": None}
    wandb.data("UpsertBucket", **sent, tags=["good"])
    found = backend.run(run)
    assert (found["name"], found["tags"], found["notes"]) == (None, ["good"], None)
    wandb.data("UpsertBucket", **{**sent, "display_name": "best", "notes": "why"}, tags=[])
    read = wandb.data("Run", name=run)["project"]["run"]
    assert (read["displayName"], read["tags"], read["notes"]) == ("best", [], "why")
    wandb.data("UpsertBucket", id=run, summaryMetrics="{}")
    status, body = WandbClient(backend, ANN).ask("UpsertBucket", **sent, tags=["bad"])
    assert (status, "needs the scope 'admin'" in body["errors"][0]["message"]) == (403, True)
    assert backend.run(run)["tags"] == []


@pytest.mark.parametrize("name", ["bold-run-7", "", None, "../x", "abcd1234-1x"])
def test_a_run_of_no_sweep_is_refused_in_our_words(wandb: WandbClient, name: Any) -> None:
    status, body = wandb.ask("UpsertBucket", name=name, project="p", entity="e")
    assert status == 422
    assert "keeps the runs of sweeps alone" in body["errors"][0]["message"]


def test_an_attempt_that_was_handed_out_again_cannot_begin(
    backend: Any, wandb: WandbClient, run: str, clock: Any
) -> None:
    take_over(backend, run, clock)
    status, body = wandb.ask("UpsertBucket", name=run)
    assert (status, body["errors"][0]["message"]) == (
        422,
        f"run {run} was handed out again: this attempt no longer holds it",
    )


def test_a_second_init_of_a_program_that_has_completed_is_answered(
    wandb: WandbClient, run: str
) -> None:
    wandb.complete(run)
    assert wandb.begin(run)["name"] == run


@pytest.mark.parametrize(
    "body",
    [
        *(b"x", b"[]", b'{"files": 3}', b'{"files": {"wandb-history.jsonl": []}}'),
        b'{"files": {"output.log": []}, "complete": true}',
    ],
)
def test_a_malformed_stream_is_refused(wandb: WandbClient, run: str, body: bytes) -> None:
    assert wandb.stream(run, body)[0] == 400


def test_a_stream_of_an_unknown_run_is_a_404(wandb: WandbClient, grid: str) -> None:
    assert wandb.stream("bold-run", {})[0] == 404
    assert wandb.stream("aaaaaaaa-0", {})[0] == 404


def test_a_database_at_its_limit_has_the_client_try_again(
    backend: Any, wandb: WandbClient, run: str
) -> None:
    store = backend.services.store

    def refuse(*_: Any) -> Any:
        raise Throttled("too many requests", retry_after_seconds=2.0)

    append, store.append = store.append, refuse
    assert wandb.stream(run, RECORDED.encode())[0] == 429
    store.append = append
    assert wandb.stream(run, RECORDED.encode()) == (200, {})
    assert len(history(backend, run)) == 2


class TestLeasesOfOthers:
    """A program names its run and presents a credential, and nothing else."""

    @pytest.fixture
    def ann(self, backend: Any) -> WandbClient:
        return WandbClient(backend, ANN)

    @pytest.fixture
    def bob(self, backend: Any) -> WandbClient:
        return WandbClient(backend, BOB)

    def check_refused(self, backend: Any, client: WandbClient, run: str) -> None:
        kept = run.partition("-a")[0]
        before = backend.run(kept), history(backend, kept)
        assert client.stream(run, RECORDED.encode())[0] == 403
        assert client.stream(run, {"complete": True, "exitcode": 1})[0] == 403
        assert client.ask("UpsertBucket", name=run, displayName="mine")[0] == 403
        after = backend.run(kept), history(backend, kept)
        assert after == before

    def test_of_an_agent_with_another_credential(
        self, backend: Any, ann: WandbClient, bob: WandbClient, grid: str
    ) -> None:
        run = ann.next_run(ann.create_agent(grid))
        self.check_refused(backend, bob, run)
        ann.begin(run)
        ann.log(run, {"loss": 1.0})
        self.check_refused(backend, bob, run)
        ann.complete(run)
        self.check_refused(backend, bob, run)

    def test_of_an_agent_of_ours(self, backend: Any, ann: WandbClient, grid: str) -> None:
        run = backend.ask(grid).body["id"]
        self.check_refused(backend, ann, run)

    def test_an_attempt_of_before(
        self, backend: Any, ann: WandbClient, bob: WandbClient, wandb: WandbClient
    ) -> None:
        sweep = wandb.create_sweep({**GRID, "retry_failed": 1})
        first = ann.next_run(ann.create_agent(sweep))
        ann.begin(first)
        ann.complete(first, exit_code=1)
        second = bob.next_run(bob.create_agent(sweep))
        assert second == f"{sweep}-0-a2"
        self.check_refused(backend, ann, second)
        self.check_refused(backend, bob, first)
        assert ann.log(first, {"loss": 1.0}) == {"stopped": True}

    def test_an_admin_needs_no_lease(
        self, backend: Any, ann: WandbClient, wandb: WandbClient, grid: str
    ) -> None:
        run = ann.next_run(ann.create_agent(grid))
        wandb.begin(run)
        assert wandb.log(run, {"loss": 1.0}) == {}
