"""A run as seen by its training program.

``log()`` appends one line to the file that the agent named; the agent sends it. So the program has
no token, opens no socket and waits for nothing; without an agent it writes nothing. Only misuse
raises: values that cannot be stored are reported in one line on stderr.
Standard library only, and little of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import RunStopped, UsageError
from sweep_sdk._metrics import line_format
from sweep_sdk._metrics.values import clean_metrics, reason_of
from sweep_sdk._metrics.writer import MetricsFile
from sweep_sdk._process.forks import renew_in_children
from sweep_sdk._process.notices import Notifier
from sweep_sdk._program.attributes import as_attribute, as_text
from sweep_sdk._program.config import Config
from sweep_sdk._program.run_files import read_config, run_folder
from sweep_sdk._program.summary import Summary
from sweep_sdk._settings import RunEnvironment
from sweep_sdk._world import clock, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

NO_AGENT = RunEnvironment()
#: Statistics of a metric that a summary may contain.
SUMMARIES = ("min", "max", "mean", "last", "first", "best", "none", "copy")


class Run:
    """One run as seen by its training program; a context manager that calls ``finish``.

    It can be pickled and copied: a worker process that receives it logs into the same run. Only the
    process that started the run ends it.

    Attributes:
        id: Id of the run, such as ``k3v9x2ab-17``; None outside a sweep, like ``sweep_id``.
        config: The configuration; the sweep's values take precedence over those given to ``init``.
        attempt: Number of the attempt, from 1.
        dir: Folder of the run, shared by its attempts on this machine, for example for checkpoints.
            The working directory outside a sweep.
        summary: Set items here for results that are not simply the last logged value. A value of
            the sweep's metric that is set here is the run's result.
        entity: The argument of ``init``.
        step: Default step of the next row that this process logs.
        start_time: When this process started the run, in seconds since the epoch.
        stop_reason: Why a function's run must end, if it must.
        is_stopped: Whether the training has ended because of a stop; ``finish`` then does nothing.
    """

    def __init__(
        self,
        environment: RunEnvironment = NO_AGENT,
        project: str | None = None,
        config: object = None,
        *,
        entity: str | None = None,
        is_reporting: bool = True,
        is_owner: bool = True,
    ) -> None:
        self.id = environment.run
        self.sweep_id = environment.sweep
        self.project = environment.project or project
        self.entity = entity
        self.attempt = environment.attempt
        self.dir = run_folder(environment.run_dir)
        self.step = 0
        self.start_time = clock.time()
        self.is_finished = False
        self.is_stopped = False
        self.is_reporting = is_reporting
        self._environment = environment
        self._owner_pid = processes.own_id() if is_owner else None
        path = environment.metrics_file if is_reporting else None
        self._file = MetricsFile(path, makes_folder=is_owner) if path else None
        self.stop_reason: str | None = None
        self._notify = Notifier()
        self._facts: dict[str, Any] = {}
        self.renew()
        renew_in_children(self)
        self._given = read_config(environment.config_file)
        self.summary = Summary(self._write, self._notify)
        self.config = Config(config)
        self.config.update(self._given)
        self.config.notify(self._note_config)
        if is_owner:
            self._note_config(*self.config)

    def renew(self) -> None:
        """In a forked child, discard pending values, which the parent will log."""
        self._uncommitted: dict[Any, Any] = {}
        self._open_step: int | None = None

    @property
    def is_owner(self) -> bool:
        """Whether this process started the run and may therefore end it."""
        return self._owner_pid == processes.own_id()

    @property
    def resumed(self) -> bool:
        """Whether an earlier attempt was interrupted, so that there may be a checkpoint."""
        return self.attempt > 1

    @property
    def name(self) -> str:
        """Display name; the run's id by default."""
        return str(self._facts.get("name") or self.id or "run")

    @name.setter
    def name(self, name: object) -> None:
        self.describe(name=name)

    @property
    def tags(self) -> tuple[str, ...]:
        """Tags that runs can be selected by."""
        return tuple(self._facts.get("tags") or ())

    @tags.setter
    def tags(self, tags: str | Iterable[object] | None) -> None:
        self.describe(tags=tags)

    @property
    def notes(self) -> str | None:
        """Free text about the run."""
        return self._facts.get("notes")

    @notes.setter
    def notes(self, notes: object) -> None:
        self.describe(notes=notes)

    @property
    def group(self) -> str | None:
        """Name of the group that the run belongs to."""
        return self._facts.get("group")

    @group.setter
    def group(self, group: object) -> None:
        self.describe(group=group)

    @property
    def job_type(self) -> str | None:
        """Kind of work that the run does, such as ``train``."""
        return self._facts.get("job_type")

    @job_type.setter
    def job_type(self, job_type: object) -> None:
        self.describe(job_type=job_type)

    def describe(self, **facts: Any) -> None:
        """Record ``name``, ``tags``, ``group``, ``notes`` or ``job_type`` of the run.

        They are stored with the run. Values of None change nothing.
        """
        noted = {
            name: _as_tags(value) if name == "tags" else as_text(value)
            for name, value in facts.items()
            if value is not None
        }
        if noted:
            self._facts.update(noted)
            self._write(line_format.encode_describe(noted))

    def log(
        self,
        data: Mapping[str, Any],
        step: int | None = None,
        commit: bool | None = None,
        **ignored: Any,
    ) -> None:
        """Report metric values.

        Values that are not numbers are left out with a message on stderr.

        Args:
            data: Values by name; nested mappings are flattened to dotted names.
            step: Step of the training; by default counted from 0. A call without a step that
                follows a call with one has the same step.
            commit: False to keep the values until the next call, and to join them with its values
                into one row if it has the same step. True to end the step.
            ignored: Keywords of other trackers.

        Raises:
            RunStopped: In a function's run that must end.
            UsageError: The run is finished, or ``data`` is not a mapping.
        """
        if self.stop_reason is not None:
            self.is_stopped = True
            raise RunStopped(self.stop_reason)
        if self.is_finished:
            raise UsageError("log() after finish(): this run has ended")
        if not isinstance(data, Mapping):
            raise UsageError(f"log() takes a dict of metrics, not {type(data).__name__}")
        if ignored:
            self._notify(f"log() ignores {', '.join(sorted(ignored))}")
        self._collect(data, self._whole(step))
        if commit is not False:
            self._commit()
        if commit or (commit is None and step is None):
            self._end_step()

    def define_metric(
        self,
        name: str,
        *_: object,
        summary: str | None = None,
        goal: str | None = None,
        **__: object,
    ) -> None:
        """Choose what the run's summary contains for a metric.

        Args:
            name: Name of the metric; ``*`` matches any characters.
            summary: ``min``, ``max``, ``mean``, ``last``, ``first``, ``best`` or ``none``, or
                several
                of them separated by commas. The summary has them as ``name.min`` and so on.
            goal: ``minimize`` or ``maximize``, for ``best``.
        """
        words = "" if summary is None else as_text(summary)
        for word in words.replace(" ", "").split(","):
            if word == "best":
                word = "max" if as_text(goal).startswith("max") else "min"  # noqa: PLW2901
            if word in SUMMARIES:
                self._write(line_format.encode_define(as_text(name), word))
            elif word:
                known = ", ".join(SUMMARIES)
                self._notify(f"define_metric: summary is {word!r:.40}; it can be one of {known}")

    def mark_preempting(self) -> None:
        """Announce an expected interruption: if the program now fails, the run is given back.

        It is then handed out again, as its next attempt.
        """
        self._write(line_format.encode_preempting())

    def finish(self, exit_code: int | None = 0, *_: object, **__: object) -> None:
        """End the run, once; an exit code other than 0 means that it failed.

        A program need not call this, since its exit status has the same meaning. In a worker
        process
        that received the run, this only ends the worker's part.

        Args:
            exit_code: 0 or None for success.
        """
        if self.is_finished:
            return
        self.flush()
        if self.is_owner and not self.is_stopped:
            self._write(line_format.encode_finish(self._exit_code(exit_code)))
        self._close()

    def flush(self) -> None:
        """Log the values kept by ``commit=False``, and retry lines that could not be written."""
        if self._uncommitted:
            self._commit()
            self._end_step()
        if self._file is not None:
            self._file.retry()

    def notify(self, message: str) -> None:
        """Print a message for the program's author on stderr, once."""
        self._notify(message)

    def request_stop(self, reason: str) -> None:
        """Make the next ``log()`` raise ``RunStopped``; for the agent of a function run."""
        self.stop_reason = reason

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
            self.flush()
            self._close()

    def __repr__(self) -> str:
        state = "finished" if self.is_finished else "running"
        where = f"run {self.id}" if self.id else "run outside a sweep"
        return f"<{where}, attempt {self.attempt}, {state}, config {as_text(dict(self.config))}>"

    def __reduce__(self) -> tuple[Callable[..., Run], tuple[Any, ...]]:
        environment = asdict(self._environment)
        return rejoin, (environment, self.project, self.config.as_dict(), self.is_reporting)

    def __getattr__(self, name: str) -> Any:
        """Attributes used by scripts written for wandb; see ``wandb_compat``."""
        if name.startswith("_"):
            raise AttributeError(name)
        from sweep_sdk._program.wandb_compat import run_attribute

        return run_attribute(self, name)

    def _collect(self, data: Mapping[Any, Any], step: int | None) -> None:
        """Add values to the pending row; a pending row of another step is logged first."""
        if step is not None and step != self._open_step:
            self.flush()
            self.step = self._open_step = step
        try:
            self._uncommitted.update(data)
        except Exception as error:  # noqa: BLE001  a mapping of a foreign class
            self._notify(f"a row is left out: its values cannot be read ({type(error).__name__})")

    def _commit(self) -> None:
        data, self._uncommitted = self._uncommitted, {}
        try:
            clean = clean_metrics(data, self._leave_out)
            at = round(clock.time(), 3)
            row = line_format.encode_row(self._open_step, at, clean)
            if len(row) > line_format.MAX_LINE_BYTES:
                row = line_format.encode_wide_row(self.step, at, clean)
        except Exception as error:  # noqa: BLE001  foreign classes raise what they like
            self._notify(f"a row is left out: {type(error).__name__}: {reason_of(error)}")
            return
        self.summary.hear(clean)
        self._write(row)

    def _end_step(self) -> None:
        self._open_step = None
        self.step += 1

    def _exit_code(self, given: object) -> int:
        """An exit code as an integer; anything else counts as a failure."""
        if given is None or given is False:
            return 0
        code = line_format.whole_step(given)
        if code is None:
            self._notify(f"finish(): exit code {as_text(given)!r:.40} counts as 1, a failure")
        return 1 if code is None else code

    def _note_config(self, *names: str) -> None:
        """Record the program's own configuration: values that the sweep did not hand out."""
        values = {name: dict.get(self.config, name) for name in names}
        own = {
            as_text(name): as_attribute(value)
            for name, value in values.items()
            if name not in self._given or not _is_same(self._given[name], value)
        }
        if own and self._file is not None:
            self._write(line_format.encode_describe({"config": own}))

    def _close(self) -> None:
        self.is_finished = True
        problem = self._file.close() if self._file is not None else None
        if problem:
            self._notify(problem)

    def _write(self, line: bytes) -> None:
        problem = self._file.append(line) if self._file is not None else None
        if problem:
            self._notify(problem)

    def _whole(self, step: object) -> int | None:
        number = line_format.whole_step(step)
        if number is None and step is not None:
            self._notify(f"step {as_text(step)!r:.40} is no whole number; it is counted instead")
        return number

    def _leave_out(self, name: str, reason: str) -> None:
        self._notify(f"metric '{name}' is left out: {reason}")


def rejoin(
    environment: Mapping[str, Any],
    project: str | None,
    config: Mapping[str, Any],
    is_reporting: bool,
) -> Run:
    """A copy of a run, also in another process, that logs into the same file and cannot end it."""
    known = RunEnvironment(**environment)
    return Run(known, project, config, is_reporting=is_reporting, is_owner=False)


def _is_same(given: Any, value: Any) -> bool:
    try:
        return bool(given == value)
    except Exception:  # noqa: BLE001  arrays and the like compare in ways of their own
        return False


def _as_tags(tags: object) -> list[str]:
    """Tags as texts; a single one may be given alone."""
    noted = as_attribute(tags)
    return [as_text(tag) for tag in noted] if isinstance(noted, list) else [as_text(noted)]
