"""A web server for the programs of one agent, only reachable from this machine.

Most programs never connect. So it is a listening socket and a waiting thread, and the HTTP code is
loaded when the first connection arrives.
"""

from __future__ import annotations

import secrets
import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Answerer = Callable[["Request"], "Answer"]

_HOST = "127.0.0.1"
#: Maximum number, each of which costs a thread. Each rank of a program has two or three.
MAX_CONNECTIONS = 256
#: Pause after an error such as too many open files.
_PAUSE_SECONDS = 0.1
_POLL_SECONDS = 0.002


@dataclass(frozen=True)
class Request:
    """A request of a program; ``path`` is relative to the address given to the program."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """The answer to a request."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass(eq=False)
class Connection:
    """A connection of a program.

    Attributes:
        key: Key of the program, once a request has named it.
        is_busy: Whether a request is being read or answered.
    """

    socket: socket.socket
    key: str | None = None
    is_busy: bool = True


class Loopback:
    """A web server with a secret address for each program; a context manager."""

    def __init__(self) -> None:
        """Listen on a free port.

        Raises:
            OSError: There is no free port.
        """
        self._listener = socket.create_server((_HOST, 0), backlog=128)
        self._port = self._listener.getsockname()[1]
        self._answerers: dict[str, Answerer] = {}
        self._connections: set[Connection] = set()
        self._lock = threading.Lock()
        self._is_closed = False
        threading.Thread(target=self._accept, name="loopback", daemon=True).start()

    def __enter__(self) -> Loopback:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, answer: Answerer) -> str:
        """Begin to answer a program; the address under which it finds the server.

        Args:
            answer: Called with each request, by several threads.
        """
        key = secrets.token_urlsafe(24)
        self._answerers[key] = answer
        return f"http://{_HOST}:{self._port}/{key}"

    def remove(self, address: str, seconds: float) -> None:
        """Answer a program no longer, once everything is answered that it has sent.

        Args:
            address: As ``add`` returned it.
            seconds: How long to wait for that at most.
        """
        key = address.rpartition("/")[2]
        give_up_at = time.monotonic() + seconds
        while self._is_expecting(key) and time.monotonic() < give_up_at:
            time.sleep(_POLL_SECONDS)
        self._answerers.pop(key, None)

    def close(self) -> None:
        """Close the socket and all connections."""
        self._is_closed = True
        with suppress(OSError):  # wakes the thread that waits
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with suppress(OSError):
                connection.socket.shutdown(socket.SHUT_RDWR)

    def answerer(self, key: str) -> Answerer | None:
        """What answers a program; None if there is no program of that key."""
        return self._answerers.get(key)

    def _is_expecting(self, key: str) -> bool:
        """Whether something has been sent, perhaps by this program, that is not yet answered."""
        with self._lock:
            concerned = [found for found in self._connections if found.key in (None, key)]
        if any(found.is_busy for found in concerned):
            return True
        poll = select.poll()
        for sock in (self._listener, *(found.socket for found in concerned)):
            with suppress(OSError, ValueError):  # closed in this moment
                poll.register(sock, select.POLLIN)
        return bool(poll.poll(0))

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                if not self._is_closed:
                    time.sleep(_PAUSE_SECONDS)
                continue
            self._begin(Connection(accepted))

    def _begin(self, connection: Connection) -> None:
        with self._lock:
            is_full = len(self._connections) >= MAX_CONNECTIONS
            if not is_full:
                self._connections.add(connection)
        with suppress(RuntimeError):  # the system allows no thread: the client tries again
            if not is_full:
                threading.Thread(
                    target=self._serve, args=(connection,), name="capture", daemon=True
                ).start()
                return
        self._end(connection)

    def _serve(self, connection: Connection) -> None:
        from sweep_sdk._world.loopback_http import serve  # few programs connect

        try:
            serve(connection, self.answerer)
        finally:
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        with self._lock:
            self._connections.discard(connection)
        connection.socket.close()


def listen() -> Loopback:
    """Listen on a free port of this machine.

    Raises:
        OSError: There is no free port.
    """
    return Loopback()
