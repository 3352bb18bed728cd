"""What the callbacks of all libraries have in common."""

from __future__ import annotations

import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import RunStopped
from sweep_sdk._program.current_run import active_run
from sweep_sdk._world import processes, threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@contextmanager
def needing(*libraries: str) -> Iterator[None]:
    """Import a library that may not be installed.

    Args:
        libraries: The package, and others that would do.

    Raises:
        ImportError: It is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in libraries:
            raise
        package = libraries[0]
        raise ImportError(
            f"this integration needs {package}, which is not installed: 'pip install {package}'",
            name=error.name,
        ) from None


class TrainingRun:
    """The current run, as the callback of a training library sees it."""

    def __init__(self) -> None:
        """Find out whether SIGTERM may be handled: not if the program or an agent does."""
        is_free = processes.handler_of(signal.SIGTERM) == signal.SIG_DFL
        self._may_handle = is_free and threads.in_main_thread()
        self._is_signalled = False
        self._previous: processes.Handler = None

    @property
    def should_stop(self) -> bool:
        """Whether the training has to end now; a run that reads this does not count as complete."""
        run = active_run()
        if self._is_signalled or run.stop_reason is not None:
            run.is_stopped = True
        return run.is_stopped

    def begin(self, n_processes: int = 1) -> None:
        """Notice SIGTERM from now on, with which agents end programs.

        Args:
            n_processes: Of a distributed training. The signal ends several processes at once, as
                usual: if each stopped at a step of its own, they would wait for each other.
        """
        if self._may_handle and n_processes == 1 and active_run().id and self._previous is None:
            self._previous = processes.set_handler(signal.SIGTERM, self._on_signal)

    def end(self) -> None:
        """Handle SIGTERM as before the training."""
        if self._previous is not None:
            processes.set_handler(signal.SIGTERM, self._previous)
            self._previous = None

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Report metrics; a run that was stopped takes no more of them."""
        with suppress(RunStopped):
            active_run().log(metrics, step)

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._is_signalled = True
