"""One attempt at a run in the agent, from the hand-out to the delivery of its outcome."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from sweep_sdk._agent.outbox.delivery import Delivery
from sweep_sdk._agent.outbox.endings import (
    GONE,
    MACHINE_FAULTS,
    ProgramOutcome,
    judge,
)
from sweep_sdk._agent.outbox.pending import PendingDelivery
from sweep_sdk._agent.outbox.reporter import Pace, Reporter
from sweep_sdk._agent.process.launcher import prepare_files
from sweep_sdk._agent.session.hints import hint_at
from sweep_sdk._agent.view.events import RunEnded, RunStarted
from sweep_sdk._backend.proxies import is_loopback_url
from sweep_sdk._backend.retry import ONCE, RetryPolicy, what_next
from sweep_sdk._exceptions import BackendUnavailable, LeaseLost, SweepDeleted, SweepError
from sweep_sdk._results.missing_metric import missing_metric
from sweep_sdk._world import clock
from sweep_service.wire.runs import Finished

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from sweep_sdk._agent.session.session import AgentSession
    from sweep_sdk._backend.client import Client
    from sweep_sdk._exceptions import NotAuthorized
    from sweep_service.wire.runs import HandOut

#: How long an agent that is being stopped still waits for a backend that is away.
HURRY_SECONDS = 10.0
_HURRY_POLL_SECONDS = 0.25


class Attempt:
    """Base class of attempts that run programs and those that call functions.

    Attributes:
        session: The agent's session.
        files: The run's files on this machine.
        delivery: Delivery of the attempt's rows and outcome.
        reporter: Renews the lease and sends rows while the program runs.
    """

    def __init__(
        self, session: AgentSession, handout: HandOut, stop: Callable[[str], None]
    ) -> None:
        """Create the run's folder, and record that the outcome of the attempt must be delivered.

        Args:
            session: The agent's session.
            handout: The run.
            stop: Called by another thread with the reason why the program must end: the backend's,
                ``lease_lost`` or ``deleted``.

        Raises:
            OSError: The folder cannot be written.
        """
        self.session = session
        self.handout = handout
        self.files = prepare_files(session.runs_dir, handout)
        session.best.follow(handout.metric)
        transport = session.client.transport
        pending = PendingDelivery(
            place=transport.place,
            run=handout.id,
            attempt=handout.attempt,
            metrics_file=str(self.files.metrics),
            metric=handout.metric or session.best.metric,
            host=session.host,
            holder=session.lock.name,
            key=handout.key,
        )
        with contextlib.suppress(OSError):  # then only this process can deliver it
            session.outbox.save(pending)
        self.delivery = Delivery(pending, session.outbox, clock.time, self.notice)
        self.reporter = Reporter(
            self.delivery,
            session.client.with_retries(ONCE),
            lease_seconds=handout.lease_seconds,
            report_interval_seconds=session.report_interval_seconds,
            pace=Pace(
                handout.attention,
                is_near=transport.is_local or is_loopback_url(transport.place),
                fixed_seconds=session.options.row_interval_seconds,
            ),
            stop=stop,
            notice=self.notice,
        )
        self._started_at = clock.monotonic()
        self._give_up_at: float | None = None
        self._is_outage_shown = False

    def notice(self, message: str) -> None:
        """Show the user a message about this run."""
        self.session.notice(message, self.handout.id)

    def announce(self, command: list[str], slot: str, log_file: Path | None) -> None:
        """Show the user which command is about to run."""
        handout = self.handout
        self.session.emit(
            RunStarted(
                run=handout.id,
                index=handout.index,
                attempt=handout.attempt,
                config=handout.config,
                command=tuple(command),
                slot=slot,
                total=self.session.total,
                log_file=log_file,
            )
        )

    def finish(
        self,
        outcome: ProgramOutcome,
        unmatched: Collection[str] = (),
        log_file: Path | None = None,
    ) -> None:
        """Deliver the remaining rows and the outcome; both stay on disk if that is impossible.

        Args:
            outcome: How the program ended.
            unmatched: Printed metrics whose pattern has matched nothing.
            log_file: The program's output.
        """
        outcome = self.delivery.complete(outcome) or outcome
        finished, is_delivered = self._deliver(outcome)
        self.delivery.close()
        for message, n_times in self.delivery.tail.left_out.items():
            if n_times > 1:
                self.notice(f"{n_times:,} times in all: {message}")
        handout, logged, best = self.handout, self.delivery.tail.logged, self.session.best
        value, summary = best.value_of(logged), logged.summary
        self._count(outcome, finished.state, value, summary, unmatched)
        has_failed = finished.state == "failed"
        self.session.emit(
            RunEnded(
                run=handout.id,
                attempt=handout.attempt,
                state=finished.state,
                exit_code=outcome.exit_code,
                signal=outcome.signal,
                reason=outcome.cause or ("lease_lost" if finished.state == "lost" else None),
                seconds=clock.monotonic() - self._started_at,
                value=value,
                summary=summary,
                is_requeued=finished.is_requeued,
                is_delivered=is_delivered,
                error=outcome.stderr_tail.rpartition("\n")[2] if has_failed else "",
                log_file=log_file,
                hint=hint_at(outcome.stderr_tail, sys.executable) if has_failed else "",
            )
        )
        if finished.state == "finished" and logged.metric == best.metric:
            news = best.offer(handout.id, value, handout.config)
            if news is not None:
                self.session.emit(news)

    def _deliver(self, outcome: ProgramOutcome) -> tuple[Finished, bool]:
        """Deliver the outcome; returns the run's state, and whether the backend has it."""
        delivery, client = self.delivery, self._patient_client()
        try:
            if outcome.cause not in GONE:
                return delivery.finish(client, outcome), True
            delivery.send_rest(client)  # the backend stores the rows under this attempt
        except (LeaseLost, SweepDeleted):
            pass
        except SweepError as error:
            if delivery.give_up(outcome):
                self.session.undelivered.append(delivery.pending)
                fate = "the results wait on disk: 'sweep-sdk sync' delivers them"
            else:
                self.session.n_lost += 1
                fate = "the outcome of the run is lost: it could not be written to disk either"
            self.notice(f"{error}; {fate}")
            state = "lost" if outcome.cause in GONE else judge(delivery.tail.logged, outcome)
            return Finished(state, is_requeued=False), False
        delivery.discard()
        return Finished("lost", is_requeued=False), True

    def _patient_client(self) -> Client:
        """A client that waits for a backend that is away, but not while the agent is ending."""
        session = self.session

        def on_trouble(error: BackendUnavailable | NotAuthorized) -> None:
            if not self._is_outage_shown:
                self._is_outage_shown = True
                self.notice(what_next(error, "the results are delivered when it is back"))

        return session.client.with_retries(
            RetryPolicy(attempts=None, deadline_seconds=session.options.delivery_timeout_seconds),
            sleep=self._sleep,
            on_trouble=on_trouble,
        )

    def _sleep(self, seconds: float) -> None:
        """Sleep between two tries, but not for long while the agent is ending.

        Raises:
            BackendUnavailable: The agent is ending and has waited long enough.
        """
        if not self.session.stopping.wait(seconds):
            return
        now = clock.monotonic()
        self._give_up_at = self._give_up_at or now + HURRY_SECONDS
        if now >= self._give_up_at or not self.session.deadline.has_room_for_another_request():
            raise BackendUnavailable("the backend is away and the agent has to end")
        clock.sleep(min(seconds, _HURRY_POLL_SECONDS))

    def _count(
        self,
        outcome: ProgramOutcome,
        state: str,
        value: float | None,
        summary: Mapping[str, object],
        unmatched: Collection[str],
    ) -> None:
        """Add the run to the agent's counts, and show what they reveal."""
        session, metric = self.session, self.delivery.tail.logged.metric
        is_finished = state == "finished"
        if outcome.cause in MACHINE_FAULTS and not is_finished:
            return  # counted together with the pause after a machine fault
        if state == "preempted" and outcome.warned_by is not None:
            session.stop_after_warning(outcome.warned_by)
        is_first_without_value = session.tally.add(
            state,
            is_metric_missing=metric is not None and metric not in summary,
            is_without_value=metric is not None and value is None,
        )
        news = set(unmatched) - session.shown_unmatched if is_finished else set()
        if is_first_without_value and metric is not None:
            words = missing_metric(metric, summary, is_unmatched=metric in unmatched)
            if outcome.returned is not None:
                words += (
                    f"; the function returned {outcome.returned:g}, which does not count: log it,"
                    f" with sweep_sdk.log({{'{metric}': ...}})"
                )
            self.notice(words)
            news.discard(metric)
            session.shown_unmatched.add(metric)
        if news:
            session.shown_unmatched.update(news)
            names = ", ".join(sorted(news))
            self.notice(f"the program printed nothing that matches the pattern of {names}")
        session.comparison.take(self.handout, state)
