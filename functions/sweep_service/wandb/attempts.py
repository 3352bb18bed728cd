"""What is known of an attempt whose program uses wandb: who holds it, how it has ended."""

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

#: The exit code that clients report of a program that was interrupted.
_INTERRUPTED = 255


def holds(lease: Lease, name: RunName) -> bool:
    """Whether a lease of its run is held by an attempt."""
    return lease.attempt == name.attempt and not lease.is_released


def proven_key(services: Services, name: RunName, identity: Identity | None) -> str | None:
    """The key of an attempt, for a caller with the credential of the agent that it was handed to.

    Args:
        services: What to work with.
        name: The attempt.
        identity: The caller; an admin needs no proof.

    Returns:
        The key; None where it is not known any more.

    Raises:
        Forbidden: The attempt was handed to somebody else.
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
    """Whether an attempt has ended by its own word, so that its program may go on as it likes.

    It may be saving a model, which a stop would interrupt.
    """
    run = services.store.get_run(name.sweep, name.index)
    if run is None or run.attempt != name.attempt:
        return False
    if run.outcome is not None:
        return run.outcome.exit_code is not None  # nobody but the program knows that
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

    A program that was asked to stop ends by a signal or by its own means; the reason says what
    counts.

    Args:
        lease: Of the attempt.
        state: Of its sweep.
        exit_code: What the program said at its end; None: it ended without a word.
        summary: Last value of every metric.
        error_tail: What the program printed last.
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
