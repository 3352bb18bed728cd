"""Transitions of a lease: which agent works on a run, and by when it must report.

See "The lease" in ``docs/protocol.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sweep_service.errors import LeaseHeld, LeaseLost, NotPossible
from sweep_service.model.records.records import Lease, LiveSummary

if TYPE_CHECKING:
    from sweep_service.model.records.records import EarlyStop, Run

MAX_ATTEMPTS = 5  #: Number of lost attempts after which a run counts as crashed.
MAX_GRACE_SECONDS = 60.0
PREEMPTING_GRACE_SECONDS = 10.0
#: Lease of an agent that is being preempted: batch systems kill within 30 s.
PREEMPTING_LEASE_SECONDS = 30
CLOCK_SLACK_SECONDS = 5.0  #: Maximum clock difference between backends in normal operation.
_ALREADY_OVER = 1.0  #: A lease end in the past.


@dataclass(frozen=True, slots=True)
class Requester:
    """The caller that asks for a run.

    Attributes:
        key: Idempotency key of the request: a repeat gets the same run.
        slot: Slot of the agent that will run the program.
        sdk: Version of sweep-sdk; None for other programs, which are not checked.
        features: Keys and macros that the caller knows beyond those of version 0.1.0.
    """

    key: str
    agent: str
    host: str
    slot: str
    sdk: str | None = None
    features: frozenset[str] = frozenset()


def new_lease(
    index: int, requester: Requester, lease_end: float, unit: tuple[float, ...] | None
) -> Lease:
    """Create the lease of a new index, held by the requester with attempt 1."""
    return Lease(
        index=index,
        attempt=1,
        key=requester.key,
        agent=requester.agent,
        host=requester.host,
        slot=requester.slot,
        lease_end=lease_end,
        unit=unit,
    )


def is_overdue(lease: Lease, now: float, lease_seconds: float) -> bool:
    """Whether the lease has expired, or ends later than any valid lease could."""
    return lease.is_expired(now) or _is_too_long(lease, now, lease_seconds)


def suspect(lease: Lease, now: float) -> Lease:
    """Mark the lease as overdue; a mark from the future (a wrong clock) is replaced."""
    return lease if is_suspected(lease, now) else replace(lease, suspect_at=now)


def is_suspected(lease: Lease, now: float) -> bool:
    """Whether an ask has marked the lease as overdue."""
    return lease.suspect_at is not None and lease.suspect_at <= now


def is_given_up(lease: Lease, now: float, lease_seconds: float) -> bool:
    """Whether the grace time of an overdue lease is over.

    If the lease ends later than any valid lease could, the grace time is longer by a whole lease.
    """
    if lease.suspect_at is None or not is_suspected(lease, now):
        return False
    patience = grace_seconds(lease, lease_seconds)
    if _is_too_long(lease, now, lease_seconds):
        patience += lease_seconds
    return is_overdue(lease, now, lease_seconds) and now - lease.suspect_at >= patience


def grace_seconds(lease: Lease, lease_seconds: float) -> float:
    """How many seconds a suspected holder may still report before its run is taken.

    A holder that is being preempted reports every few seconds while it lives.
    """
    most = PREEMPTING_GRACE_SECONDS if lease.is_preempting else MAX_GRACE_SECONDS
    return min(float(lease_seconds), most)


def is_loss(lease: Lease, run: Run | None) -> bool:
    """Whether taking the lease means that an agent lost the run while working on it."""
    was_handed_out = run is not None and run.attempt == lease.attempt
    return was_handed_out and not lease.is_released


def take(
    lease: Lease,
    run: Run | None,
    requester: Requester,
    now: float,
    lease_seconds: float,
    unit: tuple[float, ...] | None,
) -> Lease:
    """Lease the next attempt of a run that was released or lost to the requester.

    Live summary, stop flag, early stop, suspicion and preemption are reset. With the last of
    ``MAX_ATTEMPTS`` losses the run has crashed, and its new lease has already expired.

    Args:
        lease: The lease as it was read.
        run: The run as it was read, if it exists.
        requester: The caller that asks.
        now: Seconds since the epoch.
        lease_seconds: Duration of a lease of this run.
        unit: Unit vector of the configuration, for a lease that has none.

    Raises:
        LeaseHeld: The lease is neither released nor given up.
    """
    if lease.key == requester.key and not lease.is_released:
        return lease
    if not lease.is_released and not is_given_up(lease, now, lease_seconds):
        raise LeaseHeld("somebody works on the run")
    losses = lease.losses + is_loss(lease, run)
    is_crashed = losses >= MAX_ATTEMPTS and losses > lease.losses
    return replace(
        lease,
        attempt=lease.attempt + 1,
        key=requester.key,
        agent=requester.agent,
        host=requester.host,
        slot=requester.slot,
        lease_end=_ALREADY_OVER if is_crashed else now + lease_seconds,
        losses=losses,
        unit=unit if lease.unit is None else lease.unit,
        suspect_at=None,
        is_stop_requested=False,
        early_stop=None,
        is_preempting=False,
        live=LiveSummary(),
    )


def held(lease: Lease | None, attempt: int) -> Lease:
    """Return the lease if the attempt holds it.

    Raises:
        LeaseLost: Another attempt holds it, it was released, or there is none.
    """
    if lease is None or lease.attempt != attempt or lease.is_released:
        raise LeaseLost(f"attempt {attempt} no longer holds its run")
    return lease


def extend(lease: Lease, lease_end: float, live: LiveSummary | None = None) -> Lease:
    """Extend the lease of a holder that has reported, and clear its suspicion.

    Args:
        lease: The lease as it was read.
        lease_end: New end in seconds since the epoch; an earlier one than the present is ignored.
        live: New live summary; None to keep the present one.
    """
    return replace(
        lease,
        lease_end=max(lease.lease_end, lease_end),
        suspect_at=None,
        live=lease.live if live is None else live,
    )


def begin(lease: Lease | None, attempt: int) -> Lease:
    """The lease of a holder whose program is known to have started, and not suspected any more.

    Only where programs report by themselves does anybody ask this.

    Raises:
        LeaseLost: The attempt does not hold the run any more.
    """
    lease = held(lease, attempt)
    live = lease.live if has_begun(lease) else replace(lease.live, next_row=0)
    return replace(lease, live=live, suspect_at=None)


def answer_again(
    lease: Lease | None, attempt: int, lease_end: float, doubted_at: float | None
) -> Lease:
    """The lease of a holder that is handed its run once more, because nothing shows that it has it.

    Args:
        lease: As read.
        attempt: The holder's.
        lease_end: Seconds since the epoch.
        doubted_at: Now, where its program may have ended instead, for which it is suspected.

    Raises:
        LeaseLost: The attempt does not hold the run any more.
    """
    lease = held(lease, attempt)
    suspect_at = lease.suspect_at if doubted_at is None else doubted_at
    return replace(extend(lease, lease_end), suspect_at=suspect_at)


def has_begun(lease: Lease) -> bool:
    """Whether its holder's program is known to have started."""
    return lease.live.next_row is not None


