"""The life of an attempt on its agent's side, whoever runs the program: begun, reported, ended."""

from __future__ import annotations

import contextlib
import errno
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sweep_sdk._agent.outbox.delivery import Delivery
from sweep_sdk._agent.outbox.endings import GONE, MACHINE_FAULTS, judge
from sweep_sdk._agent.outbox.pace import Pace
from sweep_sdk._agent.outbox.pending import PendingDelivery
from sweep_sdk._agent.outbox.reporter import Reporter
from sweep_sdk._agent.process.launcher import prepare_files
from sweep_sdk._agent.process.leftovers import end_marked, mark_of, own_trace
from sweep_sdk._agent.process.signals import Deadline
from sweep_sdk._agent.session.hints import hint_at
from sweep_sdk._agent.view.events import Notice, RunEnded, RunStarted
from sweep_sdk._backend.proxies import is_loopback_url
from sweep_sdk._backend.retry import ONCE, RetryPolicy, what_next
from sweep_sdk._exceptions import (
    BackendUnavailable,
    LeaseLost,
    SweepDeleted,
    SweepError,
    UsageError,
)
from sweep_sdk._results.missing_metric import missing_metric
from sweep_sdk._world import chance, clock, threads
from sweep_service.model.records.states import RunState
from sweep_service.wire import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from sweep_sdk._agent.options import AgentOptions
    from sweep_sdk._agent.outbox.endings import ProgramOutcome
    from sweep_sdk._agent.outbox.logged import Logged
    from sweep_sdk._agent.outbox.pending import Outbox
    from sweep_sdk._agent.process.launcher import RunFiles
    from sweep_sdk._agent.session.best import BestTracker
    from sweep_sdk._agent.session.comparison import Comparison
    from sweep_sdk._agent.session.tally import Tally
    from sweep_sdk._agent.view.events import Event
    from sweep_sdk._backend.client import Client
    from sweep_sdk._exceptions import NotAuthorized
    from sweep_sdk._settings import Settings
    from sweep_service.wire.runs import HandOut

#: What an agent that is being stopped still grants to a backend that is away.
HURRY_SECONDS = 10.0
_HURRY_POLL_SECONDS = 0.25
#: What a machine may have again in a moment: descriptors, memory, a server of files.
_PASSING_ERRNOS = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.ESTALE)
)


class AttemptNotStarted(Exception):
    """The machine could not begin an attempt, and may be able to in a moment."""


@dataclass(frozen=True)
class Attempt:
    """One hand-out while it is worked on.

    Attributes:
        mark: By which the processes of its program are known; see ``leftovers``.
    """

    handout: HandOut
    files: RunFiles
    delivery: Delivery
    started_at: float
    mark: str


