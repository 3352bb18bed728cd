"""Early stopping from the agents' perspective, decided on each report by values at bands."""

from __future__ import annotations

from dataclasses import replace

import pytest

SWEEP = {
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "early_terminate": {"type": "hyperband", "min_iter": 2, "eta": 3},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}


def start(backend, n_runs, **changes):
    sweep = backend.create({**SWEEP, **changes})
    return sweep, [backend.ask(sweep).body["id"] for _ in range(n_runs)]


def losses(*values):
    return [{"loss": value} for value in values]


def test_the_worse_of_two_is_stopped_at_the_band(backend):
    _, (good, bad) = start(backend, 2)
    assert backend.report(good, 1, 0, *losses(0.5, 0.4)).body["command"] == "continue"
    assert backend.report(bad, 1, 0, *losses(0.9)).body["command"] == "continue"
    reported = backend.report(bad, 1, 1, *losses(0.8)).body
    assert (reported["command"], reported["reason"]) == ("stop", "early_terminate")
    assert backend.report(good, 1, 2).body["command"] == "continue"


def test_a_maximised_metric_is_judged_the_other_way(backend):
    _, (good, bad) = start(backend, 2, metric={"name": "loss", "goal": "maximize"})
    backend.report(good, 1, 0, *losses(0.8, 0.9))
    assert backend.report(bad, 1, 0, *losses(0.4, 0.5)).body["command"] == "stop"


def test_only_finite_values_are_iterations(backend):
    _, (good, bad) = start(backend, 2)
    backend.report(good, 1, 0, *losses(0.5, 0.4))
    assert backend.report(bad, 1, 0, *losses(0.9, "NaN", "Infinity")).body["command"] == "continue"
    assert backend.report(bad, 1, 3, *losses(0.9)).body["command"] == "stop"


def test_a_repeated_report_does_not_move_a_run_to_the_next_band(backend):
    sweep, (first, second) = start(backend, 2)
    for _ in range(3):
        backend.report(first, 1, 0, *losses(0.5, 0.4))
    assert backend.services.store.list_band(sweep, 2) == {0: 0.4}
    assert backend.services.store.list_band(sweep, 6) == {}
    backend.report(second, 1, 0, *losses(0.3, 0.3, 0.3, 0.3, 0.3, 0.2))
    assert backend.services.store.list_band(sweep, 2) == {0: 0.4, 1: 0.3}
    assert backend.services.store.list_band(sweep, 6) == {1: 0.2}


def test_bands_that_a_dead_handler_left_out_are_put_by_the_repeat(backend):
    sweep, (run,) = start(backend, 1)
    backend.report(run, 1, 0, *losses(0.5))
    store = backend.services.store
    lease = store.get_lease(sweep, 0)
    applied = replace(lease.live, offset=1, n_values=2, last=0.4, best=0.4, next_row=2)
    store.save(sweep, lease, replace(lease, live=applied))  # died before the bands
    backend.report(run, 1, 1, *losses(0.4))
    assert store.list_band(sweep, 2) == {0: 0.4}


@pytest.mark.parametrize(("strict", "command"), [(True, "stop"), (False, "continue")])
def test_strict_judges_the_value_at_the_band_otherwise_the_best(backend, strict, command):
    early = {**SWEEP["early_terminate"], "strict": strict}
    _, (good, other) = start(backend, 2, early_terminate=early)
    backend.report(good, 1, 0, *losses(0.5, 0.4))
    assert backend.report(other, 1, 0, *losses(0.3, 0.8)).body["command"] == command


def test_a_stopped_run_ends_as_finished_and_counts_with_its_best(backend):
    _, (good, bad) = start(backend, 2)
    backend.report(good, 1, 0, *losses(0.5, 0.4))
    backend.report(bad, 1, 0, *losses(0.7, 0.8))
    backend.finish(bad, stopped_early=True, signal=15)
    run = backend.run(bad)
    assert (run["state"], run["stopped_early"], run["best"]) == ("finished", True, 0.7)


def stopped(backend, **changes):
    """A sweep of which one run was asked to stop: 0.8 at band 2, where 0.4 is the limit."""
    sweep, (good, bad) = start(backend, 2, **changes)
    backend.report(good, 1, 0, *losses(0.5, 0.4))
    assert backend.report(bad, 1, 0, *losses(0.7, 0.8)).body["reason"] == "early_terminate"
    return sweep, bad


WHY = {"band": 2, "value": 0.8, "threshold": 0.4}


def test_why_a_run_was_stopped_is_kept(backend):
    _, bad = stopped(backend)
    backend.finish(bad, stopped_early=True, signal=15)
    assert backend.run(bad)["early_stop"] == WHY


def test_a_maximised_metric_is_reported_in_its_own_sign(backend):
    _, (good, bad) = start(backend, 2, metric={"name": "loss", "goal": "maximize"})
    backend.report(good, 1, 0, *losses(0.5, 0.9))
    backend.report(bad, 1, 0, *losses(0.4, 0.3))
    backend.finish(bad, stopped_early=True)
    assert backend.run(bad)["early_stop"] == {"band": 2, "value": 0.3, "threshold": 0.9}


def test_one_who_does_not_say_was_stopped_if_asked_to(backend):
    _, bad = stopped(backend)
    backend.finish(bad)
    run = backend.run(bad)
    assert (run["stopped_early"], run["early_stop"]) == (True, WHY)


@pytest.mark.parametrize(
    "ending", [{"stopped_early": False}, {"state": "failed"}, {"state": "killed"}]
)
def test_a_run_that_was_asked_to_stop_may_end_otherwise(backend, ending):
    _, bad = stopped(backend)
    backend.finish(bad, **ending)
    run = backend.run(bad)
    assert (run["stopped_early"], run["early_stop"]) == (False, None)


def test_a_run_that_was_not_asked_to_stop_was_not_stopped(backend):
    _, (run,) = start(backend, 1)
    backend.report(run, 1, 0, *losses(0.5, 0.4))
    backend.finish(run)
    assert (backend.run(run)["stopped_early"], backend.run(run)["early_stop"]) == (False, None)


def test_what_was_reported_once_is_not_taken_back_when_other_runs_are_worse(backend):
    sweep, bad = stopped(backend)
    for _ in range(8):
        worse = backend.ask(sweep).body["id"]
        backend.report(worse, 1, 0, *losses(5.0, 6.0))
    assert backend.report(bad, 1, 2).body["reason"] == "early_terminate"
    assert backend.report(bad, 1, 2, *losses(0.1)).body["reason"] == "early_terminate"
    backend.finish(bad)
    assert backend.run(bad)["early_stop"] == WHY


def test_the_next_attempt_is_judged_again(backend):
    sweep, bad = stopped(backend)
    backend.finish(bad, state="preempted")
    assert backend.ask(sweep).body["id"] == bad
    assert backend.report(bad, 2, 0, *losses(0.3)).body["command"] == "continue"
    backend.finish(bad, attempt=2)
    assert backend.run(bad)["early_stop"] is None
