"""Time, machines, processes and threads of a simulated world, one at a time under one seed.

Every thread is a greenlet. Whatever goes through a seam of the client comes here: it may pass the
turn, it may wait, it may find that its process was killed. When nobody can go on, time jumps to the
next moment at which something happens.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from greenlet import getcurrent, greenlet

EPOCH = 1_800_000_000.0
#: A world that takes more steps than this has no end.
MAX_STEPS = 400_000


class Killed(BaseException):
    """Ends a thread whose process is no more; whatever it still tries raises this again."""


class Exited(BaseException):
    """The process ends itself, with an exit code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(code)


class Hung(AssertionError):
    """The world does not come to rest."""


@dataclass
class Machine:
    """A computer: its clocks, its disk, and what runs on it.

    Attributes:
        wall_offset: Seconds that its time of day is ahead of the true one.
        rate: Seconds that its clocks count in a true second.
    """

    name: str
    disk: Any = None
    wall_offset: float = 0.0
    rate: float = 1.0
    processes: list[Process] = field(default_factory=list)


class Process:
    """A process: threads, open files, signal handlers, and how it ended.

    Attributes:
        exit_code: As a shell has it; None while it runs, or when an exception ended it.
        error: The exception that ended it, if one did.
        resumed_at: When it was last continued after a stop.
        steps_left: After how many of its steps it is killed; None for not at all.
        globals: What each of its modules keeps for the whole process; see ``seams``.
    """

    def __init__(self, kernel: Kernel, machine: Machine, name: str, number: int) -> None:
        self.kernel = kernel
        self.machine = machine
        self.name = name
        self.number = number
        self.threads: list[Thread] = []
        self.files: dict[int, Any] = {}
        self.next_file = itertools.count(3)
        self.handlers: dict[int, Any] = {}
        self.pending_signals: list[int] = []
        self.globals: dict[Any, Any] = {}
        self.is_dead = False
        self.is_stopped = False
        self.resumed_at = 0.0
        self.steps_left: int | None = None
        self.exit_code: int | None = None
        self.error: BaseException | None = None
        self.ended_at: float | None = None
        self.at_end: list[Callable[[], None]] = []
        self.waiting_for_end: list[Thread] = []

    @property
    def main(self) -> Thread:
        """Its first thread."""
        return self.threads[0]


class Thread:
    """A thread of a process."""

    def __init__(self, process: Process, name: str, run: Callable[[], None]) -> None:
        self.process = process
        self.name = name
        self.greenlet = greenlet(run)
        self.is_over = False
        self.is_ready = False
        self.is_woken = False
        self.wait_number = 0
        self.place: list[Thread] | None = None
        self.joining: list[Thread] = []


