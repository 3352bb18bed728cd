"""The evidence that bayes gets from reports and outcomes of runs."""

from __future__ import annotations

import itertools
import math

import pytest
from watched_store import watch

from sweep_service.operations.evidence import gather_evidence
from sweep_service.search.bayes.method import data_of

SPACE = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
AWAY = {"x": {"min": 2.0, "max": 3.0}, "y": {"min": 2.0, "max": 3.0}}


def sweep_with(parameters=SPACE, **metric):
    return {
        "method": "bayes",
        "seed": 3,
        "metric": {"name": "loss", **metric},
        "parameters": parameters,
    }


def loss(config):
    return (config["x"] - 0.3) ** 2 + (config["y"] - 0.6) ** 2


def evidence_of(backend, sweep):
    """What the next ask of a sweep would be given, and the index that it would get."""
    store = backend.services.store
    counter = store.get_status(sweep)
    leases, index = store.list_leases(sweep), counter.next_index
    return gather_evidence(backend.services, sweep, counter, leases, index), index


def data_for(backend, sweep):
    evidence, index = evidence_of(backend, sweep)
    version = backend.services.store.get_status(sweep).version
    return data_of(backend.services.load_config(sweep, version).config, index, evidence)


def rippled(config):
    """Several valleys, so that there is more than one place to look at."""
    return loss(config) + 0.1 * math.sin(20 * config["x"]) * math.sin(15 * config["y"])


def drive(backend, sweep, n_runs, objective=loss):
    """Runs one after the other, each finished with its value; their configs."""
    configs = []
    for _ in range(n_runs):
        run = backend.ask(sweep).body
        backend.finish(run["id"], summary={"loss": objective(run["config"])})
        configs.append(run["config"])
    return configs


# What a run that failed logged, what its summary and the program itself said; what it counts as
# by ``best`` and by ``latest``. One that gave nothing counts as the worst, 9.
FAILURES = [
    ([5.0, 1.0, 3.0], None, None, (1.0, 3.0)),
    ([5.0, 1.0, "NaN"], None, None, (1.0, 1.0)),
    ([5.0, 1.0, 3.0, "NaN", "Infinity"], "NaN", None, (1.0, 3.0)),
    ([5.0, 1.0, 3.0], 3.0, None, (1.0, 3.0)),
    ([5.0, 1.0, 3.0], 1.0, None, (1.0, 3.0)),  # a summary that holds the least value
    ([], 4.0, None, (4.0, 4.0)),
    ([5.0, 1.0, 3.0], 3.0, 2.0, (2.0, 2.0)),  # the program's own word
    (["NaN"], "NaN", None, (9.0, 9.0)),
    ([], None, None, (9.0, 9.0)),
]


@pytest.mark.parametrize("state", ["failed", "killed"])
@pytest.mark.parametrize(("rows", "said", "result", "expected"), FAILURES)
@pytest.mark.parametrize("impute", ["best", "latest"])
def test_a_failed_run_counts_by_its_best_or_its_last_value(
    backend, impute, rows, said, result, expected, state
):
    sweep = backend.create(sweep_with(impute=impute))
    backend.finish(backend.ask(sweep).body["id"], summary={"loss": 9.0})
    run = backend.ask(sweep).body["id"]
    for offset, value in enumerate(rows):
        backend.report(run, 1, offset, {"loss": value})
    backend.finish(
        run,
        state=state,
        summary={} if said is None else {"loss": said},
        **({} if result is None else {"result": result}),
    )
    by = dict(zip(("best", "latest"), expected, strict=True))
    assert list(data_for(backend, sweep).values) == [9.0, by[impute]]


