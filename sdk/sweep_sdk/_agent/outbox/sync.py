"""Delivers the attempts that agents have left undelivered."""

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
        state: The state of the run in the backend; ``lost`` if it had been handed out again (its
            rows are kept with their attempt), ``gone`` if its sweep has been deleted.
    """

    run: str
    attempt: int
    state: str


def sync(
    client: Client, outbox: Outbox, notice: Callable[[str], None], host: str | None = None
) -> Iterator[Synced]:
    """Deliver, one after the other, all attempts that no living agent is responsible for.

    A run whose agent was killed is given back, so that it is handed out again. If its program had
    finished, so has the run.

    Args:
        client: Client used for the requests.
        outbox: The pending deliveries.
        notice: Called with a message about each line or row that is left out, and each process
            that is ended.
        host: Deliver only attempts that ran on this machine; None for all.

    Raises:
        BackendUnavailable: The remaining attempts stay on disk.
        Unreadable: The metrics of one attempt could not be read; all others are delivered.
    """
    failures: list[Unreadable] = []
    deliveries = outbox.orphaned(client.transport.place, host)
    if deliveries:  # processes that still run would go on writing
        end_leftovers(outbox.home, notice)
    for pending in deliveries:
        with _put_off(failures):
            state = _deliver(pending, client, outbox, notice)
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


def _deliver(
    pending: PendingDelivery, client: Client, outbox: Outbox, notice: Callable[[str], None]
) -> str | None:
    """The state of the run after its delivery; None if the backend does not know the run.

    Its database may have been lost or replaced by an older copy: the results stay on disk.
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
            notice(f"{error} at {pending.place}: the results of {pending.run} stay on this machine")
            outbox.skip(pending)
            return None
        delivery.discard()
    return state
