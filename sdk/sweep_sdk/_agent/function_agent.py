"""An agent whose runs are calls of a function in this process.

The caller's thread runs the function. A daemon thread reports what it logs, from the same file that
a training program would write.
"""

from __future__ import annotations

import asyncio
import inspect
import signal
import traceback
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.outbox.endings import GONE, ProgramOutcome
from sweep_sdk._agent.process.child import signal_name
from sweep_sdk._agent.process.launcher import run_variables
from sweep_sdk._agent.process.signals import ENDING, PASSED_ON, InterruptCount, is_typed
from sweep_sdk._agent.session.session import AgentSession, find_sweep, registered
from sweep_sdk._agent.slot.attempt import Attempt
from sweep_sdk._agent.view.event_pump import EventPump
from sweep_sdk._agent.view.events import Output
from sweep_sdk._exceptions import RunStopped, UsageError
from sweep_sdk._process.notices import notify
from sweep_sdk._process.ranks import AGENT_RANKS, agent_ranks
from sweep_sdk._program import current_run
from sweep_sdk._program.run import NO_AGENT, Run
from sweep_sdk._settings import environment, environment_with, load_settings, run_environment
from sweep_sdk._world import processes, threads
from sweep_service.model.language.command import WITHHELD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sweep_sdk._agent.outbox.reporter import Reporter
    from sweep_sdk._agent.view.events import Watcher
    from sweep_sdk._backend.client import Client
    from sweep_sdk._settings import Settings
    from sweep_sdk._world.processes import Handler
    from sweep_service.wire.runs import HandOut

_calling = threads.Lock()
_PRINTS_NOTHING = (
    "metrics_from is for programs: the output of a function is not searched for metrics; log them"
    " with sweep_sdk.log({'loss': 0.3})"
)
_SIGNAL_EXIT = 128