@dataclass(frozen=True)
class Attempts:
    """Begins and ends the attempts of one agent.

    Attributes:
        host: This machine's name.
        holder: The name under which the outbox knows the agent.
        total: How many runs the sweep will have; None where that is open.
        stopping: Set when the agent is being stopped: then nothing takes long.
        comparison: With the runs of other agents; None for none.
        warnings: Signals of a batch system after which programs gave their runs back.
        ending: When the agent has to have ended.
        undelivered: What was given up; others may have delivered it since.
        told_unmatched: Printed metrics of which it was told that nothing matches their pattern.
    """

    client: Client
    settings: Settings
    options: AgentOptions
    outbox: Outbox
    host: str
    holder: str
    best: BestTracker
    tally: Tally
    total: int | None
    stopping: threads.Event
    emit: Callable[[Event], None]
    comparison: Comparison | None = None
    warnings: list[int] = field(default_factory=list)
    ending: Deadline = field(default_factory=Deadline)
    told_unmatched: set[str] = field(default_factory=set)
    undelivered: list[PendingDelivery] = field(default_factory=list)

    def n_undelivered(self) -> int:
        """How many attempts of this agent wait on disk until somebody delivers them."""
        return sum(self.outbox.contains(pending) for pending in self.undelivered)

    def warn_of(self, number: int) -> None:
        """A program made room when a batch system announced the end: no more runs are taken."""
        self.warnings.append(number)
        self.stopping.set()

    def warned_by(self) -> int | None:
        """The signal by which a batch system announced the end, if a program made room for it."""
        return self.warnings[0] if self.warnings else None

    def begin(self, handout: HandOut) -> Attempt:
        """Make the run's folder, and write down that its end is owed.

        Raises:
            UsageError: The folder cannot be written. The run has been given back, as it has been if
            AttemptNotStarted: the machine has too little of something for the moment.
        """
        runs_dir = self.options.runs_dir or self.settings.runs_dir
        try:
            files = prepare_files(runs_dir, handout)
        except OSError as error:
            self.give_back(handout)
            why = f"cannot write to {runs_dir}: {error.strerror}"
            if error.errno in _PASSING_ERRNOS:
                raise AttemptNotStarted(why) from None
            raise UsageError(f"{why}; set SWEEP_RUNS_DIR to another folder") from None
        self.best.follow(handout.metric)
        pending = PendingDelivery(
            place=self.client.transport.place,
            run=handout.id,
            attempt=handout.attempt,
            metrics_file=str(files.metrics),
            metric=handout.metric or self.best.metric,
            host=self.host,
            holder=self.holder,
            key=handout.key,
        )
        with contextlib.suppress(OSError):  # then only this process can pay it
            self.outbox.save(pending)
        delivery = Delivery(pending, self.outbox, clock.time, self._notifier(handout))
        mark = mark_of(self.holder, chance.unique_key())
        return Attempt(handout, files, delivery, clock.monotonic(), mark)

    def give_back(self, handout: HandOut) -> None:
        """Have a run that was not begun handed out again; its lease ends by itself otherwise."""
        ending = runs.Ending(handout.attempt, RunState.PREEMPTED, key=handout.key)
        with contextlib.suppress(SweepError):
            self.client.with_retries(ONCE).finish(handout.id, ending.to_json())

    def announce(self, attempt: Attempt, command: list[str], slot: str) -> None:
        """Tell the watcher what is about to run."""
        handout = attempt.handout
        self.emit(
            RunStarted(
                run=handout.id,
                index=handout.index,
                attempt=handout.attempt,
                config=handout.config,
                command=tuple(command),
                slot=slot,
                total=self.total,
                log_file=attempt.files.log if command else None,
            )
        )

    def reporter(self, attempt: Attempt, stop: Callable[[str], None]) -> Reporter:
        """What reports while the program runs."""
        interval = self.options.report_interval_seconds or self.settings.report_interval_seconds
        return Reporter(
            attempt.delivery,
            self.client.with_retries(ONCE),
            lease_seconds=attempt.handout.lease_seconds,
            report_interval_seconds=interval,
            pace=self._pace(attempt.handout),
            stop=stop,
            notice=self._notifier(attempt.handout),
        )

    def _pace(self, handout: HandOut) -> Pace:
        place = self.client.transport
        return Pace(
            handout.attention,
            is_near=place.is_local or is_loopback_url(place.place),
            fixed_seconds=self.options.row_interval_seconds,
        )

    def end(
        self,
        attempt: Attempt,
        outcome: ProgramOutcome,
        log_file: Path | None = None,
        unmatched: Collection[str] = (),
    ) -> None:
        """Deliver what is left and how it ended; where that is not possible it stays on disk.

        Args:
            attempt: Which one.
            outcome: How its program ended.
            log_file: What it printed.
            unmatched: The printed metrics whose pattern has matched nothing.
        """
        outcome = attempt.delivery.complete(outcome) or outcome
        finished = self._deliver(attempt, outcome)
        attempt.delivery.close()
        self._tell_left_out(attempt)
        logged = attempt.delivery.tail.logged
        handout = attempt.handout
        state = finished.state if finished else "lost"
        self._count(attempt, outcome, state, unmatched)
        self.emit(
            RunEnded(
                run=handout.id,
                attempt=handout.attempt,
                state=state,
                exit_code=outcome.exit_code,
                signal=outcome.signal,
                reason=outcome.cause if finished or outcome.cause else "lease_lost",
                seconds=clock.monotonic() - attempt.started_at,
                value=self.best.value_of(logged),
                summary=logged.summary,
                is_requeued=finished is not None and finished.is_requeued,
                is_delivered=not isinstance(finished, _Presumed),
                error=outcome.stderr_tail.rpartition("\n")[2] if state == "failed" else "",
                log_file=log_file,
                hint=hint_at(outcome.stderr_tail, sys.executable) if state == "failed" else "",
            )
        )
        if state == "finished" and logged.metric == self.best.metric:
            self._emit_if(self.best.offer(handout.id, self.best.value_of(logged), handout.config))

    def _count(
        self, attempt: Attempt, outcome: ProgramOutcome, state: str, unmatched: Collection[str]
    ) -> None:
        """Have the tally count the run, and tell what that has shown."""
        if outcome.cause in MACHINE_FAULTS and state != "finished":
            return  # counted by whoever has to wait for the machine
        if state == "preempted" and outcome.warned_by is not None:
            self.warn_of(outcome.warned_by)
        logged = attempt.delivery.tail.logged
        is_news = self.tally.add(
            state,
            is_metric_missing=self.best.is_missing(logged),
            is_without_value=self.best.has_no_value(logged),
        )
        if is_news:
            metric = logged.metric or ""
            words = missing_words(metric, logged, outcome, unmatched)
            self._notifier(attempt.handout)(words)
            self.told_unmatched.add(metric)
        if state == "finished":
            self._tell_unmatched(attempt.handout, unmatched)
        if self.comparison is not None:
            self.comparison.take(attempt.handout, state)

    def end_rest_of(self, attempt: Attempt) -> None:
        """End what is left of a program whose keeper was killed."""
        trace = own_trace(self.holder)
        if trace is not None:
            end_marked(trace, attempt.mark, self._notifier(attempt.handout))

    def pause_after_fault(self, why: str, handout: HandOut) -> None:
        """Wait before this machine tries again what it has just failed to do; say so.

        Args:
            why: What has failed, in half a sentence.
            handout: The run, which has been given back.
        """
        seconds = self.tally.add_machine_fault(why)
        if self.tally.gave_up is None:
            words = f"{why}; the run is given back, and this agent tries again in {seconds:.0f} s"
            self._notifier(handout)(words)
            self.stopping.wait(seconds)

    def _tell_left_out(self, attempt: Attempt) -> None:
        """How often, in all, something was left out that was told once while the run went on."""
        for message, n_times in attempt.delivery.tail.left_out.items():
            if n_times > 1:
                self._notifier(attempt.handout)(f"{n_times:,} times in all: {message}")

    def _tell_unmatched(self, handout: HandOut, unmatched: Collection[str]) -> None:
        """Name the patterns that have matched nothing, each once an agent."""
        news = sorted(set(unmatched) - self.told_unmatched)
        self.told_unmatched.update(news)
        if news:
            self._notifier(handout)(
                f"the program printed nothing that matches the pattern of {', '.join(news)}"
            )

    def _deliver(self, attempt: Attempt, outcome: ProgramOutcome) -> runs.Finished | None:
        """What the backend made of the end; None when the run is not this agent's any more."""
        delivery = attempt.delivery
        try:
            if outcome.cause not in GONE:
                return delivery.finish(self._patient(attempt), outcome)
            delivery.send_rest(self._patient(attempt))  # they are kept beside the run
        except (LeaseLost, SweepDeleted):
            pass
        except SweepError as error:
            delivery.give_up(outcome)
            self.undelivered.append(delivery.pending)
            self._notifier(attempt.handout)(
                f"{error}; how the run ended waits on disk: 'sweep-sdk sync' delivers it"
            )
            state = "lost" if outcome.cause in GONE else judge(delivery.tail.logged, outcome)
            return _Presumed(state, is_requeued=False)
        delivery.discard()
        return None

    def _patient(self, attempt: Attempt) -> Client:
        """A client that waits for a backend which is away, but not when the agent shall end."""
        notice = self._notifier(attempt.handout)
        told: list[str] = []

        def on_trouble(error: BackendUnavailable | NotAuthorized) -> None:
            if not told:
                told.append(str(error))
                notice(what_next(error, "the end of the run is delivered when it is back"))

        return self.client.with_retries(
            RetryPolicy(attempts=None, deadline_seconds=self.options.delivery_timeout_seconds),
            sleep=_Hurry(self.stopping, self.ending).sleep,
            on_trouble=on_trouble,
        )

    def _notifier(self, handout: HandOut) -> Callable[[str], None]:
        return lambda message: self.emit(Notice(message, handout.id))

    def _emit_if(self, event: Event | None) -> None:
        if event is not None:
            self.emit(event)


