from __future__ import annotations

import pytest

from sweep_sdk._agent.outbox.debts import Debt, Ledger
from sweep_sdk._agent.outbox.delivery import Delivery
from sweep_sdk._agent.outbox.endings import Outcome
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._exceptions import BackendUnavailable


def test_an_agent_that_dies_before_the_end_is_confirmed_still_owes_it(
    client, sweep, network, clock, notices, tmp_path
):
    ledger = Ledger(tmp_path / "home")
    handout = client.ask(sweep, "key-of-the-test", "agent")
    debt = Debt(network.place, handout.id, handout.attempt, str(tmp_path / "m.jsonl"), "loss")
    ledger.keep(debt)
    network.fail = lambda _: BackendUnavailable("away")
    with pytest.raises(BackendUnavailable):
        Delivery(debt, ledger, clock, notices).finish(client.with_retries(ONCE), Outcome(True))
    assert ledger.unattended(network.place) == [debt]
