"""Updating a sweep's metric: all runs are judged by the new one, nothing is rewritten."""

from __future__ import annotations

import pytest

from sweep_service.operations.evidence import gather_evidence
from sweep_service.operations.services import Services

LOSS = {"name": "loss", "goal": "minimize"}
ACC = {"name": "acc", "goal": "maximize"}
GRID = {
    "method": "grid",
    "metric": LOSS,
    "parameters": {"x": {"values": list(range(12))}},
}
BAYES = {
    "method": "bayes",
    "metric": LOSS,
    "run_cap": 50,
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}


def update(backend, sweep, config, **changes):
    body = {"config": {**config, **changes}}
    answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", body)
    assert answer.status == 200, answer.body
    return answer.body


def logged(backend, sweep, *rows, state="finished", **ending):
    """A run that logs some rows and ends as its agent would have it end; its id."""
    taken = backend.ask(sweep).body
    for offset, row in enumerate(rows):
        backend.report(taken["id"], taken["attempt"], offset, row)
    backend.finish(taken["id"], taken["attempt"], state, **({"summary": summary_of(rows)} | ending))
    return taken["id"]


def summary_of(rows):
    """What an agent makes of rows: the last values, and the least and greatest ones."""
    names = {name for row in rows for name in row}
    columns = {name: [row[name] for row in rows if name in row] for name in names}
    found = {name: values[-1] for name, values in columns.items()}
    for name, values in columns.items():
        if len(values) > 1:
            found |= {f"{name}.min": min(values), f"{name}.max": max(values)}
    return found


def best_of(backend, run):
    return backend.run(run)["best"]


@pytest.fixture
def judged(backend):
    """A grid whose runs have logged both metrics, before it was given the other one."""
    sweep = backend.create(GRID)
    first = logged(backend, sweep, {"loss": 1.0, "acc": 0.2}, {"loss": 3.0, "acc": 0.1})
    second = logged(backend, sweep, {"loss": 2.0, "acc": 0.9})
    third = logged(backend, sweep, {"loss": 0.5})
    assert backend.get(sweep)["best"]["id"] == third
    return sweep, [first, second, third]


class TestValues:
    @pytest.mark.parametrize(
        ("metric", "values", "best"),
        [
            (ACC, [0.2, 0.9, None], 1),
            ({"name": "acc", "goal": "minimize"}, [0.1, 0.9, None], 0),
            ({"name": "loss", "goal": "maximize"}, [3.0, 2.0, 0.5], 0),
            ({"name": "never"}, [None, None, None], None),
            (LOSS | {"target": -1.0}, [1.0, 2.0, 0.5], 2),
        ],
    )
    def test_values_of_runs_that_have_ended(self, backend, judged, metric, values, best):
        sweep, runs = judged
        update(backend, sweep, GRID, metric=metric)
        assert [best_of(backend, run) for run in runs] == values
        assert [run["best"] for run in backend.runs(sweep)] == values
        found = backend.get(sweep)["best"]
        assert found is None if best is None else found["id"] == runs[best]

    def test_values_of_earlier_and_later_runs_are_comparable(self, backend, judged):
        sweep, runs = judged
        update(backend, sweep, GRID, metric=ACC)
        later = logged(backend, sweep, {"acc": 0.95, "loss": 9.0})
        assert best_of(backend, later) == 0.95
        assert backend.get(sweep)["best"]["id"] == later
        update(backend, sweep, GRID)  # and back again
        assert backend.get(sweep)["best"]["id"] == runs[2]
        assert best_of(backend, later) == 9.0

    def test_a_metric_for_a_sweep_that_had_none(self, backend):
        config = {name: value for name, value in GRID.items() if name != "metric"}
        sweep = backend.create(config)
        run = logged(backend, sweep, {"acc": 0.4}, {"acc": 0.3})
        update(backend, sweep, config, metric=ACC)
        assert best_of(backend, run) == 0.4

    @pytest.mark.parametrize("state", ["failed", "killed"])
    def test_values_of_a_run_without_a_summary_come_from_its_rows(self, backend, state):
        sweep = backend.create(GRID)
        run = logged(backend, sweep, {"acc": 0.4}, {"acc": 0.3}, state=state, summary={})
        update(backend, sweep, GRID, metric=ACC)
        assert best_of(backend, run) == 0.4

    def test_values_of_a_crashed_run_come_from_the_rows_of_its_last_attempt(self, backend):
        sweep = backend.create(GRID | {"run_cap": 1})
        run = backend.ask(sweep).body["id"]
        for attempt in range(1, 6):
            backend.report(run, attempt, 0, {"acc": 0.1 * attempt, "loss": 1.0})
            for _ in range(2):  # the first ask marks the silent one, the second takes its run
                backend.clock.advance(1000)
                backend.ask(sweep)
        assert backend.run(run)["state"] == "crashed"
        update(backend, sweep, GRID | {"run_cap": 1}, metric=ACC)
        assert best_of(backend, run) == pytest.approx(0.5)

    def test_nan_is_no_value(self, backend):
        sweep = backend.create(GRID)
        run = logged(backend, sweep, {"acc": "NaN", "loss": 1.0})
        update(backend, sweep, GRID, metric=ACC)
        assert best_of(backend, run) is None

    def test_many_runs(self, backend):
        sweep = backend.create(GRID | {"parameters": {"x": {"values": list(range(600))}}})
        for number in range(550):
            logged(backend, sweep, {"loss": 1.0, "acc": number % 500 / 500})
        update(backend, sweep, GRID | {"parameters": {"x": {"values": [0]}}, "metric": ACC})
        assert backend.get(sweep)["best"]["best"] == 0.998


