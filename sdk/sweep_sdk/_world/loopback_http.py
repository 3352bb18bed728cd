"""Speaks HTTP/1.1 on a connection of a program, within bounds."""

from __future__ import annotations

import select
import socket
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

from sweep_sdk._world.loopback import Answer, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._world.loopback import Answerer, Connection

MAX_BODY_BYTES = 16_000_000
#: Idle times of unknown and of known clients; the latter send heartbeats every 30 s.
_STRANGER_SECONDS, _KNOWN_SECONDS = 10.0, 120.0
#: Timeout of each part of a request.
_PIECE_SECONDS = 30.0
_TOO_LARGE, _NO_LENGTH, _FAULT = 413, 411, 500


def serve(connection: Connection, find: Callable[[str], Answerer | None]) -> None:
    """Answer the requests on a connection until its client closes it.

    Args:
        connection: The connection.
        find: The answerer of a program's key.
    """
    _Handler(connection, find).serve()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, connection: Connection, find: Callable[[str], Answerer | None]) -> None:
        """Take over a connection, without calling the base class, which would serve at once."""
        self._found = connection
        self._find = find
        self.connection = self.request = connection.socket
        self.client_address = ("127.0.0.1", 0)

    def serve(self) -> None:
        """Answer requests until the client has gone or timed out."""
        self.connection.settimeout(_PIECE_SECONDS)
        with suppress(OSError):
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb")  # buffered
        self.close_connection = False
        with suppress(OSError, ValueError):  # the client has gone or timed out
            while not self.close_connection and self._await_request():
                self.handle_one_request()
                self.wfile.flush()
        with suppress(OSError):
            self.wfile.close()
        with suppress(OSError):
            self.rfile.close()

    def _await_request(self) -> bool:
        """Wait for a request without reading it; returns whether one has arrived."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        self._found.is_busy = False
        seconds = _STRANGER_SECONDS if self._found.key is None else _KNOWN_SECONDS
        has_come = bool(poll.poll(seconds * 1000))
        self._found.is_busy = True
        return has_come

    def _answer(self) -> None:
        key, _, path = self.path.lstrip("/").partition("/")
        answer = self._find(key)
        if answer is None:
            self.close_connection = True
            self._send(Answer(404))
            return
        self._found.key = key
        length = self.headers.get("Content-Length", "0")
        problem = None
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower() or not length.isdecimal():
            problem = _NO_LENGTH
        elif int(length) > MAX_BODY_BYTES:
            problem = _TOO_LARGE
        if problem is not None:
            self.close_connection = True
            self._send(Answer(problem))
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client was killed
            self.close_connection = True
            return
        try:
            found = answer(Request(self.command, path, dict(self.headers.items()), body))
        except Exception:  # noqa: BLE001  a request must not end the connection of others
            found = Answer(_FAULT)
        self._send(found)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _answer  # noqa: N815

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""
