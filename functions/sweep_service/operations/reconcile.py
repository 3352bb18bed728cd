"""Reconcile: complete what interrupted requests left undone, and finish a sweep exactly once."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sweep_service.errors import Stale
from sweep_service.model.records.states import SweepState
from sweep_service.operations.amendments import carry_out
from sweep_service.operations.choosing import open_holes
from sweep_service.operations.completion import complete
from sweep_service.protocol.sweeps import finish_if_exhausted

if TYPE_CHECKING:
    from sweep_service.model.records.records import SweepStatus
    from sweep_service.operations.services import Services


class Reconciled(Enum):
    """Result of reconciling a sweep."""

    ENDED = "ended"
    MORE_TO_ASK = "more to ask"  #: Holes were opened, or the limit has grown.
    NOT_ENDED = "not ended"


def reconcile(services: Services, sweep: str) -> Reconciled:
    """Finish the sweep if all its indices have been given out and every run has ended.

    Raises:
        NotFound: No such sweep.
    """
    seen = services.store.get_status(sweep)
    if seen.state.is_ended:
        return Reconciled.ENDED
    if not seen.is_exhausted:
        return Reconciled.MORE_TO_ASK
    if not _complete_leases(services, sweep):
        return Reconciled.NOT_ENDED
    heads = services.store.list_run_heads(sweep)
    holes = set(range(seen.next_index)) - {head.index for head in heads}
    if holes:
        open_holes(services, sweep, seen, sorted(holes))
        return Reconciled.MORE_TO_ASK
    if any(head.state is None for head in heads):  # a request is between two writes
        return Reconciled.NOT_ENDED
    if not _complete_leases(services, sweep):
        return Reconciled.NOT_ENDED
    return _finish(services, sweep, seen)


def _complete_leases(services: Services, sweep: str) -> bool:
    """Complete the leases of ended runs; False as soon as a run is met that has not ended.

    Pending amendments are carried out; a retried run has not ended.
    """
    for lease in services.store.list_leases(sweep):
        run = services.store.get_run(sweep, lease.index)
        if run is not None and lease.amends(run):
            run = carry_out(services, sweep, lease, run)
        if run is None or run.outcome is None:
            return False
        complete(services, sweep, lease, run)
    return True


def _finish(services: Services, sweep: str, seen: SweepStatus) -> Reconciled:
    """Finish the sweep if it has not changed since ``seen``, which was read before the runs."""
    finished = finish_if_exhausted(seen)
    if finished == seen:
        return Reconciled.NOT_ENDED
    try:
        services.store.save(sweep, seen, finished)
    except Stale as conflict:
        is_finished = conflict.stored.state is SweepState.FINISHED
        return Reconciled.ENDED if is_finished else Reconciled.NOT_ENDED
    return Reconciled.ENDED
