from __future__ import annotations

import pytest

from sweep_sdk._agent.outbox.delivery import Delivery
from sweep_sdk._agent.outbox.endings import ProgramOutcome
from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._exceptions import BackendUnavailable


def test_an_agent_that_dies_before_the_end_is_confirmed_keeps_it_pending(
    client, sweep, network, clock, notices, tmp_path
):
    outbox = Outbox(tmp_path / "home")
    handout = client.ask(sweep, "key-of-the-test", "agent")
    pending = PendingDelivery(
        network.place, handout.id, handout.attempt, str(tmp_path / "m.jsonl"), "loss"
    )
    outbox.save(pending)
    network.fail = lambda _: BackendUnavailable("away")
    with pytest.raises(BackendUnavailable):
        Delivery(pending, outbox, clock, notices).finish(
            client.with_retries(ONCE), ProgramOutcome(True)
        )
    assert outbox.orphaned(network.place) == [pending]
