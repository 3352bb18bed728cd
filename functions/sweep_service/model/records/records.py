"""What the backend keeps of a sweep: the value objects that stores return and operations decide on.

Times are seconds since the epoch (UTC); metric values are floats and may be NaN or infinite.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from sweep_service.model.records.shown import NO_LABELS, Labels
from sweep_service.model.records.states import RunState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.records.states import SweepState

#: A metric value as it travels and is kept: a number, or text for a non-finite one.
MetricValue = float | int | bool | str


class Amendment(str, Enum):
    """What a person does to a run that has ended.

    ``retry`` keeps the ended attempt on record and hands the run out again; ``delete`` removes all
    that the run left behind, and its point stays taken; ``again`` does that and hands the point out
    again.
    """

    RETRY = "retry"
    DELETE = "delete"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Base:
    """From which index on a config version applies: index i belongs to the last base <= i."""

    version: int
    base: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What had been run before a config version began, in this sweep or another.

    Attributes:
        starts: Places in ``start`` of the configs that had been run.
        points: Numbers, ascending, of points of a finite space in the order of the search.
        elsewhere: Those of them, ascending, that were not run in this sweep.
    """

    starts: tuple[int, ...] = ()
    points: tuple[int, ...] = ()
    elsewhere: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One immutable version of a sweep's config, and what was fixed at its creation.

    Attributes:
        taken: None where nothing was, and in later versions that an older backend wrote.
        command_at: When the command or the program last changed; None in what 0.1.0 wrote.
        added: Points that people have added and that had not been handed out before it.
        command_by: Who changed it.
    """

    sweep: str
    version: int
    project: str
    name: str | None
    document: Mapping[str, Any]
    created_at: float
    create_key: str
    taken: Taken | None = None
    command_at: float | None = None
    command_by: str | None = None
    added: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class SweepStatus:
    """Gives out indices and holds the sweep's state.

    Attributes:
        limit: Smaller of the number of points and ``run_cap``; None means endless.
        change: How often the record has been written since it was created; see ``Store.save``.
    """

    state: SweepState
    next_index: int
    limit: int | None
    run_cap: int | None
    bases: tuple[Base, ...]
    seed: int
    change: int = 0

    @property
    def version(self) -> int:
        """The newest config version."""
        return self.bases[-1].version

    @property
    def is_exhausted(self) -> bool:
        """Whether every index below the limit has been given out."""
        return self.limit is not None and self.next_index >= self.limit

    def version_of(self, index: int) -> int:
        """The config version that the index belongs to."""
        return next(base.version for base in reversed(self.bases) if base.base <= index)


@dataclass(frozen=True, slots=True)
class LiveSummary:
    """What the holder of a lease has reported of the sweep's metric.

    Attributes:
        offset: Number of the first row of the newest batch that was counted; None before any.
        n_values: Count of finite logged values of the metric (the hyperband iteration).
        last: Last value, finite or not; None when the metric was never logged.
        best: Best finite value by the metric's goal.
        step: Step of the last row.
        last_finite: Last finite value.
        next_row: Number of the row that comes next: those before it have been counted. None before
            any, and in what earlier versions wrote, which counted batches by ``offset``; 0 where
            nothing but the start of the program is known.
        names: Of the metrics that were logged, in the order of their first values, as far as they
            take little room.
    """

    offset: int | None = None
    n_values: int = 0
    last: float | None = None
    best: float | None = None
    step: int | None = None
    last_finite: float | None = None
    next_row: int | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """Why early termination stopped a run; finite numbers, in the user's sign.

    Attributes:
        band: The number of values of the metric at which it was judged.
        value: What was judged.
        threshold: What the value was worse than.
    """

    band: int
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Lease:
    """Who is working on an index now, and by when they must report.

    Attributes:
        key: The idempotency key of the ask that holds it.
        lease_end: 0 for a lease that is born released.
        suspect_at: When an ask first saw it expired; None unless suspected.
        released_attempt: Highest attempt that was given back; the lease is released when this is
            not smaller than ``attempt``.
        losses: How often an attempt that had been handed out was taken from its agent.
        failures: How many attempts ended as failed.
        unit: Encoded configuration (bayes only).
        early_stop: Why its holder was asked to stop; None unless early termination did so.
        is_preempting: Whether the holder has said that it has to end: the lease is short then.
        revision: That of the run. A lease of a later revision than its run's is an amendment that
            has been asked for and not been carried out.
        amendment: Which one.
        change: How often the record has been written since it was created; see ``Store.save``.
    """

    index: int
    attempt: int
    key: str
    agent: str
    host: str
    slot: str
    lease_end: float
    suspect_at: float | None = None
    released_attempt: int = -1
    losses: int = 0
    failures: int = 0
    is_stop_requested: bool = False
    live: LiveSummary = LiveSummary()
    unit: tuple[float, ...] | None = None
    early_stop: EarlyStop | None = None
    is_preempting: bool = False
    revision: int = 0
    amendment: Amendment | None = None
    change: int = field(default=0, compare=False)

    @classmethod
    def born_released(
        cls,
        index: int,
        attempt: int,
        key: str,
        unit: tuple[float, ...] | None,
        *,
        revision: int = 0,
        amendment: Amendment | None = None,
    ) -> Lease:
        """A lease that nobody holds: the next ask takes it, with the attempt after this one."""
        return cls(
            index=index,
            attempt=attempt,
            key=key,
            agent="",
            host="",
            slot="",
            lease_end=0.0,
            released_attempt=attempt,
            unit=unit,
            revision=revision,
            amendment=amendment,
        )

    def amends(self, run: Run) -> bool:
        """Whether it represents an amendment of its run that has not been carried out."""
        return self.revision > run.revision

    @property
    def is_released(self) -> bool:
        """Whether its last attempt was given back."""
        return self.released_attempt >= self.attempt

    def is_expired(self, now: float) -> bool:
        """Whether the lease has expired by ``now``."""
        return not self.is_released and now > self.lease_end


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; written once an attempt.

    Attributes:
        best: The value of the sweep's metric that the program set as its result; otherwise the
            best finite one over history and summary.
        summary: Last value of every metric (and more, if the program said so).
        attributes: What the program noted about the run: ``name``, ``tags``, ``group``,
            ``notes``, ``job_type``, ``config`` (values of its own) and ``summary`` (texts).
        last: As ``best``, but the last finite value of the history, else that of the summary.
        early_stop: Why, where early termination stopped it; runs that ended under older versions
            do not have it.
        details: What else its agent reported; kept and shown as it is.
    """

    state: RunState
    ended_at: float
    exit_code: int | None = None
    signal: int | None = None
    summary: Mapping[str, MetricValue] = field(default_factory=dict)
    best: float | None = None
    is_stopped_early: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    last: float | None = None
    early_stop: EarlyStop | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """The authority on an index: its configuration, newest attempt and outcome.

    Attributes:
        key: The ask key to which ``attempt`` was handed.
        suggestion: Why this configuration (empty for grid and random).
        started_at: When ``attempt`` was handed out.
        revision: How often the run has been amended after it had ended.
        attributes: What its program has noted while it runs; an outcome has its own, and takes
            these along where its agent could say nothing.
        attempts: Its newest earlier attempts, oldest first.
        labels: What people have written on it; they take precedence over ``attributes``.
        change: How often the record has been written since it was created; see ``Store.save``.
    """

    index: int
    config: Mapping[str, Any]
    config_version: int
    attempt: int
    key: str
    agent: str
    host: str
    created_at: float
    started_at: float
    suggestion: Mapping[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None
    revision: int = 0
    attributes: Mapping[str, Any] = field(default_factory=dict)
    attempts: tuple[AttemptRecord, ...] = ()
    labels: Labels = NO_LABELS
    change: int = field(default=0, compare=False)

    def attempt_record(
        self,
        state: RunState,
        ended_at: float,
        exit_code: int | None = None,
        signal: int | None = None,
    ) -> AttemptRecord:
        """What became of its newest attempt, which another one follows."""
        who = self.index, self.attempt, self.agent, self.host
        how = state, self.started_at, ended_at, exit_code, signal
        return AttemptRecord(*(*who, *how, self.key))

    @property
    def is_deleted(self) -> bool:
        """Whether only its index and its configuration are kept, so that the point stays taken."""
        return self.outcome is not None and self.outcome.state is RunState.DELETED


@dataclass(frozen=True, slots=True)
class RunHead:
    """The few fields of a run that counting, reconciling and ranking need."""

    index: int
    state: RunState | None
    best: float | None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """What became of an attempt that was not the last; ``key`` is None in what 0.1.0 wrote."""

    index: int
    attempt: int
    agent: str
    host: str
    state: RunState
    started_at: float
    ended_at: float
    exit_code: int | None = None
    signal: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """One ended run as the model sees it.

    Attributes:
        value: Best value of the metric in the user's sign; NaN when the run gave none.
        unit: Encoded configuration, shape (d,).
        written_at: Time of WRITING: readers re-read the last 60 s.
        last: Last finite value, likewise, of a run that failed, crashed or was killed: others never
            count by it. None without one, and in what earlier versions wrote.
        revision: That of the run: of several observations of an index the latest revision counts.
    """

    index: int
    config_version: int
    unit: tuple[float, ...]
    value: float
    state: RunState
    is_stopped_early: bool
    written_at: float
    last: float | None = None
    revision: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One logged row of a run."""

    step: int | None
    at: float | None
    metrics: Mapping[str, MetricValue]


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows that arrived together; a row is known by its attempt and its number within it.

    Attributes:
        offset: Number of the first row within its attempt; the others follow without a gap.
    """

    attempt: int
    offset: int
    rows: tuple[Row, ...]

    @property
    def end(self) -> int:
        """Number of the row after the last."""
        return self.offset + len(self.rows)

    def since(self, number: int) -> RowBatch:
        """The rows that are not before row ``number``."""
        n_before = min(max(number - self.offset, 0), len(self.rows))
        return RowBatch(self.attempt, self.offset + n_before, self.rows[n_before:])
