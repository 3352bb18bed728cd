"""Transitions of a lease: who works on a run now, and until when the holder may stay silent.

See "The lease" in ``docs/protocol.md``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sweep_service.errors import LeaseHeld, LeaseLost, NotPossible
from sweep_service.model.records.records import Lease, LiveSummary

if TYPE_CHECKING:
    from sweep_service.model.records.records import EarlyStop, Run

MAX_ATTEMPTS = 5  #: lost attempts after which a run counts as crashed
MAX_GRACE_SECONDS = 60.0
PREEMPTING_GRACE_SECONDS = 10.0
#: The lease of an agent that has announced its end: batch systems kill within 30 s.
PREEMPTING_LEASE_SECONDS = 30
CLOCK_SLACK_SECONDS = 5.0  #: by how much the clocks of backends may differ in normal operation
_ALREADY_OVER = 1.0  #: a lease end in the past


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks for a run; ``key`` identifies the request, so that a repeat gets the same run.

    Attributes:
        sdk: The version of sweep-sdk that asks; None for another program, which is expected to
            know what it does.
        features: What it knows of the sweep language beyond version 0.1.0.
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
    """The lease of a new index, held by the requester with attempt 1."""
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
    """Whether the holder may be suspected: its lease has expired, or ends too late to be true."""
    return lease.is_expired(now) or _is_too_long(lease, now, lease_seconds)


def suspect(lease: Lease, now: float) -> Lease:
    """The lease, marked as overdue; a mark from the future (a wrong clock) is replaced."""
    return lease if is_suspected(lease, now) else replace(lease, suspect_at=now)


def is_suspected(lease: Lease, now: float) -> bool:
    """Whether an ask has marked the lease as overdue."""
    return lease.suspect_at is not None and lease.suspect_at <= now


def is_given_up(lease: Lease, now: float, lease_seconds: float) -> bool:
    """Whether the grace time of an overdue lease is over.

    Where the lease ends too late to be true, the grace time includes the time of a whole lease.
    """
    if lease.suspect_at is None or not is_suspected(lease, now):
        return False
    patience = grace_seconds(lease, lease_seconds)
    if _is_too_long(lease, now, lease_seconds):
        patience += lease_seconds
    return is_overdue(lease, now, lease_seconds) and now - lease.suspect_at >= patience


def grace_seconds(lease: Lease, lease_seconds: float) -> float:
    """How long a suspected holder may still report before its run is taken.

    A holder that has announced its end reports every few seconds as long as it lives.
    """
    most = PREEMPTING_GRACE_SECONDS if lease.is_preempting else MAX_GRACE_SECONDS
    return min(float(lease_seconds), most)


def is_loss(lease: Lease, run: Run | None) -> bool:
    """Whether taking the lease takes a run from an agent that was working on it."""
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
    """The next attempt of a run that was given back or lost, held by the requester.

    Live summary, stop flag, early stop, suspicion and preemption are reset. With the last of
    ``MAX_ATTEMPTS`` losses the run has crashed: the lease that is taken has ended already.

    Args:
        lease: As read.
        run: The run as read, if there is one.
        requester: Who asks.
        now: Seconds since the epoch.
        lease_seconds: How long a lease of this run lasts.
        unit: Encoded configuration, for a lease that has none yet.

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
    """The lease, if the attempt holds it.

    Raises:
        LeaseLost: Another attempt holds it, it was released, or there is none.
    """
    if lease is None or lease.attempt != attempt or lease.is_released:
        raise LeaseLost(f"attempt {attempt} no longer holds its run")
    return lease


def extend(lease: Lease, lease_end: float, live: LiveSummary | None = None) -> Lease:
    """The lease of a holder that has reported: never shorter, and not suspected any more.

    Args:
        lease: As read.
        lease_end: Seconds since the epoch.
        live: What the holder has reported by now; None: what is known already.
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


def has_begun(lease: Lease) -> bool:
    """Whether its holder's program is known to have started."""
    return lease.live.next_row is not None


def preempt(lease: Lease, lease_end: float) -> Lease:
    """The lease of a holder that has announced its end.

    No other transition shortens a lease that is held; here the holder has asked for it.
    """
    return replace(lease, lease_end=lease_end, suspect_at=None, is_preempting=True)


def release(lease: Lease | None, attempt: int, *, is_failure: bool) -> Lease:
    """The lease, given back by the attempt; the next ask takes it.

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
    """The lease, with the flag that asks its holder to stop the run.

    Raises:
        NotPossible: No agent works on the run.
    """
    if lease is None or lease.is_released:
        raise NotPossible("no agent works on the run")
    return replace(lease, is_stop_requested=True)


def stop_early(lease: Lease | None, attempt: int, stop: EarlyStop) -> Lease:
    """The lease, with the reason why early termination stops the run; the first reason remains.

    Raises:
        LeaseLost: The attempt does not hold the run any more.
    """
    lease = held(lease, attempt)
    return lease if lease.early_stop is not None else replace(lease, early_stop=stop)


def is_left_over(lease: Lease, attempt: int, revision: int) -> bool:
    """Whether a lease is no longer needed after an attempt has ended the run at a revision."""
    return lease.attempt <= attempt and lease.revision == revision


def _is_too_long(lease: Lease, now: float, lease_seconds: float) -> bool:
    """Whether a lease ends later than any that is granted now, so that a clock was wrong."""
    longest = lease_seconds + CLOCK_SLACK_SECONDS
    return not lease.is_released and lease.lease_end > now + longest
