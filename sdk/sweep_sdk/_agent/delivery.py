"""Delivers what a training program has said: rows in order, one batch in flight, then the end."""

from __future__ import annotations

import contextlib
from collections import deque
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.endings import ending_document, judge, without_rows
from sweep_sdk._agent.said import MAX_FACT_BYTES, MAX_FACTS, MAX_SUMMARY_BYTES
from sweep_sdk._agent.tail import Batch, Tail
from sweep_sdk._exceptions import InvalidRequest, LeaseLost
from sweep_sdk._world import disk, threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._agent.debts import Debt, Ledger
    from sweep_sdk._agent.endings import Outcome
    from sweep_sdk._backend.answers import Command, Finished
    from sweep_sdk._backend.client import Client
    from sweep_sdk._metrics import MetricValue

_ESSENTIALS = ("attempt", "key", "state", "stopped_early")


class Delivery:
    """One attempt's rows on their way from the metrics file to the backend.

    Rows are numbered, and the backend takes each number once: a batch whose answer was lost is sent
    again, and what another agent had delivered before need not be known. Threads take turns: an
    agent that is interrupted may come to the end of a run while its last report is still in flight.

    Attributes:
        tail: The reading end of the metrics file.
        debt: What is owed, as it stands on disk.
    """

    def __init__(
        self,
        debt: Debt,
        ledger: Ledger,
        clock: Callable[[], float],
        notice: Callable[[str], None],
    ) -> None:
        """Begin at the first row; those that the backend has are passed over.

        Args:
            debt: The attempt.
            ledger: Where the debt is kept.
            clock: Seconds since the epoch.
            notice: Told about lines and rows that are left out.
        """
        self.debt = debt
        self.tail = Tail(disk.Path(debt.metrics_file), debt.metric, clock, notice)
        self._ledger = ledger
        self._notice = notice
        self._batches: deque[Batch] = deque()
        self._next_row = 0
        self._turn = threads.Lock()

    def send(self, client: Client, *, is_final: bool = False) -> Command | None:
        """Send the next rows; None when there are none.

        Args:
            client: By which; its retries are for this one batch.
            is_final: The program has ended.

        Raises:
            SweepError: As ``Client.report``; the batch is kept, unless the lease is lost: then
                the backend has kept its rows beside the run.
        """
        with self._turn:
            while self._batches or self._fill(is_final):
                command = self._send_first(client)
                if command is not None:
                    return command
        return None

    def beat(self, client: Client, *, is_preempting: bool = False) -> Command:
        """A heartbeat.

        Args:
            client: By which.
            is_preempting: Whether to say that the agent has to end.

        Raises:
            SweepError: As ``Client.report``.
        """
        return client.report(
            self.debt.run,
            self.debt.attempt,
            self._next_row,
            (),
            is_preempting=is_preempting,
            key=self.debt.key,
        )

    def send_rest(self, client: Client) -> bool:
        """Send all rows of a program that has ended.

        Returns:
            Whether the lease is lost: the backend then keeps the rows beside the run.

        Raises:
            SweepError: As ``Client.report``.
        """
        is_lost = False
        while (sent := self._send_held_or_not(client)) is not None:
            is_lost = is_lost or not sent
        return is_lost

    def finish(self, client: Client, outcome: Outcome | None) -> Finished:
        """Send what is left, then how the attempt ended; the debt is paid.

        Args:
            client: By which.
            outcome: None when the program's agent died with it.

        Raises:
            LeaseLost: All rows are sent, but the run is another agent's.
            SweepError: As ``Client.report`` and ``Client.finish``; the debt stands.
        """
        if self.send_rest(client):
            raise LeaseLost(f"attempt {self.debt.attempt} no longer holds {self.debt.run}")
        outcome = self.complete(outcome)
        verdict = judge(self.tail.said, outcome)
        ending = ending_document(verdict, outcome, self.debt.attempt, self.summary(), self.debt.key)
        ending |= self._own_words()
        try:
            finished = client.finish(self.debt.run, ending)
        except InvalidRequest as error:  # an end without its details is better than none
            self._notice(f"how the run ended is told without details: {error}")
            finished = client.finish(self.debt.run, _essentials(ending))
        self._ledger.settle(self.debt)
        return finished

    def complete(self, outcome: Outcome | None) -> Outcome | None:
        """How the program ended: with a failure, if it could not write all that it logged."""
        if not self.tail.is_incomplete():
            return outcome
        return without_rows(outcome, self.debt.metrics_file)

    def give_up(self, outcome: Outcome) -> None:
        """Leave the debt to whoever comes by later."""
        self._keep(replace(self.debt, outcome=asdict(outcome), holder=None))

    def forgive(self) -> None:
        """Forget the debt: the backend does not want it any more."""
        self._ledger.settle(self.debt)

    def close(self) -> None:
        """Let go of the metrics file."""
        self.tail.close()

    def summary(self) -> dict[str, MetricValue]:
        """What is kept of the run's results; see ``Said.results``."""
        summary, n_left_out = self.tail.said.results()
        if n_left_out:
            self._notice(
                f"{n_left_out:,} values of the summary found no room: at most"
                f" {MAX_SUMMARY_BYTES:,} bytes are kept"
            )
        return summary

    def _own_words(self) -> dict[str, Any]:
        """What the program itself said of its result, and what it noted about the run."""
        said = self.tail.said
        if said.n_facts_left_out:
            self._notice(
                f"{said.n_facts_left_out} of the facts that the program noted are left out: at most"
                f" {MAX_FACTS} and {MAX_FACT_BYTES:,} bytes are kept"
            )
        words = {"result": said.result, "attributes": said.facts or None}
        return {name: value for name, value in words.items() if value is not None}

    def _send_first(self, client: Client) -> Command | None:
        """Send the first batch; None when the backend refuses it as it is."""
        batch = self._batches[0]
        try:
            command = client.report(
                self.debt.run, self.debt.attempt, batch.offset, batch.rows, key=self.debt.key
            )
        except InvalidRequest as error:
            self._divide(error)
            return None
        except LeaseLost:
            self._batches.popleft()
            raise
        self._batches.popleft()
        self._next_row = max(command.next_row, batch.offset + len(batch.rows))
        return command

    def _send_held_or_not(self, client: Client) -> bool | None:
        """Send the next rows; whether the lease still holds, None when there are none."""
        try:
            return None if self.send(client, is_final=True) is None else True
        except LeaseLost:
            return False

    def _fill(self, is_final: bool) -> bool:
        """Read the next rows that the backend does not have; whether there are any."""
        while (batch := self.tail.read(is_final=is_final)) is not None:
            news = batch.since(self._next_row)
            if news.rows:
                self._batches.append(news)
                return True
        return False

    def _divide(self, error: InvalidRequest) -> None:
        """Do without the row that the backend refuses, once it stands alone."""
        batch = self._batches.popleft()
        n_rows = len(batch.rows)
        if n_rows == 1:
            self._notice(f"a row is left out: {error}")
            return
        middle = n_rows // 2
        second = replace(batch, offset=batch.offset + middle, rows=batch.rows[middle:])
        self._batches.extendleft((second, replace(batch, rows=batch.rows[:middle])))

    def _keep(self, debt: Debt) -> None:
        """A debt that cannot be written down is still paid if this process lives."""
        self.debt = debt
        with contextlib.suppress(OSError):
            self._ledger.keep(debt)


def _essentials(ending: dict[str, Any]) -> dict[str, Any]:
    return {name: ending[name] for name in _ESSENTIALS if name in ending}
