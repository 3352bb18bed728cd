"""One of an agent's parallel places: takes a run, has its program run, delivers, takes the next."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from sweep_sdk._agent.outbox.endings import (
    KEEPER_KILLED,
    MACHINE_FAULTS,
    NOT_STARTED,
    ProgramOutcome,
)
from sweep_sdk._agent.printed.metrics import printed_metrics
from sweep_sdk._agent.process.child import Exit, LaunchFailed, signal_name, start_child
from sweep_sdk._agent.process.supervisor import Interrupt, Stop, Supervisor, Warn
from sweep_sdk._agent.session.attempts import AttemptNotStarted
from sweep_sdk._agent.view.events import Notice, Output
from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_sdk._agent.outbox.reporter import Reporter
    from sweep_sdk._agent.printed.metrics import Patterns, PrintedMetrics
    from sweep_sdk._agent.process.child import Child
    from sweep_sdk._agent.process.launcher import Launcher, ProgramSpec
    from sweep_sdk._agent.session.attempts import Attempt, Attempts
    from sweep_sdk._agent.session.requester import RunRequester
    from sweep_service.wire.runs import HandOut

#: What a shell exits with where it cannot start a program.
_NOT_STARTED = 127


class Worker:
    """Works in one slot until there is nothing more to do."""

    def __init__(
        self,
        slot: str,
        gpus: Mapping[str, str],
        attempts: Attempts,
        requester: RunRequester,
        launcher: Launcher,
        held_descriptor: int | None,
        run_timeout_seconds: float | None,
        patterns: Patterns,
    ) -> None:
        self._slot = slot
        self._gpus = gpus
        self._attempts = attempts
        self._requester = requester
        self._launcher = launcher
        self._held_descriptor = held_descriptor
        self._run_timeout = run_timeout_seconds
        self._patterns = patterns
        self._supervisor: Supervisor | None = None
        self._child: Child | None = None
        self._reporter: Reporter | None = None
        self._interrupt: Interrupt | None = None

    def work(self) -> None:
        """Take run after run.

        Raises:
            SweepError: No more runs can be had, or none can be worked on.
        """
        tally = self._attempts.tally
        while tally.take_turn():
            handout = self._requester.next_run(self._slot)
            if handout is None:
                tally.give_back_turn()
                return
            if self._attempts.stopping.is_set():  # it came while the agent was being stopped
                self._attempts.give_back(handout)
                return
            try:
                self._attempts.options.check_pin(handout.command_sha256)
            except UsageError:
                self._attempts.give_back(handout)
                raise
            self._run(handout)

    def interrupt(self, message: Interrupt | Warn) -> None:
        """Pass a signal on to the program: the one that runs, or is just being started."""
        if isinstance(message, Interrupt):
            self._interrupt = message
            reporter = self._reporter
            if reporter is not None:
                reporter.announce_end()
        supervisor = self._supervisor
        if supervisor is not None:
            supervisor.inbox.put(message)

    def signal(self, number: int) -> None:
        """Send a signal to the program that runs, whatever else is going on with it."""
        child = self._child
        if child is not None:
            child.signal(number)

    def _run(self, handout: HandOut) -> None:
        try:
            attempt = self._attempts.begin(handout)
        except AttemptNotStarted as error:
            self._attempts.pause_after_fault(str(error), handout)
            return
        launch = self._launcher.prepare(handout, attempt.files, self._gpus, attempt.mark)
        self._attempts.announce(attempt, launch.command, self._slot)
        notice = self._notifier(handout)
        held = self._held_descriptor
        unmatched: tuple[str, ...] = ()
        try:
            with printed_metrics(
                self._patterns, attempt.files.metrics, notice, held, self._attempts.stopping
            ) as printed:
                child = start_child(launch, self._output_handler(handout, printed), notice, held)
                outcome = self._judged(self._look_after(child, attempt), launch)
            unmatched = printed.unmatched if printed is not None else ()
        except LaunchFailed as error:
            outcome = _not_started(str(error), is_machines_fault=error.is_machines_fault)
        self._attempts.end(attempt, outcome, attempt.files.log, unmatched)
        if outcome.cause in MACHINE_FAULTS:
            self._attempts.pause_after_fault(outcome.stderr_tail.rpartition("\n")[2], handout)

    def _judged(self, outcome: ProgramOutcome, launch: ProgramSpec) -> ProgramOutcome:
        """The outcome, unless the program that ended was one that could start no other."""
        if outcome.cause is not None or not outcome.exit_code:
            return outcome
        why = self._launcher.why_not_started(launch, outcome.exit_code, outcome.stderr_tail)
        return outcome if why is None else _not_started(why)

    def _look_after(self, child: Child, attempt: Attempt) -> ProgramOutcome:
        supervisor = Supervisor(
            child,
            term_timeout_seconds=self._attempts.options.term_timeout_seconds,
            run_timeout_seconds=self._run_timeout,
        )
        reporter = self._attempts.reporter(
            attempt, lambda reason: supervisor.inbox.put(Stop(reason))
        )
        self._child, self._supervisor, self._reporter = child, supervisor, reporter
        if self._interrupt is not None:
            self.interrupt(self._interrupt)
        try:
            with reporter:
                result = supervisor.supervise()
        except RuntimeError as error:
            if "thread" not in str(error):
                raise
            child.signal(signal.SIGKILL)  # no thread waits for it: the system allows no more
            child.wait()
            raise LaunchFailed(f"cannot look after the program: {error}") from None
        if result.exit.is_unknown:
            self._attempts.end_rest_of(attempt)
        self._child = self._supervisor = self._reporter = None
        words = child.output.stderr_tail() or _explain(result.exit)
        if result.cause == "run_timeout":
            words += f"\nstopped: it ran for longer than {self._run_timeout:g} s (run_timeout)"
        return ProgramOutcome(
            is_success=result.exit.is_success,
            exit_code=result.exit.code,
            signal=result.exit.signal,
            cause=result.cause or (KEEPER_KILLED if result.exit.is_unknown else None),
            stderr_tail=words.strip("\n"),
            warned_by=result.warned_by,
        )

    def _output_handler(
        self, handout: HandOut, printed: PrintedMetrics | None
    ) -> Callable[[bytes, bool], None]:
        """What is given the program's output."""

        def show(data: bytes, is_stderr: bool) -> None:
            self._attempts.emit(Output(handout.id, data, is_stderr))
            if printed is not None:
                printed.feed(data, is_stderr)

        return show

    def _notifier(self, handout: HandOut) -> Callable[[str], None]:
        emit = self._attempts.emit
        return lambda message: emit(Notice(message, handout.id))


def _not_started(why: str, *, is_machines_fault: bool = True) -> ProgramOutcome:
    """The outcome of a run whose program did not start; by default it is given back."""
    if is_machines_fault:
        return ProgramOutcome(False, cause=NOT_STARTED, stderr_tail=why)
    return ProgramOutcome(False, exit_code=_NOT_STARTED, stderr_tail=why)


def _explain(found: Exit) -> str:
    """A program that was killed has no last words of its own."""
    if found.signal is None:
        return "the process that looks after the program was killed" if found.is_unknown else ""
    hint = "; often the system was out of memory" if found.signal == 9 else ""
    return f"ended by {signal_name(found.signal)}{hint}"
