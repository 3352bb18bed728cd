"""The register of open connections, which also decides which one to close. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import Generic, TypeVar

Connection = TypeVar("Connection")


class Register(Generic[Connection]):
    """The open connections of a server, by client.

    A connection belongs to a stranger until a request on it is authenticated. If there are too
    many,
    strangers' connections are closed, oldest first: a client that floods the server loses its own
    connections, and a client with a credential is safe once it has sent it.
    """

    def __init__(self, client_connections: int, connections: int) -> None:
        self._client_limit = client_connections
        self._limit = connections
        self._clients: dict[Connection, str] = {}
        self._counts: defaultdict[str, int] = defaultdict(int)
        # Dictionaries keep the order in which connections were opened.
        self._strangers: dict[Connection, None] = {}
        self._client_strangers: defaultdict[str, dict[Connection, None]] = defaultdict(dict)

    def open(self, connection: Connection, client: str) -> Connection | None:
        """Add a connection.

        Args:
            connection: The new connection.
            client: Address of the client.

        Returns:
            The connection to close, which may be the new one; None if there is room.
        """
        self._clients[connection] = client
        self._counts[client] += 1
        self._strangers[connection] = self._client_strangers[client][connection] = None
        if self._counts[client] > self._client_limit:
            return next(iter(self._client_strangers[client]))
        if len(self._clients) > self._limit:
            return next(iter(self._strangers))
        return None

    def recognise(self, connection: Connection) -> None:
        """Record that the client of a connection was authenticated."""
        if self._strangers.pop(connection, self) is None:
            del self._client_strangers[self._clients[connection]][connection]

    def close(self, connection: Connection) -> None:
        """Remove a connection if it is registered."""
        client = self._clients.pop(connection, None)
        if client is None:
            return
        self._strangers.pop(connection, None)
        self._client_strangers[client].pop(connection, None)
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client], self._client_strangers[client]

    def connections(self) -> list[Connection]:
        """All open connections."""
        return list(self._clients)
