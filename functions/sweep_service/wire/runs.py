"""The documents that agents and the backend exchange about a run.

Both sides encode and decode with the same classes. A reader ignores unknown fields, so that either
side may be newer; fields that an older side omits have defaults.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from sweep_service.model.records.numbers import tagged
from sweep_service.model.records.states import RunState
from sweep_service.wire import shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.records.records import MetricValue

    Json = dict[str, Any]

#: Fields of a finished attempt that the backend only stores and shows: name and JSON type. Adding a
#: field takes an entry here and in ``infra/openapi.yaml``; see ``docs/adding-a-field.md``.
DETAILS: dict[str, type] = {}


#: Bounds of the time after which an agent asks again, whatever the backend sends.
SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 3600.0
SHORTEST_LEASE_SECONDS = 1.0

_ATTENTION = {
    "report_at": shapes.list_of(shapes.COUNT),
    "target": shapes.maybe(
        shapes.record({}, {"at_most": shapes.NUMBER, "at_least": shapes.NUMBER})
    ),
}
_HAND_OUT = shapes.both(
    shapes.record(
        {
            "id": shapes.RUN,
            "sweep": shapes.SWEEP,
            "project": shapes.TEXT,
            "index": shapes.COUNT,
            "config": shapes.PLAIN_MAP,
            "config_version": shapes.COUNT,
            "attempt": shapes.COUNT,
            "lease_seconds": shapes.SECONDS,
        },
        {
            "metric": shapes.maybe(shapes.TEXT),
            "key": shapes.maybe(shapes.TEXT),
            "command_sha256": shapes.maybe(shapes.SHA256),
            **_ATTENTION,
        },
    ),
    shapes.names_its_sweep,
)
_WAIT = shapes.record({"wait_seconds": shapes.NUMBER, "reason": shapes.TEXT})
_COMMAND = shapes.record(
    {
        "command": shapes.TEXT,
        "reason": shapes.maybe(shapes.TEXT),
        "lease_seconds": shapes.SECONDS,
    },
    {"next_offset": shapes.COUNT, **_ATTENTION},
)
_FINISHED = shapes.record({"state": shapes.TEXT, "requeued": shapes.BOOLEAN})


@dataclass(frozen=True, slots=True)
class Attention:
    """Which rows of a run an agent must send at once; all others wait for the next heartbeat.

    Attributes:
        report_at: Ascending numbers of finite metric values at which the run is judged.
        at_most: A metric value that is not greater than this ends the sweep; None for none.
        at_least: A metric value that is not less than this ends the sweep; None for none.
    """

    report_at: tuple[int, ...] = ()
    at_most: float | None = None
    at_least: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no row must be sent at once."""
        return not self.report_at and self.at_most is None and self.at_least is None

    def is_due(self, n_values: int, lowest: float, highest: float) -> bool:
        """Whether rows must be sent at once.

        Args:
            n_values: Number of finite metric values so far.
            lowest: The lowest value that has not been sent; infinity if there is none.
            highest: The highest value that has not been sent; minus infinity if there is none.
        """
        return (
            any(count <= n_values for count in self.report_at)
            or (self.at_most is not None and lowest <= self.at_most)
            or (self.at_least is not None and highest >= self.at_least)
        )

    def to_json(self) -> Json:
        """Encode the fields of a hand-out and of the answer to a report."""
        bounds = {"at_most": self.at_most, "at_least": self.at_least}
        target = {name: bound for name, bound in bounds.items() if bound is not None}
        return {"report_at": list(self.report_at), "target": target or None}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Attention | None:
        """Decode them from a hand-out or an answer; None from an older backend."""
        if "report_at" not in found:
            return None
        target = found.get("target") or {}
        return cls(tuple(found["report_at"]), target.get("at_most"), target.get("at_least"))


@dataclass(frozen=True, slots=True)
class HandOut:
    """A run that its agent holds until its lease expires.

    Attributes:
        id: Id of the run, such as ``abcd1234-7``.
        index: Index of the run in the sweep, from 0.
        attempt: Number of the hand-out of this run.
        lease_seconds: How long the backend waits for the next report.
        metric: Name of the metric in the sweep's newest config; None without one, or from an older
            backend.
        key: Secret of this hand-out, which reports and the finish repeat; None from an older
            backend.
        attention: Rows that must be sent at once; None from an older backend.
        command_sha256: SHA-256 of the sweep's present command and program; None from an older
            backend.
    """

    id: str
    sweep: str
    project: str
    index: int
    config: Any
    config_version: int
    attempt: int
    lease_seconds: float
    metric: str | None = None
    key: str | None = None
    attention: Attention | None = None
    command_sha256: str | None = None

    def to_json(self) -> Json:
        """Encode the answer to an ask."""
        document = {item.name: getattr(self, item.name) for item in fields(self)}
        attention = document.pop("attention") or Attention()
        return {**document, "config": tagged(self.config), **attention.to_json()}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> HandOut:
        """Decode the answer to an ask.

        Raises:
            WrongShape: It is not a hand-out, or the run's id is malformed.
        """
        _HAND_OUT(found, "run")
        known = {item.name: found[item.name] for item in fields(cls) if item.name in found}
        known["lease_seconds"] = max(known["lease_seconds"], SHORTEST_LEASE_SECONDS)
        return cls(**{**known, "attention": Attention.from_json(found)})