class _Terminated(SystemExit):
    """A signal as an exception: the run in progress is given back, then the process ends."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(_SIGNAL_EXIT + number)


def run_function_agent(
    client: Client,
    sweep: str,
    function: Callable[[], object],
    options: AgentOptions | None = None,
    events: Watcher = lambda _: None,
    settings: Settings | None = None,
) -> int:
    """Call ``function`` for each run of a sweep in turn, until the sweep has ended.

    Args:
        client: The backend.
        sweep: A reference to the sweep.
        function: A function without arguments; in it, ``init()`` returns the run.
        options: The agent's options; those that concern processes have no effect.
        events: Called with each event; see ``view.events``.
        settings: Folders and intervals; by default from the environment.

    Returns:
        The exit code: 0 if the sweep has ended or the count is reached; 1 if the agent gave up or
        none of its runs succeeded.

    Raises:
        UsageError: There is no such sweep, the function cannot be called without arguments, or
            another agent calls a function in this process.
        BackendUnavailable: It was away for longer than the options allow.
        KeyboardInterrupt: Ctrl-C; the run in progress has been given back.
        SystemExit: Another signal that would have ended the process; the run in progress has been
            given back. The code is 128 + N.
    """
    options = options or AgentOptions()
    settings = settings or load_settings()
    call = callable_without_arguments(function)
    if options.metrics_from or options.follows:
        raise UsageError(_PRINTS_NOTHING)
    found = find_sweep(client, sweep, notify)
    with ExitStack() as stack:
        stack.enter_context(_alone())
        lock = stack.enter_context(registered(settings))
        pump = stack.enter_context(EventPump(events))
        session = AgentSession(client, found, options, settings, lock, pump.emit)
        session.start(n_slots=1)
        if found["config"].get("metrics_from"):
            session.notice(_PRINTS_NOTHING)
        signals = _Signals(session)
        stack.enter_context(signals.handled())
        try:
            for attempt in session.attempts("", partial(_FunctionAttempt, session, signals)):
                attempt.run(call)
        except (KeyboardInterrupt, _Terminated) as error:
            number = error.number if isinstance(error, _Terminated) else int(signal.SIGINT)
            by = "Ctrl-C" if number == signal.SIGINT else signal_name(number)
            signals.hold()
            session.end(_SIGNAL_EXIT + number, f"interrupted by {by}")
            raise
        return session.end(session.exit_code)


def callable_without_arguments(function: Callable[[], object]) -> Callable[[], object]:
    """What to call for each run: the function, or a call that runs a coroutine to its end.

    Raises:
        UsageError: A call would run nothing of the function, or fail because of missing arguments.
    """
    name = getattr(function, "__name__", None) or repr(function)
    if not callable(function):
        raise UsageError(f"function is {function!r:.60}; needs a callable")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(
            f"{name}() is a generator function: a call runs none of its code; remove the 'yield'"
        )
    required = _required_parameters(function)
    if required:
        raise UsageError(
            f"{name}() needs arguments ({', '.join(required)}), but an agent calls it with none:"
            " read the configuration from sweep_sdk.init().config, or pass a lambda"
        )

    def run_to_its_end() -> object:
        result = function()
        if inspect.isgenerator(result):
            raise UsageError(f"{name}() returned a generator, whose code has not run")
        return asyncio.run(result) if inspect.iscoroutine(result) else result

    return run_to_its_end


def _required_parameters(function: Callable[..., object]) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature
        return []
    return [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]


class _FunctionAttempt(Attempt):
    """An attempt whose program is a call of the function."""

    def __init__(self, session: AgentSession, signals: _Signals, handout: HandOut) -> None:
        super().__init__(session, handout, self._stop)
        self._signals = signals
        self._stop_reason: str | None = None

    def run(self, function: Callable[[], object]) -> None:
        """Call the function, and deliver its results.

        Raises:
            BaseException: An interruption of the agent, raised again when all is delivered.
        """
        self.announce([], "", None)
        own = {AGENT_RANKS: agent_ranks(environment()), WITHHELD_VARIABLE: None}
        with environment_with({**run_variables(self.handout, self.files), **own}):
            current_run.activate(Run(run_environment() or NO_AGENT))
            try:
                with self.reporter, self._timer():
                    self._signals.reporter = self.reporter
                    outcome, interruption = self._called(function)
            finally:
                self._signals.reporter = None
                current_run.activate(None)
        self.finish(outcome)
        self._signals.release()
        interruption = interruption or self._signals.held
        if interruption is not None:
            raise interruption

    def _called(
        self, function: Callable[[], object]
    ) -> tuple[ProgramOutcome, KeyboardInterrupt | _Terminated | None]:
        """The outcome, and what interrupted the function, if anything; then signals are held."""
        try:
            outcome = self._outcome(function)
            self._signals.hold()
        except (KeyboardInterrupt, _Terminated) as error:
            self._signals.hold()
            self.session.stopping.set()
            self.session.hurry()
            return ProgramOutcome(False, cause="interrupted"), error
        return outcome, None

    def _outcome(self, function: Callable[[], object]) -> ProgramOutcome:
        try:
            returned = function()
        except (_Terminated, KeyboardInterrupt):
            raise
        except RunStopped:
            return self._failure()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
            words = error.code if isinstance(error.code, str) else ""
            return ProgramOutcome(not code, code, cause=self._cause(), stderr_tail=words)
        except Exception:  # noqa: BLE001  every exception of a user's function is a failure of the run
            return self._failure()
        return ProgramOutcome(True, cause=self._cause(), returned=_number(returned))

    def _failure(self) -> ProgramOutcome:
        cause = self._cause()
        if cause is not None:
            return ProgramOutcome(False, cause=cause)
        text = traceback.format_exc()
        self.session.emit(Output(self.handout.id, text.encode("utf-8", "replace"), True))
        return ProgramOutcome(False, stderr_tail=text.rstrip())

    def _cause(self) -> str | None:
        """Why the function was stopped, if it has noticed; otherwise it has done all its work."""
        if self._stop_reason in GONE or current_run.active_run().is_stopped:
            return self._stop_reason
        return None

    def _stop(self, reason: str) -> None:
        """Ask the function to stop; called by the threads of the reporter and the timer."""
        self._stop_reason = self._stop_reason or reason
        current_run.active_run().request_stop(self._stop_reason)

    @contextmanager
    def _timer(self) -> Iterator[None]:
        seconds = self.session.run_timeout_seconds
        if seconds is None:
            yield
            return
        timer = threads.Timer(seconds, self._stop, ("run_timeout",))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


@contextmanager
def _alone() -> Iterator[None]:
    """Allow one agent at a time in this process: two functions would log into one run.

    Raises:
        UsageError: Another agent is calling its function.
    """
    if not _calling.acquire(blocking=False):
        raise UsageError(
            "another agent is calling its function in this process: start one agent per process"
        )
    try:
        yield
    finally:
        _calling.release()


class _Signals:
    """Handles signals for an agent that calls functions, in the main thread.

    A signal that would end the process, and that nothing else handles, raises an exception instead,
    so that the run in progress is given back whichever signal a batch system sends. While results
    are delivered, signals are held back: only a person who insists interrupts that.

    Attributes:
        reporter: The reporter of the run in progress, which announces the end of the agent.
        held: The exception that was held back while results were delivered.
    """

    def __init__(self, session: AgentSession) -> None:
        self.reporter: Reporter | None = None
        self.held: KeyboardInterrupt | _Terminated | None = None
        self._session = session
        self._interrupts = InterruptCount()
        self._is_holding = False

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Handle signals for the time of a block."""
        own: dict[int, Handler] = {}
        if threads.in_main_thread():
            own = {number: processes.handler_of(number) for number in ENDING | PASSED_ON}
        before = {
            number: handler
            for number, handler in own.items()
            if handler in (signal.SIG_DFL, signal.default_int_handler)
        }
        for number in sorted(before):
            processes.set_handler(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in before.items():
                processes.set_handler(number, handler)

    def hold(self) -> None:
        """Hold signals back from now on, while results are delivered."""
        self._is_holding = True

    def release(self) -> None:
        """Let signals raise exceptions again."""
        self._is_holding = False

    def _on_signal(self, number: int, _: object) -> None:
        typed = is_typed(number)
        if not self._interrupts.add(number, is_typed=typed):
            return
        error = KeyboardInterrupt() if number == signal.SIGINT else _Terminated(number)
        if self.reporter is not None:
            self.reporter.announce_end()
        if not self._is_holding or (typed and self._interrupts.count > 1):
            raise error
        self.held = self.held or error
        # In another thread, because this one may hold a lock that is needed.
        threads.Thread(target=self._hurry, name="hurry", daemon=True).start()

    def _hurry(self) -> None:
        self._session.stopping.set()
        self._session.hurry()


def _number(returned: object) -> float | None:
    """The returned value, if it can be the value of a metric."""
    if isinstance(returned, bool) or not isinstance(returned, (int, float)):
        return None
    try:
        return float(returned)
    except OverflowError:
        return None
