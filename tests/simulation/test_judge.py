"""Each judged promise is detected if broken, and only if it is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from simulation.judge import ENDING_SECONDS, Before, Broken
from simulation.kernel import Process
from simulation.world import World
from sweep_sdk._exceptions import NotFound

RUN = "aaaaaaaa-0"
OTHER = "aaaaaaaa-1"
ASKED = "/v1/sweeps/aaaaaaaa/runs"
POINT = {"a": 1}
Act = Callable[[World], object]


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    made = World(1, tmp_path, is_local=False, n_machines=1)
    made.sweep = "aaaaaaaa"
    made.is_each_point_once = True
    yield made
    made.close()


def hand_out(
    world: World,
    run: str = RUN,
    attempt: int = 1,
    key: str = "k",
    config: object = POINT,
    to: str = "agent1",
) -> None:
    """The backend hands out a run."""
    answer = json.dumps({"id": run, "attempt": attempt, "config": config}).encode()
    world.judge.saw("POST", ASKED, {"Idempotency-Key": key}, b"{}", 201, answer, to, Before())


def send(world: World, verb: str, origin: str = "agent1", **fields: object) -> None:
    """A process speaks for the run, and the backend takes it."""
    body = json.dumps({"attempt": 1, "rows": [], "state": "finished", **fields}).encode()
    path = f"/v1/sweeps/aaaaaaaa/runs/{RUN}/{verb}"
    answer = json.dumps({"state": fields.get("state", "finished"), "requeued": False}).encode()
    before = world.judge.began("POST", path, body)
    world.judge.saw("POST", path, {}, body, 200, answer, origin, before)


def amend(world: World, method: str, tail: str = "") -> None:
    """An operator retries or deletes the run."""
    path = f"/v1/sweeps/aaaaaaaa/runs/{RUN}{tail}"
    world.judge.began(method, path, b"")
    world.judge.saw(method, path, {}, b"", 200, b'{"changed": true}', "operator", Before())


def report(world: World, *numbers: int) -> None:
    """The backend takes rows of the run."""
    send(world, "reports", rows=[{"metrics": {"n": number}} for number in numbers])


def agent(world: World, exit_code: int = 0, error: Exception | None = None) -> Process:
    """An agent that has ended."""
    process = Process(world.kernel, world.machines[0], "agent1", 1)
    process.is_dead, process.exit_code, process.error = True, exit_code, error
    process.ended_at = 100.0
    world.agents.append(process)
    world.started = {"agent1": 0.0}
    world.engaged.add("agent1")
    world.successful.add("agent1")
    return process


def two_agents_of_one_attempt(world: World) -> None:
    hand_out(world, key="one")
    hand_out(world, key="another")


def one_point_twice(world: World) -> None:
    hand_out(world)
    hand_out(world, OTHER)


def two_configurations(world: World) -> None:
    hand_out(world)
    hand_out(world, config={"a": 2})


def handed_on_too_early(world: World) -> None:
    hand_out(world)
    world.kernel.now += world.lease_seconds / 2
    hand_out(world, attempt=2, key="another")


def handed_out_after_its_end(world: World) -> None:
    hand_out(world)
    send(world, "finish")
    hand_out(world, attempt=2, key="another")


def another_speaks(world: World) -> None:
    hand_out(world)
    world.kernel.spawn(world.machines[0], "agent1", lambda: 0)
    send(world, "reports", origin="agent2")


def the_end_changes(world: World) -> None:
    send(world, "finish", state="finished")
    send(world, "finish", state="failed")


def the_end_is_not_kept(world: World) -> None:
    send(world, "finish", state="finished")
    world.judge.check_ends([{"id": RUN, "state": "running"}])


def an_acknowledged_row_is_gone(world: World) -> None:
    report(world, 0, 1)
    world.judge.check_rows({(RUN, 1): [0]})


def a_row_is_there_twice(world: World) -> None:
    world.judge.check_rows({(RUN, 1): [0, 1, 1]})


def rows_are_out_of_order(world: World) -> None:
    world.judge.check_rows({(RUN, 1): [1, 0]})


def rows_of_a_worker_are_out_of_order(world: World) -> None:
    world.judge.check_rows({(RUN, 1): [1001, 0, 1000]})


def a_written_row_is_never_delivered(world: World) -> None:
    disk = world.machines[0].disk
    opened = disk.open(f"/home/{RUN}", 0o101)
    disk.write(opened, b'{"n": 7}\n')
    disk.made[-1] = f"/home/{RUN}/metrics-1.jsonl", opened.node
    world.judge.check_rows({})


def finished_with_too_few_rows(world: World) -> None:
    send(world, "finish")
    world.programs.logged[RUN, 1] = 3
    world.judge.check_rows({(RUN, 1): [0, 1]})


def rows_of_a_deleted_run_stay(world: World) -> None:
    hand_out(world)
    report(world, 0)
    amend(world, "DELETE")
    world.judge.check_rows({(RUN, 1): [0]})


def something_of_a_deleted_sweep_stays(world: World) -> None:
    world.judge.check_nothing_is_left({"rows": 1})


def an_agent_that_ended_well_is_called_lost(world: World) -> None:
    world.delivered.add((RUN, 1))
    heard = f"attempt 1 of {RUN} was left behind: lost"
    process = world.kernel.spawn(world.machines[0], "agent2", lambda: world.judge.heard(heard))
    world.kernel.run_until(lambda: process.is_dead, 1.0)
    assert process.error is not None
    raise process.error


def an_agent_ends_late(world: World) -> None:
    agent(world)
    world.signalled["agent1"] = 100.0 - ENDING_SECONDS - 0.1
    world.counted.add("agent1")
    world.judge.check_exits()


def an_agent_ends_well_before_the_sweep(world: World) -> None:
    agent(world)
    world.peek = lambda _: {"state": "running"}
    world.judge.check_exits()


def an_agent_hides_what_it_could_not_deliver(world: World) -> None:
    agent(world)
    world.counted.add("agent1")
    world.undelivered["agent1"] = {(RUN, 1)}
    world.judge.check_exits()


def an_agent_ends_late_after_a_stop(world: World) -> None:
    stopped = agent(world)
    stopped.resumed_at = 100.0 - ENDING_SECONDS - 0.1
    world.signalled["agent1"] = 10.0
    world.counted.add("agent1")
    world.judge.check_exits()


def an_agent_gives_up_for_nothing(world: World) -> None:
    agent(world, exit_code=1)
    world.judge.check_exits()


def an_agent_breaks_down(world: World) -> None:
    agent(world, exit_code=2, error=ValueError("a fault"))
    world.judge.check_exits()


def an_agent_misses_a_sweep_that_is_there(world: World) -> None:
    agent(world, exit_code=2, error=NotFound("no such sweep"))
    world.judge.check_exits()


BROKEN: dict[Act, str] = {
    two_agents_of_one_attempt: "handed to two agents",
    one_point_twice: "the same point",
    two_configurations: "two configurations",
    handed_on_too_early: "after its holder was heard from",
    handed_out_after_its_end: "handed out after it had ended",
    another_speaks: "spoke for",
    the_end_changes: "had ended as finished, and now as failed",
    the_end_is_not_kept: "had ended as finished, and now it is running",
    an_acknowledged_row_is_gone: "were acknowledged and are gone",
    a_row_is_there_twice: "are kept twice",
    rows_are_out_of_order: "out of order",
    rows_of_a_worker_are_out_of_order: "out of order",
    a_written_row_is_never_delivered: "never delivered",
    finished_with_too_few_rows: "has finished with 2 of the 3 rows",
    rows_of_a_deleted_run_stay: "was deleted up to attempt 1",
    something_of_a_deleted_sweep_stays: "there are still rows",
    an_agent_that_ended_well_is_called_lost: "its agent had delivered it",
    an_agent_ends_late: "s after its signal",
    an_agent_ends_well_before_the_sweep: "ended with 0, but the sweep is running",
    an_agent_hides_what_it_could_not_deliver: f"has not delivered {RUN}.1",
    an_agent_ends_late_after_a_stop: "s after its signal",
    an_agent_gives_up_for_nothing: "gave up, and no run had failed",
    an_agent_breaks_down: "ended by ValueError",
    an_agent_misses_a_sweep_that_is_there: "ended by NotFound",
}


@pytest.mark.parametrize("act", BROKEN, ids=lambda act: act.__name__)
def test_a_broken_promise_is_found(world, act):
    with pytest.raises(Broken, match=BROKEN[act]):
        act(world)


def handed_on_after_the_lease(world: World) -> None:
    hand_out(world)
    world.kernel.now += world.lease_seconds + 1
    hand_out(world, attempt=2, key="another")


def the_same_answer_again(world: World) -> None:
    hand_out(world)
    hand_out(world)


def handed_out_again_after_a_retry(world: World) -> None:
    hand_out(world)
    send(world, "finish", state="failed")
    amend(world, "POST", "/retry")
    hand_out(world, attempt=2, key="another")


def a_deleted_run_has_no_rows(world: World) -> None:
    hand_out(world)
    report(world, 0)
    amend(world, "DELETE")
    world.judge.check_rows({})


def rows_of_two_processes_alternate(world: World) -> None:
    report(world, 0, 1000, 1, 1001)
    world.judge.check_rows({(RUN, 1): [0, 1000, 1, 1001]})


def an_agent_ends_in_time(world: World) -> None:
    agent(world)
    world.signalled["agent1"] = 100.0 - ENDING_SECONDS + 0.1
    world.counted.add("agent1")
    world.judge.check_exits()


def an_agent_ends_in_time_after_a_stop(world: World) -> None:
    stopped = agent(world)
    stopped.resumed_at = 90.0
    world.signalled["agent1"] = 10.0
    world.counted.add("agent1")
    world.judge.check_exits()


def an_agent_delivers_later_what_it_could_not(world: World) -> None:
    send(world, "finish")
    agent(world)
    world.counted.add("agent1")
    world.undelivered["agent1"] = {(RUN, 1)}
    world.judge.check_exits()


def an_agent_says_that_it_could_not_deliver(world: World) -> None:
    agent(world, exit_code=1)
    world.undelivered["agent1"] = {(RUN, 1)}
    world.judge.check_exits()


KEPT: tuple[Act, ...] = (
    handed_on_after_the_lease,
    the_same_answer_again,
    handed_out_again_after_a_retry,
    a_deleted_run_has_no_rows,
    rows_of_two_processes_alternate,
    an_agent_ends_in_time,
    an_agent_ends_in_time_after_a_stop,
    an_agent_delivers_later_what_it_could_not,
    an_agent_says_that_it_could_not_deliver,
)


@pytest.mark.parametrize("act", KEPT, ids=lambda act: act.__name__)
def test_what_is_right_is_not_called_broken(world, act):
    act(world)
