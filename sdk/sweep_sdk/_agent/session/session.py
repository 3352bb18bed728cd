"""An agent's part in one sweep: who it is, what it counts, how it asks and how it delivers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.options import MAX_NAME_LENGTH
from sweep_sdk._agent.outbox.pending import Outbox
from sweep_sdk._agent.process.leftovers import end_leftovers, noted
from sweep_sdk._agent.process.signals import SILENCE_SECONDS
from sweep_sdk._agent.session.attempts import Attempts
from sweep_sdk._agent.session.best import BestTracker
from sweep_sdk._agent.session.comparison import Comparison
from sweep_sdk._agent.session.requester import RunRequester
from sweep_sdk._agent.session.tally import Tally
from sweep_sdk._agent.view.events import AgentEnded, AgentStarted, Notice
from sweep_sdk._backend.retry import Renewal, RetryPolicy
from sweep_sdk._exceptions import SweepError, UsageError
from sweep_sdk._home.agent_lock import agent_lock
from sweep_sdk._results.run_limit import run_limit
from sweep_sdk._world import processes, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sweep_sdk._agent.options import AgentOptions
    from sweep_sdk._agent.view.events import Event
    from sweep_sdk._backend.client import Client
    from sweep_sdk._exceptions import BackendUnavailable, NotAuthorized
    from sweep_sdk._home.agent_lock import AgentLock
    from sweep_sdk._settings import Settings

GAVE_UP = 1
#: A server that is being started again is there by then; whoever mistyped its address has to wait.
START_SECONDS = 10.0
_START_PAUSE_SECONDS = 1.0
_LAST_LOOK = RetryPolicy(attempts=2, deadline_seconds=2.0)


def find_sweep(client: Client, sweep: str, say: Callable[[str], None]) -> dict[str, Any]:
    """The sweep that an agent shall work on, with some patience for a backend that restarts.

    Args:
        client: The backend.
        sweep: A reference to the sweep.
        say: Told once that the backend is away and waited for.

    Raises:
        SweepError: As ``Client.get_sweep``.
    """
    told: list[str] = []
    policy = RetryPolicy(None, START_SECONDS, longest_delay_seconds=_START_PAUSE_SECONDS)

    def on_trouble(error: BackendUnavailable | NotAuthorized) -> None:
        if not told:
            told.append(str(error))
            say(f"{error}; trying for {START_SECONDS:.0f} s")

    return client.with_retries(policy, on_trouble=on_trouble).get_sweep(sweep)


class AgentSession:
    """What the slots of an agent share.

    Attributes:
        stopping: Set when no more runs are wanted.
        run_timeout_seconds: After which a run is stopped; None for never.
        lease_seconds: How long a run is reserved without word from here.
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
        """Engage in ``sweep``, as the backend shows it."""
        outbox, host = Outbox(settings.home, lock), processes.host_name()
        client = client.with_retries(client.retrier.policy, renewal=Renewal())
        self.stopping = threads.Event()
        self.tally = Tally(
            options.count,
            options.max_failures,
            options.max_initial_failures,
            options.max_consecutive_failures,
            options.max_runs_without_metric,
        )
        self.best = BestTracker(sweep)
        self.run_timeout_seconds: float | None = options.run_timeout_seconds or sweep["config"].get(
            "run_timeout"
        )
        self.lease_seconds: int = sweep["config"].get("lease_seconds", 300)
        self.emit = emit
        self._client = client
        self._sweep = sweep
        self._settings = settings
        self._runs_dir = options.runs_dir or settings.runs_dir
        self._home = settings.home
        self._name = options.name or _default_name()
        self.requester = RunRequester(
            client,
            str(sweep["id"]),
            agent=self._name,
            host=host,
            outbox=outbox,
            emit=emit,
            stopping=self.stopping,
            patience_seconds=options.backend_patience_seconds,
        )
        self.attempts = Attempts(
            client=client,
            settings=settings,
            options=options,
            outbox=outbox,
            host=host,
            holder=lock.name,
            best=self.best,
            tally=self.tally,
            total=run_limit(sweep),
            stopping=self.stopping,
            emit=emit,
            comparison=Comparison(client, self._name, self.tally, options.max_consecutive_failures),
        )

    def start(self, n_slots: int) -> None:
        """Tell the watcher that work begins, and make sure that no dead agent's goes on."""
        self.emit(AgentStarted(self._name, self._sweep, n_slots))
        self._clean()
        end_leftovers(self._home, self.notice)

    def _clean(self) -> None:
        """Remove old folders of delivered runs, where the user has said how old."""
        seconds = self._settings.keep_runs_seconds
        if seconds is None:
            return
        from sweep_sdk._home.cleaning import clean_once_a_day

        home, runs_dir = self._settings.home, self._runs_dir
        with contextlib.suppress(OSError):
            n_folders, n_bytes = clean_once_a_day(home, runs_dir, seconds)
            if n_folders:
                what = "1 run folder" if n_folders == 1 else f"{n_folders:,} run folders"
                size = f"{n_bytes / 1e6:,.0f} MB"
                self.notice(f"removed {what} ({size}) that SWEEP_KEEP_RUNS does not keep")

    def end(self, exit_code: int, interruption: str | None = None) -> None:
        """Tell the watcher that work has ended, and how the sweep stands.

        Args:
            exit_code: The agent's.
            interruption: By what it was interrupted, if it was.
        """
        sweep = None
        if interruption is None:
            with contextlib.suppress(SweepError):
                sweep = self._client.with_retries(_LAST_LOOK).get_sweep(str(self._sweep["id"]))
        reason = interruption or self._reason()
        option = self.tally.gave_up.option if self.tally.gave_up and not interruption else None
        n_runs, n_failed = self.tally.n_runs, self.tally.n_failed
        self.emit(AgentEnded(exit_code, reason, n_runs, n_failed, sweep, option))

    def hurry(self) -> None:
        """Wait for no network that says nothing: the agent has to end."""
        self._client.transport.hurry(SILENCE_SECONDS)

    @property
    def exit_code(self) -> int:
        """The exit code of an agent that was not interrupted."""
        return GAVE_UP if self.tally.is_failure or self.attempts.n_undelivered() else 0

    def notice(self, message: str) -> None:
        """Have the watcher show a line."""
        self.emit(Notice(message))

    def _reason(self) -> str:
        if self.tally.gave_up:
            return f"gave up: {self.tally.gave_up.reason}"
        ending = (
            "the sweep has ended" if self.requester.has_ended else "the count of runs is reached"
        )
        if n_owed := self.attempts.n_undelivered():
            what = "what came of 1 run waits" if n_owed == 1 else f"the ends of {n_owed} runs wait"
            return f"{ending}, but {what} on disk: 'sweep-sdk sync' delivers that"
        return f"{ending}, and no run of this agent succeeded" if self.tally.is_failure else ending


@contextlib.contextmanager
def registered(settings: Settings) -> Iterator[AgentLock]:
    """Be known on this machine as a living agent.

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


def _default_name() -> str:
    suffix = f"-{processes.own_id()}"
    return processes.host_name()[: MAX_NAME_LENGTH - len(suffix)] + suffix
