"""Observes one sweep write by write, and reports which promise is broken.

The promises are numbered as in the hand-out protocol:

1. no attempt is handed to two ask keys, and none of an ended run;
2. attempts of an index are handed out in growing order, a new one only after the last was released
   or its lease end and the grace after it have passed;
3. an outcome is written once an attempt, by the attempt that it names, and only a person's
   amendment takes it back;
4. no more indices are given out than the limit allows;
5. a sweep that finished by exhaustion has an outcome of every index, and of bayes an observation;
6. a sweep ends if faults stop and one agent goes on (the machine's business, not the witness's);
7. a repeated request has the effect of one;
8. a report or finish of an older attempt changes neither lease, run, bands nor observations;
9. each point of a finite space is handed out once; in an endless one no two runs that are out at
   once are the same;
10. a point that was added, and whose sender has the answer, is handed out before all that the
   search chooses from then on.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from protocol_handlers import Call
from protocol_requests import (
    BY_USER,
    AddPoint,
    Ask,
    Finish,
    OfAttempt,
    Preempt,
    Reconcile,
    Report,
    Retry,
    SetState,
)

from sweep_service.errors import Busy, LeaseLost, NotFound, NotPossible, SweepEnded
from sweep_service.model.language.sweep_config import SweepConfig
from sweep_service.model.records.entries import BandValue, ErrorTail
from sweep_service.model.records.records import (
    Amendment,
    AttemptRecord,
    Lease,
    Outcome,
    RowBatch,
    Run,
    SweepStatus,
)
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.operations.adding import AddedPoint
from sweep_service.operations.ask import HandOut
from sweep_service.operations.reconcile import Reconciled
from sweep_service.protocol.leases import grace_seconds
from sweep_service.storage.store import Store

HARMLESS = (RowBatch, ErrorTail, AttemptRecord)  #: entries that a late request may append

RUNNING = SweepState.RUNNING


class BrokenPromise(AssertionError):
    """A promise of the protocol does not hold."""


def promise(number: int, holds: bool, words: str) -> None:
    if not holds:
        raise BrokenPromise(f"promise {number}: {words}")


@dataclass(frozen=True)
class Snapshot:
    """What the store holds of the sweep."""

    counter: SweepStatus
    leases: dict[int, Lease]
    runs: dict[int, Run]

    @staticmethod
    def of(store: Store, sweep: str) -> Snapshot:
        return Snapshot(
            store.get_status(sweep),
            {lease.index: lease for lease in store.list_leases(sweep)},
            {run.index: run for run in store.list_runs(sweep, 0, 1000)},
        )

    def attempt_of(self, index: int) -> int:
        run = self.runs.get(index)
        return -1 if run is None else run.attempt

    def is_amendment(self, lease: Lease) -> bool:
        """Whether a lease represents what a person wants done to a run that has ended."""
        run = self.runs.get(lease.index)
        return run is not None and lease.amends(run)

    def holds(self, index: int, attempt: int) -> bool:
        """Whether an attempt is the one that works on a run that has not ended."""
        lease, run = self.leases.get(index), self.runs.get(index)
        if lease is None or run is None or run.outcome is not None:
            return False
        return lease.attempt == run.attempt == attempt and not lease.is_released


class Witness:
    """Called with every write and every answer; raises ``BrokenPromise``."""

    def __init__(
        self,
        store: Store,
        sweep: str,
        clock: Callable[[], float],
        config: SweepConfig,
        max_attempts: int,
    ) -> None:
        self.snapshot = Snapshot.of(store, sweep)
        self._store, self._sweep, self._clock = store, sweep, clock
        self._config = config
        self._max_attempts = max_attempts
        self._keys: dict[tuple[int, int], str] = {}  # of each attempt that was handed out
        self._begun: defaultdict[int, set[int]] = defaultdict(set)  # attempts that runs have had
        self._ends: dict[tuple[int, int], float] = {}  # latest lease end of each attempt
        self._graces: dict[tuple[int, int], float] = {}  # after it
        self._released: defaultdict[int, set[int]] = defaultdict(set)
        self._n_failed: defaultdict[int, int] = defaultdict(int)
        self._acknowledged: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
        self._bands: dict[tuple[int, int], tuple[int, float]] = {}
        self._added: list[AddedPoint] = []  # whose senders have the answer
        self._amended: defaultdict[int, int] = defaultdict(int)  # newest attempt taken back
        self._retried: defaultdict[int, int] = defaultdict(int)  # newest attempt to be followed

    def wrote(self, request: Any, call: Call, *, is_old: bool) -> None:
        """A write has succeeded.

        Args:
            request: Whose.
            call: The write.
            is_old: Whether the request was of an older attempt when it arrived.
        """
        before, self.snapshot = self.snapshot, Snapshot.of(self._store, self._sweep)
        after = self.snapshot
        entry = call.values[-1] if call.method == "append" else None
        if is_old:
            is_harmless = isinstance(entry, HARMLESS) or after == before
            promise(8, is_harmless, f"{request} did {call}")
        is_amending = any(before.is_amendment(lease) for lease in before.leases.values())
        self._judge_counter(before.counter, after.counter, request, is_amending)
        for run in after.runs.values():
            self._judge_run(before, run, request)
        promise(3, before.runs.keys() <= after.runs.keys(), f"{call} removed a run")
        for lease in after.leases.values():
            self._judge_lease(before.leases.get(lease.index), lease, request)
        if isinstance(entry, BandValue):
            self._judge_band(call.values[1], entry)
        elif call.method == "drop_band":
            self._drop_band(*call.values[1:])
        self._judge_leases()

    def answered(self, request: Any, answer: Any, error: Exception | None) -> None:
        """A request was answered, right after the last call of its handler."""
        if error is not None:
            self._judge_error(request, error)
        elif isinstance(answer, HandOut):
            self._judge_hand_out(request, answer)
        elif isinstance(request, Report):
            self._judge_report(request)
        elif isinstance(request, Finish):
            self._judge_finish(request, answer)
        elif isinstance(request, AddPoint):
            self._added += [p for p in answer.points if p.index is not None]
        elif isinstance(request, Retry) and answer.is_changed:
            self._retried[request.index] = max(
                self._retried[request.index], self._amended[request.index]
            )
        elif isinstance(request, Reconcile) and answer is Reconciled.ENDED:
            promise(4, self.snapshot.counter.state.is_ended, "an ended sweep goes on")

    # The counter and the runs

    def _judge_counter(
        self, before: SweepStatus, after: SweepStatus, request: Any, is_amending: bool
    ) -> None:
        n_claimed = after.next_index - before.next_index
        promise(4, n_claimed in (0, 1), "indices are given out one by one")
        if n_claimed:
            promise(4, before.state is SweepState.RUNNING, f"{before.state} gave out an index")
        self._judge_finish_of_sweep(before, after, request)
        was_over = before.state is SweepState.FINISHED and before.is_exhausted
        if was_over and before.limit != after.limit and not after.is_exhausted:
            promise(4, after.state is RUNNING, "more was asked for, none is given")
        is_within = after.limit is None or after.next_index <= after.limit
        promise(4, is_within, f"{after.next_index} indices of {after.limit} were given out")
        if before.state.is_ended and after.state is not before.state:
            is_wanted = isinstance(request, BY_USER) or is_amending
            promise(4, is_wanted, f"{request} resumed an ended sweep")
            promise(4, before.state is not SweepState.CANCELED, "a canceled sweep was resumed")

    def _judge_run(self, snapshot: Snapshot, run: Run, request: Any) -> None:
        before = snapshot.runs.get(run.index)
        if before is None:
            self._judge_new_run(run)
        if before is not None and run.revision > before.revision:
            self._judge_amendment(snapshot, before, run)
            return
        if run.attempt > self._amended[run.index]:
            self._begun[run.index].add(run.attempt)
        if before is not None:
            promise(2, run.attempt >= before.attempt, f"run {run.index} went back")
            promise(3, run.config == before.config, f"run {run.index} has another config")
        known = before.outcome if before is not None else None
        if known is not None:
            promise(3, run.outcome == known, f"the outcome of {run.index} has changed")
        elif run.outcome is not None:
            self._judge_outcome(run, run.outcome, request)

    def _judge_amendment(self, snapshot: Snapshot, before: Run, run: Run) -> None:
        lease = snapshot.leases.get(run.index)
        is_due = lease is not None and snapshot.is_amendment(lease)
        promise(3, is_due, f"run {run.index} was amended, and nobody had asked for it")
        promise(3, run.revision == before.revision + 1, f"{run} was amended twice at once")
        promise(3, before.outcome is not None, f"run {run.index} was amended before its end")
        promise(2, run.attempt == before.attempt, f"an amendment moved the attempt of {run.index}")
        promise(3, run.config == before.config, f"run {run.index} has another config")
        assert lease is not None
        is_retry = lease.amendment is Amendment.RETRY
        is_finished = before.outcome is not None and before.outcome.state is RunState.FINISHED
        promise(3, not (is_retry and is_finished), f"finished run {run.index} was run again")
        is_tombstone = run.outcome is not None and run.outcome.state is RunState.DELETED
        promise(3, is_tombstone == (lease.amendment is Amendment.DELETE), f"{lease} made {run}")
        promise(3, is_tombstone or run.outcome is None, f"an amendment gave {run} an outcome")
        self._amended[run.index] = run.attempt
        self._begun[run.index].clear()

    def _judge_outcome(self, run: Run, outcome: Outcome, request: Any) -> None:
        if outcome.state is RunState.CRASHED:
            n_lost = len(self._begun[run.index] - self._released[run.index])
            promise(3, n_lost >= self._max_attempts, f"{run.index} crashed after {n_lost} losses")
            is_over = self._is_over(run.index, run.attempt)
            promise(2, is_over, f"{run.index} crashed while {run.attempt} held it")
            return
        promise(3, isinstance(request, Finish), f"{request} ended a run")
        said = (request.index, request.attempt, request.state)
        promise(3, said == (run.index, run.attempt, outcome.state), f"{request} ended {run}")
        if outcome.state is RunState.FAILED:
            is_due = self._n_failed[run.index] >= self._config.retry_failed
            promise(3, is_due, f"{run.index} failed and was not retried")
        reported = min(self._acknowledged[run.index, run.attempt], default=None)
        is_counted = reported is None or (outcome.best is not None and outcome.best <= reported)
        promise(3, is_counted, f"{reported} was reported and acknowledged, not {outcome.best}")

    def _judge_finish_of_sweep(self, before: SweepStatus, after: SweepStatus, request: Any) -> None:
        """A sweep is finished by its user, by its target, or because nothing is left to do."""
        if after.state is before.state or after.state is not SweepState.FINISHED:
            return
        if isinstance(request, SetState) or self._has_reached_target(request):
            return
        promise(4, before.state is RUNNING, f"{before.state} was finished by {request}")
        promise(5, after.is_exhausted, "finished, though there is more to give out")
        self.judge_end()

    def _has_reached_target(self, request: Any) -> bool:
        """Whether the run of a report or a finish has reached the target."""
        metric = self._config.metric
        if metric is None or metric.target is None or not isinstance(request, OfAttempt):
            return False
        if isinstance(request, Report) and request.has_row and request.value <= metric.target:
            return True  # another ask may have taken the run before its handler went on
        run, lease = self.snapshot.runs[request.index], self.snapshot.leases.get(request.index)
        best = run.outcome.best if run.outcome is not None else lease and lease.live.best
        return best is not None and best <= metric.target

    def judge_end(self) -> None:
        """Every index has an outcome and, where it is used, an observation."""
        for index, attempt in self._retried.items():
            is_run_again = self.snapshot.attempt_of(index) > attempt
            is_deleted = index in self.snapshot.runs and self.snapshot.runs[index].is_deleted
            promise(6, is_run_again or is_deleted, f"{index} was retried after {attempt}, and lost")
        for point in self._added:
            self._judge_point(point)
        indices = set(range(self.snapshot.counter.next_index))
        ended = {index for index, run in self.snapshot.runs.items() if run.outcome is not None}
        promise(5, ended == indices, f"no outcome of {indices - ended}")
        if self._config.method == "bayes":
            values: defaultdict[int, set[str]] = defaultdict(set)
            for seen in self._store.list_observations(self._sweep, 0.0):
                if seen.revision == self.snapshot.runs[seen.index].revision:
                    values[seen.index].add(f"{seen.state.value} {seen.value}")
            promise(5, values.keys() == indices, f"no observation of {indices - values.keys()}")
            for index, found in values.items():
                outcome = self.snapshot.runs[index].outcome
                assert outcome is not None
                value = math.nan if outcome.best is None else outcome.best
                is_right = found == {f"{outcome.state.value} {value}"}
                promise(5, is_right, f"{index} was observed as {found}, and it is {outcome}")

    def _judge_point(self, point: AddedPoint) -> None:
        """It was handed out, or the cap has ended the sweep with other added points before it."""
        runs = self.snapshot.runs.values()
        if any(run.config == point.config for run in runs):
            return
        assert point.index is not None
        later = [run for run in runs if run.index >= point.index]
        others = [run for run in later if run.suggestion.get("reason") != "added by hand"]
        promise(10, not others, f"{point} was not handed out, and {others} were")

    def _judge_new_run(self, run: Run) -> None:
        """Runs differ; in an endless space from those that are out with them."""
        is_finite = self._config.space.n_points is not None
        for other in self.snapshot.runs.values():
            if other.index != run.index and (is_finite or other.outcome is None):
                promise(9, other.config != run.config, f"{run.config} twice: {run}, {other}")

    # Leases

    def _judge_leases(self) -> None:
        for lease in self.snapshot.leases.values():
            run = self.snapshot.runs.get(lease.index)
            if run is not None and run.outcome is not None:
                continue  # a late request may have left it behind; nobody reads it
            is_once = lease.failures == self._n_failed[lease.index]
            promise(7, is_once, f"{lease.failures} failures of {self._n_failed[lease.index]}")
            n_rows = lease.live.next_row or 0
            promise(7, lease.live.n_values == n_rows, f"{lease.live} after {n_rows} rows")

    def _judge_lease(self, before: Lease | None, lease: Lease, request: Any) -> None:
        """What has become of a lease."""
        name = (lease.index, lease.attempt)
        if before is None or before.attempt != lease.attempt:
            promise(2, before is None or before.attempt < lease.attempt, f"{lease} went back")
            self._note_end(lease)
            if before is None and self.snapshot.is_amendment(lease):
                self._released[lease.index].add(lease.attempt)
                self._n_failed[lease.index] = 0
            return
        if before == lease:
            return
        if lease.is_stop_requested and not before.is_stop_requested:
            promise(7, not before.is_released, "a run was stopped on which nobody works")
        if isinstance(request, OfAttempt):
            is_holders = name == (request.index, request.attempt) and not before.is_released
            promise(8, is_holders, f"{request} changed {before} to {lease}")
        if lease.is_released:
            promise(2, isinstance(request, Finish), f"{request} released {before}")
            self._released[lease.index].add(lease.attempt)
            self._n_failed[lease.index] += request.state is RunState.FAILED
        elif lease.lease_end < before.lease_end:
            promise(2, isinstance(request, Preempt), f"{request} shortened the lease of {name}")
            self._ends[name] = lease.lease_end
            self._graces[name] = self._grace_of(lease)
        else:
            self._note_end(lease)

    def _note_end(self, lease: Lease) -> None:
        """Note until when an attempt was given the run."""
        name = (lease.index, lease.attempt)
        self._ends[name] = max(lease.lease_end, self._ends.get(name, 0.0))
        self._graces[name] = self._grace_of(lease)

    def _grace_of(self, lease: Lease) -> float:
        return grace_seconds(lease, self._config.lease_seconds)

    def _is_over(self, index: int, attempt: int) -> bool:
        """Whether the lease of an attempt and the grace after it have passed."""
        name = (index, attempt)
        return self._clock() >= self._ends[name] + self._graces[name]

    def _drop_band(self, band: int, index: int, attempt: int) -> None:
        if self._bands.get((band, index), (attempt + 1, 0.0))[0] <= attempt:
            del self._bands[band, index]

    def _judge_band(self, index: int, entry: BandValue) -> None:
        newest, _ = self._bands.get((entry.band, index), (-1, 0.0))
        if entry.attempt >= newest:
            self._bands[entry.band, index] = (entry.attempt, entry.value)
        stored = self._store.list_band(self._sweep, entry.band)[index]
        is_newest = stored == self._bands[entry.band, index][1]
        promise(8, is_newest, f"band {entry.band} of {index} is {stored}")

    # Answers

    def _judge_hand_out(self, request: Ask, answer: HandOut) -> None:
        index, attempt = answer.index, answer.attempt
        run = self.snapshot.runs[index]
        is_right = run.outcome is None and run.config == answer.config
        promise(1, is_right, f"{answer} was handed out, {run} is stored")
        key = self._keys.setdefault((index, attempt), request.key)
        promise(1, key == request.key, f"{answer} was handed to {key} and {request.key}")
        for other, earlier in self._keys:
            if other != index or earlier == attempt:
                continue
            promise(2, earlier < attempt, f"{attempt} of {index} was handed out after {earlier}")
            is_free = earlier in self._released[index] or self._is_over(index, earlier)
            promise(2, is_free, f"{attempt} of {index} was handed out while {earlier} held it")

    def _judge_report(self, request: Report) -> None:
        if not request.has_row:
            return
        self._acknowledged[request.index, request.attempt].append(request.value)
        batches = self._store.list_rows(self._sweep, request.index, None, 1000)
        kept = {(batch.attempt, batch.offset): batch.rows for batch in batches}
        rows = kept.get((request.attempt, request.offset), ())
        is_kept = [row.metrics["loss"] for row in rows] == [request.value]
        promise(7, is_kept, f"{request} was acknowledged, {rows} are kept")

    def _judge_finish(self, request: Finish, answer: Any) -> None:
        if answer.is_requeued:
            is_released = max(self._released[request.index], default=-1) >= request.attempt
            promise(2, is_released, f"{request} was answered that it is given back")
            return
        if request.attempt <= self._amended[request.index]:
            return  # a person took the outcome back before the answer was sent
        run = self.snapshot.runs[request.index]
        is_kept = run.outcome is not None and run.outcome.state is answer.state
        promise(3, is_kept, f"{request} was answered {answer}, but {run} is stored")

    def _judge_error(self, request: Any, error: Exception) -> None:
        if isinstance(error, SweepEnded):
            promise(4, self.snapshot.counter.state.is_ended, "410 of a sweep that goes on")
        elif isinstance(error, LeaseLost):
            assert isinstance(request, OfAttempt)
            is_false = self.snapshot.holds(request.index, request.attempt)
            promise(7, not is_false, f"{request} got a false error: {error}")
        elif isinstance(error, (NotPossible, NotFound)):
            promise(7, not isinstance(request, (Ask, OfAttempt, Reconcile)), f"{request}: {error}")
        elif not isinstance(error, Busy):
            raise error