class Kernel:
    """The world's clock and scheduler.

    Attributes:
        now: True seconds since the world began.
        trace: One short text a step; the same for the same seed.
        yield_share: How often a step passes the turn.
        on_step: Called with every step, in the thread that takes it.
    """

    def __init__(self, seed: object) -> None:
        self.rng = random.Random(f"kernel {seed}")
        self.now = 0.0
        self.n_steps = 0
        self.trace: list[str] = []
        self.yield_share = self.rng.choice((0.02, 0.1, 0.5))
        self.machines: list[Machine] = []
        self._numbers = itertools.count(100)
        self._ready: list[Thread] = []
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._timer_numbers = itertools.count()
        self._hub = getcurrent()
        self._of_greenlet: dict[greenlet, Thread] = {}
        self.on_switch: Callable[[Process | None, Process | None], None] = lambda *_: None
        self.on_step: Callable[[Process, str], None] | None = None
        self._running: Process | None = None
        self._is_closing = False

    # What threads do

    def current(self) -> Thread:
        """The thread that runs."""
        return self._of_greenlet[getcurrent()]

    def is_inside(self) -> bool:
        """Whether a thread of this world runs, and not the hub."""
        return getcurrent() in self._of_greenlet

    def process(self) -> Process:
        """The process of the thread that runs."""
        return self.current().process

    def machine(self) -> Machine:
        """The machine of the thread that runs."""
        return self.current().process.machine

    def step(self, what: str) -> None:
        """A thread reaches the outside: the turn may pass to another one first."""
        thread = self._of_greenlet[getcurrent()]
        process = thread.process
        if process.is_dead:
            raise Killed
        self.n_steps += 1
        if self.n_steps > MAX_STEPS:
            raise Hung(f"more than {MAX_STEPS:,} steps")
        self.trace.append(f"{self.now:.6f} {process.name}/{thread.name} {what}")
        if process.steps_left is not None:
            process.steps_left -= 1
            if process.steps_left <= 0:
                self.at(self.now, lambda: self.end(process, -9))
                self.pass_turn()
        if self.on_step is not None:
            self.on_step(process, what)
        if self.rng.random() < self.yield_share:
            self.pass_turn()

    def pass_turn(self) -> None:
        """Let others go on."""
        thread = self.current()
        self._make_ready(thread)
        self._leave(thread)

    def wait(self, place: list[Thread], timeout: float | None = None) -> bool:
        """Wait in a place until somebody wakes this thread; whether that came in time.

        Args:
            place: Where those who wake look.
            timeout: Seconds of the machine's clock; None for no end.
        """
        thread = self.current()
        if thread.process.is_dead:
            raise Killed
        thread.is_woken = False
        thread.wait_number += 1
        number = thread.wait_number
        thread.place = place
        place.append(thread)
        until = None
        if timeout is not None:
            until = self.now + max(timeout, 0.0) / thread.process.machine.rate
            self.at(until, lambda: self._time_out(thread, number))
        try:
            while True:
                self._leave(thread)
                if thread.is_woken or (until is not None and self.now >= until):
                    return thread.is_woken
        finally:
            thread.place = None
            if thread in place:
                place.remove(thread)

    def wake(self, place: list[Thread], count: int | None = None) -> None:
        """Wake those who wait in a place, or some of them, in the order in which they came."""
        for thread in place[: len(place) if count is None else count]:
            place.remove(thread)
            thread.is_woken = True
            self._make_ready(thread)

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds of this machine's clock."""
        self.wait([], seconds)

    # What happens to processes

    def spawn(self, machine: Machine, name: str, run: Callable[[], int | None]) -> Process:
        """A new process on a machine, whose main thread runs ``run`` for its exit code."""
        process = Process(self, machine, name, next(self._numbers))
        machine.processes.append(process)
        self.start_thread(process, "main", lambda: self._main(process, run))
        return process

    def start_thread(self, process: Process, name: str, run: Callable[[], None]) -> Thread:
        """A new thread of a process."""

        def guarded() -> None:
            try:
                run()
            except Killed:
                pass
            finally:
                thread.is_over = True
                self.wake(thread.joining)

        thread = Thread(process, name, guarded)
        thread.greenlet.parent = self._hub
        self._of_greenlet[thread.greenlet] = thread
        process.threads.append(thread)
        self._make_ready(thread)
        return thread

    def signal(self, process: Process, number: int) -> None:
        """Send a signal that can be caught; what has no handler ends the process."""
        if process.is_dead:
            return
        handler = process.handlers.get(number)
        if handler is None or handler == 0:
            self.end(process, -number)
        elif callable(handler):
            process.pending_signals.append(number)
            self._make_ready(process.main)

    def stop(self, process: Process) -> None:
        """SIGSTOP."""
        process.is_stopped = True

    def go_on(self, process: Process) -> None:
        """SIGCONT."""
        if process.is_stopped:
            process.is_stopped, process.resumed_at = False, self.now

    def end(self, process: Process, exit_code: int | None) -> None:
        """The process is no more: none of its code runs again."""
        if process.is_dead:
            return
        process.is_dead = True
        process.exit_code = exit_code
        process.ended_at = self.now
        process.machine.processes.remove(process)
        for opened in list(process.files.values()):
            opened.let_go()
        process.files.clear()
        self.wake(process.waiting_for_end)
        for reported in process.at_end:
            reported()
        own = self._of_greenlet.get(getcurrent())
        for thread in process.threads:
            if thread is not own:
                self._unwind(thread)
        if own is not None and own.process is process:
            raise Killed

    def at(self, moment: float, what: Callable[[], None]) -> None:
        """Have something done at a true time, outside of all processes."""
        heapq.heappush(self._timers, (moment, next(self._timer_numbers), what))

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        """Have something done some true seconds from now."""
        self.at(self.now + seconds, what)

    # The loop

    def run_until(self, is_over: Callable[[], bool], bound: float) -> bool:
        """Go on until a condition holds, or for a number of true seconds; whether it held."""
        end = self.now + bound
        while not is_over():
            thread = self._next_ready()
            if thread is not None:
                self.now += self.rng.random() * 0.0005
                self._switch_to(thread)
                self._run_due()
                continue
            if not self._timers or self._timers[0][0] > end:
                self.now = end
                return is_over()
            self.now = max(self.now, self._timers[0][0])
            self._run_due()
        return True

    def close(self) -> None:
        """End all that is left."""
        self._is_closing = True
        for machine in self.machines:
            for process in list(machine.processes):
                process.at_end.clear()
                self.end(process, None)

    def stacks(self) -> str:
        """Where every thread is; for a world that hangs."""
        lines = []
        for thread in self._of_greenlet.values():
            frame = thread.greenlet.gr_frame
            if frame is None or thread.is_over:
                continue
            names = []
            while frame is not None:
                names.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
                frame = frame.f_back
            lines.append(f"{thread.process.name}/{thread.name}: {' < '.join(names[:12])}")
        return "\n".join(lines)

    def _main(self, process: Process, run: Callable[[], int | None]) -> None:
        code: int | None = None
        try:
            code = run() or 0
        except Killed:
            raise
        except Exited as exited:
            code = exited.code
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except Exception as error:  # noqa: BLE001  judged by the owner of the process
            process.error = error
            code = 2
        except KeyboardInterrupt:
            code = 130
        self.end(process, code)

    def _leave(self, thread: Thread) -> None:
        """Give the turn back to the hub; handle signals on return, as Python does."""
        self._hub.switch()
        process = thread.process
        if process.is_dead:
            raise Killed
        if thread is process.main:
            while process.pending_signals:
                number = process.pending_signals.pop(0)
                handler = process.handlers.get(number)
                if callable(handler):
                    handler(number, None)

    def _make_ready(self, thread: Thread) -> None:
        if not thread.is_ready and not thread.is_over:
            thread.is_ready = True
            self._ready.append(thread)

    def _time_out(self, thread: Thread, number: int) -> None:
        if thread.wait_number == number and thread.place is not None:
            self._make_ready(thread)

    def _next_ready(self) -> Thread | None:
        can_go = [thread for thread in self._ready if not thread.process.is_stopped]
        if not can_go:
            return None
        thread = can_go[0] if len(can_go) == 1 else self.rng.choice(can_go)
        self._ready.remove(thread)
        thread.is_ready = False
        return thread

    def _switch_to(self, thread: Thread) -> None:
        if thread.is_over or thread.process.is_dead:
            return
        self._turn_to(thread.process)
        thread.greenlet.switch()
        if thread.is_over:
            self._of_greenlet.pop(thread.greenlet, None)

    def _turn_to(self, process: Process | None) -> None:
        if process is not self._running:
            self.on_switch(self._running, process)
            self._running = process

    def _run_due(self) -> None:
        while self._timers and self._timers[0][0] <= self.now:
            what = heapq.heappop(self._timers)[2]
            what()

    def _unwind(self, thread: Thread) -> None:
        """Have a dead process's thread leave its frames; nothing that it does has an effect."""
        thread.is_over = True
        if thread in self._ready:
            self._ready.remove(thread)
        if getcurrent() is self._hub:
            self._throw(thread)
        else:
            self.at(self.now, lambda: self._throw(thread))

    def _throw(self, thread: Thread) -> None:
        if thread.greenlet:  # started, and not over
            self._turn_to(thread.process)
            thread.greenlet.throw(Killed)
        self._of_greenlet.pop(thread.greenlet, None)


def wall_time(kernel: Kernel, machine: Machine) -> float:
    """The time of day that a machine believes in."""
    return EPOCH + kernel.now * machine.rate + machine.wall_offset