def preempt(lease: Lease, lease_end: float) -> Lease:
    """Shorten the lease of a holder that has announced that it is being preempted.

    No other transition shortens a lease that is held.
    """
    return replace(lease, lease_end=lease_end, suspect_at=None, is_preempting=True)


def release(lease: Lease | None, attempt: int, *, is_failure: bool) -> Lease:
    """Release the lease, so that the next ask takes it.

    Raises:
        LeaseLost: Another attempt holds it, or there is no lease.
    """
    if lease is not None and lease.released_attempt >= attempt:
        return lease
    lease = held(lease, attempt)
    return replace(
        lease,
        lease_end=0.0,
        released_attempt=attempt,
        failures=lease.failures + is_failure,
        suspect_at=None,
    )


def request_stop(lease: Lease | None) -> Lease:
    """Set the flag that asks the holder to stop the run.

    Raises:
        NotPossible: No agent works on the run.
    """
    if lease is None or lease.is_released:
        raise NotPossible("no agent works on the run")
    return replace(lease, is_stop_requested=True)


def stop_early(lease: Lease | None, attempt: int, stop: EarlyStop) -> Lease:
    """Record why early termination stops the run; an earlier reason is kept.

    Raises:
        LeaseLost: The attempt no longer holds the run.
    """
    lease = held(lease, attempt)
    return lease if lease.early_stop is not None else replace(lease, early_stop=stop)


def is_left_over(lease: Lease, attempt: int, revision: int) -> bool:
    """Whether a lease is obsolete after an attempt has ended the run at a revision."""
    return lease.attempt <= attempt and lease.revision == revision


def _is_too_long(lease: Lease, now: float, lease_seconds: float) -> bool:
    """Whether a lease ends later than any lease granted now, which means that a clock was wrong."""
    longest = lease_seconds + CLOCK_SLACK_SECONDS
    return not lease.is_released and lease.lease_end > now + longest
