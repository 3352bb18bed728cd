"""Transitions of a sweep: its state, its run cap, and the first index of each config version.

See "The sweep" in ``docs/protocol.md``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sweep_service.errors import NotPossible
from sweep_service.model.records.records import Base, SweepStatus
from sweep_service.model.records.states import ALLOWED_FROM, SweepState

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Maximum number of runs of a sweep; a grid may have more points.
MAX_INDICES = 2**63 - 1

_VERBS: Mapping[SweepState, str] = {
    SweepState.PAUSED: "pause",
    SweepState.RUNNING: "resume",
    SweepState.FINISHED: "stop",
    SweepState.CANCELED: "cancel",
}


def new_sweep(seed: int, run_cap: int | None, limit: int | None) -> SweepStatus:
    """The status of a sweep that has handed out nothing."""
    return SweepStatus(
        state=SweepState.RUNNING,
        next_index=0,
        limit=_bounded(limit),
        run_cap=_bounded(run_cap),
        bases=(Base(version=1, base=0),),
        seed=seed,
    )


def shown_state(status: SweepStatus) -> SweepState:
    """The state to show: a running sweep that has handed out nothing is pending."""
    if status.state is SweepState.RUNNING and status.next_index == 0:
        return SweepState.PENDING
    return status.state


def set_state(sweep: str, status: SweepStatus, target: SweepState) -> SweepStatus:
    """Change the state as a user requests it.

    Raises:
        NotPossible: The present state does not allow it; the message says what is possible.
    """
    if status.state is target:
        return status
    if status.state not in ALLOWED_FROM[target]:
        possible = [verb for to, verb in _VERBS.items() if status.state in ALLOWED_FROM[to]]
        options = ", ".join(possible) if possible else "nothing; register it again"
        raise NotPossible(
            f"cannot {_VERBS[target]} sweep {sweep}: it is {shown_state(status).value}"
            f" (possible now: {options})"
        )
    return replace(status, state=target)


def finish_at_target(status: SweepStatus) -> SweepStatus:
    """Finish the sweep because its metric has reached the target."""
    return status if status.state.is_ended else replace(status, state=SweepState.FINISHED)


def finish_if_exhausted(status: SweepStatus) -> SweepStatus:
    """Finish the sweep if it is running and every index has been given out."""
    is_over = status.state is SweepState.RUNNING and status.is_exhausted
    return replace(status, state=SweepState.FINISHED) if is_over else status


def reopen(status: SweepStatus) -> SweepStatus:
    """Set a sweep that had finished by exhaustion to running, so that a run can be retried."""
    is_over = status.state is SweepState.FINISHED and status.is_exhausted
    return replace(status, state=SweepState.RUNNING) if is_over else status


def set_limit(status: SweepStatus, run_cap: int | None, limit: int | None) -> SweepStatus:
    """Change the run cap; a sweep that had finished at its limit runs again if the limit grows.

    Raises:
        NotPossible: More runs have been handed out already.
    """
    run_cap, limit = _bounded(run_cap), _bounded(limit)
    if limit is not None and limit < status.next_index:
        raise NotPossible(
            f"run_cap: found {run_cap}; {status.next_index} runs have been handed out already, so"
            " it must be at least that"
        )
    changed = replace(status, run_cap=run_cap, limit=limit)
    return changed if changed.is_exhausted else replace(changed, state=reopen(status).state)


def add_version(
    status: SweepStatus, version: int, run_cap: int | None, limit: int | None
) -> SweepStatus:
    """Add a config version that applies to every index that has not been given out yet.

    Raises:
        NotPossible: More runs than the run cap have been handed out.
    """
    changed = set_limit(status, run_cap, limit)
    return replace(changed, bases=(*status.bases, Base(version, status.next_index)))


def _bounded(number: int | None) -> int | None:
    return None if number is None else min(number, MAX_INDICES)
