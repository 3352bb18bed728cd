"""Sends requests with retries: the base of a client's methods."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from sweep_sdk._backend.acquaintance import Acquaintance
from sweep_sdk._backend.answers import page_of
from sweep_sdk._backend.exchange import Exchange
from sweep_sdk._backend.retry import Retrier, RetryPolicy
from sweep_sdk._exceptions import WrongBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from typing_extensions import Self

    from sweep_sdk._backend.answers import Reader
    from sweep_sdk._backend.transport import Transport

    Json = dict[str, Any]

Answer = TypeVar("Answer")

#: Maximum number of consecutive empty pages of a list: deleted runs leave pages empty.
MOST_EMPTY_PAGES = 1000


@dataclass(frozen=True)
class Caller:
    """Sends requests to one backend. Immutable and thread-safe.

    Attributes:
        acquaintance: Whether the backend has answered before. Until then, an answer from anything
            else raises ``WrongBackend`` at once; later it counts as a temporary network error.
    """

    transport: Transport
    retrier: Retrier = field(default_factory=Retrier)
    acquaintance: Acquaintance = field(default_factory=Acquaintance)

    def with_retries(self, policy: RetryPolicy, **changes: Any) -> Self:
        """A copy with another retry policy (and other ``Retrier`` fields, such as ``sleep``)."""
        return replace(self, retrier=replace(self.retrier, policy=policy, **changes))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the transport's connections."""
        self.transport.close()

    def _get(
        self, path: str, reader: Reader[Answer], query: Mapping[str, str] | None = None
    ) -> Answer:
        return self._call("GET", path, reader, query)

    def _call(
        self,
        method: str,
        path: str,
        reader: Reader[Answer],
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer:
        """Send a request with retries; returns the answer as read by ``reader``."""
        return self.retrier.call(lambda _: self._send(method, path, reader, query, body, key))

    def _pages(
        self, path: str, query: Mapping[str, str | None], reader: Callable[[Json], Json]
    ) -> Iterator[Json]:
        given = {name: value for name, value in query.items() if value is not None}
        seen: set[str] = set()
        n_empty = 0
        while True:
            items, cursor = self._get(path, page_of(reader), given)
            yield from items
            if cursor is None:
                return
            n_empty = 0 if items else n_empty + 1
            if cursor in seen or n_empty > MOST_EMPTY_PAGES:
                raise self._endless()
            seen.add(cursor)
            given["cursor"] = cursor

    def _endless(self) -> WrongBackend:
        place = self.transport.place
        return WrongBackend(f"{place} does not answer as a sweep backend: its list has no end")

    def _send(
        self,
        method: str,
        path: str,
        reader: Reader[Answer],
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Answer:
        exchange = Exchange(self.transport, self.acquaintance)
        return exchange.send(method, path, reader, query or {}, body, key)
