"""Prior runs: a new bayes sweep learns from ended runs of any sweep."""

from __future__ import annotations

import pytest

from sweep_service.operations import prior as _prior
from sweep_service.operations.evidence import load_observations

BAYES = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
}


def ended(backend, sweep, summary, state="finished"):
    run = backend.ask(sweep).body["id"]
    backend.finish(run, state=state, summary=summary)
    return run


def heir(backend, *prior_runs, **changes):
    """A sweep with prior runs: what it knows of them, and what was odd."""
    body = {"config": {**BAYES, **changes}, "prior_runs": list(prior_runs)}
    answer = backend.call("POST", "/v1/sweeps", body)
    assert answer.status == 201, answer.body
    known = load_observations(backend.services, answer.body["id"])
    warnings = [warning["message"] for warning in answer.body["warnings"]]
    return [entry.value for entry in known], warnings


def test_a_sweep_means_all_of_its_runs_that_have_ended(backend):
    first = backend.create(BAYES)
    for loss, state in ((1.0, "finished"), (2.0, "failed"), (3.0, "killed")):
        ended(backend, first, {"loss": loss}, state)
    backend.ask(first)  # it goes on
    given_back = backend.ask(first).body["id"]
    backend.finish(given_back, state="preempted")
    assert heir(backend, first) == ([1.0, 2.0, 3.0], [])


def test_several_sweeps_and_runs_beside_each_other(backend):
    first, second = backend.create(BAYES), backend.create(BAYES)
    runs = [ended(backend, first, {"loss": loss}) for loss in (1.0, 2.0)]
    ended(backend, second, {"loss": 5.0})
    assert heir(backend, runs[1], first, second, runs[0]) == ([2.0, 1.0, 5.0], [])


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        ({"name": "acc", "goal": "maximize"}, [0.9, 0.5]),
        ({"name": "acc"}, [0.2, 0.5]),
        ({"name": "loss", "goal": "maximize"}, [4.0, 3.0]),
    ],
)
def test_of_another_metric_what_the_runs_logged_of_it(backend, metric, values):
    first = backend.create(BAYES)
    whole = {"loss": 1.0, "loss.min": 1.0, "loss.max": 4.0}
    ended(backend, first, whole | {"acc": 0.3, "acc.min": 0.2, "acc.max": 0.9})
    ended(backend, first, {"loss": 3.0, "acc": 0.5})
    assert heir(backend, first, metric=metric) == (values, [])


def test_runs_that_never_logged_it_are_left_out_by_name(backend):
    first = backend.create(BAYES)
    run = ended(backend, first, {"acc": 0.5})
    ended(backend, first, {"loss": 3.0})
    values, warnings = heir(backend, first)
    assert values == [3.0]
    assert warnings == [f"run {run} is left out: it has no value of loss"]


def test_of_very_many_the_first_are_taken_and_a_line_says_so(backend, monkeypatch):
    monkeypatch.setattr(_prior, "MOST_PRIOR_RUNS", 3)
    first = backend.create(BAYES)
    for loss in range(5):
        ended(backend, first, {"loss": loss})
    values, warnings = heir(backend, first)
    assert values == [0.0, 1.0, 2.0]
    assert warnings == ["there are more than 3 runs; the first 3 are taken"]
    assert heir(backend, f"{first}-0", f"{first}-2", f"{first}-4") == ([0.0, 2.0, 4.0], [])


def test_many_warnings_are_summed_up(backend):
    first = backend.create(BAYES)
    for _ in range(30):
        ended(backend, first, {})
    values, warnings = heir(backend, first)
    assert values == []
    assert len(warnings) == 21
    assert warnings[-1] == "30 of 30 prior runs are left out in all"


def test_a_sweep_of_which_no_run_has_ended(backend):
    first = backend.create(BAYES)
    backend.ask(first)
    assert heir(backend, first) == ([], [f"no run of sweep {first} has ended"])


def test_a_sweep_that_does_not_exist_is_refused(backend):
    answer = backend.call("POST", "/v1/sweeps", {"config": BAYES, "prior_runs": ["abcd1234"]})
    assert answer.status == 422
    assert "abcd1234" in str(answer.body["errors"])