@dataclass(frozen=True, slots=True)
class Wait:
    """There is nothing to hand out at the moment; ``reason`` is ``paused`` or ``leased``."""

    wait_seconds: float
    reason: str

    def to_json(self) -> Json:
        """The answer to an ask."""
        return {"wait_seconds": self.wait_seconds, "reason": self.reason}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Wait:
        """Decode the answer to an ask, with the time limited to the agent's bounds.

        Raises:
            WrongShape: It is not a wait.
        """
        _WAIT(found, "wait")
        seconds = found["wait_seconds"]  # NaN becomes the shortest
        bounded = max(SHORTEST_WAIT_SECONDS, min(seconds, LONGEST_WAIT_SECONDS))
        return cls(float(bounded), found["reason"])


@dataclass(frozen=True, slots=True)
class Command:
    """The answer to a report: continue the run (``reason`` is None), or stop it.

    Attributes:
        reason: ``stop_run`` or ``canceled`` (requested by a user) or ``early_terminate``.
        lease_seconds: How long the agent may now go without a report.
        next_row: Number of the next row; earlier ones need not be sent again. 0 from an older
            backend.
        attention: Rows that must be sent at once; None from an older backend.
    """

    reason: str | None
    lease_seconds: float
    next_row: int = 0
    attention: Attention | None = None

    @property
    def is_stop(self) -> bool:
        """Whether the run is to be stopped."""
        return self.reason is not None

    def to_json(self) -> Json:
        """Encode the answer to a report."""
        return {
            "command": "stop" if self.is_stop else "continue",
            "reason": self.reason,
            "lease_seconds": self.lease_seconds,
            "next_offset": self.next_row,
            **(self.attention or Attention()).to_json(),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Command:
        """Decode the answer to a report.

        Raises:
            WrongShape: It is not a command.
        """
        _COMMAND(found, "command")
        return cls(
            str(found["reason"]) if found["command"] == "stop" else None,
            max(float(found["lease_seconds"]), SHORTEST_LEASE_SECONDS),
            found.get("next_offset", 0),
            Attention.from_json(found),
        )


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, as its agent reports it.

    Attributes:
        state: Finished, failed, killed or preempted.
        summary: Last value of every metric, and further values that the program set.
        error_tail: Last lines of stderr, if the run failed.
        is_stopped_early: Whether early termination ended it. If None, a run that finished after
            its agent was asked to stop it counts as stopped.
        result: The value of the sweep's metric that the program set itself.
        attributes: Attributes that the program set; see ``Outcome``.
        key: The key of the hand-out, if the agent sends it.
        details: Values of ``DETAILS``, by name.
    """

    attempt: int
    state: RunState
    exit_code: int | None = None
    signal: int | None = None
    summary: Mapping[str, MetricValue] = field(default_factory=dict)
    error_tail: str | None = None
    is_stopped_early: bool | None = None
    result: MetricValue | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> Json:
        """Encode the body of a finish; unknown values are left out."""
        document: Json = {
            "attempt": self.attempt,
            "key": self.key,
            "state": self.state.value,
            "exit_code": self.exit_code,
            "signal": self.signal,
            "summary": dict(self.summary),
            "stderr_tail": self.error_tail or None,
            "stopped_early": self.is_stopped_early,
            "result": self.result,
            "attributes": dict(self.attributes) or None,
            **self.details,
        }
        return {name: value for name, value in document.items() if value is not None}


#: The fields of the body of a finish.
ENDING_FIELDS = (
    *("attempt", "key", "state", "exit_code", "signal", "summary", "stderr_tail"),
    *("stopped_early", "result", "attributes"),
)


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer to a finish: the run's state, and whether the run will be handed out again."""

    state: str
    is_requeued: bool

    def to_json(self) -> Json:
        """Encode the answer to a finish."""
        return {"state": RunState(self.state).value, "requeued": self.is_requeued}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Finished:
        """Decode the answer to a finish.

        Raises:
            WrongShape: It has another shape.
        """
        _FINISHED(found, "finish")
        return cls(found["state"], found["requeued"])
