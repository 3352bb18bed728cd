"""Budgets of capacity units: what an ask, report, heartbeat and finish cost on DynamoDB."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from capacity import Units, counted
from dynamodb_kinds import open_dynamodb
from store_kinds import KINDS
from store_samples import a_lease, a_live, a_run, an_observation, an_outcome, keep

from sweep_service.model.language.sweep_config import parse_object
from sweep_service.model.records.records import Row, RowBatch
from sweep_service.model.records.shown import Labels
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.operations.amendments import RunWanted, delete_run, retry_run
from sweep_service.operations.ask import HandOut, ask
from sweep_service.operations.evidence import load_observations
from sweep_service.operations.final import final_of, with_final
from sweep_service.operations.finish import Ending, finish
from sweep_service.operations.labels import label_run, label_sweep
from sweep_service.operations.report import report
from sweep_service.operations.runs import list_runs, survey
from sweep_service.operations.services import Services
from sweep_service.operations.sweeps import NewSweep, create_sweep, get_sweep, set_state
from sweep_service.protocol.leases import Requester
from sweep_service.storage.dynamodb.store import DynamoStore

KINDS_OF_DYNAMODB = [kind for kind in KINDS if kind.open is open_dynamodb]

pytestmark = pytest.mark.parametrize(
    "kind", KINDS_OF_DYNAMODB, ids=lambda kind: kind.name, indirect=True
)


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def services(store: DynamoStore, clock: Clock) -> Services:
    return Services(store=store, clock=clock, rng=random.Random(7))


@pytest.fixture
def measure(services: Services, kind: Any) -> Iterator[Callable[[Callable[[], object]], Units]]:
    """Units of a call; on a wire that bills writes by size, ours must agree."""

    def measured(call: Callable[[], object]) -> Units:
        with counted(services.store) as units:
            call()
        if kind.name == "wire":
            assert units.writes == units.billed_writes
        return units

    return measured


def config(method: str = "grid", **changes: Any) -> dict[str, Any]:
    axes = {f"axis_{n}": {"values": [0.1, 0.2, 0.3]} for n in range(6)}
    return {"method": method, "metric": {"name": "loss"}, "parameters": axes, **changes}


def add(services: Services, **changes: Any) -> str:
    view = create_sweep(services, NewSweep(parse_object(config(**changes))), is_dry_run=False)
    assert view.sweep is not None
    services.configs.clear()
    return view.sweep


def take(services: Services, sweep: str, key: str = "key-of-this-ask") -> HandOut:
    answer = ask(services, sweep, Requester(key, "agent-of-some-name", "host.example.org", "0"))
    assert isinstance(answer, HandOut)
    return answer


AXES = {f"parameter_{n}": {"min": 0.0, "max": 1.0} for n in range(6)}
ENDLESS = {"x": {"min": 0.0, "max": 1.0}}
MULTIPLES = {"x": {"distribution": "q_normal", "q": 0.5}}


@pytest.mark.parametrize("method", ["grid", "random"])
def test_an_ask_writes_three_units(services: Services, measure: Any, method: str) -> None:
    sweep = add(services, method=method)
    units = measure(lambda: take(services, sweep))
    assert units.writes == 3
    assert units.reads <= 4  # counter, config, leases


@pytest.mark.parametrize("parameters", [ENDLESS, MULTIPLES])
@pytest.mark.parametrize("method", ["random", "bayes"])
def test_an_ask_of_an_endless_space_writes_three_units(
    services: Services, measure: Any, method: str, parameters: Any
) -> None:
    sweep = add(services, method=method, parameters=parameters)
    units = measure(lambda: take(services, sweep))
    assert units.writes == 3
    assert units.reads <= 5  # counter, config, leases, perhaps twice; observations of bayes


SKEWED = {f"p{n}": {"values": [0, 1], "probabilities": [0.9, 0.1]} for n in range(16)}


@pytest.mark.parametrize(("method", "parameters"), [("bayes", None), ("random", SKEWED)])
def test_a_claim_of_a_point_writes_one_unit_more(
    services: Services, measure: Any, method: str, parameters: Any
) -> None:
    changes = {} if parameters is None else {"parameters": parameters}
    sweep = add(services, method=method, **changes)
    units = measure(lambda: take(services, sweep))
    assert units.writes == 4
    assert units.reads <= 4


def test_the_kilobytes_of_a_config_come_on_top(services: Services, measure: Any) -> None:
    sweep = add(services, parameters={"text": {"values": ["x" * 5000, "y"]}})
    assert measure(lambda: take(services, sweep)).writes == 3 + 5


def test_a_warm_ask_reads_counter_and_leases(services: Services, measure: Any) -> None:
    sweep = add(services)
    for n in range(16):
        take(services, sweep, f"key-of-ask-{n}")
    assert measure(lambda: take(services, sweep, "another-key")).reads == 2


def test_an_ask_that_takes_a_released_run_writes_two(services: Services, measure: Any) -> None:
    sweep = add(services)
    run = take(services, sweep)
    preempted = Ending(run.attempt, RunState.PREEMPTED)
    released = measure(lambda: finish(services, sweep, run.index, preempted))
    assert released.writes == 2  # the record of the attempt, and the release
    assert measure(lambda: take(services, sweep, "another-key")).writes == 2


def rows(n_rows: int, text: str = "loss") -> tuple[Row, ...]:
    rng = random.Random(1)
    return tuple(Row(n, 1_700_000_000.5 + n, {text: rng.random()}) for n in range(n_rows))


@pytest.mark.parametrize(("n_rows", "most"), [(1, 2), (10, 2), (100, 4)])
def test_a_report_writes_one_unit_and_one_for_each_kilobyte_of_rows(
    services: Services, measure: Any, n_rows: int, most: int
) -> None:
    sweep = add(services)
    run = take(services, sweep)
    batch = RowBatch(run.attempt, 0, rows(n_rows))
    units = measure(lambda: report(services, sweep, run.index, batch))
    assert 2 <= units.writes <= most
    assert units.reads == 2


def test_what_a_program_notes_is_one_write_when_it_has_changed(
    services: Services, measure: Any
) -> None:
    sweep = add(services)
    run = take(services, sweep)
    noted = {"name": "first", "config": {"epochs": 5}}

    def send(offset: int, attributes: dict[str, Any] | None) -> Units:
        batch = RowBatch(run.attempt, offset, rows(1))
        units: Units = measure(
            lambda: report(services, sweep, run.index, batch, attributes=attributes)
        )
        return units

    assert send(0, None).writes == 2
    units = send(1, noted)
    assert (units.writes, units.reads) == (3, 3)  # a run is saved under what was read
    assert send(2, None).writes == 2


def test_a_repeated_report_writes_nothing(services: Services, measure: Any) -> None:
    sweep = add(services)
    run = take(services, sweep)
    batch = RowBatch(run.attempt, 0, rows(10))
    report(services, sweep, run.index, batch)
    assert measure(lambda: report(services, sweep, run.index, batch)).writes == 0


def test_a_heartbeat_writes_only_when_half_of_the_lease_is_over(
    services: Services, measure: Any, clock: Clock
) -> None:
    sweep = add(services)
    run = take(services, sweep)
    beat = RowBatch(run.attempt, 0, ())
    clock.now += run.lease_seconds * 0.49
    assert measure(lambda: report(services, sweep, run.index, beat)).writes == 0
    clock.now += run.lease_seconds * 0.02
    units = measure(lambda: report(services, sweep, run.index, beat))
    assert (units.writes, units.reads) == (1, 2)


def test_asking_a_run_to_stop_writes_one_unit_once(services: Services, measure: Any) -> None:
    early = {"type": "hyperband", "min_iter": 1}
    sweep = add(services, method="random", early_terminate=early)
    good, bad = take(services, sweep), take(services, sweep, "another-key")
    report(services, sweep, good.index, RowBatch(good.attempt, 0, (Row(0, 1.0, {"loss": 0.1}),)))
    batch = RowBatch(bad.attempt, 0, (Row(0, 1.0, {"loss": 0.9}),))
    reported: list[str | None] = []

    def send(batch: RowBatch) -> None:
        reported.append(report(services, sweep, bad.index, batch).reason)

    assert measure(lambda: send(batch)).writes == 4  # rows, lease, band, and why
    assert measure(lambda: send(RowBatch(bad.attempt, 1, ()))).writes == 0
    assert reported == ["early_terminate"] * 2


def test_an_agent_that_has_to_end_writes_once_and_then_when_its_short_lease_is_half_over(
    services: Services, measure: Any, clock: Clock
) -> None:
    sweep = add(services)
    run = take(services, sweep)

    def beat() -> None:
        report(services, sweep, run.index, RowBatch(run.attempt, 0, ()), is_preempting=True)

    assert measure(beat).writes == 1
    clock.now += 10
    assert measure(beat).writes == 0
    clock.now += 10
    assert measure(beat).writes == 1


@pytest.mark.parametrize(
    ("is_deleted", "n_units"),
    [
        (False, 4),  # the lease that asks for it, the counter, the record of the attempt, the run
        (True, 3),  # the lease, the run, and the lease is dropped
    ],
)
def test_a_run_that_is_retried_or_deleted_costs_a_few_units_once(
    services: Services, measure: Any, is_deleted: bool, n_units: int
) -> None:
    sweep = add(services)
    run = take(services, sweep)
    finish(services, sweep, run.index, Ending(run.attempt, RunState.FAILED, exit_code=1))

    def amend() -> None:
        wanted = RunWanted(sweep, run.index, run.attempt)
        if is_deleted:
            delete_run(services, wanted, is_again=False)
        else:
            retry_run(services, wanted)

    assert measure(amend).writes == n_units
    assert measure(amend).writes == 0


@pytest.mark.parametrize(("method", "n_units"), [("grid", 2), ("random", 2), ("bayes", 3)])
def test_a_finish_writes_two_units_and_one_for_bayes(
    services: Services, measure: Any, method: str, n_units: int
) -> None:
    sweep = add(services, method=method)
    run = take(services, sweep)
    ending = Ending(run.attempt, RunState.FINISHED, exit_code=0, summary={"loss": 0.5})
    units = measure(lambda: finish(services, sweep, run.index, ending))
    assert units.writes == n_units
    assert units.reads == 3


@pytest.mark.parametrize("n_runs", [100, 1000])
@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_look_at_a_sweep_reads_at_most_twenty_units_with_sixteen_agents(
    services: Services, measure: Any, method: str, n_runs: int
) -> None:
    """As a page of it looks every few seconds: the sweep, its open runs, and the new ones."""
    sweep = add(services, method=method, parameters=AXES)
    config = dict.fromkeys(AXES, 0.123456789)
    suggestion = {"reason": "expected improvement", "mean": 0.25, "std": 0.125}
    for index in range(n_runs):
        run = a_run(
            index,
            config=config,
            suggestion=suggestion if method == "bayes" else {},
            outcome=an_outcome(summary={f"metric-{n}": 0.123456789 for n in range(10)}),
        )
        services.store.save(sweep, None, run)
    status = services.store.get_status(sweep)
    services.store.save(sweep, status, replace(status, next_index=n_runs + 16))
    named = [*range(0, n_runs, n_runs // 15), n_runs - 1][:16]
    for index in range(n_runs, n_runs + 16):
        live = a_live(names=("accuracy", "loss", "learning_rate", "gradient_norm"))
        unit = tuple(config.values()) if method == "bayes" else None
        services.store.save(sweep, None, a_lease(index, live=live, unit=unit))
        services.store.save(sweep, None, a_run(index, config=config, suggestion=suggestion))
    get_sweep(services, sweep)

    def look() -> None:
        get_sweep(services, sweep)
        runs, following = list_runs(services, sweep, n_runs + 16, 2000, named)
        assert (len(runs), following) == (16, None)

    assert measure(look).reads <= 20

    def look_at_all() -> None:
        survey(services, sweep)

    assert measure(look_at_all).reads > n_runs / 10  # whole items, whatever is read of them


def test_what_people_write_on_a_run_or_a_sweep_is_one_write(
    services: Services, measure: Any
) -> None:
    sweep = add(services)
    run = take(services, sweep)

    def named(labels: Labels) -> Labels:
        return replace(labels, name="mine", tags=("good",))

    for label in (
        lambda: label_sweep(services, sweep, named),
        lambda: label_run(services, sweep, run.index, named),
    ):
        assert measure(label).writes == 1
        assert measure(label).writes == 0


def test_the_final_counts_of_a_sweep_are_one_write_once(services: Services, measure: Any) -> None:
    sweep = add(services)
    run = take(services, sweep)
    finish(services, sweep, run.index, Ending(run.attempt, RunState.FINISHED))
    set_state(services, sweep, SweepState.FINISHED)

    def look() -> None:
        (view,) = with_final(services, [get_sweep(services, sweep)])
        final = final_of(view)
        assert final is not None
        assert final.counts == {"finished": 1}

    assert measure(look).writes == 1
    units = measure(look)
    assert (units.writes, units.reads) == (0, 2)


def test_a_cold_ask_of_bayes_reads_a_thousand_observations_for_twenty_units(
    services: Services, measure: Any, clock: Clock
) -> None:
    sweep = add(services, method="bayes")
    rng = random.Random(3)
    for index in range(1000):
        unit = tuple(rng.random() for _ in range(6))
        entry = an_observation(index, unit=unit, value=rng.random(), written_at=clock.now + index)
        keep(services.store, entry, sweep)

    def read_as_a_cold_ask() -> None:
        counter = services.store.get_status(sweep)
        services.load_config(sweep, counter.version)
        services.store.list_leases(sweep)
        assert len(load_observations(services, sweep)) == 1000

    assert measure(read_as_a_cold_ask).reads <= 20
    warm = measure(lambda: load_observations(services, sweep))
    assert warm.reads <= 2  # the last minute
