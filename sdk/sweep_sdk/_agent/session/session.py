"""The session of an agent: identity, counts and requests, shared by its slots."""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING, Any, TypeVar

from sweep_sdk._agent.options import MAX_NAME_LENGTH
from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.process.leftovers import end_leftovers, noted
from sweep_sdk._agent.process.signals import SILENCE_SECONDS, Deadline
from sweep_sdk._agent.session.best import BestTracker
from sweep_sdk._agent.session.comparison import Comparison
from sweep_sdk._agent.session.requester import RunRequester
from sweep_sdk._agent.session.tally import Tally
from sweep_sdk._agent.view.events import AgentEnded, AgentStarted, Notice
from sweep_sdk._backend.retry import ONCE, Renewal, RetryPolicy
from sweep_sdk._exceptions import SweepError, UsageError
from sweep_sdk._home.agent_lock import agent_lock
from sweep_sdk._results.run_limit import run_limit
from sweep_sdk._world import processes, threads
from sweep_service.model.records.states import RunState
from sweep_service.wire import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sweep_sdk._agent.options import AgentOptions
    from sweep_sdk._agent.outbox.pending import PendingDelivery
    from sweep_sdk._agent.view.events import Event
    from sweep_sdk._backend.client import Client
    from sweep_sdk._exceptions import BackendUnavailable, NotAuthorized
    from sweep_sdk._home.agent_lock import AgentLock
    from sweep_sdk._settings import Settings
    from sweep_service.wire.runs import HandOut

GAVE_UP = 1
#: Long enough for a server that restarts, short enough for a user with a mistyped address.
START_SECONDS = 10.0
_START_PAUSE_SECONDS = 1.0
_LAST_LOOK = RetryPolicy(attempts=2, deadline_seconds=2.0)
#: Temporary errors: out of file descriptors, out of memory, a file server that is away.
_PASSING_ERRNOS = frozenset(
    (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EIO, errno.ESTALE)
)

Started = TypeVar("Started")


def find_sweep(client: Client, sweep: str, say: Callable[[str], None]) -> dict[str, Any]:
    """Read the sweep that an agent will work on, waiting for a backend that restarts.

    Args:
        client: The backend.
        sweep: A reference to the sweep.
        say: Called once with a message if the backend is away.

    Raises:
        SweepError: As ``Client.get_sweep``.
    """
    shown: list[str] = []
    policy = RetryPolicy(None, START_SECONDS, longest_delay_seconds=_START_PAUSE_SECONDS)

    def on_trouble(error: BackendUnavailable | NotAuthorized) -> None:
        if not shown:
            shown.append(str(error))
            say(f"{error}; trying for {START_SECONDS:.0f} s")

    return client.with_retries(policy, on_trouble=on_trouble).get_sweep(sweep)