class TestRunsUnderWay:
    def test_they_have_no_value_until_they_end(self, backend):
        sweep = backend.create(GRID)
        run = backend.ask(sweep).body["id"]
        backend.report(run, 1, 0, {"loss": 5.0, "acc": 0.4})
        update(backend, sweep, GRID, metric=ACC)
        assert (best_of(backend, run), backend.run(run)["summary"]) == (None, {})
        backend.report(run, 1, 1, {"loss": 6.0, "acc": 0.3})
        assert backend.get(sweep)["best"] is None
        backend.finish(run, summary={"acc": 0.3, "acc.max": 0.4, "loss": 6.0})
        assert best_of(backend, run) == 0.4

    def test_what_their_program_sets_is_no_value_of_the_metric_before(self, backend):
        sweep = backend.create(GRID)
        run = backend.ask(sweep).body["id"]
        update(backend, sweep, GRID, metric=ACC)
        backend.finish(run, summary={"acc": 0.7}, result=0.7)
        assert best_of(backend, run) == 0.7
        update(backend, sweep, GRID)
        assert best_of(backend, run) is None

    def test_a_run_is_handed_out_with_the_metric_that_the_sweep_has_now(self, backend):
        sweep = backend.create(GRID)
        run = backend.ask(sweep).body
        assert run["metric"] == "loss"
        update(backend, sweep, GRID, metric=ACC)
        backend.finish(run["id"], state="preempted")
        again = backend.ask(sweep).body
        assert (again["id"], again["metric"]) == (run["id"], "acc")

    def test_the_target_is_one_of_the_metric_that_the_sweep_has_now(self, backend):
        sweep = backend.create(GRID)
        run = backend.ask(sweep).body["id"]
        update(backend, sweep, GRID, metric=ACC | {"target": 0.8})
        backend.report(run, 1, 0, {"loss": 5.0, "acc": 0.1})
        assert backend.get(sweep)["state"] == "running"
        backend.finish(run, summary={"loss": 5.0, "acc": 0.9})
        assert backend.get(sweep)["state"] == "finished"

    def test_a_finish_that_is_repeated_after_the_update_changes_nothing(self, backend):
        sweep = backend.create(GRID)
        run = logged(backend, sweep, {"loss": 1.0, "acc": 0.5})
        update(backend, sweep, GRID, metric=ACC)
        backend.finish(run, summary={"acc": 0.1})
        assert best_of(backend, run) == 0.5


