"""Limits of the local server's clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds.

    Attributes:
        head_bytes: Maximum size of a request's header.
        body_bytes: Maximum size of a request's body. W&B's clients send up to 11 MB, and lose all
            later rows of a run if they are rejected.
        head_seconds: Time from the first byte of a header to its last.
        body_seconds: Time from the end of the header to the end of the body.
        unread_seconds: How long a client may leave an answer unread.
        idle_seconds: Time between two requests of an authenticated client.
        stranger_idle_seconds: The same for any other client.
        linger_seconds: How long the rest of a rejected request is read and discarded. Closing at
            once would reset the connection before the client reads the reason.
        drain_seconds: Time for requests in progress when the server stops.
        client_connections: Maximum number of open connections from one address.
        connections: Maximum number of open connections.
    """

    head_bytes: int = 32 * 1024
    body_bytes: int = 16 * 1024 * 1024
    head_seconds: float = 20.0
    body_seconds: float = 60.0
    unread_seconds: float = 60.0
    idle_seconds: float = 180.0
    stranger_idle_seconds: float = 5.0
    linger_seconds: float = 2.0
    drain_seconds: int = 10
    client_connections: int = 4096
    connections: int = 16_384

    def within(self, n_files: int) -> tuple[int, int]:
        """The maximum numbers of connections of one client and of all clients.

        Args:
            n_files: Maximum number of open files of the process, including the database's.
        """
        total = min(self.connections, max(n_files * 3 // 4, 1))
        return min(self.client_connections, max(total * 3 // 4, 1)), total
