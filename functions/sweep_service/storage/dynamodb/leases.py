"""Leases in DynamoDB: who is working on an index now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.errors import LeaseHeld, LeaseLost, NotPossible
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.records import EarlyStop, Lease, LiveSummary
from sweep_service.storage.dynamodb import keys
from sweep_service.storage.dynamodb.items import LeaseItem
from sweep_service.storage.dynamodb.table import equals, is_revision, put_or_remove

if TYPE_CHECKING:
    from pynamodb.expressions.condition import Condition
    from pynamodb.expressions.update import Action

    from sweep_service.storage.dynamodb.table import Table


class LeaseItems:
    """The lease methods of the store protocol."""

    _table: Table

    def list_leases(self, sweep: str) -> list[Lease]:
        """See ``Store.list_leases``."""
        return [LeaseItem.record(item) for item in self._table.items(keys.leases(sweep))]

    def get_lease(self, sweep: str, index: int) -> Lease | None:
        """See ``Store.get_lease``."""
        item = self._table.get(keys.lease(sweep, index))
        return None if item is None else LeaseItem.record(item)

    def open_lease(self, sweep: str, lease: Lease) -> None:
        """See ``Store.open_lease``."""
        is_free = LeaseItem.pk.does_not_exist()
        if self._table.put(LeaseItem.of(sweep, lease), is_free):
            return
        if not _is_own(self.get_lease(sweep, lease.index), lease):
            raise LeaseHeld(f"run {run_id(sweep, lease.index)} is leased already")

    def suspect_lease(self, sweep: str, seen: Lease, now: float) -> None:
        """See ``Store.suspect_lease``."""
        # time :  lease end as seen .. now; a holder that is heard of moves the end
        is_as_seen = (LeaseItem.attempt == seen.attempt) & (LeaseItem.lease_end == seen.lease_end)
        is_unsuspected = LeaseItem.suspect_at.does_not_exist() | (LeaseItem.suspect_at > now)
        self._table.update(
            keys.lease(sweep, seen.index),
            [LeaseItem.suspect_at.set(now)],
            is_as_seen & is_unsuspected,
        )

    def take_lease(self, sweep: str, seen: Lease, lease: Lease) -> None:
        """See ``Store.take_lease``."""
        # time :  suspected as seen .. grace over .. this write; a holder that is heard of clears
        # the mark, another taker grows the attempt
        is_same_attempt = LeaseItem.attempt == seen.attempt
        is_as_suspected = equals(LeaseItem.suspect_at, seen.suspect_at)
        is_same_run = is_revision(LeaseItem.revision, seen.revision)
        taken = self._table.update(
            keys.lease(sweep, lease.index),
            _taking(lease),
            is_same_attempt & is_as_suspected & is_same_run,
        )
        if taken is None and not _is_own(self.get_lease(sweep, lease.index), lease):
            raise LeaseHeld(f"the lease of run {run_id(sweep, lease.index)} has changed")

    def extend_lease(
        self, sweep: str, index: int, attempt: int, lease_end: float, live: LiveSummary | None
    ) -> Lease:
        """See ``Store.extend_lease``.

        A second write is needed only where another extension that ends later was faster: then the
        lease keeps its end and takes the rest.
        """
        # time :  lease end that stands .. new lease end
        is_shorter = LeaseItem.lease_end <= lease_end
        is_held = (LeaseItem.attempt == attempt) & (LeaseItem.released_attempt < attempt)
        condition = is_held if live is None else is_held & _is_news(live)
        changes = [LeaseItem.suspect_at.remove(), *([] if live is None else _reporting(live))]
        key, prolong = keys.lease(sweep, index), LeaseItem.lease_end.set(lease_end)
        item = self._table.update(key, [prolong, *changes], condition & is_shorter)
        if item is None:
            stands = self._held_lease(sweep, index, attempt)
            if live is not None and _is_applied(stands.live, live):
                return stands
            item = self._table.update(key, changes, condition)
        if item is None:
            return self._held_lease(sweep, index, attempt)
        return LeaseItem.record(item)

    def preempt_lease(self, sweep: str, index: int, attempt: int, lease_end: float) -> Lease:
        """See ``Store.preempt_lease``."""
        is_held = (LeaseItem.attempt == attempt) & (LeaseItem.released_attempt < attempt)
        actions = [
            LeaseItem.lease_end.set(lease_end),
            LeaseItem.is_preempting.set(True),
            LeaseItem.suspect_at.remove(),
        ]
        item = self._table.update(keys.lease(sweep, index), actions, is_held)
        if item is None:
            raise _lost(sweep, index, attempt)
        return LeaseItem.record(item)

    def release_lease(self, sweep: str, index: int, attempt: int, failures: int) -> None:
        """See ``Store.release_lease``."""
        is_held = (LeaseItem.attempt == attempt) & (LeaseItem.released_attempt < attempt)
        released = self._table.update(
            keys.lease(sweep, index),
            [
                LeaseItem.lease_end.set(0.0),
                LeaseItem.released_attempt.set(attempt),
                LeaseItem.failures.set(failures),
                LeaseItem.suspect_at.remove(),
            ],
            is_held,
        )
        if released is not None:
            return
        stands = self.get_lease(sweep, index)
        if stands is None or stands.released_attempt < attempt:
            raise _lost(sweep, index, attempt)

    def stop_run(self, sweep: str, index: int) -> None:
        """See ``Store.stop_run``."""
        is_unreleased = LeaseItem.released_attempt < LeaseItem.attempt
        stop = LeaseItem.is_stop_requested.set(True)
        if self._table.update(keys.lease(sweep, index), [stop], is_unreleased) is None:
            raise NotPossible(f"no agent works on run {run_id(sweep, index)}")

    def mark_stopped(self, sweep: str, index: int, attempt: int, stop: EarlyStop) -> None:
        """See ``Store.mark_stopped``."""
        is_held = (LeaseItem.attempt == attempt) & (LeaseItem.released_attempt < attempt)
        is_first = LeaseItem.early_stop.does_not_exist()
        self._table.update(
            keys.lease(sweep, index), [LeaseItem.early_stop.set(stop)], is_held & is_first
        )

    def drop_lease(self, sweep: str, index: int, attempt: int, revision: int) -> None:
        """See ``Store.drop_lease``."""
        # time :  the run ended, as seen .. this write; an amendment opens a lease of its own
        is_not_newer = LeaseItem.attempt <= attempt
        is_same_run = is_revision(LeaseItem.revision, revision)
        self._table.delete(keys.lease(sweep, index), is_not_newer & is_same_run)

    def _held_lease(self, sweep: str, index: int, attempt: int) -> Lease:
        stands = self.get_lease(sweep, index)
        if stands is None or stands.attempt != attempt or stands.is_released:
            raise _lost(sweep, index, attempt)
        return stands


def _is_own(stands: Lease | None, wanted: Lease) -> bool:
    """Whether what stands is the caller's write, whose reply was lost."""
    return stands is not None and (stands.key, stands.attempt) == (wanted.key, wanted.attempt)


