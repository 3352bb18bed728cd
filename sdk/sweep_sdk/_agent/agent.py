"""The agent: asks for runs, starts the training program for each, reports, and ends it if need be.

It prints nothing; a watcher is told everything as events. The main thread waits for signals, each
slot works in a thread of its own, and per run there are threads that read the program's output,
wait for its end and report.
"""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from sweep_sdk._agent.child import signal_name
from sweep_sdk._agent.engagement import Engagement, attendance_of
from sweep_sdk._agent.event_pump import EventPump
from sweep_sdk._agent.gpus import allotment, variables_of
from sweep_sdk._agent.launcher import Launcher
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.spot import SpotWatch
from sweep_sdk._agent.supervisor import Interrupt
from sweep_sdk._agent.watchdog import Watchdog
from sweep_sdk._agent.worker import Worker
from sweep_sdk._exceptions import UsageError
from sweep_sdk._settings import environment, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from sweep_sdk._agent.events import Watcher
    from sweep_sdk._backend.client import Client
    from sweep_sdk._settings import Settings

GAVE_UP = 1
_NAP_SECONDS = 0.25
_SIGNAL_EXIT = 128
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@dataclass(frozen=True)
class _Arrived:
    """A signal has arrived, or something that counts as one."""

    number: int


def run_agent(
    client: Client,
    sweep: str,
    options: AgentOptions | None = None,
    events: Watcher = lambda _: None,
    settings: Settings | None = None,
) -> int:
    """Work on a sweep until it ends, or something else does.

    Signals are handled while it works, if it is called in the main thread.

    Args:
        client: The backend.
        sweep: A reference to the sweep.
        options: How to work.
        events: Told everything; see ``_events``.
        settings: Where things are kept; by default as the environment says.

    Returns:
        0 the sweep has ended or the count is reached, 1 gave up, 129, 130 or 143 by a signal.

    Raises:
        UsageError: There is no such sweep, its program cannot be started here, or GPUs are asked
            for that are not allotted to this process.
        BackendUnavailable: It was away for longer than the options allow.
    """
    if os.name != "posix":
        raise UsageError(
            "agents that start programs need a POSIX system; here pass a function to"
            " sweep_sdk.agent(), or use WSL"
        )
    options = options or AgentOptions()
    settings = settings or load_settings()
    found = client.get_sweep(sweep)
    launcher = Launcher(found["config"], environment())
    launcher.check()
    gpus = variables_of(options.gpu_groups, allotment(environment()))
    with ExitStack() as stack:
        attendance = stack.enter_context(attendance_of(settings))
        pump = stack.enter_context(EventPump(events))
        watchdog = Watchdog(attendance.descriptor)
        stack.callback(watchdog.close)
        engagement = Engagement(client, found, options, settings, attendance, pump.emit)
        return _Agent(engagement, launcher, watchdog, options, settings, gpus).run()


class _Agent:
    """The main thread's part: starts the slots, passes signals on, waits for all to end."""

    def __init__(
        self,
        engagement: Engagement,
        launcher: Launcher,
        watchdog: Watchdog,
        options: AgentOptions,
        settings: Settings,
        gpus: Sequence[Mapping[str, str]],
    ) -> None:
        self._engagement = engagement
        self._launcher = launcher
        self._options = options
        self._settings = settings
        self._inbox: SimpleQueue[_Arrived | Future[None]] = SimpleQueue()
        self._signals: list[int] = []
        self._workers = [
            Worker(
                slot,
                options.gpus_of(slot, gpus),
                engagement.attempts,
                engagement.asker,
                launcher,
                watchdog,
                engagement.run_timeout_seconds,
            )
            for slot in options.slots
        ]

    def run(self) -> int:
        """Work until all slots have ended; the exit code.

        Raises:
            SweepError: What ended a slot that could not go on.
        """
        self._engagement.start(len(self._workers))
        self._warn()
        with ExitStack() as stack:
            stack.enter_context(self._handled_signals())
            if self._options.watches_spot:
                watch = SpotWatch(self._settings.metadata_url, self._on_spot, self._notice)
                stack.callback(watch.close)
            pool = stack.enter_context(ThreadPoolExecutor(len(self._workers), "slot"))
            for worker in self._workers:
                pool.submit(worker.work).add_done_callback(self._inbox.put)
            self._await_slots()
        code = self._exit_code()
        self._engagement.end(code, self._interruption())
        return code

    def _await_slots(self) -> None:
        error: BaseException | None = None
        n_left = len(self._workers)
        while n_left:
            message = self._next_message()
            if isinstance(message, _Arrived):
                self._interrupt(message.number)
            elif message is not None:
                n_left -= 1
                if message.exception() is not None:  # the others end the runs that they have
                    self._engagement.stopping.set()
                    error = error or message.exception()
        if error is not None:
            raise error

    def _next_message(self) -> _Arrived | Future[None] | None:
        """Wait, but not for long at once.

        A signal that arrives just before this thread falls asleep does not wake it; Python runs
        the handler when the thread wakes by itself.
        """
        try:
            return self._inbox.get(timeout=_NAP_SECONDS)
        except Empty:
            return None

    def _interrupt(self, number: int) -> None:
        self._signals.append(number)
        self._engagement.stopping.set()
        nth = len(self._signals)
        message = Interrupt(number, nth, self._options.forwards_signals)
        self._notice(_announcement(message))
        for worker in self._workers:
            worker.interrupt(message)

    def _on_spot(self, notice: str) -> None:
        self._notice(f"spot interruption notice: {notice}")
        self._inbox.put(_Arrived(signal.SIGTERM))

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self._inbox.put(_Arrived(number))  # reentrant, unlike most of what one might do here

    @contextmanager
    def _handled_signals(self) -> Iterator[None]:
        """Handle signals for a time; those that are ignored (nohup) stay so."""
        before = {}
        if threading.current_thread() is threading.main_thread():
            for name in _SIGNALS:
                number = getattr(signal, name)
                if signal.getsignal(number) is not signal.SIG_IGN:
                    before[number] = signal.signal(number, self._on_signal)
            if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # it hides how programs end
                before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _exit_code(self) -> int:
        if self._signals:
            return _SIGNAL_EXIT + self._signals[0]
        return GAVE_UP if self._engagement.tally.gave_up else 0

    def _interruption(self) -> str | None:
        return f"interrupted by {signal_name(self._signals[0])}" if self._signals else None

    def _warn(self) -> None:
        for warning in self._launcher.warnings():
            self._notice(warning)

    def _notice(self, message: str) -> None:
        self._engagement.notice(message)


def _announcement(message: Interrupt) -> str:
    name = signal_name(message.number)
    if message.nth == 1:
        what = "passed on to" if message.is_forwarded else "waiting for"
        return f"{name}: no more runs; {what} the programs that run; once more ends them"
    if message.nth == 2:
        return f"{name}: ending the programs that run; once more kills them"
    return f"{name}: killing the programs that run"
