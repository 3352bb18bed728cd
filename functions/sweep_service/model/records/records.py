"""The records of a sweep: value objects that stores return and operations decide on.

Times are seconds since the epoch; metric values are floats and may be NaN or infinite.
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

#: A metric value as it is sent and stored: a number, or text for a non-finite one.
MetricValue = float | int | bool | str


class Amendment(str, Enum):
    """A user's change to a run that has ended.

    ``retry`` keeps a record of the ended attempt and hands the run out again. ``delete`` deletes
    everything about the run except that its point is taken. ``again`` deletes the same and hands
    the point out again.
    """

    RETRY = "retry"
    DELETE = "delete"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Base:
    """The first index of a config version: index i belongs to the last base <= i."""

    version: int
    base: int


@dataclass(frozen=True, slots=True)
class Taken:
    """The points run before a config version began, in this sweep or another.

    Attributes:
        starts: Positions in ``start`` of the configs that had been run.
        points: Ascending numbers of points of a finite space, in the order of the search.
        elsewhere: The ascending subset of ``points`` that were not run in this sweep.
    """

    starts: tuple[int, ...] = ()
    points: tuple[int, ...] = ()
    elsewhere: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """One immutable version of a sweep's config.

    Attributes:
        document: The normalised config.
        create_key: Idempotency key of the registration.
        taken: Points taken before; None if there are none or an older backend wrote the version.
        command_at: Time of the last change of command or program; None if written by 0.1.0.
        command_by: Name of the caller who changed it.
        added: Points added by people that had not been handed out before it.
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
    """The counter of a sweep, which gives out indices, and the sweep's state.

    Attributes:
        limit: The smaller of the number of points and ``run_cap``; None means unlimited.
        change: Number of writes since the record was created; see ``Store.save``.
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
    """The values of the sweep's metric that the holder of a lease has reported.

    Attributes:
        offset: Number of the first row of the newest batch that was counted; None before the first.
        n_values: Number of finite values logged (Hyperband's iterations).
        last: Last value, finite or not; None if the metric was never logged.
        best: Best finite value by the metric's goal.
        step: Step of the last row.
        last_finite: Last finite value.
        next_row: Number of the next row to count; 0 if the program has started without logging a
            row. None before that, and if written by an older release, which counted batches by
            ``offset``.
        names: Names of the logged metrics in order of their first values, limited in size.
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
    """Why early termination stopped a run; numbers are finite and in the user's sign.

    Attributes:
        band: Number of metric values at which the run was judged.
        value: The value that was judged.
        threshold: The threshold that the value missed.
    """

    band: int
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Lease:
    """Which agent works on an index now, and by when it must report.

    Attributes:
        key: Idempotency key of the ask that holds the lease.
        lease_end: Time of expiry; 0 for a lease that was created as released.
        suspect_at: When an ask first found the lease expired; None unless suspected.
        released_attempt: Highest attempt that was released; the lease is released if this is not
            smaller than ``attempt``.
        losses: Number of attempts that were handed out and then lost.
        failures: Number of attempts that failed.
        unit: Unit vector of the configuration, where searches need it.
        early_stop: Why early termination asked the holder to stop, if it did.
        is_preempting: Whether the holder is being preempted, so that the lease is short.
        revision: Revision of the run. A lease with a later revision than its run's represents an
            amendment that has been requested and not carried out.
        amendment: The kind of that amendment.
        change: Number of writes since the record was created; see ``Store.save``.
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
        """A lease without a holder: the next ask takes it, with the attempt after this one."""
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
        """Whether the lease represents an amendment of its run that has not been carried out."""
        return self.revision > run.revision

    @property
    def is_released(self) -> bool:
        """Whether the newest attempt was released."""
        return self.released_attempt >= self.attempt

    def is_expired(self, now: float) -> bool:
        """Whether the lease has expired by ``now``."""
        return not self.is_released and now > self.lease_end


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended; written once per attempt.

    Attributes:
        summary: Last value of every metric, and further values that the program set.
        best: The metric value that the program set as its result, or else the best finite one in
            history and summary.
        attributes: Attributes that the program set: ``name``, ``tags``, ``group``, ``notes``,
            ``job_type``, ``config`` (additional values) and ``summary`` (texts).
        last: As ``best``, but the last finite value of the history, else that of the summary.
        early_stop: Why early termination stopped the run, unless an older release ended it.
        details: Further fields that the agent reported, stored and shown unchanged.
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
        key: Idempotency key of the ask to which ``attempt`` was handed out.
        suggestion: Reason for the configuration (empty for grid and random).
        started_at: When ``attempt`` was handed out.
        revision: Number of amendments.
        attributes: Attributes that the program has noted so far. An outcome has its own, or these
            if the agent could not report any.
        attempts: The newest of the earlier attempts, oldest first.
        labels: Labels that users gave the run; they take precedence over ``attributes``.
        change: Number of writes since the record was created; see ``Store.save``.
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
        """The record of the newest attempt, before another attempt replaces it."""
        who = self.index, self.attempt, self.agent, self.host
        how = state, self.started_at, ended_at, exit_code, signal
        return AttemptRecord(*(*who, *how, self.key))

    @property
    def is_deleted(self) -> bool:
        """Whether the run was deleted; index and configuration are kept as taken."""
        return self.outcome is not None and self.outcome.state is RunState.DELETED


@dataclass(frozen=True, slots=True)
class RunHead:
    """The few fields of a run that counting, reconciling and ranking need."""

    index: int
    state: RunState | None
    best: float | None


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """How an attempt before the last one ended; ``key`` is None if 0.1.0 wrote the record."""

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
    """An ended run as evidence for the model.

    Attributes:
        unit: Unit vector of the configuration, shape (d,).
        value: Best metric value in the user's sign; NaN if there is none.
        written_at: Time of writing the entry; readers re-read the last 60 s.
        last: Last finite metric value of a run that failed, crashed or was killed, for
            ``impute: latest``. None if there is none or an older release wrote the entry.
        revision: Revision of the run; only the latest observation of an index counts.
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
    """Rows that arrived together. A row is identified by its attempt and its number within it.

    Attributes:
        offset: Number of the first row within its attempt; the others follow without gaps.
    """

    attempt: int
    offset: int
    rows: tuple[Row, ...]

    @property
    def end(self) -> int:
        """Number of the row after the last."""
        return self.offset + len(self.rows)

    def since(self, number: int) -> RowBatch:
        """The batch without the rows before row ``number``."""
        n_before = min(max(number - self.offset, 0), len(self.rows))
        return RowBatch(self.attempt, self.offset + n_before, self.rows[n_before:])
