"""Whether runs fail on this machine alone: what other agents have finished meanwhile."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from sweep_sdk._agent.session.tally import GivingUp
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._exceptions import SweepError
from sweep_sdk._world import threads

if TYPE_CHECKING:
    from sweep_sdk._agent.session.tally import Tally
    from sweep_sdk._backend.client import Client
    from sweep_service.wire.runs import HandOut

#: Other agents may have begun the runs that they finish now so many runs before ours.
_EARLIER_RUNS = 200


class Comparison:
    """Ends an agent whose runs fail, one after the other, while those of others succeed.

    The backend is asked only when half of the failures have come together that would end the agent
    in any case.
    """

    def __init__(self, client: Client, agent: str, tally: Tally, max_failures: int) -> None:
        """Compare nothing yet.

        Args:
            client: Client used for the request.
            agent: The name of this agent.
            tally: The agent's count; told to give up.
            max_failures: Failures in a row that end the agent in any case; 0 for no bound.
        """
        self._client = client.with_retries(ONCE)
        self._agent = agent
        self._tally = tally
        self._n_enough = max((max_failures + 1) // 2, 2) if max_failures else None
        self._first: HandOut | None = None
        self._lock = threads.Lock()

    def take(self, handout: HandOut, state: str) -> None:
        """Take in the end of a run that the tally has counted."""
        with self._lock:
            if state == "finished":
                self._first = None
            if state != "failed":
                return
            first = self._first = self._first or handout
        n_failed = self._tally.n_failed_in_a_row
        if self._n_enough is None or n_failed < self._n_enough:
            return
        n_others = 0
        with contextlib.suppress(SweepError):  # then nobody knows
            n_others = self._n_finished_since(first)
        if n_others:
            reason = (
                f"{n_failed} runs in a row failed here, while {n_others} of other agents finished"
            )
            self._tally.give_up(GivingUp(reason, "max_consecutive_failures"))

    def _n_finished_since(self, first: HandOut) -> int:
        """How many runs of other agents have finished since a run of this one has failed."""
        since = max(first.index - _EARLIER_RUNS, 0)
        runs = list(self._client.list_runs(first.sweep, since))
        failed_at = next((run["ended_at"] for run in runs if run["id"] == first.id), None)
        if failed_at is None:  # it has been handed out again
            return 0
        return sum(
            run["state"] == "finished"
            and run["agent"] != self._agent
            and (run["ended_at"] or 0) >= failed_at
            for run in runs
        )
