"""Attempts whose programs use wandb: the proof that a caller holds one, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service.errors import Forbidden
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.operations.report import key_of
from sweep_service.wandb.names import key_prefix
from sweep_service.wire.runs import Ending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.access.identity import Identity
    from sweep_service.model.records.records import Lease, MetricValue
    from sweep_service.operations.services import Services
    from sweep_service.wandb.names import RunName

#: Exit code that clients report for a program that was interrupted.
_INTERRUPTED = 255


def holds(lease: Lease, name: RunName) -> bool:
    """Whether an attempt holds the lease of its run."""
    return lease.attempt == name.attempt and not lease.is_released


def proven_key(services: Services, name: RunName, identity: Identity | None) -> str | None:
    """The key of an attempt, for a caller with the credential of the agent that it was handed to.

    Args:
        services: The backend's services.
        name: The attempt.
        identity: The caller; an admin needs no proof.

    Returns:
        The key; None if it is no longer known.

    Raises:
        Forbidden: The attempt was handed to another caller.
    """
    lease = services.store.get_lease(name.sweep, name.index)
    if lease is not None and holds(lease, name):
        key: str | None = lease.key
    else:
        key = key_of(services.store, name.sweep, name.index, name.attempt)
    must_prove = identity is None or identity.must_name_lease
    if must_prove and not (key or "").startswith(key_prefix(identity)):
        raise Forbidden(f"run {name} was not handed to an agent with this credential")
    return key


def has_ended_itself(services: Services, name: RunName) -> bool:
    """Whether a program has reported its own end, so that it must not be interrupted any more.

    It may still be saving a model.
    """
    run = services.store.get_run(name.sweep, name.index)
    if run is None or run.attempt != name.attempt:
        return False
    if run.outcome is not None:
        return run.outcome.exit_code is not None  # only the program can report it
    lease = services.store.get_lease(name.sweep, name.index)
    return lease is not None and lease.released_attempt == name.attempt


def ending_of(
    lease: Lease,
    state: SweepState,
    exit_code: int | None,
    *,
    summary: Mapping[str, MetricValue] | None = None,
    error_tail: str | None = None,
) -> Ending:
    """How an attempt has ended.

    A program that was asked to stop ends by a signal or by itself; the reason of the stop decides
    about the state.

    Args:
        lease: Lease of the attempt.
        state: State of the sweep.
        exit_code: Exit code that the program reported; None if it ended without reporting.
        summary: Last value of every metric.
        error_tail: The last output of the program.
    """
    is_stopped_early = lease.early_stop is not None
    if is_stopped_early or exit_code == 0:
        ended = RunState.FINISHED
    elif lease.is_stop_requested or state is SweepState.CANCELED:
        ended = RunState.KILLED
    elif lease.is_preempting:
        ended = RunState.PREEMPTED
    else:
        ended = RunState.KILLED if exit_code == _INTERRUPTED else RunState.FAILED
    return Ending(
        attempt=lease.attempt,
        state=ended,
        exit_code=exit_code,
        summary=summary or {},
        error_tail=error_tail if ended is RunState.FAILED else None,
        is_stopped_early=is_stopped_early,
        key=lease.key,
    )
