"""Handlers that stop before each call of the store, so that any interleaving can be played.

A handler works in a thread of its own but never at the same time as anybody else: it hands its
calls out and waits for what came of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any


class Died(BaseException):
    """The handler's process is gone; nothing in it can catch that."""


@dataclass(frozen=True)
class Call:
    """A method of the store, about to be called."""

    method: str
    values: tuple[Any, ...]

    @property
    def is_write(self) -> bool:
        return not self.method.startswith(("get_", "list_"))

    def perform(self, store: Any) -> Any:
        return getattr(store, self.method)(*self.values)


class Handler:
    """One request at work.

    Attributes:
        call: What it waits for; None once it is over.
        answer: What it answered, if it did.
        error: What it raised, if it did.
    """

    def __init__(self, work: Callable[[Any], Any]) -> None:
        """Begin ``work``, which is given a store, and stop before its first call."""
        self.answer: Any = None
        self.error: Exception | None = None
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._results: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, args=(work,), daemon=True)
        self._thread.start()
        self.call = self._calls.get()

    @property
    def is_over(self) -> bool:
        return self.call is None

    def go_on(self, result: Any, error: BaseException | None = None) -> None:
        """Let it have what came of its call, up to the next one or its end."""
        self._results.put((result, error))
        self.call = self._calls.get()
        if self.is_over:
            self._thread.join()

    def die(self) -> None:
        """Its process ends before the call is made."""
        if not self.is_over:
            self.go_on(None, Died())

    def _work(self, work: Callable[[Any], Any]) -> None:
        try:
            self.answer = work(_Gate(self._perform))
        except Died:
            pass
        except Exception as error:  # noqa: BLE001  judged by the witness
            self.error = error
        self._calls.put(None)

    def _perform(self, call: Call) -> Any:
        self._calls.put(call)
        result, error = self._results.get()
        if error is not None:
            raise error
        return result


class _Gate:
    """What a handler takes for its store."""

    def __init__(self, perform: Callable[[Call], Any]) -> None:
        self._perform = perform

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *values: self._perform(Call(method, values))
