"""Runs in DynamoDB: the authority on what an index was given, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_service.errors import LeaseLost, RunEnded, RunExists
from sweep_service.model.records.identifiers import run_id
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.items import RunItem
from sweep_service.storage.dynamodb.table import is_revision, put_or_remove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pynamodb.expressions.update import Action

    from sweep_service.model.records.records import Lease, Outcome, Run, RunHead
    from sweep_service.storage.dynamodb.table import Table


class RunItems:
    """The run methods of the store protocol."""

    _table: Table

    def get_run(self, sweep: str, index: int) -> Run | None:
        """See ``Store.get_run``."""
        item = self._table.get(keys.run(sweep, index))
        return None if item is None else RunItem.record(item)

    def list_runs(self, sweep: str, since: int, count: int) -> list[Run]:
        """See ``Store.list_runs``."""
        page = next(self._table.pages(keys.runs(sweep, since), limit=count))
        return [RunItem.record(item) for item in page]

    def list_run_heads(self, sweep: str) -> list[RunHead]:
        """See ``Store.list_run_heads``.

        Billed by the whole items, whatever of them is read: about a read unit for 4 KB of runs.
        """
        heads = self._table.items(keys.runs(sweep), names=("index", "state", "best"))
        return [RunItem.head(item) for item in heads]

    def create_run(self, sweep: str, run: Run) -> None:
        """See ``Store.create_run``."""
        is_free = RunItem.pk.does_not_exist()
        if self._table.put(RunItem.of(sweep, run), is_free):
            return
        stands = self.get_run(sweep, run.index)
        if stands is None or (stands.key, stands.attempt) != (run.key, run.attempt):
            raise RunExists(f"run {run_id(sweep, run.index)} is there already")

    def advance_attempt(
        self, sweep: str, index: int, attempt: int, lease: Lease, started_at: float
    ) -> None:
        """See ``Store.advance_attempt``."""
        # time :  attempt that stands .. new attempt; an outcome ends them, an amendment begins anew
        is_older = RunItem.attempt < attempt
        is_open = RunItem.outcome.does_not_exist()
        advanced = self._table.update(
            keys.run(sweep, index),
            [
                RunItem.attempt.set(attempt),
                RunItem.key.set(lease.key),
                RunItem.agent.set(lease.agent),
                RunItem.host.set(lease.host),
                RunItem.started_at.set(started_at),
            ],
            is_older & is_open & is_revision(RunItem.revision, lease.revision),
        )
        if advanced is not None:
            return
        stands = self.get_run(sweep, index)
        if stands is not None and stands.outcome is not None:
            raise RunEnded(f"run {run_id(sweep, index)} has ended")
        if stands is None or (stands.key, stands.attempt) != (lease.key, attempt):
            raise LeaseLost(f"attempt {attempt} no longer holds run {run_id(sweep, index)}")

    def end_run(self, sweep: str, index: int, attempt: int, revision: int, outcome: Outcome) -> Run:
        """See ``Store.end_run``."""
        # time :  the run as its agent had it .. this write; an amendment takes outcomes back
        is_attempt = RunItem.attempt == attempt
        is_same_run = is_revision(RunItem.revision, revision)
        is_open = RunItem.outcome.does_not_exist()
        ended = self._table.update(
            keys.run(sweep, index), _putting(outcome), is_attempt & is_same_run & is_open
        )
        if ended is not None:
            return RunItem.record(ended)
        stands = self.get_run(sweep, index)
        if stands is None or (stands.attempt, stands.revision) != (attempt, revision):
            raise LeaseLost(f"attempt {attempt} no longer holds run {run_id(sweep, index)}")
        return stands

    def amend_run(
        self, sweep: str, index: int, attempt: int, revision: int, outcome: Outcome | None
    ) -> None:
        """See ``Store.amend_run``."""
        is_as_seen = (RunItem.attempt == attempt) & is_revision(RunItem.revision, revision)
        self._table.update(
            keys.run(sweep, index),
            [*_putting(outcome), RunItem.revision.set(revision + 1)],
            is_as_seen & RunItem.outcome.exists(),
        )

    def note_run(self, sweep: str, index: int, attempt: int, attributes: Mapping[str, Any]) -> None:
        """See ``Store.note_run``."""
        goes_on = (RunItem.attempt == attempt) & RunItem.outcome.does_not_exist()
        self._table.update(keys.run(sweep, index), [RunItem.attributes.set(attributes)], goes_on)


def _putting(outcome: Outcome | None) -> list[Action]:
    return [
        put_or_remove(RunItem.outcome, outcome),
        put_or_remove(RunItem.state, None if outcome is None else outcome.state),
        put_or_remove(RunItem.best, None if outcome is None else outcome.best),
        RunItem.attributes.remove(),
    ]
