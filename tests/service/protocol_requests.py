"""Requests of clients and users, as values that can be sent repeatedly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sweep_service.model.language.sweep_config import parse_object
from sweep_service.model.records.records import Row, RowBatch
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.operations.adding import Added, add_points
from sweep_service.operations.amendments import (
    Amended,
    Retried,
    RunWanted,
    delete_run,
    retry_failed,
    retry_run,
)
from sweep_service.operations.ask import HandOut, Wait, ask
from sweep_service.operations.finish import Ending, Finished, finish
from sweep_service.operations.reconcile import Reconciled, reconcile
from sweep_service.operations.report import Command, report
from sweep_service.operations.runs import stop_run
from sweep_service.operations.services import Services
from sweep_service.operations.sweeps import SweepView, set_run_cap, set_state
from sweep_service.operations.update import update_config
from sweep_service.protocol.leases import Requester


@dataclass(frozen=True)
class Ask:
    key: str

    def perform(self, services: Services, sweep: str) -> HandOut | Wait:
        return ask(services, sweep, Requester(self.key, "agent", "host", ""))


@dataclass(frozen=True)
class OfAttempt:
    """A request of the agent that was handed an attempt."""

    index: int
    attempt: int


@dataclass(frozen=True)
class Report(OfAttempt):
    """One row, whose value identifies index, attempt and place; without one a heartbeat."""

    offset: int
    has_row: bool = True

    @property
    def value(self) -> float:
        return 1.0 + self.index + self.attempt / 16 + self.offset / 4096

    def perform(self, services: Services, sweep: str) -> Command:
        rows = (Row(self.offset, 1.0, {"loss": self.value}),) if self.has_row else ()
        return report(services, sweep, self.index, RowBatch(self.attempt, self.offset, rows))


@dataclass(frozen=True)
class Preempt(OfAttempt):
    """A heartbeat of an agent that has to end."""

    def perform(self, services: Services, sweep: str) -> Command:
        batch = RowBatch(self.attempt, 0, ())
        return report(services, sweep, self.index, batch, is_preempting=True)


@dataclass(frozen=True)
class Finish(OfAttempt):
    state: RunState

    def perform(self, services: Services, sweep: str) -> Finished:
        ending = Ending(self.attempt, self.state, summary={"loss": 2.5 + self.index})
        return finish(services, sweep, self.index, ending)


@dataclass(frozen=True)
class Reconcile:
    """What an ask or a finish at the end does, by itself."""

    def perform(self, services: Services, sweep: str) -> Reconciled:
        return reconcile(services, sweep)


@dataclass(frozen=True)
class StopRun:
    index: int

    def perform(self, services: Services, sweep: str) -> Any:
        return stop_run(services, sweep, self.index)


@dataclass(frozen=True)
class SetState:
    state: SweepState

    def perform(self, services: Services, sweep: str) -> SweepView:
        return set_state(services, sweep, self.state)


@dataclass(frozen=True)
class SetCap:
    run_cap: int | None

    def perform(self, services: Services, sweep: str) -> SweepView:
        return set_run_cap(services, sweep, self.run_cap)


@dataclass(frozen=True)
class Update:
    """Another config: the sweep's own with as many values of ``a``."""

    document: Any

    def perform(self, services: Services, sweep: str) -> SweepView:
        return update_config(services, sweep, parse_object(self.document))


@dataclass(frozen=True)
class AddPoint:
    """A point that a person wants handed out next."""

    value: float
    is_front: bool

    def perform(self, services: Services, sweep: str) -> Added:
        return add_points(services, sweep, [{"a": self.value}], is_front=self.is_front)


@dataclass(frozen=True)
class Retry:
    index: int
    attempt: int | None = None

    def perform(self, services: Services, sweep: str) -> Amended:
        return retry_run(services, RunWanted(sweep, self.index, self.attempt))


@dataclass(frozen=True)
class RetryFailed:
    def perform(self, services: Services, sweep: str) -> Retried:
        return retry_failed(services, sweep, 0, 50)


@dataclass(frozen=True)
class Delete:
    """Of a run."""

    index: int
    is_again: bool
    attempt: int | None = None

    def perform(self, services: Services, sweep: str) -> Amended:
        wanted = RunWanted(sweep, self.index, self.attempt)
        return delete_run(services, wanted, is_again=self.is_again)


BY_USER = (SetState, SetCap, Update, AddPoint)