class TestEarlyTermination:
    CONFIG = GRID | {"early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 3}}

    def test_only_values_of_the_same_metric_are_compared(self, backend):
        sweep = backend.create(self.CONFIG)
        for loss in (1.0, 2.0, 3.0):
            logged(backend, sweep, {"loss": loss})
        update(backend, sweep, self.CONFIG, metric=ACC)
        run = backend.ask(sweep).body["id"]
        assert backend.report(run, 1, 0, {"acc": -100.0}).body["command"] == "continue"
        better = backend.ask(sweep).body["id"]
        assert backend.report(better, 1, 0, {"acc": 0.5}).body["command"] == "continue"
        assert backend.report(run, 1, 1).body["command"] == "stop"

    def test_runs_of_the_metric_before_are_not_stopped(self, backend):
        sweep = backend.create(self.CONFIG)
        run = backend.ask(sweep).body["id"]
        for loss in (1.0, 2.0, 3.0):
            logged(backend, sweep, {"loss": loss})
        update(backend, sweep, self.CONFIG, metric=ACC)
        assert backend.report(run, 1, 0, {"loss": 100.0}).body["command"] == "continue"
        update(backend, sweep, self.CONFIG)
        assert backend.report(run, 1, 1).body["command"] == "stop"


def evidence(backend, sweep, services=None):
    services = services or backend.services
    counter = services.store.get_status(sweep)
    leases = services.store.list_leases(sweep)
    return gather_evidence(services, sweep, counter, leases, counter.next_index)


class TestEvidence:
    @pytest.mark.parametrize("is_warm", [True, False])
    def test_observations_are_by_the_metric_of_the_asking_run(self, backend, is_warm):
        sweep = backend.create(BAYES)
        for loss, acc in ((1.0, 0.3), (2.0, 0.6)):
            logged(backend, sweep, {"loss": loss, "acc": acc})
        backend.ask(sweep)
        assert [entry.value for entry in evidence(backend, sweep).observations] == [1.0, 2.0]
        update(backend, sweep, BAYES, metric=ACC)
        logged(backend, sweep, {"loss": 9.0, "acc": 0.9})
        warm = backend.services
        services = warm if is_warm else Services(warm.store, warm.clock, warm.rng)
        for _ in range(2):
            found = evidence(backend, sweep, services)
            assert [entry.value for entry in found.observations] == [0.3, 0.6, 0.9]
            (pending,) = found.pending
            assert (pending.best, pending.last) == (None, None)
        update(backend, sweep, BAYES)
        found = evidence(backend, sweep, services)
        assert [entry.value for entry in found.observations] == [1.0, 2.0, 9.0]

    def test_a_sweep_that_was_blind_sees(self, backend):
        """A metric that is never logged: bayes searches blind until it has the right name."""
        config = BAYES | {"metric": {"name": "val_loss"}}
        sweep = backend.create(config)
        for _ in range(20):
            taken = backend.ask(sweep).body
            x = taken["config"]["x"]
            backend.finish(taken["id"], summary={"val/loss": (x - 0.7) ** 2})
        update(backend, sweep, config, metric={"name": "val/loss"})
        for _ in range(10):
            taken = backend.ask(sweep).body
            x = taken["config"]["x"]
            backend.finish(taken["id"], summary={"val/loss": (x - 0.7) ** 2})
        assert backend.get(sweep)["best"]["best"] < 1e-5

    def test_runs_that_failed_count_by_their_last_value_of_it(self, backend):
        config = BAYES | {"metric": LOSS | {"impute": "latest"}}
        sweep = backend.create(config)
        logged(backend, sweep, {"loss": 1, "acc": 0.4}, {"loss": 1, "acc": 0.3}, state="failed")
        update(backend, sweep, config, metric=ACC | {"impute": "latest"})
        (entry,) = evidence(backend, sweep).observations
        assert (entry.value, entry.last) == (0.4, 0.3)

    def test_a_run_that_is_run_again_counts_again(self, backend):
        sweep = backend.create(BAYES)
        run = logged(backend, sweep, {"loss": 1.0, "acc": 0.3}, state="failed")
        update(backend, sweep, BAYES, metric=ACC)
        assert [entry.value for entry in evidence(backend, sweep).observations] == [0.3]
        answer = backend.call("POST", f"/v1/sweeps/{sweep}/runs/{run}/retry", {})
        assert answer.status == 200, answer.body
        again = backend.ask(sweep).body
        assert again["id"] == run
        backend.finish(run, again["attempt"], summary={"acc": 0.8})
        assert [entry.value for entry in evidence(backend, sweep).observations] == [0.8]

    def test_prior_runs_count_by_the_metric_that_they_were_given_for(self, backend):
        first = backend.create(BAYES)
        logged(backend, first, {"loss": 1.0, "acc": 0.3})
        sweep = backend.create(BAYES, prior_runs=[first])
        logged(backend, sweep, {"loss": 2.0, "acc": 0.5})
        assert [entry.value for entry in evidence(backend, sweep).observations] == [2.0, 1.0]
        warnings = update(backend, sweep, BAYES, metric=ACC)["warnings"]
        assert "prior runs, of which only the old value is kept, count no more" in str(warnings)
        assert [entry.value for entry in evidence(backend, sweep).observations] == [0.5]
        update(backend, sweep, BAYES)
        assert [entry.value for entry in evidence(backend, sweep).observations] == [2.0, 1.0]


class TestTold:
    def test_what_becomes_of_earlier_runs(self, backend, judged):
        sweep, _ = judged
        (warning,) = update(backend, sweep, GRID, metric=ACC)["warnings"]
        assert warning["path"] == "metric"
        assert warning["message"] == (
            "it was loss, minimized; runs that have ended are judged by acc from what they logged,"
            " those that are under way when they end"
        )

    def test_early_termination(self, backend):
        config = TestEarlyTermination.CONFIG
        sweep = backend.create(config)
        logged(backend, sweep, {"loss": 1.0})
        (warning,) = update(backend, sweep, config, metric=ACC)["warnings"]
        assert "compares only runs that are handed out from now on" in warning["message"]

    @pytest.mark.parametrize("metric", [LOSS | {"target": 0.1}, LOSS | {"impute": "best"}])
    def test_nothing_where_the_values_stay_as_they_are(self, backend, judged, metric):
        sweep, _ = judged
        assert update(backend, sweep, GRID, metric=metric)["warnings"] == []

    def test_nothing_before_the_first_run(self, backend):
        sweep = backend.create(GRID)
        assert update(backend, sweep, GRID, metric=ACC)["warnings"] == []