@pytest.mark.parametrize(("impute", "expected"), [("best", 1.0), ("latest", 3.0), ("worst", 9.0)])
def test_a_run_that_lost_its_agents_counts_likewise(backend, impute, expected):
    sweep = backend.create(sweep_with(impute=impute))
    backend.finish(backend.ask(sweep).body["id"], summary={"loss": 9.0})
    run = backend.ask(sweep).body["id"]
    for attempt in itertools.count(1):
        backend.report(run, attempt, 0, {"loss": 1.0}, {"loss": 3.0}, {"loss": "NaN"})
        for _ in range(2):  # the first ask marks the silent one, the second takes its run
            backend.clock.advance(1000)
            again = backend.ask(sweep).body
            if again["id"] != run:
                backend.finish(again["id"], summary={"loss": 9.0})
        if backend.run(run)["state"] == "crashed" and attempt >= 5:
            break
    assert expected in data_for(backend, sweep).values
    assert set(data_for(backend, sweep).values) <= {9.0, expected}


@pytest.mark.parametrize("impute", ["best", "latest", "worst"])
def test_a_finished_run_counts_by_its_best_value_whatever_is_imputed(backend, impute):
    sweep = backend.create(sweep_with(impute=impute))
    run = backend.ask(sweep).body["id"]
    backend.report(run, 1, 0, {"loss": 1.0}, {"loss": 3.0})
    backend.finish(run, summary={"loss": 3.0})
    assert list(data_for(backend, sweep).values) == [1.0]


@pytest.mark.parametrize(("impute", "expected"), [("best", 1.0), ("latest", 3.0), ("worst", 9.0)])
def test_prior_runs_that_failed_count_likewise(backend, impute, expected):
    first = backend.create(sweep_with())
    backend.finish(backend.ask(first).body["id"], summary={"loss": 9.0})
    run = backend.ask(first).body["id"]
    backend.report(run, 1, 0, {"loss": 1.0}, {"loss": 3.0})
    backend.finish(run, state="failed")
    prior = [run["id"] for run in backend.runs(first)]
    sweep = backend.create(sweep_with(impute=impute), prior_runs=prior)
    assert list(data_for(backend, sweep).values) == [9.0, expected]


def test_a_change_of_what_is_imputed_holds_for_runs_that_have_ended(backend):
    sweep = backend.create(sweep_with(impute="best"))
    run = backend.ask(sweep).body["id"]
    backend.report(run, 1, 0, {"loss": 1.0}, {"loss": 3.0})
    backend.finish(run, state="failed")
    changed = {"config": sweep_with(impute="latest")}
    assert backend.call("PATCH", f"/v1/sweeps/{sweep}", changed).status == 200
    assert list(data_for(backend, sweep).values) == [3.0]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [("false", [9.0]), ("best", [9.0, 1.0]), ("latest", [9.0, 3.0]), ("worst", [9.0, 9.0])],
)
@pytest.mark.parametrize("rows", [[5.0, 1.0, 3.0], [5.0, 1.0, 3.0, "NaN"]])
def test_a_running_run_counts_by_what_it_has_reported(backend, rule, expected, rows):
    sweep = backend.create(sweep_with(impute_while_running=rule))
    backend.finish(backend.ask(sweep).body["id"], summary={"loss": 9.0})
    run = backend.ask(sweep).body["id"]
    for offset, value in enumerate(rows):
        backend.report(run, 1, offset, {"loss": value})
    data = data_for(backend, sweep)
    assert list(data.values) == expected
    assert len(data.pending) == (rule == "false")


@pytest.mark.parametrize(
    ("rule", "expected"), [("best", [9.0, 9.0]), ("latest", [9.0]), ("worst", [9.0, 9.0])]
)
@pytest.mark.parametrize("is_given_back", [True, False])
def test_a_run_that_has_reported_nothing_or_begins_again(backend, rule, expected, is_given_back):
    sweep = backend.create(sweep_with(impute_while_running=rule))
    backend.finish(backend.ask(sweep).body["id"], summary={"loss": 9.0})
    run = backend.ask(sweep).body["id"]
    if is_given_back:
        backend.report(run, 1, 0, {"loss": 1.0})
        backend.finish(run, state="preempted")
    assert list(data_for(backend, sweep).values) == expected


