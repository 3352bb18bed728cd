"""A transport, served over HTTP/1.1: how agents on several machines share one database.

One event loop reads and writes all connections, a few threads call the transport. So a thousand
idle agents cost a thousand sockets, not a thousand threads with a database connection each, and
a slow client holds up no other.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

from sweep_sdk._exceptions import SweepError, UsageError
from sweep_sdk._server.gate import Gate
from sweep_sdk._server.http1 import Head, RequestRefused, render_problem, render_response, take_head

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import TracebackType

    from sweep_sdk._backend.transport import Response, Transport

#: Agents come back all at once after an outage.
BACKLOG = 1024
#: The database takes one writer at a time: more threads would only contend.
N_THREADS = 4
#: What a stopping server grants to the requests that it has begun.
DRAIN_SECONDS = 10.0
#: How long a refused client may go on sending. To close at once would reset the connection, and
#: the client would see that instead of the reason.
LINGER_SECONDS = 2.0

_TRANSPORT_TIMEOUT_SECONDS = 60.0


class LocalServer:
    """Serves ``transport`` on one address until it is stopped.

    It is bound when it is made, so that ``url`` is known, and a port in use is an error, before
    anything starts. As a context manager it serves in a thread of its own.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        token: str | None = None,
    ) -> None:
        """Bind the address.

        Args:
            transport: The backend.
            host: Address or name of the interface to listen on.
            port: 0 takes any free port.
            token: What clients must send as bearer token; needed off the loopback interface.

        Raises:
            UsageError: The address cannot be bound, or would be open to others without a token.
        """
        self._socket = _bind(host, port, is_open=token is None)
        address, number = self._socket.getsockname()[:2]
        self.url = (
            f"http://[{address}]:{number}" if ":" in address else f"http://{address}:{number}"
        )
        self._backend = transport
        self._gate = Gate(token)
        self._loop = asyncio.SelectorEventLoop()
        self._stopping = asyncio.Event()
        self._drained = asyncio.Event()
        self._connections: set[_Connection] = set()
        self._pool = ThreadPoolExecutor(N_THREADS, thread_name_prefix="request")
        self._thread = threading.Thread(target=self.serve, name="local-server", daemon=True)

    def serve(self) -> None:
        """Answer requests until ``stop`` is called; those begun by then are still answered."""
        with self._pool:
            self._loop.run_until_complete(self._serve())
        self._loop.close()

    def stop(self) -> None:
        """End ``serve``; may be called from any thread and from a signal handler."""
        with suppress(RuntimeError):  # the loop is closed: it has ended already
            self._loop.call_soon_threadsafe(self._stopping.set)

    def __enter__(self) -> LocalServer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._thread.join()

    async def _serve(self) -> None:
        server = await self._loop.create_server(
            lambda: _Connection(self), sock=self._socket, backlog=BACKLOG
        )
        await self._stopping.wait()
        self._loop.remove_reader(self._socket)
        accepting = asyncio.all_tasks() - {asyncio.current_task()}
        if accepting:  # a closed server would drop them without closing their sockets
            await asyncio.wait(accepting)
        server.close()
        for connection in tuple(self._connections):
            connection.close_when_idle()
        await self._drain()

    async def _drain(self) -> None:
        if self._connections:
            drained = self._loop.create_task(self._drained.wait())
            await asyncio.wait([drained], timeout=DRAIN_SECONDS)
            drained.cancel()
        for connection in tuple(self._connections):
            connection.abort()
        await asyncio.sleep(0)

    def _opened(self, connection: _Connection) -> None:
        self._connections.add(connection)

    def _lost(self, connection: _Connection) -> None:
        self._connections.discard(connection)
        if self._stopping.is_set() and not self._connections:
            self._drained.set()

    def _submit(self, connection: _Connection, head: Head, body: bytes) -> None:
        future = self._pool.submit(self._call, head, body)
        future.add_done_callback(
            lambda done: self._loop.call_soon_threadsafe(connection.answer, head, done)
        )

    def _call(self, head: Head, body: bytes) -> Response:
        method = "GET" if head.method == "HEAD" else head.method
        query = dict(parse_qsl(head.query, keep_blank_values=True)) if head.query else {}
        return self._backend.request(
            method, head.path, query, head.headers, body, _TRANSPORT_TIMEOUT_SECONDS
        )


class _Connection(asyncio.Protocol):
    """One client: collects bytes until a request is whole, has it answered, then the next."""

    def __init__(self, server: LocalServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._head: Head | None = None
        self._is_busy = False
        self._is_closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer: socket.socket = transport.get_extra_info("socket")
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._server._opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        self._server._lost(self)

    def data_received(self, data: bytes) -> None:
        if not self._is_closing:
            self._buffer += data
            self._advance()

    def _advance(self) -> None:
        """Hand on the next request, once it is whole and the one before is answered."""
        try:
            self._read_head()
        except RequestRefused as refusal:
            self._refuse(refusal)
            return
        head = self._head
        if head is not None and len(self._buffer) >= head.content_length:
            body = bytes(self._buffer[: head.content_length])
            del self._buffer[: head.content_length]
            self._head = None
            self._is_busy = True
            self._transport.pause_reading()
            self._server._submit(self, head, body)

    def _read_head(self) -> None:
        if self._head is None:
            self._head = take_head(self._buffer)
            if self._head is not None:
                self._server._gate.check(self._head)
                if self._head.expects_continue and len(self._buffer) < self._head.content_length:
                    self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def answer(self, head: Head, done: Future[Response]) -> None:
        """Write what the backend said."""
        error = done.exception()
        if error is not None:
            self._refuse(_apology(error))
            return
        response = done.result()
        ends = self._is_closing or not head.is_kept_alive
        self._transport.write(
            render_response(
                response.status,
                response.headers,
                response.body,
                has_body=head.method != "HEAD",
                is_kept_alive=not ends,
            )
        )
        self._is_busy = False
        if ends:
            self._transport.close()
        else:
            self._transport.resume_reading()
            self._advance()

    def _refuse(self, refusal: RequestRefused) -> None:
        self._is_closing = True
        self._is_busy = False
        self._transport.write(render_problem(refusal.status, refusal.detail))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._server._loop.call_later(LINGER_SECONDS, self._transport.close)

    def close_when_idle(self) -> None:
        """Take no further request; close as soon as the one being answered is."""
        self._is_closing = True
        if not self._is_busy:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is left undone."""
        self._transport.abort()


def _apology(error: BaseException) -> RequestRefused:
    """The answer to a client when the transport had none."""
    if isinstance(error, SweepError):
        return RequestRefused(503, str(error))
    traceback.print_exception(error, file=sys.stderr)
    return RequestRefused(500, "internal error: the server's output has the details")


def _bind(host: str, port: int, *, is_open: bool) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        name = str(address[0])
        if is_open and not ipaddress.ip_address(name.partition("%")[0]).is_loopback:
            raise UsageError(
                f"{host} can be reached from other machines: give the server a --token,"
                " or leave --host at 127.0.0.1"
            )
        is_everywhere = name == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(
            (name, port), family=family, backlog=BACKLOG, dualstack_ipv6=is_everywhere
        )
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {error.strerror or error}"
            " (--port 0 takes a free port)"
        ) from None