def _is_applied(stands: LiveSummary, live: LiveSummary) -> bool:
    if stands.next_row is None or live.next_row is None:
        return False
    return stands.next_row >= live.next_row


def _is_news(live: LiveSummary) -> Condition:
    is_first = LeaseItem.next_row.does_not_exist()
    return is_first if live.next_row is None else is_first | (LeaseItem.next_row < live.next_row)


def _reporting(live: LiveSummary) -> list[Action]:
    return [
        put_or_remove(LeaseItem.offset, live.offset),
        LeaseItem.n_values.set(live.n_values),
        put_or_remove(LeaseItem.last, live.last),
        put_or_remove(LeaseItem.best, live.best),
        put_or_remove(LeaseItem.step, live.step),
        put_or_remove(LeaseItem.last_finite, live.last_finite),
        put_or_remove(LeaseItem.next_row, live.next_row),
    ]


def _taking(lease: Lease) -> list[Action]:
    """A new holder, who has reported nothing; failures and released attempt stay as they are."""
    actions = [
        LeaseItem.attempt.set(lease.attempt),
        LeaseItem.key.set(lease.key),
        LeaseItem.agent.set(lease.agent),
        LeaseItem.host.set(lease.host),
        LeaseItem.slot.set(lease.slot),
        LeaseItem.lease_end.set(lease.lease_end),
        LeaseItem.losses.set(lease.losses),
        LeaseItem.is_stop_requested.set(False),
        LeaseItem.early_stop.remove(),
        LeaseItem.is_preempting.set(False),
        LeaseItem.suspect_at.remove(),
        *_reporting(LiveSummary()),
    ]
    if lease.unit is not None:
        actions.append(LeaseItem.unit.set(LeaseItem.unit | lease.unit))  # the old one, if any
    return actions


def _lost(sweep: str, index: int, attempt: int) -> LeaseLost:
    return LeaseLost(f"attempt {attempt} no longer holds run {run_id(sweep, index)}")
