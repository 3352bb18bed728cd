"""Whether runs fail on this machine only: what other agents have finished in the meantime."""

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

#: Maximum number of runs between the current one and those that other agents finish now.
_EARLIER_RUNS = 200


class Comparison:
    """Ends an agent whose runs fail one after the other while those of other agents succeed.

    The backend is asked only after half of the failures in a row that would end the agent anyway.
    """

    def __init__(self, client: Client, agent: str, tally: Tally, max_failures: int) -> None:
        """Set up.

        Args:
            client: Client used for the requests.
            agent: The name of this agent.
            tally: The agent's counts, which give up if the comparison says so.
            max_failures: Number of failures in a row that end the agent anyway; 0 for no bound.
        """
        self._client = client.with_retries(ONCE)
        self._agent = agent
        self._tally = tally
        self._n_enough = max((max_failures + 1) // 2, 2) if max_failures else None
        self._first: HandOut | None = None
        self._lock = threads.Lock()

    def take(self, handout: HandOut, state: str) -> None:
        """Add the end of a run that the tally has counted."""
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
        with contextlib.suppress(SweepError):  # the comparison is skipped
            n_others = self._n_finished_since(first)
        if n_others:
            reason = (
                f"{n_failed} runs in a row failed here, while {n_others} of other agents finished"
            )
            self._tally.give_up(GivingUp(reason, "max_consecutive_failures"))

    def _n_finished_since(self, first: HandOut) -> int:
        """Number of runs that other agents have finished since ``first`` failed here."""
        since = max(first.index - _EARLIER_RUNS, 0)
        runs = list(self._client.list_runs(first.sweep, since))
        failed_at = next((run["ended_at"] for run in runs if run["id"] == first.id), None)
        if failed_at is None:  # the run has been handed out again
            return 0
        return sum(
            run["state"] == "finished"
            and run["agent"] != self._agent
            and (run["ended_at"] or 0) >= failed_at
            for run in runs
        )
