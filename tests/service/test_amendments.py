"""Retrying and deleting runs that have ended, from the clients' perspective."""

from __future__ import annotations

import pytest

from sweep_service.operations.evidence import load_observations

GRID = {
    "method": "grid",
    "metric": {"name": "loss"},
    "early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2},
    "parameters": {"a": {"values": [1, 2, 3]}},
}
BAYES = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "run_cap": 3,
    "parameters": {"a": {"min": 0.0, "max": 1.0}},
}


def end(backend, sweep, state="failed", loss=None):
    run = backend.ask(sweep).body
    if loss is not None:
        backend.report(run["id"], run["attempt"], 0, {"loss": loss})
    tail = "Traceback" if state == "failed" else None
    ending = {"stderr_tail": tail} if tail else {}
    assert backend.finish(run["id"], run["attempt"], state, **ending).status == 200
    return run["id"]


def retry(backend, run, **body):
    return backend.call("POST", f"{backend._path(run)}/retry", body)


def delete(backend, run, **query):
    return backend.call("DELETE", backend._path(run), query=query)


def retry_all(backend, sweep, **body):
    return backend.call("POST", f"/v1/sweeps/{sweep}/retries", body)


class TestRetry:
    @pytest.mark.parametrize("state", ["failed", "killed"])
    def test_the_run_keeps_its_index_and_its_configuration(self, backend, state):
        sweep = backend.create(GRID)
        run = end(backend, sweep, state, loss=0.5)
        answer = retry(backend, run)
        assert (answer.status, answer.body["changed"]) == (200, True)
        assert answer.body["run"]["state"] == "pending"
        again = backend.ask(sweep).body
        assert (again["id"], again["attempt"], again["config"]) == (run, 2, {"a": 1})

    def test_the_ended_attempt_is_on_record_and_its_rows_are_kept(self, backend):
        sweep = backend.create(GRID)
        run = end(backend, sweep, loss=0.5)
        retry(backend, run)
        reported = backend.run(run)
        record = {"attempt": 1, "state": "failed"}
        assert [record | reported["attempts"][0]] == reported["attempts"]
        assert reported["error_tail"] == "Traceback"
        history = backend.call("GET", f"{backend._path(run)}/history").body["items"]
        assert [row["metrics"] for row in history] == [{"loss": 0.5}]

    def test_its_value_counts_no_more(self, backend):
        sweep = backend.create(GRID)
        run = end(backend, sweep, "killed", loss=0.5)
        store = backend.services.store
        assert backend.get(sweep)["best"]["id"] == run
        assert store.list_band(sweep, 1) == {0: 0.5}
        retry(backend, run)
        assert backend.get(sweep)["best"] is None
        assert store.list_band(sweep, 1) == {}

    def test_a_sweep_that_had_ended_runs_again_and_ends_again(self, backend):
        sweep = backend.create(GRID)
        runs = [end(backend, sweep) for _ in range(3)]
        assert backend.get(sweep)["state"] == "finished"
        assert retry(backend, runs[1]).body["sweep_state"] == "running"
        assert end(backend, sweep, "finished") == runs[1]
        assert backend.get(sweep)["state"] == "finished"
        assert backend.get(sweep)["counts"] == {"failed": 2, "finished": 1}

    def test_failures_are_counted_again(self, backend):
        sweep = backend.create({**GRID, "retry_failed": 1})
        run = backend.ask(sweep).body["id"]
        for attempt in (1, 2):
            backend.finish(run, attempt, "failed")
            if attempt == 1:
                assert backend.ask(sweep).body["attempt"] == 2
        retry(backend, run)
        assert backend.ask(sweep).body["attempt"] == 3
        assert backend.finish(run, 3, "failed").body == {"state": "failed", "requeued": True}

    @pytest.mark.parametrize("state", ["failed", "finished"])
    def test_what_the_ended_attempt_says_late_changes_nothing(self, backend, state):
        sweep = backend.create(GRID)
        run = end(backend, sweep, loss=0.5)
        retry(backend, run)
        assert backend.report(run, 1, 1, {"loss": 0.1}).status == 409
        assert backend.finish(run, 1, state).body["requeued"] is True
        assert backend.ask(sweep).body["attempt"] == 2
        assert backend.report(run, 1, 2, {"loss": 0.1}).status == 409
        assert backend.finish(run, 1, state).body["requeued"] is True
        assert backend.run(run)["state"] == "running"

    def test_a_finished_run_is_not_run_again(self, backend):
        sweep = backend.create(GRID)
        run = end(backend, sweep, "finished")
        answer = retry(backend, run)
        assert answer.status == 409
        assert "is finished; only runs that failed, crashed or were killed" in answer.body["detail"]

    @pytest.mark.parametrize("is_out", [True, False])
    def test_a_run_that_has_not_ended_is_left_alone(self, backend, is_out):
        sweep = backend.create(GRID)
        run = backend.ask(sweep).body["id"]
        if not is_out:
            backend.finish(run, 1, "preempted")
        answer = retry(backend, run)
        assert (answer.status, answer.body["changed"]) == (200, False)
        assert backend.run(run)["attempt"] == 1

    def test_twice_is_once(self, backend):
        """The second arrives late: the run has failed once more, and nobody has asked again."""
        sweep = backend.create(GRID)
        run = end(backend, sweep)
        assert retry(backend, run, attempt=1).body["changed"] is True
        assert end(backend, sweep) == run
        assert retry(backend, run, attempt=1).body["changed"] is False
        assert backend.run(run)["state"] == "failed"

    def test_no_such_run(self, backend):
        sweep = backend.create(GRID)
        assert retry(backend, f"{sweep}-7").status == 404
        assert delete(backend, f"{sweep}-7").status == 404
        assert retry_all(backend, "zzzzzzzz").status == 404

    @pytest.mark.parametrize("state", ["paused", "finished"])
    def test_a_sweep_that_a_person_stopped_stays_so(self, backend, state):
        sweep = backend.create(GRID)
        run = end(backend, sweep)
        backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": state})
        assert retry(backend, run).body["sweep_state"] == state
        backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "running"})
        assert backend.ask(sweep).body["id"] == run

    def test_a_canceled_sweep_has_nothing_run_again(self, backend):
        sweep = backend.create(GRID)
        run = end(backend, sweep)
        backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "canceled"})
        for answer in (
            retry(backend, run),
            retry_all(backend, sweep),
            delete(backend, run, again="true"),
        ):
            assert answer.status == 409
            assert "is canceled and hands out no more runs" in answer.body["detail"]
        assert delete(backend, run).status == 200


