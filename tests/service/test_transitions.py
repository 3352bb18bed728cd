"""The transitions of the hand-out protocol as pure functions of records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sweep_service.errors import LeaseHeld, LeaseLost, NotPossible, OutcomeKnown
from sweep_service.model.records.records import (
    Amendment,
    Base,
    EarlyStop,
    Lease,
    LiveSummary,
    Outcome,
    Run,
    SweepStatus,
)
from sweep_service.model.records.states import ALLOWED_FROM, RunState, SweepState
from sweep_service.protocol import leases, runs, sweeps
from sweep_service.protocol.leases import Requester

RUNNING, PAUSED = SweepState.RUNNING, SweepState.PAUSED
FINISHED, CANCELED = SweepState.FINISHED, SweepState.CANCELED
SECONDS = 300
NOW = 1000.0
REQUESTER = Requester("new-key", "new-agent", "new-host", "1")
STOP = EarlyStop(9, 0.83, 0.61)
LIVE = LiveSummary(offset=0, n_values=3, last=0.5, best=0.25, step=9, next_row=3)
HELD = Lease(4, 2, "key", "agent", "host", "0", NOW + 200)
RELEASED = replace(HELD, released_attempt=2, lease_end=0.0)
SILENT = replace(HELD, lease_end=NOW - 100, suspect_at=NOW - 60)
RUN = Run(4, {"lr": 0.1}, 1, 2, "key", "agent", "host", 500.0, 600.0)
OUTCOME = Outcome(RunState.FINISHED, 900.0, best=0.5)
STATUS = SweepStatus(RUNNING, 3, 9, None, (Base(1, 0),), 7, change=4)


def take(lease: Lease, run: Run | None = RUN, **changes: Any) -> Lease:
    values = {"requester": REQUESTER, "now": NOW, "lease_seconds": SECONDS, "unit": None, **changes}
    return leases.take(lease, run, **values)


class TestSuspicion:
    def test_an_overdue_lease_is_marked_once(self) -> None:
        marked = leases.suspect(replace(HELD, lease_end=900.0), NOW)
        assert marked.suspect_at == NOW
        assert leases.suspect(marked, NOW + 50) == marked

    def test_a_mark_from_the_future_is_replaced(self) -> None:
        assert leases.suspect(replace(HELD, suspect_at=NOW + 500), NOW).suspect_at == NOW

    @pytest.mark.parametrize(
        ("lease_end", "is_overdue"),
        [(NOW - 1, True), (NOW, False), (NOW + SECONDS, False), (NOW + SECONDS + 6, True)],
    )
    def test_a_lease_is_overdue_when_expired_or_too_long(
        self, lease_end: float, is_overdue: bool
    ) -> None:
        lease = replace(HELD, lease_end=lease_end)
        assert leases.is_overdue(lease, NOW, SECONDS) is is_overdue

    def test_a_released_lease_is_not_overdue(self) -> None:
        assert not leases.is_overdue(RELEASED, NOW, SECONDS)

    @pytest.mark.parametrize(
        ("changes", "since", "is_given_up"),
        [
            ({}, 60, True),
            ({}, 59, False),
            ({"is_preempting": True}, 10, True),
            ({"is_preempting": True}, 9, False),
            ({"lease_end": NOW + 9000}, 60 + SECONDS, True),
            ({"lease_end": NOW + 9000}, 59 + SECONDS, False),
            ({"lease_end": NOW + 100}, 400, False),  # its holder was heard from
        ],
    )
    def test_it_is_given_up_after_the_grace(
        self, changes: dict[str, Any], since: float, is_given_up: bool
    ) -> None:
        lease = replace(SILENT, suspect_at=NOW - since, **changes)
        assert leases.is_given_up(lease, NOW, SECONDS) is is_given_up

    def test_a_short_lease_has_a_short_grace(self) -> None:
        assert leases.grace_seconds(HELD, 20) == 20


class TestTake:
    def test_a_released_lease_is_reset_for_its_taker(self) -> None:
        lease = replace(
            RELEASED,
            suspect_at=NOW,
            losses=1,
            failures=2,
            is_stop_requested=True,
            early_stop=STOP,
            is_preempting=True,
            live=LIVE,
            unit=(0.5,),
            revision=3,
            amendment=Amendment.RETRY,
        )
        assert take(lease, unit=(0.75,)) == Lease(
            4,
            3,
            "new-key",
            "new-agent",
            "new-host",
            "1",
            NOW + SECONDS,
            released_attempt=2,
            losses=1,
            failures=2,
            unit=(0.5,),
            revision=3,
            amendment=Amendment.RETRY,
        )

    def test_a_lease_without_one_is_given_its_unit_vector(self) -> None:
        assert take(RELEASED, None, unit=(0.75,)).unit == (0.75,)

    def test_a_silent_holder_loses_its_run(self) -> None:
        taken = take(SILENT)
        assert (taken.attempt, taken.losses, taken.suspect_at) == (3, 1, None)

    @pytest.mark.parametrize("run", [None, replace(RUN, attempt=1)])
    def test_an_attempt_that_was_never_handed_out_is_no_loss(self, run: Run | None) -> None:
        assert take(SILENT, run).losses == 0

    def test_with_the_last_loss_the_lease_has_ended(self) -> None:
        almost = replace(SILENT, losses=leases.MAX_ATTEMPTS - 2)
        assert take(almost).lease_end == NOW + SECONDS
        crashed = take(replace(almost, losses=leases.MAX_ATTEMPTS - 1))
        assert crashed.is_expired(NOW)
        assert not take(replace(RELEASED, losses=leases.MAX_ATTEMPTS)).is_expired(NOW)

    @pytest.mark.parametrize(
        "lease", [HELD, replace(SILENT, suspect_at=None), replace(SILENT, suspect_at=NOW - 59)]
    )
    def test_a_lease_whose_holder_may_be_heard_from_is_not_taken(self, lease: Lease) -> None:
        with pytest.raises(LeaseHeld):
            take(lease)

    def test_a_repeat_is_fine(self) -> None:
        taken = take(SILENT)
        assert take(taken) == taken
        extended = leases.extend(taken, NOW + 900, LIVE)
        assert take(extended) == extended

    def test_what_was_given_back_is_no_longer_its_own(self) -> None:
        given_back = leases.release(take(SILENT), 3, is_failure=False)
        assert take(given_back).attempt == 4


OTHERS = [None, replace(HELD, attempt=1), replace(HELD, attempt=3), RELEASED]


class TestHeld:
    @pytest.mark.parametrize("lease", OTHERS)
    def test_only_its_own_attempt_holds_a_lease(self, lease: Lease | None) -> None:
        with pytest.raises(LeaseLost):
            leases.held(lease, 2)
        with pytest.raises(LeaseLost):
            leases.stop_early(lease, 2, STOP)

    @pytest.mark.parametrize("lease", OTHERS[:3])
    def test_only_the_holder_can_release_a_lease(self, lease: Lease | None) -> None:
        with pytest.raises(LeaseLost):
            leases.release(lease, 2, is_failure=False)

    def test_an_earlier_release_is_past(self) -> None:
        lease = replace(HELD, released_attempt=1)
        assert leases.held(lease, 2) == lease


class TestExtend:
    def test_a_holder_that_is_heard_from_is_not_suspected(self) -> None:
        extended = leases.extend(replace(HELD, suspect_at=NOW), NOW + 300)
        assert extended == replace(HELD, lease_end=NOW + 300)

    def test_a_lease_never_becomes_shorter(self) -> None:
        assert leases.extend(HELD, NOW).lease_end == HELD.lease_end

    def test_what_was_reported_is_kept(self) -> None:
        reported = leases.extend(HELD, NOW, LIVE)
        assert reported.live == LIVE
        assert leases.extend(reported, NOW + 1).live == LIVE

    def test_only_a_holder_that_has_to_end_has_its_lease_made_short(self) -> None:
        short = leases.preempt(replace(HELD, suspect_at=NOW), NOW + 30)
        assert short == replace(HELD, lease_end=NOW + 30, is_preempting=True)
        assert leases.extend(short, NOW + 40).is_preempting


class TestBegin:
    def test_notes_that_the_program_has_started(self) -> None:
        fresh = replace(HELD, live=LiveSummary(), suspect_at=NOW)
        begun = leases.begin(fresh, 2)
        assert not leases.has_begun(fresh)
        assert leases.has_begun(begun)
        assert begun == replace(HELD, live=LiveSummary(next_row=0))

    def test_what_was_reported_remains(self) -> None:
        assert leases.begin(replace(HELD, live=LIVE), 2).live == LIVE

    @pytest.mark.parametrize("lease", [None, RELEASED, replace(HELD, attempt=3)])
    def test_a_run_is_not_handed_to_others_than_the_holder(self, lease: Lease | None) -> None:
        with pytest.raises(LeaseLost):
            leases.begin(lease, 2)
        with pytest.raises(LeaseLost):
            leases.answer_again(lease, 2, NOW, None)

    def test_an_answer_again_prolongs_and_keeps_or_sets_the_doubt(self) -> None:
        end = HELD.lease_end + 7
        longer = replace(HELD, lease_end=end)
        assert leases.answer_again(HELD, 2, end, None) == longer
        doubted = replace(longer, suspect_at=NOW)
        assert leases.answer_again(HELD, 2, end, NOW) == doubted
        assert leases.answer_again(doubted, 2, end, None) == doubted


class TestRelease:
    @pytest.mark.parametrize(("is_failure", "failures"), [(False, 1), (True, 2)])
    def test_gives_back(self, is_failure: bool, failures: int) -> None:
        lease = replace(HELD, suspect_at=NOW, failures=1)
        released = leases.release(lease, 2, is_failure=is_failure)
        assert released == replace(RELEASED, failures=failures)
        assert released.is_released

    def test_a_repeat_counts_once(self) -> None:
        released = leases.release(HELD, 2, is_failure=True)
        assert leases.release(released, 2, is_failure=True) == released
        taken = take(released)
        assert leases.release(taken, 2, is_failure=True) == taken


class TestStop:
    def test_the_holder_is_asked_to_stop(self) -> None:
        stopped = leases.request_stop(HELD)
        assert stopped == replace(HELD, is_stop_requested=True)
        assert leases.request_stop(stopped) == stopped

    @pytest.mark.parametrize("lease", [None, RELEASED])
    def test_a_run_without_a_holder_cannot_be_stopped(self, lease: Lease | None) -> None:
        with pytest.raises(NotPossible):
            leases.request_stop(lease)

    def test_the_first_reason_remains(self) -> None:
        stopped = leases.stop_early(HELD, 2, STOP)
        assert stopped.early_stop == STOP
        assert leases.stop_early(stopped, 2, EarlyStop(27, 0.9, 0.5)) == stopped


@pytest.mark.parametrize(
    ("attempt", "revision", "is_left_over"),
    [(2, 0, True), (1, 0, True), (3, 0, False), (2, 1, False)],
)
def test_a_lease_is_left_over_unless_it_is_newer(
    attempt: int, revision: int, is_left_over: bool
) -> None:
    lease = replace(HELD, attempt=attempt, revision=revision)
    assert leases.is_left_over(lease, 2, 0) is is_left_over


NEXT = replace(HELD, attempt=3, key="next", agent="next-agent", host="next-host")


class TestAdvance:
    def test_the_run_is_handed_to_the_holder_of_its_lease(self) -> None:
        advanced = runs.advance(RUN, NEXT, NOW)
        assert advanced == replace(
            RUN, attempt=3, key="next", agent="next-agent", host="next-host", started_at=NOW
        )
        assert runs.advance(advanced, NEXT, NOW + 50) == advanced

    @pytest.mark.parametrize(
        "run",
        [
            None,
            replace(RUN, attempt=3),  # with another key
            replace(RUN, attempt=4, key="next"),
            replace(RUN, revision=1),
        ],
    )
    def test_not_to_one_who_comes_late(self, run: Run | None) -> None:
        with pytest.raises(LeaseLost):
            runs.advance(run, NEXT, NOW)

    @pytest.mark.parametrize("attempt", [2, 3])
    def test_not_when_it_has_ended(self, attempt: int) -> None:
        with pytest.raises(OutcomeKnown):
            runs.advance(replace(RUN, attempt=attempt, outcome=OUTCOME), NEXT, NOW)

    def test_the_first_holder_has_a_new_run(self) -> None:
        run = runs.new_run(HELD, 1, {"lr": 0.1}, {}, 500.0)
        assert run == replace(RUN, started_at=500.0)


class TestEnd:
    def test_the_outcome_takes_the_place_of_notes(self) -> None:
        run = replace(RUN, attributes={"name": "first"})
        assert runs.end(run, 2, 0, OUTCOME) == replace(RUN, outcome=OUTCOME)

    def test_the_first_outcome_remains(self) -> None:
        ended = runs.end(RUN, 2, 0, OUTCOME)
        assert runs.end(ended, 2, 0, replace(OUTCOME, state=RunState.FAILED)) == ended

    @pytest.mark.parametrize("outcome", [None, OUTCOME])
    @pytest.mark.parametrize(("attempt", "revision"), [(1, 0), (3, 0), (2, 1)])
    def test_another_attempt_or_revision(
        self, outcome: Outcome | None, attempt: int, revision: int
    ) -> None:
        with pytest.raises(LeaseLost):
            runs.end(replace(RUN, outcome=outcome), attempt, revision, OUTCOME)
        with pytest.raises(LeaseLost):
            runs.end(None, attempt, revision, OUTCOME)


class TestAmend:
    @pytest.mark.parametrize("outcome", [None, Outcome(RunState.DELETED, NOW)])
    def test_the_outcome_is_replaced_once(self, outcome: Outcome | None) -> None:
        ended = replace(RUN, outcome=OUTCOME)
        amended = runs.amend(ended, 2, 0, outcome)
        assert amended == replace(RUN, outcome=outcome, revision=1)
        assert runs.amend(amended, 2, 0, outcome) == amended

    @pytest.mark.parametrize(("attempt", "revision"), [(1, 0), (3, 0), (2, 1)])
    def test_of_the_attempt_and_revision_that_ended(self, attempt: int, revision: int) -> None:
        ended = replace(RUN, outcome=OUTCOME)
        assert runs.amend(ended, attempt, revision, None) == ended

    def test_a_run_that_goes_on_stays_as_it_is(self) -> None:
        assert runs.amend(RUN, 2, 0, Outcome(RunState.DELETED, NOW)) == RUN


class TestNote:
    def test_the_last_notes_remain_until_the_end(self) -> None:
        noted = runs.note(runs.note(RUN, 2, {"name": "first"}), 2, {"tags": ["a"]})
        assert noted.attributes == {"tags": ["a"]}
        assert runs.advance(noted, NEXT, NOW).attributes == noted.attributes
        ended = replace(RUN, outcome=OUTCOME)
        assert runs.note(ended, 2, {"name": "late"}) == ended

    def test_a_note_of_another_attempt_is_ignored(self) -> None:
        assert runs.note(RUN, 1, {"name": "late"}) == RUN


class TestSetState:
    @pytest.mark.parametrize(
        ("old", "new"), [(old, new) for new, olds in ALLOWED_FROM.items() for old in olds]
    )
    def test_allowed(self, old: SweepState, new: SweepState) -> None:
        changed = sweeps.set_state("abc", replace(STATUS, state=old), new)
        assert changed == replace(STATUS, state=new)
        assert sweeps.set_state("abc", changed, new) == changed

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (old, new)
            for new, olds in ALLOWED_FROM.items()
            for old in ALLOWED_FROM
            if old not in olds and old is not new
        ],
    )
    def test_not_allowed(self, old: SweepState, new: SweepState) -> None:
        with pytest.raises(NotPossible, match=r"possible now: \w+"):
            sweeps.set_state("abc", replace(STATUS, state=old), new)


class TestFinish:
    def test_by_the_target(self) -> None:
        for state in (RUNNING, PAUSED):
            assert sweeps.finish_at_target(replace(STATUS, state=state)).state is FINISHED
        for state in (FINISHED, CANCELED):
            ended = replace(STATUS, state=state)
            assert sweeps.finish_at_target(ended) == ended

    def test_by_exhaustion(self) -> None:
        exhausted = replace(STATUS, next_index=9)
        assert sweeps.finish_if_exhausted(exhausted).state is FINISHED

    @pytest.mark.parametrize(
        "changes",
        [{}, {"limit": None}, *({"next_index": 9, "state": s} for s in (PAUSED, CANCELED))],
    )
    def test_not_yet(self, changes: dict[str, Any]) -> None:
        status = replace(STATUS, **changes)
        assert sweeps.finish_if_exhausted(status) == status

    @pytest.mark.parametrize(
        ("state", "next_index", "reopened"),
        [
            (FINISHED, 9, RUNNING),
            (FINISHED, 3, FINISHED),  # by its user, or its target
            (PAUSED, 9, PAUSED),
            (CANCELED, 9, CANCELED),
        ],
    )
    def test_only_an_exhausted_sweep_is_reopened(
        self, state: SweepState, next_index: int, reopened: SweepState
    ) -> None:
        status = replace(STATUS, state=state, next_index=next_index)
        assert sweeps.reopen(status) == replace(status, state=reopened)


class TestLimit:
    def test_cap_and_limit(self) -> None:
        changed = sweeps.set_limit(STATUS, 5, 4)
        assert changed == replace(STATUS, run_cap=5, limit=4)
        assert sweeps.set_limit(changed, None, None) == replace(STATUS, limit=None)

    def test_down_to_what_was_given_out_but_no_further(self) -> None:
        assert sweeps.set_limit(STATUS, 3, 3).limit == 3
        for change in (sweeps.set_limit, lambda s, *c: sweeps.add_version(s, 2, *c)):
            with pytest.raises(NotPossible, match="run_cap: found 2; 3 runs"):
                change(STATUS, 2, 2)

    @pytest.mark.parametrize("limit", [10, None])
    def test_an_exhausted_sweep_runs_again(self, limit: int | None) -> None:
        ended = replace(STATUS, state=FINISHED, next_index=9)
        assert sweeps.set_limit(ended, None, limit).state is RUNNING
        assert sweeps.add_version(ended, 2, None, limit).state is RUNNING

    @pytest.mark.parametrize(
        ("state", "next_index", "old", "new"),
        [
            (FINISHED, 4, 5, 6),  # finished before its end, as by a metric's target
            (FINISHED, 4, None, 6),
            (FINISHED, 5, 5, 5),
            (CANCELED, 5, 5, 6),
            (PAUSED, 5, 5, 6),
        ],
    )
    def test_other_sweeps_stay_in_their_state(
        self, state: SweepState, next_index: int, old: int | None, new: int
    ) -> None:
        status = replace(STATUS, state=state, next_index=next_index, limit=old)
        assert sweeps.set_limit(status, None, new).state is state

    def test_limits_are_bounded_to_64_bits(self) -> None:
        created = sweeps.new_sweep(7, 10**41, 10**40)
        assert (created.run_cap, created.limit) == (2**63 - 1, 2**63 - 1)
        assert sweeps.set_limit(created, 10**41, 10**40) == created


def test_a_version_applies_from_the_next_index_on() -> None:
    changed = sweeps.add_version(STATUS, 5, 20, 12)
    bases = (Base(1, 0), Base(5, 3))
    assert changed == replace(STATUS, bases=bases, run_cap=20, limit=12)
    assert [changed.version_of(index) for index in (2, 3)] == [1, 5]
