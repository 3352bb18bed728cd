"""The options of an agent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sweep_sdk._agent.process.gpus import parse_groups
from sweep_sdk._agent.process.signals import TERM_TIMEOUT_SECONDS
from sweep_sdk._exceptions import UsageError
from sweep_service.model.language.followed import KINDS, Source, path_problem
from sweep_service.model.language.printed import PATTERN_EXAMPLE, PATTERN_NEED, pattern_problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sweep_sdk._agent.process.gpus import Group


MAX_NAME_LENGTH = 128


@dataclass(frozen=True)
class AgentOptions:
    """The options of an agent; the defaults are those of the ``agent`` command.

    For the numbers of failures and of runs without a metric, 0 means no limit.

    Attributes:
        count: Maximum number of runs; None for no limit.
        name: The agent's name; by default the host name and the process id.
        parallel: Number of runs at once; by default 1, or one per group of GPUs.
        gpus: GPUs for the runs; each run sees one of them, or one group. Numbers count from 0
            within the GPUs that the agent itself sees (``CUDA_VISIBLE_DEVICES`` and similar);
            ``0-3`` is a range, ``0+1`` a group, and UUIDs are accepted too.
        gpus_per_run: Number of GPUs in a group.
        runs_dir: Folder for the folders of the runs; by default from the settings.
        report_interval_seconds: Longest time between two reports; by default from the settings,
            and never more than a third of the lease. A stop command takes effect within this time.
        row_interval_seconds: Shortest time between two reports with rows. By default, rows that the
            backend can use are sent at once and the others with the next report that is due; to a
            backend on this machine, every 10 s, or at once if runs are judged by them.
        max_failures: Number of failed runs before any success at which the agent gives up.
        max_initial_failures: Number of failed runs in the first minute at which it gives up.
        max_consecutive_failures: Number of failed runs in a row at which it gives up; half as many
            if runs of other agents succeed in the meantime.
        max_runs_without_metric: Number of runs in a row that finish without logging the sweep's
            metric at which it gives up.
        forwards_signals: Whether the first SIGTERM or Ctrl-C is passed on to the programs. If not,
            they may finish their work.
        term_timeout_seconds: Seconds that a program has to end after a signal, before SIGKILL. The
            agent itself ends at most 8 s later.
        run_timeout_seconds: Seconds after which a run is stopped and counts as failed; by default
            the sweep's ``run_timeout``, if any.
        backend_patience_seconds: Seconds for which the request for a run is repeated while the
            backend is away.
        delivery_timeout_seconds: Seconds for which the end of a run waits for a backend that is
            away; then the results wait on disk.
        metrics_from: Patterns that find metrics in the output of programs on stdout and stderr, by
            the name of the metric: regular expressions whose last group is the value. They are
            added to the sweep's ``metrics_from`` and take precedence over it.
        follows: Places where the programs write metrics for TensorBoard or MLflow. They replace
            those of the same kind in the sweep's ``metrics_from``.
        watches_spot: Whether to ask the instance metadata service for interruption notices.
        pin: SHA-256 of the sweep's command and program, as ``show`` prints it; the agent runs
            nothing else. None to pin the command that the sweep has when the agent starts.
    """

    count: int | None = None
    name: str | None = None
    parallel: int | None = None
    gpus: tuple[str, ...] = ()
    gpus_per_run: int | None = None
    runs_dir: Path | None = None
    report_interval_seconds: float | None = None
    row_interval_seconds: float | None = None
    max_failures: int = 5
    max_initial_failures: int = 3
    max_consecutive_failures: int = 10
    max_runs_without_metric: int = 3
    forwards_signals: bool = True
    term_timeout_seconds: float = TERM_TIMEOUT_SECONDS
    run_timeout_seconds: float | None = None
    backend_patience_seconds: float = 3600.0
    delivery_timeout_seconds: float = 900.0
    metrics_from: Mapping[str, str] = field(default_factory=dict)
    follows: tuple[Source, ...] = ()
    watches_spot: bool = False
    pin: str | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            UsageError: One of them is out of range.
        """
        for name in (
            "count",
            "parallel",
            "gpus_per_run",
            "run_timeout_seconds",
            "report_interval_seconds",
            "row_interval_seconds",
        ):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(f"{name} is {value}; needs a number above 0")
        for name in (
            "max_failures",
            "max_initial_failures",
            "max_consecutive_failures",
            "max_runs_without_metric",
            "term_timeout_seconds",
        ):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; needs a number of at least 0")
        if self.pin is not None and re.fullmatch("[0-9a-f]{64}", self.pin) is None:
            raise UsageError(
                f"pin is '{self.pin}'; needs the 64 digits that 'sweep-sdk show' prints as the hash"
                " of a sweep's command"
            )
        if self.gpus_per_run is not None and not self.gpus:
            raise UsageError("gpus_per_run needs gpus: name them, such as 0-7")
        _ = self.gpu_groups  # raises for invalid GPUs
        check_patterns(self.metrics_from)
        for kind, path in self.follows:
            problem = path_problem(path)
            if kind not in KINDS or problem:
                needs = f"needs {' or '.join(KINDS)}" if kind not in KINDS else problem
                raise UsageError(f"metrics_from: found '{kind}:{path}'; {needs}")
        if self.name is not None and not 0 < len(self.name) <= MAX_NAME_LENGTH:
            raise UsageError(f"name has {len(self.name)} characters; needs 1 to {MAX_NAME_LENGTH}")

    def check_pin(self, command_sha256: str | None) -> None:
        """Refuse a command that is not the pinned one.

        Args:
            command_sha256: Hash of the command; None if the backend is too old to send it.

        Raises:
            UsageError: The hashes differ.
        """
        if self.pin is not None and command_sha256 not in (None, self.pin):
            raise UsageError(
                f"the command of this sweep is not the one that --pin names: its hash is"
                f" {command_sha256}, and {self.pin} is pinned; 'sweep-sdk show' shows the command"
                " and who changed it"
            )

    @property
    def slots(self) -> tuple[str, ...]:
        """The name of each slot; the empty name if there is only one."""
        n_slots = self.parallel or max(len(self.gpu_groups), 1)
        return ("",) if n_slots == 1 else tuple(str(number) for number in range(n_slots))

    @property
    def gpu_groups(self) -> tuple[Group, ...]:
        """The groups of GPUs for the runs; empty if every run sees all of them."""
        return parse_groups(self.gpus, self.gpus_per_run)

    def gpus_of(self, slot: str, groups: Sequence[Mapping[str, str]]) -> Mapping[str, str]:
        """The variables that show a run its GPUs; slots share them if there are more slots.

        Args:
            slot: The slot of the run.
            groups: The variables of each group of GPUs.
        """
        return groups[int(slot or 0) % len(groups)] if groups else {}


def check_patterns(patterns: Mapping[str, str]) -> None:
    """Check patterns of printed metrics, by the name of the metric.

    Raises:
        UsageError: One of them is not a pattern that can find a number. Versions of Python differ
            in the patterns that they accept.
    """
    for name, pattern in patterns.items():
        problem = pattern_problem(pattern)
        if problem:
            raise UsageError(
                f"the pattern of {name}: found {pattern!r}; {problem}; needs {PATTERN_NEED}, such"
                f" as {PATTERN_EXAMPLE!r}"
            )