def test_runs_outside_a_range_that_was_moved_are_known_but_not_modelled(backend):
    sweep = backend.create(sweep_with())
    drive(backend, sweep, 10)
    out = backend.ask(sweep).body["index"]
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": sweep_with(AWAY)})
    evidence, index = evidence_of(backend, sweep)
    assert set(evidence.elsewhere) == {*range(10), out}
    data = data_of(backend.services.load_config(sweep, 2).config, index, evidence)
    assert (data.n_unseen, data.unseen, len(data.values), len(data.pending)) == (0, (), 0, 0)


def test_after_a_move_the_sweep_is_as_good_as_a_new_one(backend):
    sweep = backend.create(sweep_with())
    drive(backend, sweep, 20)
    moved = {"x": {"min": 0.2, "max": 0.4}, "y": {"min": 0.5, "max": 1.5}}
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": sweep_with(moved)})
    drive(backend, sweep, 6)
    assert data_for(backend, sweep).n_unseen == 0
    assert min(loss(config) for config in drive(backend, sweep, 12)) < 1e-4


@pytest.mark.parametrize("n_prior", [0, 20])
def test_asks_that_have_not_been_answered_are_reported_by_their_indices(backend, n_prior):
    first = backend.create(sweep_with())
    drive(backend, first, n_prior)
    prior = [run["id"] for run in backend.runs(first)]
    sweep = backend.create(sweep_with(), prior_runs=prior)
    drive(backend, sweep, 2)
    backend.ask(sweep)
    for _ in range(3):  # their agents are at work, or have died
        backend.services.store.claim_index(sweep)
    data = data_for(backend, sweep)
    assert (data.n_unseen, data.unseen) == (3, (3, 4, 5))
    assert len(data.values) == n_prior + 2


@pytest.mark.parametrize("n_prior", [0, 20])
def test_a_burst_of_asks_gets_well_separated_points(backend, n_prior):
    """None of those who ask at the same moment sees any of the others."""
    first = backend.create(sweep_with())
    drive(backend, first, n_prior, rippled)
    prior = [run["id"] for run in backend.runs(first)]
    reported = []
    for has_heard in (True, False):
        sweep = backend.create(sweep_with(), prior_runs=prior)
        drive(backend, sweep, 8, rippled)
        units = []
        for _ in range(5):
            run = backend.ask(sweep).body
            units.append((run["config"]["x"], run["config"]["y"]))
            if not has_heard:  # to the next one it looks as if this one were still being answered
                store = backend.services.store
                store.delete(sweep, store.get_lease(sweep, run["index"]))
        reported.append(units)
    for heard, unheard in zip(*reported, strict=True):  # guessed exactly as they were answered
        assert heard == pytest.approx(unheard)
    assert min(math.dist(a, b) for a, b in itertools.combinations(units, 2)) > 5e-4


@pytest.mark.parametrize("hours", [3, -3])
@pytest.mark.parametrize("n_wrong", [1, 4])
def test_a_clock_that_was_wrong_for_a_while_hides_nothing(backend, hours, n_wrong):
    sweep = backend.create(sweep_with())
    drive(backend, sweep, 3)
    backend.clock.advance(hours * 3600)
    drive(backend, sweep, n_wrong)
    backend.clock.advance(-hours * 3600)
    for n_ended in range(3 + n_wrong, 12):
        evidence, _ = evidence_of(backend, sweep)
        assert [entry.index for entry in evidence.observations] == list(range(n_ended))
        drive(backend, sweep, 1)


def test_what_will_never_be_observed_is_looked_for_once(backend):
    sweep = backend.create(sweep_with())
    drive(backend, sweep, 3)
    backend.services.store.claim_index(sweep)  # a hole, until the sweep is reconciled
    drive(backend, sweep, 1)
    reads = []
    watch(backend, lambda name: reads.append(name) if name == "list_observations" else None)
    for _ in range(3):
        evidence_of(backend, sweep)
    assert len(reads) == 3  # the tails: the ask of the last run has looked for the hole
