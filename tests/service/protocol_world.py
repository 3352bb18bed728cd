"""One sweep on one store, whose handlers proceed call by call, observed by a witness."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from protocol_handlers import Handler
from protocol_requests import OfAttempt
from protocol_witness import Witness

from sweep_service.errors import ServiceError
from sweep_service.model.language.sweep_config import parse_object
from sweep_service.operations.services import Services
from sweep_service.operations.sweeps import NewSweep, create_sweep
from sweep_service.storage.store import Store


@dataclass
class Clock:
    """Moves only when it is advanced."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Work:
    """A request and the handler that works on it."""

    request: Any
    handler: Handler
    is_old: bool

    @property
    def state(self) -> Any:
        """What it waits for, or how it ended: the same on every store."""
        handler = self.handler
        return handler.call, handler.answer, type(handler.error)


class World:
    """A sweep of its own, registered under ``key``."""

    def __init__(
        self,
        store: Store,
        document: dict[str, Any],
        key: str,
        clock: Callable[[], float],
        max_attempts: int,
    ) -> None:
        self.store = store
        self._clock = clock
        self._warm = self._services(store, 0)
        new = NewSweep(parse_object(document), key=key)
        view = create_sweep(self._warm, new, is_dry_run=False)
        assert view.sweep is not None
        self.sweep = view.sweep
        self.witness = Witness(store, view.sweep, clock, view.loaded.config, max_attempts)
        self._numbers = itertools.count(1)

    def start(self, request: Any) -> Work:
        """Have a handler begin on a request; it stops before its first call."""
        number = next(self._numbers)
        handler = Handler(lambda store: request.perform(self._services(store, number), self.sweep))
        return Work(request, handler, self._is_old(request))

    def step(self, work: Work, *, is_lost: bool = False) -> None:
        """Make the call that a handler waits for.

        Args:
            work: Of the handler.
            is_lost: The reply is lost: the client library makes the same call again, later.
        """
        call = work.handler.call
        assert call is not None
        result, error = None, None
        try:
            result = call.perform(self.store)
        except ServiceError as raised:
            error = raised
        if call.is_write and error is None:
            self.witness.wrote(work.request, call, is_old=work.is_old)
        if not is_lost:
            work.handler.go_on(result, error)
            if work.handler.is_over:
                handler = work.handler
                self.witness.answered(work.request, handler.answer, handler.error)

    def _is_old(self, request: Any) -> bool:
        if not isinstance(request, OfAttempt):
            return False
        return self.witness.snapshot.attempt_of(request.index) > request.attempt

    def _services(self, store: Any, number: int) -> Services:
        """Those of a function that has its configs in memory, and nothing that changes."""
        configs, offers = (self._warm.configs, self._warm.offers) if number else ({}, {})
        return Services(
            store=store,
            clock=self._clock,
            rng=random.Random(number),
            wait_seconds=5.0,
            configs=configs,
            offers=offers,
        )
