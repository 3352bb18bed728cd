"""The hand-out from the clients' perspective: who gets which run, and when a sweep ends."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from watched_store import watch

from sweep_service.model.records.records import Lease

GRID = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}},
}
LEASE, GRACE = 300, 60


def drain(backend, sweep):
    """Ask and finish until the sweep has ended; the configurations in the order of hand-out."""
    configs = []
    while (answer := backend.ask(sweep)).status == 201:
        configs.append(answer.body["config"])
        assert backend.finish(answer.body["id"], answer.body["attempt"]).status == 200
    assert answer.status == 410
    return configs


def test_grid_hands_out_each_point_once_in_order_then_finishes(backend):
    sweep = backend.create(GRID)
    assert drain(backend, sweep) == [{"a": a, "b": b} for a in (1, 2, 3) for b in ("x", "y")]
    assert backend.get(sweep)["state"] == "finished"
    assert backend.get(sweep)["counts"] == {"finished": 6}


def test_the_sweep_finishes_with_the_last_run_not_with_the_next_ask(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    run = backend.ask(sweep).body["id"]
    assert backend.get(sweep)["state"] == "running"
    backend.finish(run)
    assert backend.get(sweep)["state"] == "finished"


def test_run_cap_bounds_a_grid_and_an_endless_random_sweep(backend):
    random_sweep = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}, "run_cap": 4}
    assert len(drain(backend, backend.create({**GRID, "run_cap": 4}))) == 4
    assert len(drain(backend, backend.create(random_sweep))) == 4


def test_a_grid_of_a_trillion_points_starts_at_once(backend):
    values = list(range(1000))
    huge = {"method": "grid", "parameters": {n: {"values": values} for n in "abcd"}}
    sweep = backend.create(huge)
    assert backend.get(sweep)["grid_points"] == 10**12
    assert backend.ask(sweep).body["config"] == dict.fromkeys("abcd", 0)


def test_same_seed_same_sequence_by_index(backend):
    config = {
        "method": "random",
        "seed": 5,
        "run_cap": 5,
        "parameters": {"x": {"min": 0.0, "max": 1.0}},
    }
    first, second = (drain(backend, backend.create(config)) for _ in range(2))
    assert first == second
    assert len({config["x"] for config in first}) == 5
    assert drain(backend, backend.create({**config, "seed": 6})) != first


def test_an_unset_seed_is_drawn_and_shown(backend):
    config = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
    seeds = {backend.get(backend.create(config))["seed"] for _ in range(3)}
    assert len(seeds) == 3


def test_a_repeated_ask_gets_the_same_run(backend):
    sweep = backend.create(GRID)
    first = backend.ask(sweep, key="the-same-key")
    again = backend.ask(sweep, key="the-same-key")
    assert first.body == again.body
    assert backend.ask(sweep, key="another-key").body["index"] == 1


def test_a_repeated_ask_after_the_run_ended_gets_another_run(backend):
    sweep = backend.create(GRID)
    first = backend.ask(sweep, key="the-same-key")
    backend.finish(first.body["id"])
    assert backend.ask(sweep, key="the-same-key").body["index"] == 1


def test_while_others_hold_the_last_runs_an_agent_waits(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    run = backend.ask(sweep).body["id"]
    waiting = backend.ask(sweep)
    assert (waiting.status, waiting.body["reason"]) == (200, "leased")
    assert waiting.body["wait_seconds"] > 0
    backend.finish(run)
    assert backend.ask(sweep).status == 410


def test_a_preempted_run_is_handed_out_again_at_once_with_the_same_config(backend):
    sweep = backend.create(GRID)
    first = backend.ask(sweep).body
    assert backend.finish(first["id"], state="preempted").body == {
        "state": "preempted",
        "requeued": True,
    }
    second = backend.ask(sweep).body
    assert (second["id"], second["config"]) == (first["id"], first["config"])
    assert second["attempt"] == first["attempt"] + 1
    assert [a["state"] for a in backend.run(first["id"])["attempts"]] == ["preempted"]


def test_a_failed_run_is_retried_as_often_as_asked_for(backend):
    sweep = backend.create({**GRID, "run_cap": 1, "retry_failed": 2})
    for attempt in (1, 2, 3):
        run = backend.ask(sweep).body
        assert run["attempt"] == attempt
        answer = backend.finish(
            run["id"], attempt, "failed", exit_code=3, stderr_tail=f"boom {attempt}"
        )
        assert answer.body["requeued"] is (attempt < 3)
    story = backend.run(run["id"])
    assert (story["state"], story["exit_code"], story["error_tail"]) == ("failed", 3, "boom 3")
    assert [(a["attempt"], a["exit_code"]) for a in story["attempts"]] == [(1, 3), (2, 3)]
    assert backend.ask(sweep).status == 410


def test_a_failed_run_is_not_retried_by_default(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    run = backend.ask(sweep).body["id"]
    backend.finish(run, state="failed")
    assert backend.ask(sweep).status == 410
    assert backend.run(run)["state"] == "failed"


def silence(backend, sweep, key="silence-key"):
    """Let a lease run out, have it suspected, and let the grace pass."""
    backend.clock.advance(LEASE + 1)
    backend.ask(sweep, key=key)
    backend.clock.advance(GRACE)


def test_a_silent_agents_run_is_taken_only_after_suspicion_and_grace(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    lost = backend.ask(sweep).body
    backend.clock.advance(LEASE + 1)
    assert backend.run(lost["id"])["state"] == "crashed"
    assert backend.ask(sweep).status == 200, "only marked as suspect"
    backend.clock.advance(GRACE - 1)
    assert backend.ask(sweep).status == 200, "still within the grace"
    backend.clock.advance(1)
    taken = backend.ask(sweep).body
    assert (taken["id"], taken["attempt"]) == (lost["id"], 2)
    assert backend.run(lost["id"])["attempts"][0]["state"] == "crashed"


def test_a_beat_within_the_grace_keeps_the_run(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    run = backend.ask(sweep).body
    backend.clock.advance(LEASE + 1)
    backend.ask(sweep)
    backend.clock.advance(GRACE / 2)
    assert backend.report(run["id"], 1, 0).status == 200
    backend.clock.advance(GRACE)
    assert backend.ask(sweep).status == 200
    assert backend.run(run["id"])["state"] == "running"


class TestAnAgentThatHasToEnd:
    def test_is_shown_and_has_a_short_lease(self, backend):
        sweep = backend.create({**GRID, "run_cap": 1})
        run = backend.ask(sweep).body
        reported = backend.preempt(run["id"], 1).body
        assert (reported["command"], reported["lease_seconds"]) == ("continue", 30)
        assert backend.run(run["id"])["state"] == "preempting"
        assert [shown["state"] for shown in backend.runs(sweep)] == ["preempting"]
        assert backend.get(sweep)["counts"] == {"preempting": 1}

    def test_its_run_is_handed_out_soon_if_it_is_killed(self, backend):
        sweep = backend.create({**GRID, "run_cap": 1})
        run = backend.ask(sweep).body
        backend.preempt(run["id"], 1)
        backend.clock.advance(31)
        assert backend.run(run["id"])["state"] == "crashed"
        assert backend.ask(sweep).status == 200, "only marked as suspect"
        backend.clock.advance(9)
        assert backend.ask(sweep).status == 200, "still within the grace"
        backend.clock.advance(1)
        taken = backend.ask(sweep).body
        assert (taken["id"], taken["attempt"]) == (run["id"], 2)
        assert backend.run(run["id"])["state"] == "running"
        again = backend.report(run["id"], 2, 0, {"loss": 1.0}).body
        assert again["lease_seconds"] == LEASE, "the next holder has a whole lease"

    def test_keeps_it_as_long_as_it_is_heard_from(self, backend):
        sweep = backend.create({**GRID, "run_cap": 1})
        run = backend.ask(sweep).body
        for offset in range(20):
            backend.preempt(run["id"], 1)
            backend.clock.advance(10)
            assert backend.report(run["id"], 1, offset, {"loss": 1.0}).status == 200
            backend.clock.advance(10)
            assert backend.ask(sweep).status == 200
        assert backend.run(run["id"])["state"] == "preempting"

    def test_a_report_that_was_on_its_way_does_not_make_the_lease_long(self, backend):
        sweep = backend.create({**GRID, "run_cap": 1})
        run = backend.ask(sweep).body
        backend.preempt(run["id"], 1)
        late = backend.clock() + LEASE
        store = backend.services.store
        lease = store.get_lease(sweep, 0)
        store.save(sweep, lease, replace(lease, lease_end=late))  # as an earlier version may
        backend.preempt(run["id"], 1)
        assert backend.services.store.get_lease(sweep, 0).lease_end == backend.clock() + 30

    def test_rows_leave_the_lease_short(self, backend):
        sweep = backend.create({**GRID, "run_cap": 1})
        run = backend.ask(sweep).body
        backend.preempt(run["id"], 1)
        assert backend.report(run["id"], 1, 0, {"loss": 1.0}).body["lease_seconds"] == 30
        assert backend.services.store.get_lease(sweep, 0).lease_end == backend.clock() + 30

    def test_a_lease_that_is_shorter_stays_as_short(self, backend):
        sweep = backend.create({**GRID, "run_cap": 1, "lease_seconds": 10})
        run = backend.ask(sweep).body
        assert backend.preempt(run["id"], 1).body["lease_seconds"] == 10

    def test_may_finish_all_the_same(self, backend):
        sweep = backend.create({**GRID, "run_cap": 1})
        run = backend.ask(sweep).body
        backend.preempt(run["id"], 1)
        assert backend.finish(run["id"]).body == {"state": "finished", "requeued": False}

    def test_an_older_attempt_changes_nothing(self, backend):
        sweep = backend.create({**GRID, "run_cap": 1})
        run = backend.ask(sweep).body
        backend.finish(run["id"], 1, "preempted")
        assert backend.preempt(run["id"], 1).status == 409
        backend.ask(sweep)
        assert backend.preempt(run["id"], 1).status == 409
        assert backend.run(run["id"])["state"] == "running"


def test_an_older_attempt_can_neither_report_nor_finish(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    old = backend.ask(sweep).body
    silence(backend, sweep)
    new = backend.ask(sweep).body
    assert backend.report(old["id"], 1, 0, {"loss": -99.0}).status == 409
    assert backend.finish(old["id"], 1, summary={"loss": -99.0}).status == 409
    assert backend.report(new["id"], 2, 0, {"loss": 1.0}).status == 200
    assert backend.finish(new["id"], 2, summary={"loss": 1.0}).status == 200
    assert backend.run(old["id"])["best"] == 1.0


def test_rows_of_a_lost_attempt_are_kept_and_not_counted(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    old = backend.ask(sweep).body
    silence(backend, sweep)
    backend.ask(sweep)
    backend.report(old["id"], 1, 0, {"loss": -99.0})
    path = f"/v1/sweeps/{sweep}/runs/{old['id']}/history"
    rows = backend.call("GET", path).body["items"]
    assert [(row["attempt"], row["metrics"]) for row in rows] == [(1, {"loss": -99.0})]


def test_a_run_that_loses_its_agent_five_times_has_crashed(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    run = backend.ask(sweep).body["id"]
    for attempt in range(2, 6):
        silence(backend, sweep, key=f"silence-{attempt}")
        assert backend.ask(sweep).body["attempt"] == attempt
    silence(backend, sweep)
    assert backend.ask(sweep).status == 410
    story = backend.run(run)
    assert story["state"] == "crashed"
    assert len(story["attempts"]) == 4
    assert backend.get(sweep)["state"] == "finished"


def test_finish_twice_is_once(backend):
    sweep = backend.create(GRID)
    run = backend.ask(sweep).body["id"]
    assert backend.finish(run, summary={"loss": 1.0}).status == 200
    again = backend.finish(run, state="failed", summary={"loss": 2.0})
    assert (again.status, again.body["state"]) == (200, "finished")
    assert backend.run(run)["summary"] == {"loss": 1.0}


def test_release_twice_is_once(backend):
    sweep = backend.create(GRID)
    run = backend.ask(sweep).body["id"]
    assert backend.finish(run, state="preempted").status == 200
    assert backend.finish(run, state="preempted").body["requeued"] is True
    assert backend.ask(sweep).body["attempt"] == 2
    assert backend.finish(run, 1, "preempted").status == 200, "late repeat of what was done"


def test_a_hole_left_by_a_dead_ask_is_filled(backend):
    sweep = backend.create({**GRID, "run_cap": 3})
    first = backend.ask(sweep).body
    backend.services.store.claim_index(sweep)  # an ask that died after its first write
    third = backend.ask(sweep).body
    assert third["index"] == 2
    assert backend.ask(sweep).body["reason"] == "leased", "holes are looked for at the end"
    for run in (first, third):
        backend.finish(run["id"])
    filled = backend.ask(sweep).body
    assert (filled["index"], filled["attempt"]) == (1, 1)
    assert filled["config"] == {"a": 1, "b": "y"}


def test_an_ask_that_died_before_the_run_item_is_taken_over(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    index, _ = backend.services.store.claim_index(sweep)
    probe = backend.create({**GRID, "run_cap": 1})
    backend.ask(probe, key="dead-ask-key")
    lease = backend.services.store.get_lease(probe, 0)
    backend.services.store.save(sweep, None, replace(lease, index=index))
    again = backend.ask(sweep, key="dead-ask-key").body
    assert (again["index"], again["attempt"]) == (0, 1)
    assert again["config"] == {"a": 1, "b": "x"}


@pytest.mark.parametrize("state", ["finished", "killed"])
def test_an_ended_run_is_never_handed_out_again(backend, state):
    sweep = backend.create({**GRID, "run_cap": 2})
    first = backend.ask(sweep).body["id"]
    backend.finish(first, state=state)
    assert backend.ask(sweep).body["index"] == 1


def test_a_paused_sweep_waits_and_an_ended_one_says_so(backend):
    sweep = backend.create(GRID)
    run = backend.ask(sweep).body["id"]

    def patch(state):
        return backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": state})

    assert patch("paused").status == 200
    assert backend.ask(sweep).body["reason"] == "paused"
    assert patch("running").body["state"] == "running"
    assert backend.ask(sweep).status == 201
    assert patch("canceled").status == 200
    assert backend.ask(sweep).status == 410
    assert backend.report(run, 1, 0).body["command"] == "stop"
    refused = patch("running")
    assert refused.status == 409
    assert "canceled" in refused.body["detail"]


def test_stop_lets_running_runs_go_on_and_resume_goes_on(backend):
    sweep = backend.create(GRID)
    run = backend.ask(sweep).body["id"]
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "finished"})
    assert backend.ask(sweep).status == 410
    assert backend.report(run, 1, 0).body["command"] == "continue"
    backend.call("PATCH", f"/v1/sweeps/{sweep}", {"state": "running"})
    assert backend.ask(sweep).body["index"] == 1


def test_raising_run_cap_of_an_ended_sweep_resumes_it(backend):
    sweep = backend.create({**GRID, "run_cap": 2})
    drain(backend, sweep)
    answer = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"run_cap": 3})
    assert (answer.status, answer.body["state"]) == (200, "running")
    assert len(drain(backend, sweep)) == 1
    assert backend.call("PATCH", f"/v1/sweeps/{sweep}", {"run_cap": 2}).status == 409


def test_the_target_finishes_the_sweep_and_running_runs_go_on(backend):
    sweep = backend.create({**GRID, "metric": {"name": "loss", "target": 0.5}})
    first, second = (backend.ask(sweep).body["id"] for _ in range(2))
    assert backend.report(first, 1, 0, {"loss": 0.6}).body["command"] == "continue"
    assert backend.get(sweep)["state"] == "running"
    backend.report(first, 1, 1, {"loss": 0.5})
    assert backend.get(sweep)["state"] == "finished"
    assert backend.report(second, 1, 0, {"loss": 3.0}).body["command"] == "continue"
    assert backend.ask(sweep).status == 410


def test_stopping_one_run(backend):
    sweep = backend.create(GRID)
    first, second = (backend.ask(sweep).body["id"] for _ in range(2))
    assert backend.call("POST", f"/v1/sweeps/{sweep}/runs/{first}/stop").status == 202
    reported = backend.report(first, 1, 0).body
    assert (reported["command"], reported["reason"]) == ("stop", "stop_run")
    assert reported["lease_seconds"] == LEASE
    assert backend.report(second, 1, 0).body["command"] == "continue"
    backend.finish(first, state="killed")
    assert backend.call("POST", f"/v1/sweeps/{sweep}/runs/{first}/stop").status == 409


def patch(backend, sweep, **change):
    return backend.call("PATCH", f"/v1/sweeps/{sweep}", change)


@pytest.mark.parametrize("state", ["running", "paused", "finished", "canceled"])
def test_a_repeated_change_of_state_has_the_effect_of_one(backend, state):
    sweep = backend.create(GRID)
    backend.ask(sweep)
    patch(backend, sweep, state=state)
    again = patch(backend, sweep, state=state)
    assert (again.status, again.body["state"]) == (200, state)


def test_a_cap_lowered_to_what_has_ended_ends_the_sweep(backend):
    sweep = backend.create(GRID)
    backend.finish(backend.ask(sweep).body["id"])
    assert patch(backend, sweep, run_cap=1).body["state"] == "finished"


def test_a_sweep_whose_last_run_ended_while_it_was_paused_ends_when_resumed(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    run = backend.ask(sweep).body["id"]
    patch(backend, sweep, state="paused")
    backend.finish(run)
    assert backend.get(sweep)["state"] == "paused"
    assert patch(backend, sweep, state="running").body["state"] == "finished"


def test_a_sweep_resumed_after_its_target_goes_on_until_it_is_reached_again(backend):
    sweep = backend.create({**GRID, "metric": {"name": "loss", "target": 0.5}})
    first, second = (backend.ask(sweep).body["id"] for _ in range(2))
    backend.report(first, 1, 0, {"loss": 0.5})
    patch(backend, sweep, state="running")
    backend.report(first, 1, 1, {"loss": 0.6})
    backend.report(first, 1, 2)
    backend.finish(first, summary={"loss": 0.6})
    assert backend.get(sweep)["state"] == "running"
    backend.report(second, 1, 0, {"loss": 0.4})
    assert backend.get(sweep)["state"] == "finished"


def test_a_paused_sweep_that_reaches_its_target_is_finished(backend):
    sweep = backend.create({**GRID, "metric": {"name": "loss", "target": 0.5}})
    run = backend.ask(sweep).body["id"]
    patch(backend, sweep, state="paused")
    backend.report(run, 1, 0, {"loss": 0.5})
    assert backend.get(sweep)["state"] == "finished"


def test_a_summary_alone_can_reach_the_target(backend):
    sweep = backend.create({**GRID, "metric": {"name": "loss", "target": 0.5}})
    first, second = (backend.ask(sweep).body["id"] for _ in range(2))
    backend.finish(first, summary={"loss": 0.6})
    assert backend.get(sweep)["state"] == "running"
    backend.finish(second, summary={"loss": 0.5})
    assert backend.get(sweep)["state"] == "finished"


def test_a_lease_opened_after_the_counter_was_read_is_left_to_the_next_ask(backend):
    """Its config version may be one that the counter as read does not know."""
    sweep = backend.create(GRID)
    backend.finish(backend.ask(sweep).body["id"])
    store, is_slow = backend.services.store, iter([True])
    wider = {**GRID, "parameters": {"a": {"values": [7, 8]}, "b": {"values": ["z"]}}}

    def let_the_world_move(name):
        if name == "list_leases" and next(is_slow, False):
            assert patch(backend, sweep, config=wider).status == 200
            index, _ = store.claim_index(sweep)
            store.save(sweep, None, Lease(index, 0, "hole", "", "", "", 0.0, released_attempt=0))

    watch(backend, let_the_world_move)
    configs = [backend.ask(sweep).body["config"] for _ in range(2)]
    assert configs == [{"a": 8, "b": "z"}, {"a": 7, "b": "z"}]


def test_an_ask_that_cannot_be_answered_here_takes_no_index(backend, monkeypatch):
    sweep = backend.create(
        {
            "method": "bayes",
            "metric": {"name": "loss"},
            "parameters": {"x": {"min": 0.0, "max": 1.0}},
        }
    )
    for name in [name for name in sys.modules if name.startswith("sweep_service.search.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numpy", None)
    answer = backend.ask(sweep)
    assert answer.status == 422
    assert "numpy" in answer.body["detail"]
    assert backend.get(sweep)["n_handed_out"] == 0


@pytest.mark.parametrize("seconds", [600, 3 * 3600, 365 * 86_400])
def test_a_lease_that_a_wrong_clock_made_is_bounded_by_what_it_can_have_been(backend, seconds):
    sweep = backend.create({**GRID, "run_cap": 1})
    backend.clock.advance(seconds)
    run = backend.ask(sweep).body
    backend.clock.advance(-seconds)
    assert backend.ask(sweep).status == 200, "only marked as suspect"
    backend.clock.advance(LEASE + GRACE - 1)
    assert backend.ask(sweep).status == 200, "its holder may be silent for a lease"
    backend.clock.advance(1)
    again = backend.ask(sweep)
    assert (again.status, again.body["id"], again.body["attempt"]) == (201, run["id"], 2)


def test_the_holder_of_such_a_lease_keeps_it_by_being_heard_from(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    backend.clock.advance(3600)
    run = backend.ask(sweep).body
    backend.clock.advance(-3600)
    for _ in range(10):
        assert backend.ask(sweep).status == 200
        backend.clock.advance(LEASE - 1)
        assert backend.report(run["id"], 1, 0).status == 200


def test_a_suspicion_of_a_wrong_clock_is_bounded_too(backend):
    sweep = backend.create({**GRID, "run_cap": 1})
    backend.ask(sweep)
    backend.clock.advance(3600)
    assert backend.ask(sweep).status == 200, "marked, an hour ahead"
    backend.clock.advance(-3600 + LEASE + 1)
    assert backend.ask(sweep).status == 200, "marked again"
    backend.clock.advance(GRACE)
    assert backend.ask(sweep).body["attempt"] == 2
