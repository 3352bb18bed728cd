"""Delivers what a training program has logged: rows in order, one batch at a time, then the end."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.outbox.endings import ending_of, without_rows
from sweep_sdk._agent.outbox.logged import MAX_FACT_BYTES, MAX_FACTS, MAX_SUMMARY_BYTES
from sweep_sdk._agent.outbox.tail import Batch, Tail
from sweep_sdk._exceptions import InvalidRequest, LeaseLost
from sweep_sdk._world import disk, threads
from sweep_service.wire.runs import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sweep_sdk._agent.outbox.endings import ProgramOutcome
    from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
    from sweep_sdk._backend.client import Client
    from sweep_service.wire.runs import Attention, Command, Finished


class Delivery:
    """One attempt's rows on their way from the metrics file to the backend.

    Rows are numbered, and the backend takes each number once. So a batch whose answer was lost is
    sent again, and rows that another agent has delivered do no harm. A lock keeps threads apart: an
    interrupted agent may reach the end of a run while its last report is still in flight.

    Attributes:
        tail: The reading end of the metrics file.
        pending: The record of the delivery, as it is on disk.
    """

    def __init__(
        self,
        pending: PendingDelivery,
        outbox: Outbox,
        clock: Callable[[], float],
        notice: Callable[[str], None],
    ) -> None:
        """Begin at the first row; rows that the backend already has are skipped.

        Args:
            pending: The record of the delivery.
            outbox: Where the record is kept.
            clock: Returns seconds since the epoch.
            notice: Called with a message about each line or row that is left out.
        """
        self.pending = pending
        self.tail = Tail(disk.Path(pending.metrics_file), pending.metric, clock, notice)
        self._outbox = outbox
        self._notice = notice
        self._batches: deque[Batch] = deque()
        self._next_row = 0
        self._is_tried = False
        self._lowest, self._highest = math.inf, -math.inf
        self._sent_facts = "{}"
        self._turn = threads.Lock()

    def send(self, client: Client, *, is_final: bool = False) -> Command | None:
        """Send the next rows; None when there are none.

        Args:
            client: Client used for the request; its retries apply to each batch.
            is_final: Whether the program has ended.

        Raises:
            SweepError: As ``Client.report``. The batch is kept, unless the lease is lost: in that
                case the backend has kept its rows beside the run.
        """
        with self._turn:
            while self._fill(n_batches=1 if is_final else 2, is_final=is_final):
                command = self._send_first(client, is_final=is_final)
                if command is not None:
                    return command
        return None

    def look(self, attention: Attention) -> bool:
        """Read new rows; whether some must be sent at once, or a batch is full."""
        with self._turn:
            self._fill(n_batches=2)
            spread = self.tail.logged.spreads.get(self.pending.metric or "")
            n_values = 0 if spread is None else spread.n_values
            is_due = attention.is_due(n_values, self._lowest, self._highest)
            return len(self._batches) > 1 or (bool(self._batches) and is_due)

    def beat(self, client: Client, *, is_preempting: bool = False) -> Command:
        """Send a heartbeat.

        Args:
            client: Client used for the request.
            is_preempting: Whether the agent is being preempted.

        Raises:
            SweepError: As ``Client.report``.
        """
        with self._turn:
            return self._report(client, self._next_row, (), is_preempting=is_preempting)

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

    def finish(self, client: Client, outcome: ProgramOutcome | None) -> Finished:
        """Send the remaining rows and the outcome, then remove the record of the delivery.

        Args:
            client: Client used for the requests.
            outcome: How the program ended; None if its agent died with it.

        Raises:
            LeaseLost: All rows are sent, but another agent holds the run.
            SweepError: As ``Client.report`` and ``Client.finish``; the record is kept.
        """
        if self.send_rest(client):
            raise LeaseLost(f"attempt {self.pending.attempt} no longer holds {self.pending.run}")
        outcome = self.complete(outcome)
        ending = self._ending(outcome)
        try:
            finished = client.finish(self.pending.run, ending)
        except InvalidRequest as error:  # an end without its details is better than none
            self._notice(f"the outcome of the run is sent without details: {error}")
            essentials = Ending(
                attempt=ending.attempt,
                state=ending.state,
                key=ending.key,
                is_stopped_early=ending.is_stopped_early,
            )
            finished = client.finish(self.pending.run, essentials)
        self._outbox.remove(self.pending)
        return finished

    def complete(self, outcome: ProgramOutcome | None) -> ProgramOutcome | None:
        """The outcome, which is a failure if the program could not write all that it logged."""
        if not self.tail.is_incomplete():
            return outcome
        return without_rows(outcome, self.pending.metrics_file)

    def give_up(self, outcome: ProgramOutcome) -> bool:
        """Leave the pending delivery to another agent or to ``sync``; False if the disk fails."""
        self.pending = replace(self.pending, outcome=asdict(outcome), holder=None)
        try:
            self._outbox.save(self.pending)
        except OSError:
            return False
        return True

    def discard(self) -> None:
        """Remove the record of the delivery: the backend needs no outcome of this attempt."""
        self._outbox.remove(self.pending)

    def close(self) -> None:
        """Close the metrics file."""
        self.tail.close()

    def _ending(self, outcome: ProgramOutcome | None) -> Ending:
        """The outcome as it is sent, with the results and facts that the program has logged."""
        logged = self.tail.logged
        if logged.n_facts_left_out:
            self._notice(
                f"{logged.n_facts_left_out} of the facts that the program noted are left out: at"
                f" most {MAX_FACTS} and {MAX_FACT_BYTES:,} bytes are kept"
            )
        summary, n_left_out = logged.results()
        if n_left_out:
            self._notice(
                f"{n_left_out:,} values of the summary are left out: at most"
                f" {MAX_SUMMARY_BYTES:,} bytes are kept"
            )
        ending = ending_of(logged, outcome, self.pending.attempt, self.pending.key)
        return replace(ending, summary=summary, result=logged.result, attributes=logged.facts)

    def _send_first(self, client: Client, *, is_final: bool) -> Command | None:
        """Send the first batch; None if the backend refuses it as it is."""
        batch = self._batches[0]
        self._is_tried = True
        try:
            command = self._report(client, batch.offset, batch.rows, is_final=is_final)
        except InvalidRequest as error:
            self._divide(error)
            return None
        except LeaseLost:
            self._drop_first()
            raise
        self._drop_first()
        self._next_row = max(command.next_row, batch.offset + len(batch.rows))
        return command

    def _send_held_or_not(self, client: Client) -> bool | None:
        """Send the next rows; whether the lease is still held, None if there are no rows."""
        try:
            return None if self.send(client, is_final=True) is None else True
        except LeaseLost:
            return False

    def _report(
        self,
        client: Client,
        offset: int,
        rows: Sequence[dict[str, Any]],
        *,
        is_preempting: bool = False,
        is_final: bool = False,
    ) -> Command:
        """Send rows, together with facts that the backend does not have yet.

        Facts that are refused, and those of the final report, are sent with the outcome.
        """
        send = partial(
            client.report,
            self.pending.run,
            self.pending.attempt,
            offset,
            rows,
            is_preempting=is_preempting,
            key=self.pending.key,
        )
        facts = self.tail.logged.facts
        text = json.dumps(facts, sort_keys=True)
        if is_final or self.pending.key is None or text == self._sent_facts:
            return send()  # without a key the backend is too old for facts
        try:
            command = send(attributes=facts)
        except InvalidRequest:
            command = send()
        self._sent_facts = text
        return command

    def _fill(self, *, n_batches: int, is_final: bool = False) -> bool:
        """Read until ``n_batches`` batches have been begun; whether there are any rows.

        Once a second batch has been begun, the first is as large as it can be.
        """
        while len(self._batches) < n_batches and self._read_on(is_final=is_final):
            pass
        return bool(self._batches)

    def _read_on(self, *, is_final: bool) -> bool:
        """Read the next rows that the backend does not have yet; whether there are any."""
        while (batch := self.tail.read(is_final=is_final)) is not None:
            news = batch.since(self._next_row)
            if news.rows:
                self._note_values(news)
                self._append(news)
                return True
        return False

    def _append(self, news: Batch) -> None:
        """Append rows to the last batch, or to a new one if that has been sent or is full."""
        last = self._batches[-1] if self._batches else None
        is_open = last is not None and not (self._is_tried and len(self._batches) == 1)
        if last is not None and is_open and last.has_room_for(news):
            self._batches[-1] = last.joined(news)
        else:
            self._batches.append(news)

    def _drop_first(self) -> None:
        self._batches.popleft()
        self._is_tried = False
        if not self._batches:
            self._lowest, self._highest = math.inf, -math.inf

    def _note_values(self, batch: Batch) -> None:
        for row in batch.rows:
            value = row["metrics"].get(self.pending.metric)
            if isinstance(value, (int, float)):
                self._lowest, self._highest = min(self._lowest, value), max(self._highest, value)

    def _divide(self, error: InvalidRequest) -> None:
        """Halve a refused batch, until the row at fault is alone and can be left out."""
        batch = self._batches[0]
        self._drop_first()
        n_rows = len(batch.rows)
        if n_rows == 1:
            self._notice(f"a row is left out: {error}")
            return
        middle = n_rows // 2
        second = replace(batch, offset=batch.offset + middle, rows=batch.rows[middle:])
        self._batches.extendleft((second, replace(batch, rows=batch.rows[:middle])))
