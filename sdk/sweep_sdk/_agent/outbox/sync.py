"""Delivers what agents on this machine have left undelivered."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_sdk._agent.outbox.delivery import Delivery
from sweep_sdk._agent.outbox.endings import ProgramOutcome
from sweep_sdk._agent.outbox.tail import Unreadable
from sweep_sdk._agent.process.leftovers import end_leftovers
from sweep_sdk._exceptions import LeaseLost, NotFound, SweepDeleted
from sweep_sdk._world import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
    from sweep_sdk._backend.client import Client


@dataclass(frozen=True)
class Synced:
    """What became of one attempt.

    Attributes:
        state: As the backend keeps it now; ``lost`` when the run had been handed out again (its
            rows are kept under their attempt), ``gone`` when its sweep was deleted.
    """

    run: str
    attempt: int
    state: str


def sync(
    client: Client, outbox: Outbox, notice: Callable[[str], None], host: str | None = None
) -> Iterator[Synced]:
    """Deliver, one after the other, all attempts that no living agent looks after.

    A run whose agent was killed is given back, so that it is handed out again; if its program
    had said that it was done, it counts as done.

    Args:
        client: Client used for the request.
        outbox: What is owed.
        notice: Called with about lines and rows that are left out, and processes that are ended.
        host: Deliver only what was left on this machine.

    Raises:
        BackendUnavailable: The rest stays where it is.
        Unreadable: The metrics of one could not be read; all others are delivered.
    """
    failures: list[Unreadable] = []
    deliveries = outbox.orphaned(client.transport.place, host)
    if deliveries:  # what is still running would go on writing
        end_leftovers(outbox.home, notice)
    for pending in deliveries:
        with _put_off(failures):
            state = _pay(pending, client, outbox, notice)
            if state is not None:
                yield Synced(pending.run, pending.attempt, state)
    if failures:
        raise failures[0]


@contextlib.contextmanager
def _put_off(failures: list[Unreadable]) -> Iterator[None]:
    try:
        yield
    except Unreadable as error:
        failures.append(error)


def _pay(
    pending: PendingDelivery, client: Client, outbox: Outbox, notice: Callable[[str], None]
) -> str | None:
    """The state of the run after its delivery; None where the backend does not know it.

    That can be a backend whose database was lost or replaced by an older copy: the results stay.
    """
    delivery = Delivery(pending, outbox, clock.time, notice)
    outcome = None if pending.outcome is None else ProgramOutcome.from_json(pending.outcome)
    with contextlib.closing(delivery):
        try:
            return delivery.finish(client, outcome).state
        except LeaseLost:
            state = "lost"
        except SweepDeleted:
            state = "gone"
        except NotFound as error:
            notice(f"{error} at {pending.place}: what came of {pending.run} stays on this machine")
            outbox.skip(pending)
            return None
        delivery.discard()
    return state