class TestRetryAll:
    def test_each_run_once_however_fast_it_fails_again(self, backend, monkeypatch):
        monkeypatch.setattr("sweep_service.handlers.runs._RETRIES_A_REQUEST", 2)
        sweep = backend.create(GRID)
        runs = [end(backend, sweep) for _ in range(3)]
        first = retry_all(backend, sweep).body
        assert (first["runs"], first["sweep_state"]) == (runs[:2], "running")
        for _ in range(2):
            end(backend, sweep)
        second = retry_all(backend, sweep, since=first["next"]).body
        assert (second["runs"], second["next"]) == (runs[2:], None)

    def test_runs_that_finished_stay(self, backend):
        sweep = backend.create(GRID)
        end(backend, sweep, "finished")
        failed = end(backend, sweep)
        assert retry_all(backend, sweep).body["runs"] == [failed]
        assert retry_all(backend, sweep).body["runs"] == []


class TestDelete:
    def test_only_the_taken_point_remains(self, backend):
        sweep = backend.create(GRID)
        run = end(backend, sweep, loss=0.5)
        answer = delete(backend, run)
        assert (answer.status, answer.body["changed"]) == (200, True)
        reported = backend.run(run)
        assert (reported["state"], reported["config"]) == ("deleted", {"a": 1})
        assert (reported["summary"], reported["best"], reported["attempts"]) == ({}, None, [])
        assert reported["error_tail"] is None
        assert backend.call("GET", f"{backend._path(run)}/history").body["items"] == []
        assert backend.services.store.list_band(sweep, 1) == {}
        assert backend.runs(sweep) == []
        assert backend.get(sweep)["counts"] == {"deleted": 1}
        assert backend.ask(sweep).body["config"] == {"a": 2}

    def test_a_sweep_ends_though_its_runs_are_deleted(self, backend):
        sweep = backend.create(GRID)
        delete(backend, end(backend, sweep))
        for _ in range(2):
            delete(backend, end(backend, sweep, "finished"))
        assert backend.get(sweep)["state"] == "finished"
        assert backend.ask(sweep).status == 410

    @pytest.mark.parametrize("state", ["failed", "finished", "deleted"])
    def test_again_hands_the_point_out(self, backend, state):
        sweep = backend.create({**GRID, "run_cap": 1})
        run = end(backend, sweep, "finished" if state == "deleted" else state, loss=0.5)
        if state == "deleted":
            delete(backend, run)
        answer = delete(backend, run, again="true")
        assert (answer.body["changed"], answer.body["sweep_state"]) == (True, "running")
        assert answer.body["run"]["state"] == "pending"
        assert delete(backend, run, again="true").body["changed"] is False
        assert end(backend, sweep, "finished", loss=0.7) == run
        reported = backend.run(run)
        assert (reported["state"], reported["attempt"], reported["best"]) == ("finished", 2, 0.7)
        assert backend.get(sweep)["state"] == "finished"

    def test_twice_is_once(self, backend):
        """The second arrives late, and finds a new result."""
        sweep = backend.create(GRID)
        run = end(backend, sweep, "finished")
        assert delete(backend, run, again="true", attempt="1").body["changed"] is True
        assert end(backend, sweep, "finished") == run
        assert delete(backend, run, again="true", attempt="1").body["changed"] is False
        assert backend.run(run)["state"] == "finished"

    @pytest.mark.parametrize("is_out", [True, False])
    def test_a_run_that_has_not_ended_stays(self, backend, is_out):
        sweep = backend.create(GRID)
        run = backend.ask(sweep).body["id"]
        if not is_out:
            backend.finish(run, 1, "preempted")
        answer = delete(backend, run)
        assert answer.status == 409
        assert "has not ended" in answer.body["detail"]

    def test_what_it_says_late_is_refused(self, backend):
        sweep = backend.create(GRID)
        run = end(backend, sweep)
        delete(backend, run)
        assert backend.report(run, 1, 1, {"loss": 0.1}).status == 409
        assert backend.finish(run, 1, "failed").status == 409

    def test_a_deleted_run_cannot_be_a_prior_run(self, backend):
        sweep = backend.create(BAYES)
        kept, run = end(backend, sweep, "finished", 0.5), end(backend, sweep, "finished", 0.4)
        delete(backend, run)
        body = {"config": BAYES, "prior_runs": [run]}
        answer = backend.call("POST", "/v1/sweeps", body)
        assert answer.status == 422
        assert f"run {run} was deleted" in str(answer.body)
        heir = backend.create(BAYES, prior_runs=[sweep])
        assert len(load_observations(backend.services, heir)) == 1
        assert kept

    @pytest.mark.parametrize("query", [{"again": "yes"}, {"attempt": "x"}, {"attempt": "-1"}])
    def test_a_query_that_cannot_be_meant(self, backend, query):
        sweep = backend.create(GRID)
        run = end(backend, sweep)
        assert delete(backend, run, **query).status == 400