class AgentSession:
    """State that the slots of an agent share.

    Attributes:
        total: Number of runs that the sweep will have; None if that is open.
        run_timeout_seconds: Maximum duration of a run; None for no limit.
        lease_seconds: How long a run stays leased without a report.
        stopping: Set when the agent takes no more runs.
        deadline: When the agent must have ended.
        warned_by: The signal with which a batch system announced the end, if a program has given
            its run back because of it.
        undelivered: Attempts whose delivery was given up; others may have delivered them since.
        n_lost: Number of attempts whose outcome neither the backend nor the disk has recorded.
        shown_unmatched: Printed metrics for which the user has been warned that no line matches.
    """

    def __init__(
        self,
        client: Client,
        sweep: Mapping[str, Any],
        options: AgentOptions,
        settings: Settings,
        lock: AgentLock,
        emit: Callable[[Event], None],
    ) -> None:
        """Set up.

        Args:
            client: The backend.
            sweep: The sweep as the backend shows it.
            options: The agent's options.
            settings: Folders and intervals.
            lock: The agent's lock.
            emit: Called with each event.
        """
        config = sweep["config"]
        self.client = client.with_retries(client.retrier.policy, renewal=Renewal())
        self.options = options
        self.lock = lock
        self.emit = emit
        self.host = processes.host_name()
        self.outbox = Outbox(settings.home, lock)
        self.runs_dir = options.runs_dir or settings.runs_dir
        self.report_interval_seconds = (
            options.report_interval_seconds or settings.report_interval_seconds
        )
        self.total = run_limit(sweep)
        self.run_timeout_seconds: float | None = options.run_timeout_seconds or config.get(
            "run_timeout"
        )
        self.lease_seconds: int = config.get("lease_seconds", 300)
        self.stopping = threads.Event()
        self.deadline = Deadline()
        self.warned_by: int | None = None
        self.undelivered: list[PendingDelivery] = []
        self.n_lost = 0
        self.shown_unmatched: set[str] = set()
        self.best = BestTracker(sweep)
        self.tally = Tally(options)
        self._sweep = sweep
        self._settings = settings
        suffix = f"-{processes.own_id()}"
        self._name = options.name or self.host[: MAX_NAME_LENGTH - len(suffix)] + suffix
        self.comparison = Comparison(
            self.client, self._name, self.tally, options.max_consecutive_failures
        )
        self._requester = RunRequester(
            self.client,
            str(sweep["id"]),
            agent=self._name,
            host=self.host,
            outbox=self.outbox,
            emit=emit,
            stopping=self.stopping,
            patience_seconds=options.backend_patience_seconds,
        )

    def attempts(self, slot: str, begin: Callable[[HandOut], Started]) -> Iterator[Started]:
        """Ask for runs and begin an attempt at each, until there are no more.

        Args:
            slot: Name of the slot.
            begin: Begins an attempt. Raises OSError if the run's folder cannot be written, and
                UsageError if this agent must not run it.

        Raises:
            SweepError: The backend refuses to hand out runs or is away for too long.
            UsageError: As ``begin``, or the folder cannot be written and waiting would not help.
        """
        while self.tally.take_turn():
            handout = self._requester.next_run(slot)
            if handout is None:
                self.tally.give_back_turn()
                return
            if self.stopping.is_set():  # the run arrived while the agent was being stopped
                self._give_back(handout)
                return
            try:
                attempt = begin(handout)
            except UsageError:
                self._give_back(handout)
                raise
            except OSError as error:
                self._give_back(handout)
                why = f"cannot write to {self.runs_dir}: {error.strerror}"
                if error.errno not in _PASSING_ERRNOS:
                    raise UsageError(f"{why}; set SWEEP_RUNS_DIR to another folder") from None
                self.pause_after_machine_fault(why, handout)
            else:
                yield attempt

    def _give_back(self, handout: HandOut) -> None:
        """Release a run that was not begun; if that fails, its lease expires."""
        ending = runs.Ending(handout.attempt, RunState.PREEMPTED, key=handout.key)
        with contextlib.suppress(SweepError):
            self.client.with_retries(ONCE).finish(handout.id, ending)

    def pause_after_machine_fault(self, why: str, handout: HandOut) -> None:
        """Show a failure of this machine, and wait before the next attempt.

        Args:
            why: The cause, in half a sentence.
            handout: The run, which has been given back.
        """
        seconds = self.tally.add_machine_fault(why)
        if self.tally.gave_up is None:
            self.notice(
                f"{why}; the run is given back, and this agent tries again in {seconds:.0f} s",
                handout.id,
            )
            self.stopping.wait(seconds)

    def stop_after_warning(self, number: int) -> None:
        """Take no more runs: a program has given its run back when a batch system warned it."""
        self.warned_by = self.warned_by or number
        self.stopping.set()

    def n_undelivered(self) -> int:
        """Number of attempts of this agent that wait on disk for their delivery."""
        return sum(self.outbox.contains(pending) for pending in self.undelivered)

    def start(self, n_slots: int) -> None:
        """Announce the start, and end leftover processes of dead agents."""
        self.emit(AgentStarted(self._name, self._sweep, n_slots))
        self._clean()
        end_leftovers(self._settings.home, self.notice)

    def _clean(self) -> None:
        """Remove folders of delivered runs that have passed the user's retention time."""
        seconds = self._settings.keep_runs_seconds
        if seconds is None:
            return
        from sweep_sdk._home.cleaning import clean_once_a_day

        home, runs_dir = self._settings.home, self.runs_dir
        with contextlib.suppress(OSError):
            n_folders, n_bytes = clean_once_a_day(home, runs_dir, seconds)
            if n_folders:
                what = "1 run folder" if n_folders == 1 else f"{n_folders:,} run folders"
                size = f"{n_bytes / 1e6:,.0f} MB"
                self.notice(f"removed {what} ({size}) that SWEEP_KEEP_RUNS does not keep")

    def end(self, exit_code: int, interruption: str | None = None) -> int:
        """Announce the end and the state of the sweep, and return the exit code.

        Args:
            exit_code: The agent's exit code.
            interruption: What interrupted the agent, if anything.
        """
        sweep = None
        if interruption is None:
            with contextlib.suppress(SweepError):
                sweep = self.client.with_retries(_LAST_LOOK).get_sweep(str(self._sweep["id"]))
        reason = interruption or self._reason()
        option = self.tally.gave_up.option if self.tally.gave_up and not interruption else None
        n_runs, n_failed = self.tally.n_runs, self.tally.n_failed
        self.emit(AgentEnded(exit_code, reason, n_runs, n_failed, sweep, option))
        return exit_code

    def hurry(self) -> None:
        """Wait only briefly for a silent network from now on, because the agent has to end."""
        self.client.transport.hurry(SILENCE_SECONDS)

    @property
    def exit_code(self) -> int:
        """The exit code of an agent that was not interrupted."""
        has_failed = self.tally.is_failure or self.n_lost or self.n_undelivered()
        return GAVE_UP if has_failed else 0

    def notice(self, message: str, run: str | None = None) -> None:
        """Show a message about one run or about the agent."""
        self.emit(Notice(message, run))

    def _reason(self) -> str:
        if self.tally.gave_up:
            return f"gave up: {self.tally.gave_up.reason}"
        ending = (
            "the sweep has ended" if self._requester.has_ended else "the count of runs is reached"
        )
        if self.n_lost:
            whose = "1 run" if self.n_lost == 1 else f"{self.n_lost} runs"
            return f"{ending}, but the outcome of {whose} is lost"
        if n_undelivered := self.n_undelivered():
            whose = "1 run" if n_undelivered == 1 else f"{n_undelivered} runs"
            return f"{ending}, but results of {whose} wait on disk: 'sweep-sdk sync' delivers them"
        return f"{ending}, and no run of this agent succeeded" if self.tally.is_failure else ending


@contextlib.contextmanager
def registered(settings: Settings) -> Iterator[AgentLock]:
    """Register a running agent on this machine during a block.

    Raises:
        UsageError: The data folder cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            lock = stack.enter_context(agent_lock(settings.home))
        except OSError as error:
            raise UsageError(
                f"cannot write to {settings.home}: {error.strerror}; set SWEEP_HOME to another"
                " folder"
            ) from None
        stack.enter_context(noted(settings.home, lock.name))
        yield lock
