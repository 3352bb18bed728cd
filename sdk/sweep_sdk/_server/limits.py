"""What the local server grants its clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds.

    Attributes:
        head_bytes: Size of a request's header.
        body_bytes: Size of a request's body. Clients of W&B send up to 11 MB, and would lose all
            later rows of a run if they were refused.
        head_seconds: From the first byte of a header to its last.
        body_seconds: From the end of the header to the end of the body.
        unread_seconds: How long a client may leave an answer unread.
        idle_seconds: Between two requests of a client that has proved who it is.
        stranger_idle_seconds: The same for any other client.
        linger_seconds: How long the rest of a refused request is read and discarded. To close at
            once would reset the connection, and the client would not see the reason.
        drain_seconds: What a stopping server grants to requests that it has begun.
        client_connections: Open connections from one address.
        connections: Open connections in all.
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
        """How many connections one client and all clients may hold.

        Args:
            n_files: How many files the process may open. The database needs some of them.
        """
        total = min(self.connections, max(n_files * 3 // 4, 1))
        return min(self.client_connections, max(total * 3 // 4, 1)), total