class TestWhatTheModelKnows:
    """A warm function has read the log, and hears of what was taken back."""

    def values(self, backend, sweep):
        asked = backend.ask(sweep)
        suggestion = backend.run(asked.body["id"])["suggestion"]
        return asked.body["id"], suggestion

    def test_the_newest_end_of_a_retried_run_counts(self, backend, clock):
        sweep = backend.create(BAYES)
        run = end(backend, sweep, "killed", 0.5)
        assert [entry.value for entry in load_observations(backend.services, sweep)] == [0.5]
        retry(backend, run)
        clock.advance(10)
        assert end(backend, sweep, "finished", 0.3) == run
        assert [entry.value for entry in load_observations(backend.services, sweep)] == [0.3]
        backend.services.forget(sweep)
        assert [entry.value for entry in load_observations(backend.services, sweep)] == [0.3]

    def test_a_deleted_run_informs_nobody(self, backend):
        sweep = backend.create(BAYES)
        run = end(backend, sweep, "finished", 0.5)
        load_observations(backend.services, sweep)
        delete(backend, run)
        states = [entry.state.value for entry in load_observations(backend.services, sweep)]
        assert states == ["deleted"]
        assert backend.ask(sweep).status == 201

    def test_an_end_that_was_taken_back_is_a_run_that_is_out(self, backend, monkeypatch):
        from sweep_service.operations import choosing

        seen = []
        gather = choosing.gather_evidence
        monkeypatch.setattr(
            choosing,
            "gather_evidence",
            lambda *values: seen.append(gather(*values)) or seen[-1],
        )
        sweep = backend.create(BAYES)
        run = end(backend, sweep, "killed", 0.5)
        retry(backend, run)
        backend.ask(sweep)  # the run itself
        backend.ask(sweep)
        assert [entry.index for entry in seen[-1].observations] == []
        assert [entry.index for entry in seen[-1].pending] == [0]


def test_a_database_of_today_opens_unchanged(backend):
    """Rows without a revision are of the first one: the step gives them the default."""
    sweep = backend.create(GRID)
    run = end(backend, sweep)
    assert backend.services.store.get_run(sweep, 0).revision == 0
    retry(backend, run)
    assert backend.services.store.get_run(sweep, 0).revision == 1
