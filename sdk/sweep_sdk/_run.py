"""The training program's side: ``init``, ``log``, ``finish``.

``log()`` appends one line to the file that the agent named; the agent sends it. So the program
holds no token, opens no socket and waits for nobody; without an agent it writes nothing at all.
Standard library only, and little of it.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_sdk import _lines
from sweep_sdk._config import Config, as_dict
from sweep_sdk._exceptions import RunStopped, UsageError
from sweep_sdk._metrics import clean_metrics
from sweep_sdk._metrics_file import MetricsFile
from sweep_sdk._settings import RunEnvironment, run_environment

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_MAX_MESSAGES = 100
NO_AGENT = RunEnvironment()


class Run:
    """One run, as its training program sees it; a context manager that calls ``finish``.

    Attributes:
        id: Such as ``k3v9x2ab-17``; None outside a sweep, like ``sweep_id``.
        config: The configuration; the sweep's values go before those given to ``init``.
        attempt: Counts the hand-outs of this run, from 1.
        dir: Folder of the run, the same for all its attempts on this machine: the place for
            checkpoints. The working directory outside a sweep.
        summary: Set items here for results that are not simply the last logged value.
    """

    def __init__(
        self,
        environment: RunEnvironment = NO_AGENT,
        project: str | None = None,
        config: object = None,
        *,
        is_reporting: bool = True,
    ) -> None:
        self.id = environment.run
        self.sweep_id = environment.sweep
        self.project = environment.project or project
        self.attempt = environment.attempt
        self.dir = Path(environment.run_dir or Path.cwd())
        self.config = Config(config)
        self.config.update(_read_config(environment.config_file))
        self.summary = Summary(self._write)
        self.is_finished = False
        self.is_stopped = False
        path = environment.metrics_file if is_reporting else None
        self._file = MetricsFile(path) if path else None
        self._stop_reason: str | None = None
        self._told: set[str] = set()

    @property
    def resumed(self) -> bool:
        """Whether an earlier attempt of this run was interrupted: look for a checkpoint."""
        return self.attempt > 1

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Report metric values.

        Values that are no numbers are left out with a message on stderr; the run goes on.

        Args:
            metrics: Values by name; nested mappings become dotted names.
            step: Where the training stands; counted from 0 by default.

        Raises:
            RunStopped: In a function run that shall end.
            UsageError: The run is finished, or ``metrics`` is no mapping.
        """
        if self._stop_reason is not None:
            self.is_stopped = True
            raise RunStopped(self._stop_reason)
        if self.is_finished:
            raise UsageError("log() after finish(): this run has ended")
        if not isinstance(metrics, Mapping):
            raise UsageError(f"log() takes a dict of metrics, not {type(metrics).__name__}")
        clean = clean_metrics(metrics, self._leave_out)
        self._write(_lines.encode_row(self._step(step), round(time.time(), 3), clean))

    def mark_preempting(self) -> None:
        """Say that an interruption is expected: if the program now fails, the run is given back.

        It is then handed out again, as its next attempt.
        """
        self._write(_lines.encode_preempting())

    def finish(self, exit_code: int = 0) -> None:
        """Say how the run ended, once; another code than 0 means that it failed.

        A program need not call this: how it exits says the same.
        """
        if not self.is_finished:
            self._write(_lines.encode_finish(exit_code))
            self._close()

    def request_stop(self, reason: str) -> None:
        """Have the next ``log()`` raise ``RunStopped``; for the agent of a function run."""
        self._stop_reason = reason

    def __enter__(self) -> Run:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish: as failed after an exception. An exit or interrupt speaks for itself."""
        if error is None or isinstance(error, Exception):
            self.finish(0 if error is None else 1)
        else:
            self._close()

    def _close(self) -> None:
        self.is_finished = True
        problem = self._file.close() if self._file is not None else None
        if problem:
            self._tell(problem)

    def _write(self, line: bytes) -> None:
        problem = self._file.append(line) if self._file is not None else None
        if problem:
            self._tell(problem)

    def _step(self, step: object) -> int | None:
        number = _lines.whole_step(step)
        if number is None and step is not None:
            self._tell(f"step {step!r:.40} is no whole number; it is counted instead")
        return number

    def _leave_out(self, name: str, reason: str) -> None:
        self._tell(f"metric '{name}' is left out: {reason}")

    def _tell(self, message: str) -> None:
        """One line on stderr, once: a training loop must not drown in it, nor end by it."""
        if message not in self._told and len(self._told) < _MAX_MESSAGES:
            self._told.add(message)
            if sys.stderr is not None:
                sys.stderr.write(f"sweep-sdk: {message}\n")


class Summary(dict[str, Any]):
    """Summary values that a program sets itself; setting them reports them."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        super().__init__()
        self._write = write

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __ior__(self, values: Any) -> Summary:  # type: ignore[override,misc]  # dict's takes more
        self.update(values)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of ``name``, which is set to ``default`` where there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def update(self, values: Any = None, /, **more: Any) -> None:
        """Set several values.

        Raises:
            UsageError: A value is no number.
        """
        clean = clean_metrics(as_dict(values) | more, _refuse)
        super().update(clean)
        self._write(_lines.encode_summary(clean))


def init(project: str | None = None, config: object = None, *, report: bool | None = None) -> Run:
    """The run that this program belongs to; outside a sweep one that writes nowhere.

    Calling it again before ``finish`` gives the same run.

    Args:
        project: Name of the project outside a sweep.
        config: Default values: a mapping or an argparse namespace.
        report: Whether this process reports. By default all do, but in distributed training
            (``RANK``, else ``LOCAL_RANK``, is set) that of rank 0 alone.
    """
    run = _active.run
    if run is not None and not run.is_finished:
        for name, value in as_dict(config).items():
            run.config.setdefault(name, value)
        return run
    environment = run_environment() or NO_AGENT
    is_reporting = environment.rank in (None, "0") if report is None else report
    _active.run = Run(environment, project, config, is_reporting=is_reporting)
    return _active.run


def log(metrics: Mapping[str, Any], step: int | None = None) -> None:
    """Report metric values of the present run, see ``Run.log``."""
    active_run().log(metrics, step)


def finish(exit_code: int = 0) -> None:
    """Say how the present run ended, see ``Run.finish``; without a run this does nothing."""
    if _active.run is not None:
        _active.run.finish(exit_code)


def active_run() -> Run:
    """The present run; ``init()`` where there was none."""
    return _active.run or init()


def activate(run: Run | None) -> None:
    """Make ``run`` the present one; for the agent of function runs."""
    _active.run = run


class _Active:
    """The present run of this process."""

    run: Run | None = None


_active = _Active()


def _read_config(path: str | None) -> dict[str, Any]:
    """The run's configuration as the agent wrote it.

    Raises:
        UsageError: The file is not there or not what an agent writes.
    """
    if path is None:
        return {}
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the run's config {path}: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"the run's config {path} is no JSON object")
    return found


def _refuse(name: str, reason: str) -> None:
    raise UsageError(f"summary '{name}': {reason}")
