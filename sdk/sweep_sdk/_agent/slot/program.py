"""An attempt that runs a program in a process and supervises it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from sweep_sdk._agent.outbox.endings import (
    KEEPER_KILLED,
    MACHINE_FAULTS,
    NOT_STARTED,
    ProgramOutcome,
)
from sweep_sdk._agent.process.child import LaunchFailed, signal_name, start_child
from sweep_sdk._agent.process.leftovers import end_marked, mark_of, own_trace
from sweep_sdk._agent.process.supervisor import Interrupt, Stop, Supervisor
from sweep_sdk._agent.slot.attempt import Attempt
from sweep_sdk._agent.view.events import Output
from sweep_sdk._world import chance, threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._agent.process.child import Child, Exit
    from sweep_sdk._agent.process.launcher import Launcher
    from sweep_sdk._agent.process.supervisor import Message, Warn
    from sweep_sdk._agent.session.session import AgentSession
    from sweep_sdk._agent.slot.sources import MetricSources
    from sweep_sdk._capture.capture import Capture, CapturedProgram
    from sweep_service.wire.runs import HandOut

#: The exit code of a shell that cannot start a program.
_NOT_STARTED_EXIT = 127


class ProgramAttempt(Attempt):
    """An attempt whose program is a process."""

    def __init__(
        self,
        session: AgentSession,
        launcher: Launcher,
        sources: MetricSources,
        capture: Capture | None,
        gpus: Mapping[str, str],
        slot: str,
        handout: HandOut,
    ) -> None:
        """Prepare the program.

        Args:
            session: The agent's session.
            launcher: Builds the program's command line and environment.
            sources: Sources of rows other than the program's own.
            capture: Captures what the program logs with wandb; None to disable this.
            gpus: Environment variable that selects the program's GPUs; empty for all of the
                agent's.
            slot: Name of the slot.
            handout: The run.

        Raises:
            OSError: The run's folder cannot be written.
            UsageError: The run's command is not the pinned one.
        """
        session.options.check_pin(handout.command_sha256)
        self._inbox: threads.SimpleQueue[Message] = threads.SimpleQueue()
        super().__init__(session, handout, self._stop)
        self._launcher = launcher
        self._sources = sources
        self._slot = slot
        self._mark = mark_of(session.lock.name, chance.unique_key())
        self._captured: CapturedProgram | None = None
        if capture is not None:
            self._captured = capture.begin(
                handout,
                self.files.folder,
                self.files.metrics,
                handout.metric or session.best.metric,
                launcher.environment,
            )
        more: dict[str, str | None] = {**sources.variables(handout.id)}
        if self._captured is not None:
            more |= self._captured.variables
        self._program = launcher.prepare(handout, self.files, gpus, self._mark, more)
        self._child: Child | None = None

    def run(self) -> None:
        """Start the program, supervise it until it has ended, and deliver its results."""
        session, held = self.session, self.session.lock.descriptor
        self.announce(self._program.command, self._slot, self._program.log_file)
        unmatched: tuple[str, ...] = ()
        try:
            with self._sources.searched(
                self.handout.id, self.files, self.notice, held, session.stopping
            ) as printed:

                def show(data: bytes, is_stderr: bool) -> None:
                    session.emit(Output(self.handout.id, data, is_stderr))
                    if printed is not None:
                        printed.feed(data, is_stderr)

                self._child = start_child(self._program, show, self.notice, held)
                outcome = self._watch(self._child)
            unmatched = printed.unmatched if printed is not None else ()
        except LaunchFailed as error:
            outcome = _not_started(str(error), is_machines_fault=error.is_machines_fault)
        finally:
            if self._captured is not None:
                self._captured.close()
        self.finish(outcome, unmatched, self._program.log_file)
        if outcome.cause in MACHINE_FAULTS:
            why = outcome.stderr_tail.rpartition("\n")[2]
            session.pause_after_machine_fault(why, self.handout)

    def interrupt(self, message: Interrupt | Warn) -> None:
        """Handle a signal to the agent, also while the program is being started."""
        if isinstance(message, Interrupt):
            self.reporter.announce_end()
        self._inbox.put(message)

    def _stop(self, reason: str) -> None:
        """End the program with a signal; wandb interrupts it if it ignores the signal."""
        if self._captured is not None:
            self._captured.stop()
        self._inbox.put(Stop(reason))

    def signal(self, number: int) -> None:
        """Send a signal to the program at once, whatever its supervisor is doing."""
        if self._child is not None:
            self._child.signal(number)

    def _watch(self, child: Child) -> ProgramOutcome:
        """Report while the program runs, end it if necessary, and return how it ended.

        Raises:
            LaunchFailed: No thread could be started for this; the program has been killed.
        """
        run_timeout = self.session.run_timeout_seconds
        supervisor = Supervisor(
            child,
            term_timeout_seconds=self.session.options.term_timeout_seconds,
            run_timeout_seconds=run_timeout,
            inbox=self._inbox,
        )
        try:
            with self.reporter:
                result = supervisor.supervise()
        except RuntimeError as error:
            if "thread" not in str(error):
                raise
            child.signal(signal.SIGKILL)
            child.wait()
            raise LaunchFailed(f"cannot watch the program: {error}") from None
        found, is_unknown = result.exit, result.exit.is_unknown
        trace = own_trace(self.session.lock.name) if is_unknown else None
        if trace is not None:
            end_marked(trace, self._mark, self.notice)
        words = child.output.stderr_tail() or _explain(found)
        if result.cause is None and found.code:
            why = self._launcher.why_not_started(self._program, found.code, words)
            if why is not None:
                return _not_started(why)
        if result.cause == "run_timeout":
            words += f"\nstopped: it ran for longer than {run_timeout:g} s (run_timeout)"
        return ProgramOutcome(
            is_success=found.code == 0,
            exit_code=found.code,
            signal=found.signal,
            cause=result.cause or (KEEPER_KILLED if is_unknown else None),
            stderr_tail=words.strip("\n"),
            warned_by=result.warned_by,
        )


def _not_started(why: str, *, is_machines_fault: bool = True) -> ProgramOutcome:
    """The outcome of a run whose program did not start; by default it is given back."""
    if is_machines_fault:
        return ProgramOutcome(False, cause=NOT_STARTED, stderr_tail=why)
    return ProgramOutcome(False, exit_code=_NOT_STARTED_EXIT, stderr_tail=why)


def _explain(found: Exit) -> str:
    """An explanation for the end of a program that was killed, in place of an error message."""
    if found.signal is None:
        return "the process that looks after the program was killed" if found.is_unknown else ""
    hint = "; often because the system is out of memory" if found.signal == 9 else ""
    return f"ended by {signal_name(found.signal)}{hint}"
