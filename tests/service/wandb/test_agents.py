"""``wandb agent`` with the backend: the runs it gets, and the meaning of its heartbeats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wandb_client import ANN, BOB, GRID, WandbClient, take_over

from sweep_service.errors import Busy

LONGER_THAN_A_HEARTBEAT = 5.1


def states(backend: Any, sweep: str) -> list[tuple[int, str, int]]:
    return [(run["config"]["n"], run["state"], run["attempt"]) for run in backend.runs(sweep)]


def finish(wandb: WandbClient, run: str, exit_code: int = 0) -> None:
    wandb.begin(run)
    wandb.log(run, {"loss": 1.0})
    wandb.complete(run, exit_code)


def test_several_agents_run_a_grid_once(backend: Any, wandb: WandbClient, grid: str) -> None:
    given = []
    idle = [wandb.create_agent(grid, f"host-{n}") for n in range(2)]
    while idle:
        agent = idle.pop(0)
        (command,) = wandb.heartbeat(agent)
        if command["type"] == "run":
            given.append((command["run_id"], command["args"], command["program"]))
            finish(wandb, command["run_id"])
            idle.append(agent)
        else:
            assert command == {"type": "exit"}
    assert given == [(f"{grid}-{n}", {"n": {"value": n + 1}}, "train.py") for n in range(3)]
    assert states(backend, grid) == [(n, "finished", 1) for n in (1, 2, 3)]
    assert backend.get(grid)["state"] == "finished"


#: Seconds between the repeats of a heartbeat whose answers were lost, recorded with 0.31 and 0.25.
GAPS = [[2.2, 4.7, 8.6, 16.3, 33.3, 60.0], [1.1, 2.3, 4.9, 9.2, 19.6, 34.4, 60.0, 60.0, 60.0]]


@pytest.mark.parametrize("gaps", GAPS)
def test_a_repeated_heartbeat_is_the_same_ask(
    backend: Any, wandb: WandbClient, grid: str, clock: Any, gaps: list[float]
) -> None:
    agent = wandb.create_agent(grid)
    first = wandb.heartbeat(agent)
    for gap in gaps:
        clock.advance(gap)
        assert wandb.heartbeat(agent) == first
    assert states(backend, grid) == [(1, "running", 1)]
    finish(wandb, first[0]["run_id"])
    assert wandb.next_run(agent) == f"{grid}-1"


def test_a_run_whose_program_never_begins_is_not_handed_out_for_ever(
    backend: Any, wandb: WandbClient, grid: str, clock: Any
) -> None:
    """An agent on a machine so slow that its heartbeats look like repeats."""
    agent = wandb.create_agent(grid)
    first = wandb.heartbeat(agent)
    n_launches = 1
    while wandb.heartbeat(agent) == first:
        n_launches += 1
        clock.advance(30.0)
    assert n_launches <= 22
    assert states(backend, grid)[0] == (1, "failed", 1)


def test_two_agents_of_one_host_are_two(wandb: WandbClient, grid: str) -> None:
    agents = {wandb.create_agent(grid) for _ in range(2)}
    assert {wandb.next_run(agent) for agent in agents} == {f"{grid}-0", f"{grid}-1"}


def test_a_run_whose_program_never_began_is_handed_out_once_more_and_then_failed(
    backend: Any, wandb: WandbClient, grid: str, clock: Any
) -> None:
    """The agent does not say that a program died before wandb.init, nor that an answer was lost."""
    agent = wandb.create_agent(grid)
    first = wandb.heartbeat(agent)
    clock.advance(LONGER_THAN_A_HEARTBEAT)
    assert wandb.heartbeat(agent) == first
    clock.advance(1.0)
    assert wandb.heartbeat(agent) == first, "the repeat was lost too"
    clock.advance(LONGER_THAN_A_HEARTBEAT)
    assert wandb.next_run(agent) == f"{grid}-1"
    assert states(backend, grid) == [(1, "failed", 1), (2, "running", 1)]


def test_a_program_that_lived_and_died_before_wandb_init_is_not_started_again(
    backend: Any, wandb: WandbClient, grid: str, clock: Any
) -> None:
    agent = wandb.create_agent(grid)
    run = wandb.next_run(agent)
    clock.advance(LONGER_THAN_A_HEARTBEAT)
    assert wandb.heartbeat(agent, run) == []
    clock.advance(LONGER_THAN_A_HEARTBEAT)
    assert wandb.next_run(agent) == f"{grid}-1"
    assert states(backend, grid)[0] == (1, "failed", 1)


def test_a_program_that_was_killed_is_failed_by_the_next_heartbeat(
    backend: Any, wandb: WandbClient, grid: str
) -> None:
    agent = wandb.create_agent(grid)
    run = wandb.next_run(agent)
    wandb.begin(run)
    wandb.log(run, {"loss": 3.0})
    assert wandb.next_run(agent) == f"{grid}-1"
    failed = backend.run(run)
    assert (failed["state"], failed["exit_code"]) == ("failed", None)


def test_a_heartbeat_without_a_run_completes_what_a_dead_request_left(
    backend: Any, wandb: WandbClient, grid: str
) -> None:
    """The backend died between the lease and the run."""
    agent = wandb.create_agent(grid)
    store = backend.services.store
    save, store.save = store.save, None

    def lease_alone(sweep: str, seen: Any, record: Any) -> Any:
        if type(record).__name__ == "Run":
            raise Busy("the function was stopped here")
        return save(sweep, seen, record)

    store.save = lease_alone
    assert wandb.heartbeat(agent) == []
    store.save = save
    assert wandb.next_run(agent) == f"{grid}-0"
    assert states(backend, grid) == [(1, "running", 1)]


@pytest.mark.parametrize(
    ("config", "end", "state"),
    [
        ({"retry_failed": 1}, {"exit_code": 1}, "failed"),
        ({}, {"is_preempted": True, "exit_code": 1}, "preempted"),
        ({}, {"is_preempted": True}, "preempted"),
    ],
)
def test_a_run_that_is_handed_out_again_has_another_name(
    backend: Any, wandb: WandbClient, config: Any, end: Any, state: str
) -> None:
    sweep = wandb.create_sweep({**GRID, **config})
    agent = wandb.create_agent(sweep)
    run = wandb.next_run(agent)
    wandb.begin(run)
    if end.get("is_preempted"):
        wandb.log(run, preempting=True)
    if "exit_code" in end:
        wandb.complete(run, end["exit_code"])
    assert wandb.next_run(agent) == f"{sweep}-0-a2"
    assert [attempt["state"] for attempt in backend.run(run)["attempts"]] == [state]
    wandb.begin(f"{sweep}-0-a2")
    assert wandb.log(f"{sweep}-0-a2", {"loss": 2.0}) == {}
    assert wandb.log(run, {"loss": 9.0}) == {"stopped": True}, "of the attempt before"
    finish(wandb, f"{sweep}-0-a2")
    assert states(backend, sweep) == [(1, "finished", 2)]
    assert backend.run(run)["best"] == 1.0


def test_a_program_that_has_completed_may_go_on_to_save_its_model(
    wandb: WandbClient, grid: str
) -> None:
    """It is still among the live runs, and a stop would be a SIGTERM."""
    agent = wandb.create_agent(grid)
    run = wandb.next_run(agent)
    finish(wandb, run)
    assert wandb.heartbeat(agent, run) == []
    assert wandb.log(run, {"loss": 0.0}) == {}, "another wandb.init in the same program"
    assert wandb.next_run(agent) == f"{grid}-1"


def test_a_live_run_that_somebody_else_has_by_now_is_stopped(
    backend: Any, wandb: WandbClient, grid: str, clock: Any
) -> None:
    agent = wandb.create_agent(grid)
    run = wandb.next_run(agent)
    wandb.begin(run)
    take_over(backend, run, clock)
    assert wandb.heartbeat(agent, run) == [{"type": "stop", "run_id": run}]


def test_live_runs_keep_their_leases(
    backend: Any, wandb: WandbClient, grid: str, clock: Any
) -> None:
    agent = wandb.create_agent(grid)
    run = wandb.next_run(agent)
    for _ in range(100):
        clock.advance(60.0)
        assert wandb.heartbeat(agent, run) == []
    assert states(backend, grid) == [(1, "running", 1)]


def test_runs_that_the_agent_does_not_hold_are_not_touched(
    backend: Any, wandb: WandbClient, grid: str
) -> None:
    run = backend.ask(grid).body["id"]
    before = backend.services.store.get_lease(grid, 0)
    other = wandb.create_sweep(GRID)
    agent = wandb.create_agent(grid)
    assert wandb.heartbeat(agent, run) == [{"type": "stop", "run_id": run}]
    asked = {"id": agent, "runState": json.dumps({f"{other}-0": True})}
    assert wandb.ask("Heartbeat", **asked)[0] == 422
    assert backend.services.store.get_lease(grid, 0) == before


EARLY = {"early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2}}


def stop_early(backend: Any, wandb: WandbClient, sweep: str, run: str) -> None:
    """Have early termination stop a run: of four, the others are better."""
    for _ in range(3):
        other = wandb.next_run(wandb.create_agent(sweep))
        wandb.begin(other)
        wandb.log(other, {"loss": 0.0}, {"loss": 0.0})
    wandb.log(run, {"loss": 9.0}, {"loss": 9.0})


def stop_by_user(backend: Any, wandb: WandbClient, sweep: str, run: str) -> None:
    wandb.data("StopRun", id=run)


def cancel(backend: Any, wandb: WandbClient, sweep: str, run: str) -> None:
    assert wandb.set_state(sweep, "CANCELED")[0] == 200


@pytest.mark.parametrize("says_complete", [True, False])
@pytest.mark.parametrize(
    ("stop", "state", "is_early"),
    [(stop_early, "finished", True), (stop_by_user, "killed", False), (cancel, "killed", False)],
)
def test_the_reason_of_a_stop_says_how_a_run_has_ended(
    backend: Any, wandb: WandbClient, stop: Any, state: str, is_early: bool, says_complete: bool
) -> None:
    """A stop is a SIGTERM, after which most programs say nothing."""
    sweep = wandb.create_sweep({**GRID, **EARLY, "parameters": {"n": {"values": [1, 2, 3, 4, 5]}}})
    agent = wandb.create_agent(sweep)
    run = wandb.next_run(agent)
    wandb.begin(run)
    stop(backend, wandb, sweep, run)
    assert wandb.log(run) == {"stopped": True}
    assert wandb.heartbeat(agent, run) == [{"type": "stop", "run_id": run}]
    if says_complete:
        wandb.complete(run, exit_code=255)
    wandb.heartbeat(agent)
    ended = backend.run(run)
    assert (ended["state"], ended["stopped_early"]) == (state, is_early)


def test_an_agent_waits_while_the_sweep_is_paused_and_exits_when_it_has_ended(
    wandb: WandbClient, grid: str
) -> None:
    agent = wandb.create_agent(grid)
    finish(wandb, wandb.next_run(agent))
    assert wandb.set_state(grid, "PAUSED")[0] == 200
    assert wandb.heartbeat(agent) == []
    assert wandb.set_state(grid, "RUNNING")[0] == 200
    finish(wandb, wandb.next_run(agent))
    assert wandb.set_state(grid, "FINISHED")[0] == 200
    assert wandb.heartbeat(agent) == [{"type": "exit"}]


def test_an_agent_waits_for_runs_of_others(wandb: WandbClient, grid: str) -> None:
    others = [wandb.next_run(wandb.create_agent(grid)) for _ in range(3)]
    agent = wandb.create_agent(grid)
    assert wandb.heartbeat(agent) == []
    for run in others:
        finish(wandb, run)
    assert wandb.heartbeat(agent) == [{"type": "exit"}]


def test_a_deleted_sweep_is_a_404(backend: Any, wandb: WandbClient, grid: str) -> None:
    agent = wandb.create_agent(grid)
    run = wandb.next_run(agent)
    backend.call("DELETE", f"/v1/sweeps/{grid}")
    for live in ({}, {run: True}):
        asked = {"id": agent, "metrics": "{}", "runState": json.dumps(live)}
        status, body = wandb.ask("Heartbeat", **asked)
        assert (status, body["data"]) == (404, None)
        assert "deleted" in body["errors"][0]["message"]
    assert wandb.ask("CreateAgent", host="h", sweep=grid)[0] == 404


@pytest.mark.parametrize("agent", [None, "", 7, "x", "W10", "WyJhIl0", "WzEsMiwzXQ", "\ud800"])
def test_an_unknown_agent_is_a_404(wandb: WandbClient, agent: Any) -> None:
    assert wandb.ask("Heartbeat", id=agent, runState="{}")[0] == 404


@pytest.mark.parametrize("found", ["x", "[1]", "7", '"a"'])
def test_the_state_of_runs_is_an_object(wandb: WandbClient, grid: str, found: str) -> None:
    agent = wandb.create_agent(grid)
    status, body = wandb.ask("Heartbeat", id=agent, runState=found)
    assert (status, body["errors"][0]["message"][:19]) == (422, "variable 'runState'")


def test_contention_is_no_command(backend: Any, wandb: WandbClient, grid: str) -> None:
    agent = wandb.create_agent(grid)
    store = backend.services.store

    def busy(sweep: str) -> Any:
        raise Busy("many agents ask at once")

    claim, store.claim_index = store.claim_index, busy
    assert wandb.heartbeat(agent) == []
    store.claim_index = claim
    assert wandb.next_run(agent) == f"{grid}-0"


def test_an_agents_id_is_of_use_with_its_credential_alone(
    backend: Any, wandb: WandbClient, grid: str
) -> None:
    ann, bob = WandbClient(backend, ANN), WandbClient(backend, BOB)
    agent = ann.create_agent(grid)
    run = ann.next_run(agent)
    ann.begin(run)
    assert bob.next_run(agent) == f"{grid}-1", "another agent, as far as the backend can see"
    assert ann.heartbeat(agent, run) == []
    assert bob.heartbeat(agent, run) == [{"type": "stop", "run_id": run}]
    assert states(backend, grid)[0] == (1, "running", 1)


def test_the_key_of_a_lease_does_not_follow_from_what_readers_see(
    backend: Any, wandb: WandbClient, grid: str
) -> None:
    agent = wandb.create_agent(grid)
    run = wandb.next_run(agent)
    key = backend.services.store.get_lease(grid, 0).key
    seen = json.dumps([backend.run(run), wandb.data("Run", name=run), backend.get(grid)])
    assert key not in seen
    assert agent not in seen
    assert key.rpartition("-")[2] not in seen
