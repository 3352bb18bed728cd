"""Agents in the protocol's view: one intent at a time, repeated until it is answered."""

from __future__ import annotations

from dataclasses import dataclass

from protocol_requests import Ask, Finish, Report

from sweep_service.errors import LeaseLost, SweepEnded
from sweep_service.model.records.states import RunState
from sweep_service.operations.ask import HandOut


@dataclass
class Agent:
    """A client.

    Attributes:
        offset: Of the next row.
        row: The row that was sent and not acknowledged, if any.
        ending: How the run ended, once it has.
    """

    key: str
    run: HandOut | None = None
    offset: int = 0
    row: Report | None = None
    ending: Finish | None = None

    def next_report(self, has_row: bool) -> Report | Finish:
        """The row that was not acknowledged, else a new one or a beat; the end, once it is said."""
        assert self.run is not None
        report = Report(self.run.index, self.run.attempt, self.offset, has_row)
        if has_row and self.row is None and self.ending is None:
            self.row = report
        return self.row or self.ending or report

    def next_finish(self, how: RunState) -> Report | Finish:
        """The end, as it was said first; before it the row that was not acknowledged."""
        assert self.run is not None
        if self.row is not None:
            return self.row
        self.ending = self.ending or Finish(self.run.index, self.run.attempt, how)
        return self.ending

    def hear(self, request: object, answer: object, error: Exception | None, new_key: str) -> None:
        """Go on, if the request is still what this agent wants to know."""
        if request == Ask(self.key) and self.run is None:
            if isinstance(answer, HandOut):
                self.run = answer
            elif isinstance(error, SweepEnded):
                self.key = new_key
        elif self.run is not None and request in (self.ending, self.row):
            if isinstance(error, LeaseLost) or request == self.ending:
                self.restart(new_key)
            elif error is None:
                self.offset, self.row = self.offset + 1, None

    def restart(self, key: str) -> None:
        self.key, self.run, self.offset, self.row, self.ending = key, None, 0, None, None
