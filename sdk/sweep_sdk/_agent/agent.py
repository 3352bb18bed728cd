"""The agent: asks for runs, starts the training program of each, reports, and delivers results.

It prints nothing: it emits events for a watcher. ``docs/agent.md`` describes its threads.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.process.child import signal_name
from sweep_sdk._agent.process.gpus import allotment, variables_of
from sweep_sdk._agent.process.launcher import Launcher
from sweep_sdk._agent.process.signals import (
    DELIVERY_SECONDS,
    PASSED_ON,
    STOPPING,
    InterruptCount,
    handled,
    is_typed,
)
from sweep_sdk._agent.process.spot import SpotNotice, SpotWatch, grace_seconds
from sweep_sdk._agent.process.supervisor import Interrupt, Warn
from sweep_sdk._agent.session.session import AgentSession, find_sweep, registered
from sweep_sdk._agent.slot.program import ProgramAttempt
from sweep_sdk._agent.slot.sources import MetricSources
from sweep_sdk._agent.view.event_pump import EventPump
from sweep_sdk._capture.capture import capturing
from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.notices import notify
from sweep_sdk._settings import environment, load_settings
from sweep_sdk._world import clock, processes, threads
from sweep_service.model.language.command import command_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sweep_sdk._agent.view.events import Watcher
    from sweep_sdk._backend.client import Client
    from sweep_sdk._settings import Settings
    from sweep_service.wire.runs import HandOut

_SIGNAL_EXIT = 128


@dataclass(frozen=True)
class _Arrived:
    """A signal has arrived, or a spot notice, which counts as one.

    Attributes:
        grace_seconds: Seconds that the programs have to end; None for the default.
    """

    number: int
    grace_seconds: float | None = None


@dataclass(frozen=True)
class _Ended:
    """A slot has ended and takes no more runs."""

    error: BaseException | None


def run_agent(
    client: Client,
    sweep: str,
    options: AgentOptions | None = None,
    events: Watcher = lambda _: None,
    settings: Settings | None = None,
) -> int:
    """Work on a sweep until it has ended, or the agent has to end.

    In the main thread, every signal that can be caught is handled or passed on to the programs; see
    ``_agent.process.signals``.

    Args:
        client: The backend.
        sweep: A reference to the sweep.
        options: The agent's options.
        events: Called with each event; see ``view.events``.
        settings: Folders and intervals; by default from the environment.

    Returns:
        The exit code: 0 if the sweep has ended or the count is reached; 1 if the agent gave up or
        none of its runs succeeded; 128 + N after signal N.

    Raises:
        UsageError: There is no such sweep, its program cannot be started here, or this process does
            not see the GPUs that the options name.
        BackendUnavailable: It was away for longer than the options allow.
    """
    if os.name != "posix":
        raise UsageError(
            "agents that start programs need a POSIX system: pass a function to sweep_sdk.agent()"
            " instead, or use WSL"
        )
    options = options or AgentOptions()
    settings = settings or load_settings()
    found = find_sweep(client, sweep, notify)
    options.check_pin(command_sha256(found["config"]))
    launcher = Launcher(found["config"], environment())
    launcher.check()
    sources = MetricSources.of(found["config"], options)
    gpus = variables_of(options.gpu_groups, allotment(environment()))
    with ExitStack() as stack:
        lock = stack.enter_context(registered(settings))
        pump = stack.enter_context(EventPump(events))
        session = AgentSession(client, found, options, settings, lock, pump.emit)
        capture = stack.enter_context(
            capturing(found["config"].get("wandb"), environment(), session.notice)
        )
        begin = partial(ProgramAttempt, session, launcher, sources, capture)
        return _Agent(session, launcher, begin, gpus, settings.metadata_url, pump.flush).run()


class _Agent:
    """Starts the slots, passes signals on to their attempts, and waits for all slots to end.

    The main thread runs everything except ``_work``, which each slot runs in its own thread.
    """

    def __init__(
        self,
        session: AgentSession,
        launcher: Launcher,
        begin: Callable[[Mapping[str, str], str, HandOut], ProgramAttempt],
        gpus: Sequence[Mapping[str, str]],
        metadata_url: str,
        flush: Callable[[], None],
    ) -> None:
        self._session = session
        self._launcher = launcher
        self._begin = begin
        self._gpus = gpus
        self._metadata_url = metadata_url
        self._flush = flush
        self._options = session.options
        self._inbox: threads.SimpleQueue[_Arrived | _Ended] = threads.SimpleQueue()
        self._interrupts = InterruptCount()
        self._interrupt: Interrupt | None = None
        self._attempts: dict[str, ProgramAttempt] = {}

    def run(self) -> int:
        """Work until all slots have ended, and return the exit code.

        Raises:
            SweepError: The error that ended a slot.
        """
        session, slots = self._session, self._options.slots
        session.start(len(slots))
        for warning in self._launcher.warnings():
            session.notice(warning)
        with ExitStack() as stack:
            stack.enter_context(handled(lambda number: self._inbox.put(_Arrived(number))))
            if self._options.watches_spot:
                watch = SpotWatch(self._metadata_url, self._on_spot, session.notice)
                stack.callback(watch.close)
            for slot in slots:
                # Daemons: what takes too long at the end is left to a later agent or `sync`.
                threads.Thread(target=self._work, args=(slot,), name="slot", daemon=True).start()
            self._await_slots(len(slots))
        first = self._interrupts.first or session.warned_by
        if first is None:
            return session.end(session.exit_code)
        return session.end(_SIGNAL_EXIT + first, f"interrupted by {signal_name(first)}")

    def _work(self, slot: str) -> None:
        """Work on one run after the other."""
        gpus = self._options.gpus_of(slot, self._gpus)
        begin = partial(self._begin, gpus, slot)
        error = None
        try:
            for attempt in self._session.attempts(slot, begin):
                self._attempts[slot] = attempt
                if self._interrupt is not None:  # a signal came before the attempt existed
                    attempt.interrupt(self._interrupt)
                attempt.run()
        except BaseException as caught:  # noqa: BLE001  raised again by the main thread
            error = caught
        self._inbox.put(_Ended(error))

    def _await_slots(self, n_left: int) -> None:
        error: BaseException | None = None
        while n_left:
            message = threads.take_between_signals(self._inbox, self._session.deadline.seconds_left)
            if isinstance(message, _Arrived):
                self._on_signal(message)
            elif isinstance(message, _Ended):
                n_left -= 1
                if message.error is not None:  # the other slots finish their runs
                    self._session.stopping.set()
                    error = error or message.error
            else:
                self._session.notice(
                    "the time to end is up: undelivered results wait on disk for the next agent on"
                    " this machine or 'sweep-sdk sync'"
                )
                return
        if error is not None:
            raise error

    def _on_signal(self, arrived: _Arrived) -> None:
        if arrived.number == STOPPING:
            self._stop_for_a_while()
        elif arrived.number in PASSED_ON:  # each program may save its state and end, or ignore it
            name = signal_name(arrived.number)
            self._session.notice(f"{name}: passed on to the running programs")
            for attempt in list(self._attempts.values()):
                attempt.interrupt(Warn(arrived.number))
        elif self._interrupts.add(arrived.number, is_typed=is_typed(arrived.number)):
            self._end_runs(arrived)

    def _end_runs(self, arrived: _Arrived) -> None:
        session = self._session
        session.stopping.set()
        forwards = self._options.forwards_signals
        grace = arrived.grace_seconds
        if grace is None and not is_typed(arrived.number):
            grace = self._options.term_timeout_seconds
        message = Interrupt(arrived.number, self._interrupts.count, forwards, grace)
        is_bounded = (message.nth > 1 or forwards) and grace is not None
        if is_bounded and session.deadline.at is None:
            session.deadline.at = clock.monotonic() + (grace or 0.0) + DELIVERY_SECONDS
            session.hurry()
        session.notice(_announcement(message))
        self._interrupt = message
        for attempt in list(self._attempts.values()):
            attempt.interrupt(message)

    def _stop_for_a_while(self) -> None:
        """Ctrl-Z: the programs stop with their agent, and go on with it."""
        seconds = self._session.lease_seconds
        self._session.notice(
            "suspended together with the running programs ('fg' continues them); after"
            f" {seconds:,} s their runs may be handed out again"
        )
        self._flush()
        for attempt in list(self._attempts.values()):
            attempt.signal(signal.SIGSTOP)
        processes.stop_itself()
        for attempt in list(self._attempts.values()):
            attempt.signal(signal.SIGCONT)

    def _on_spot(self, notice: SpotNotice) -> None:
        """Called by the thread that watches for spot notices."""
        self._session.notice(f"spot interruption notice: {notice.text}")
        grace = grace_seconds(notice.seconds_left(clock.time()), self._options.term_timeout_seconds)
        self._inbox.put(_Arrived(signal.SIGTERM, grace))


def _announcement(message: Interrupt) -> str:
    name = signal_name(message.number)
    if message.nth == 1:
        what = "passed on to" if message.is_forwarded else "waiting for"
        return (
            f"{name}: taking no more runs; {what} the running programs; a second signal ends them"
        )
    if message.nth == 2:
        return f"{name}: ending the running programs; another signal kills them"
    return f"{name}: killing the running programs"
