"""Injects faults between operations and store, and between client and backend, by a seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from sweep_sdk._backend.transport import Response
from sweep_sdk._exceptions import BackendUnavailable
from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.errors import ServiceError, StoreUnavailable, Throttled
from sweep_service.gateway import handle
from sweep_service.operations.services import Services
from sweep_service.storage.dynamodb.store import DynamoStore
from sweep_service.storage.store import Store

STORE_TRIES = 3  # of the client library, as for DynamoDB


class LossyStore:
    """A store whose replies are lost: what was asked is done, and the client library asks again.

    Attributes:
        n_calls: How often the store was called.
        n_lost: How many replies were lost.
    """

    def __init__(self, store: Store, rng: random.Random, share: float) -> None:
        self._store, self._rng, self._share = store, rng, share
        self.n_calls = self.n_lost = 0

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *values: self._call(method, values)

    def _call(self, method: str, values: tuple[Any, ...]) -> Any:
        for _ in range(STORE_TRIES):
            self.n_calls += 1
            result, error = _result_or_error(getattr(self._store, method), values)
            if self._rng.random() >= self._share:
                if error is not None:
                    raise error
                return result
            self.n_lost += 1
        raise StoreUnavailable("no reply from the database", retry_after_seconds=1.0)


class LostReplies:
    """Loses replies of DynamoDB to botocore, which asks again as after a broken connection.

    Attributes:
        n_calls: How often botocore sent a request.
        n_lost: How many replies were lost.
    """

    def __init__(self, store: DynamoStore, rng: random.Random, share: float) -> None:
        self._rng, self._share = rng, share
        self.n_calls = self.n_lost = 0
        events = store._table._connection.connection.client.meta.events
        events.register_first("needs-retry.dynamodb", self._judge)

    def _judge(self, attempts: int, **_: object) -> float | None:
        """A delay for another try; None leaves the decision to botocore."""
        self.n_calls += 1
        if attempts >= STORE_TRIES or self._rng.random() >= self._share:
            return None
        self.n_lost += 1
        return 0.0


class TroubledStore:
    """A store where one call now and then finds no capacity, and another an error nobody foresaw.

    Attributes:
        trouble: What the next calls meet: None for a good call. Filled by the test.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.trouble: list[Exception | None] = []

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *values: self._call(method, values)

    def _call(self, method: str, values: tuple[Any, ...]) -> Any:
        error = self.trouble.pop(0) if self.trouble else None
        if error is not None:
            raise error
        return getattr(self._store, method)(*values)


class GatewayTransport:
    """The backend in this process, reached through ``faults``.

    Attributes:
        statuses: How often the backend answered with each status.
        n_requests: How many requests were made.
        longest_series: Of failures in a row.
    """

    is_local = True
    place = "here"

    def __init__(self, services: Services, faults: Callable[[], Callable[[], None]]) -> None:
        """Set up.

        Args:
            services: The backend's.
            faults: Called before each request; what it gives back is called after the answer
                was made, and raises if that gets lost.
        """
        self._services, self._faults = services, faults
        self.statuses: Counter[int] = Counter()
        self.n_requests = self.longest_series = self._series = 0

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> Response:
        self.n_requests += 1
        on_the_way_back = self._faults()
        answer = handle(self._services, method, path, query, headers, body, identity=LOCAL_ADMIN)
        self.statuses[answer.status] += 1
        self._series = self._series + 1 if answer.status >= 429 else 0
        self.longest_series = max(self.longest_series, self._series)
        on_the_way_back()
        return Response(answer.status, answer.headers, answer.body)

    def close(self) -> None:
        pass


def lost_answers(rng: random.Random, share: float) -> Callable[[], Callable[[], None]]:
    """Faults of a network that loses a share of the backend's answers."""

    def after() -> None:
        if rng.random() < share:
            raise BackendUnavailable("no answer in time")

    return lambda: after


def trouble_in(
    store: TroubledStore, rng: random.Random, share: float, pass_time: Callable[[float], None]
) -> Callable[[], Callable[[], None]]:
    """Faults of a backend in trouble: each request takes 1 to 5 s, a share of them fails.

    A failing request meets a throttle, an outage or an error that nobody foresaw, at one of its
    first calls of the store.
    """

    def before() -> Callable[[], None]:
        pass_time(rng.uniform(1.0, 5.0))
        store.trouble.clear()
        if rng.random() < share:
            kinds = (
                Throttled("no capacity", retry_after_seconds=1.0),
                StoreUnavailable("no database", retry_after_seconds=1.0),
                RuntimeError("nobody foresaw this"),
            )
            store.trouble += [*[None] * rng.randrange(5), rng.choice(kinds)]
        return store.trouble.clear

    return before


def _result_or_error(
    method: Callable[..., Any], values: tuple[Any, ...]
) -> tuple[Any, ServiceError | None]:
    try:
        return method(*values), None
    except ServiceError as error:
        return None, error