def missing_words(
    metric: str, logged: Logged, outcome: ProgramOutcome, unmatched: Collection[str] = ()
) -> str:
    """Why a run that finished has no value of the sweep's metric."""
    words = missing_metric(metric, logged.summary, is_unmatched=metric in unmatched)
    if outcome.returned is None:
        return words
    return (
        f"{words}; the function returned {outcome.returned:g}, which is not taken for it: log it,"
        f" with sweep_sdk.log({{'{metric}': ...}})"
    )


class _Presumed(runs.Finished):
    """What the backend will make of an end that it has not been told yet."""


class _Hurry:
    """Sleeps as asked, but not for long once the agent shall end."""

    def __init__(self, stopping: threads.Event, ending: Deadline) -> None:
        self._stopping = stopping
        self._ending = ending
        self._give_up_at: float | None = None

    def sleep(self, seconds: float) -> None:
        """Sleep.

        Raises:
            BackendUnavailable: The agent shall end and has waited long enough.
        """
        if not self._stopping.wait(seconds):
            return
        now = clock.monotonic()
        self._give_up_at = self._give_up_at or now + HURRY_SECONDS
        if now >= self._give_up_at or not self._ending.has_room_for_another_request():
            raise BackendUnavailable("the backend is away and the agent has to end")
        clock.sleep(min(seconds, _HURRY_POLL_SECONDS))
