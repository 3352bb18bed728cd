"""A connection of the local server: uvicorn's, with deadlines and with sweep-sdk's error answers.

uvicorn reads requests and writes answers, but would wait forever for a client that does not finish
its request or does not read its answer.
"""

from __future__ import annotations

import socket
import sys
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sweep_sdk._server.problems import Refusal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from sweep_sdk._server.limits import Limits
    from sweep_sdk._server.register import Register

#: Key of a request's ``state``: the connection of the request.
CONNECTION = "connection"
#: Requests that a client may send before the first one is answered.
MOST_PIPELINED = 32
#: Start of final answers, as opposed to informational ones.
_FINAL_HEADERS = tuple(f"HTTP/1.1 {digit}".encode() for digit in range(2, 6))
_END_OF_HEAD = b"\r\n\r\n"


class _Stage(Enum):
    """What a connection is waiting for, or which part of a request is being read."""

    IDLE = "another request"  # uvicorn's own deadline applies
    HEAD = "the rest of a header"
    BODY = "the rest of a body"
    ANSWER = "the backend"
    REST = "the rest of a request that has its answer already"


class _Gathered:
    """A transport that sends the header of an answer together with the first part of its body.

    uvicorn writes them separately.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._header = b""

    def write(self, data: bytes) -> None:
        """Send data, or hold back the header of an answer until more is written."""
        if not self._header and data.startswith(_FINAL_HEADERS):
            self._header = data
        elif self._header or data:
            self._transport.write(self._header + data)
            self._header = b""

    def flush(self) -> None:
        """Send the header of an answer without a body."""
        if self._header:
            self._transport.write(self._header)
            self._header = b""

    def write_eof(self) -> None:
        """Send nothing more than what has been written."""
        self.flush()
        self._transport.write_eof()

    def close(self) -> None:
        """Close the connection once everything has been sent."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(
        self,
        *,
        limits: Limits,
        register: Register[Connection],
        is_stopping: Callable[[], bool],
        app_state: dict[str, Any],
        **of_uvicorn: Any,
    ) -> None:
        """Set up.

        Args:
            limits: Limits of the client.
            register: The server's connections.
            is_stopping: Whether the server accepts no more connections.
            app_state: Initial ``state`` of each request.
            of_uvicorn: Further arguments of uvicorn's protocols.
        """
        super().__init__(app_state={**app_state, CONNECTION: self}, **of_uvicorn)
        self._limits = limits
        self._register = register
        self._is_stopping = is_stopping
        self._stage = _Stage.IDLE
        self._reading = _Stage.IDLE
        self._n_bytes = 0
        self._is_known = False
        self._is_half_closed = False
        self._is_refused = False
        self._deadline: asyncio.TimerHandle | None = None
        self._unread_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Set the deadline of the first header."""
        self._gathered = _Gathered(transport)
        super().connection_made(cast("asyncio.Transport", self._gathered))
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # Without this, the rest of a long answer would wait until the client acknowledges its
        # start.
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._enter(_Stage.HEAD)
        surplus = self._register.open(self, self.client[0] if self.client else "")
        if surplus is not None:
            surplus.send_away()
        if self._is_stopping():
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the register."""
        self._register.close(self)
        self._cancel_deadline()
        self._cancel_unread_deadline()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process data, unless it is the rest of a rejected request."""
        if self._is_refused:
            return
        super().data_received(data)
        if self._reading is not _Stage.IDLE and not self._is_refused:
            self._count(data)
        self._enter(self._stage_now(_Stage.HEAD))

    def on_message_begin(self) -> None:
        """Begin to read a request."""
        if len(self.pipeline) >= MOST_PIPELINED:
            raise Refusal(400, f"more than {MOST_PIPELINED} requests wait for their answers")
        self._reading = _Stage.HEAD
        self._n_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a field of the header; those after a chunked body are discarded."""
        if self._reading is _Stage.HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start to answer the request."""
        self._check_head()
        super().on_headers_complete()
        self.cycle.keep_alive = self.cycle.keep_alive and self.parser.should_keep_alive()
        self._reading = _Stage.BODY

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        self._reading = _Stage.IDLE
        super().on_message_complete()

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio documents it
        """Answer a complete request of a client that has closed its sending side."""
        self._is_half_closed = self._stage is _Stage.ANSWER and self.scheme == "http"
        return self._is_half_closed

    def identified(self, *, is_known: bool) -> None:
        """Record whether the last request was authenticated."""
        self._is_known = is_known
        if is_known:
            self._register.recognise(self)

    def on_response_complete(self) -> None:
        """Wait for another request, but only briefly unless the client is known."""
        self._gathered.flush()
        limits = self._limits
        seconds = limits.idle_seconds if self._is_known else limits.stranger_idle_seconds
        self.timeout_keep_alive = seconds  # type: ignore[assignment]  # it is only waited for
        super().on_response_complete()
        self._enter(self._stage_now(_Stage.IDLE))
        if self._is_half_closed and self._stage is _Stage.IDLE:
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if the client has not read its last answer."""
        super().timeout_keep_alive_handler()
        self._close_within(self._limits.linger_seconds)

    def pause_writing(self) -> None:
        """Stop writing while the client does not read, for a limited time."""
        super().pause_writing()
        self._unread_deadline = self.loop.call_later(
            self._limits.unread_seconds, self.transport.abort
        )

    def resume_writing(self) -> None:
        """Resume writing."""
        self._cancel_unread_deadline()
        super().resume_writing()

    def shutdown(self) -> None:
        """Close the connection once the request in progress is answered."""
        if not self._is_refused:
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Reject malformed HTTP; uvicorn calls this after an error of the parser."""
        error = sys.exc_info()[1]
        reason = error.__context__ if error is not None else None
        if isinstance(reason, Refusal):
            self._refuse(reason)
        else:
            self._refuse(Refusal(400, f"this is not a valid HTTP request: {error or msg}"))

    def send_away(self) -> None:
        """Close the connection, because there are too many."""
        if self.cycle is None or self.cycle.response_complete:
            self._refuse(Refusal(503, "this server has too many connections; try again"))
            self.transport.close()
        else:
            self.transport.abort()
        self._register.close(self)

    def _check_head(self) -> None:
        """Check what the parser does not check.

        Raises:
            Refusal: 400, 501.
        """
        version = self.parser.get_http_version()
        names = [name for name, _ in self.headers]
        n_hosts = names.count(b"host")
        if version not in ("1.0", "1.1"):
            raise Refusal(400, "this is not a valid HTTP request: its version is unknown")
        if n_hosts > 1 or (version == "1.1" and not n_hosts):
            raise Refusal(400, "this is not a valid HTTP request: 'Host' has to be there once")
        if self.parser.should_upgrade():
            raise Refusal(400, "this server does not change to another protocol")
        for name, value in self.headers:
            if name == b"transfer-encoding" and value.strip().lower() != b"chunked":
                raise Refusal(501, "header 'Transfer-Encoding': this server knows 'chunked' alone")

    def _count(self, data: bytes) -> None:
        """Count the bytes of an incomplete request, because the parser keeps them all."""
        head_bytes, body_bytes = self._limits.head_bytes, self._limits.body_bytes
        if self._reading is _Stage.HEAD:  # requests before it may be in the same piece
            self._n_bytes += len(data) - (data.rfind(_END_OF_HEAD) + 1)
            if self._n_bytes > head_bytes:
                self._refuse(Refusal(431, f"the header is longer than {head_bytes} bytes"))
        else:
            self._n_bytes += len(data)
            if self._n_bytes > head_bytes + 2 * body_bytes:  # twice, for what surrounds chunks
                self._refuse(Refusal(413, f"the body has more than {body_bytes} bytes"))

    def _stage_now(self, resting: _Stage) -> _Stage:
        """The present stage.

        Args:
            resting: The stage if no request is in progress.
        """
        if self._is_refused:
            return _Stage.REST
        if self.cycle is None or self.cycle.response_complete:
            return _Stage.REST if self._reading is _Stage.BODY else resting
        return _Stage.BODY if self._reading is _Stage.BODY else _Stage.ANSWER

    def _enter(self, stage: _Stage) -> None:
        if stage is self._stage:
            return
        self._stage = stage
        self._cancel_deadline()
        limits = self._limits
        seconds = {
            _Stage.HEAD: limits.head_seconds,
            _Stage.BODY: limits.body_seconds,
            _Stage.REST: limits.linger_seconds,
        }.get(stage)
        if seconds is not None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._deadline = None
        if self._stage is _Stage.REST:
            self.transport.close()
        elif self._stage is _Stage.HEAD and self._reading is _Stage.IDLE:
            self.transport.close()  # it has sent nothing, and waits for nothing
        else:
            self._refuse(Refusal(408, f"{self._stage.value} of the request did not come in time"))

    def _refuse(self, refusal: Refusal) -> None:
        """Answer in place of the application, and close the connection."""
        if self.transport.is_closing() or self._is_refused:
            return
        self._is_refused = True
        is_body = self._reading is _Stage.BODY  # of the last request that has been begun
        is_answered = self.cycle is None or self.cycle.response_complete
        if self.pipeline or not (is_body or is_answered):
            self.transport.abort()  # the client would take it for the answer to an earlier request
            return
        if not is_answered:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if not (is_body and self.cycle.response_started):
            self.transport.write(_response(refusal))
        self._unset_keepalive_if_required()
        self._cancel_deadline()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self._close_within(self._limits.linger_seconds)

    def _close_within(self, seconds: float) -> None:
        """Close the connection after a time, even if data has not been written."""
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_unread_deadline(self) -> None:
        if self._unread_deadline is not None:
            self._unread_deadline.cancel()
            self._unread_deadline = None


def _response(refusal: Refusal) -> bytes:
    body = refusal.body()
    fields = {
        **refusal.headers(), "content-length": str(len(body)), "connection": "close",
    }  # fmt: skip
    lines = [f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
