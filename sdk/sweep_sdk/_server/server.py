"""Serves an application, or a backend, over HTTP/1.1.

Agents on several machines share one database through a served backend.

Starlette and uvicorn do the work. One event loop reads and writes all connections, and a few
threads call the backend. So a thousand idle agents cost a thousand sockets rather than a thousand
threads with database connections, and a slow client does not delay others.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from sweep_sdk._exceptions import UsageError
from sweep_sdk._server.address import url_of
from sweep_sdk._server.application import application
from sweep_sdk._server.connection import Connection
from sweep_sdk._server.limits import Limits
from sweep_sdk._server.register import Register
from sweep_sdk._settings import can_be_sent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path
    from types import TracebackType
    from typing import Protocol

    from starlette.types import ASGIApp
    from typing_extensions import Self

    from sweep_sdk._backend.transport import Response
    from sweep_service.access.authenticator import Authenticator

    class Backend(Protocol):
        """The backend to serve, such as ``InProcessTransport``."""

        def request_as(self, *request: Any) -> Response: ...

        def authenticator(self, token: str, memory_seconds: float) -> Authenticator: ...


#: Length of the accept queue: after an outage, all agents reconnect at once.
BACKLOG = 1024
#: Number of threads; the database takes one writer at a time, so more would only compete.
N_THREADS = 4
#: Seconds for which a stored token is cached, so that a revoked one may still be accepted.
TOKEN_MEMORY_SECONDS = 5.0
TLS_HANDSHAKE_SECONDS = 10.0


class WebServer:
    """Serves an application on one address until it is stopped.

    The constructor binds the address, so that ``url`` is known and a port in use is an error before
    anything starts. As a context manager, it serves in a separate thread.
    """

    def __init__(
        self,
        make_application: Callable[[ThreadPoolExecutor, Limits], ASGIApp],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        certificate: tuple[Path, Path | None] | None = None,
        limits: Limits | None = None,
        n_files: int = 4096,
    ) -> None:
        """Bind the address.

        Args:
            make_application: Makes the application from threads for blocking calls and the limits.
            host: Address or name of the interface to listen on.
            port: Port; 0 for any free port.
            certificate: Files with a chain of certificates and its key, to serve HTTPS.
            limits: Limits of clients.
            n_files: Maximum number of open files of this process.

        Raises:
            UsageError: The address cannot be bound, or the certificate is unusable.
        """
        limits = limits or Limits()
        self._socket = _bind(host, port)
        address, number = self._socket.getsockname()[:2]
        self.url = url_of(address, number, "http" if certificate is None else "https")
        self._connections: Register[Connection] = Register(*limits.within(n_files))
        self._pool = ThreadPoolExecutor(N_THREADS, thread_name_prefix="request")
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                make_application(self._pool, limits),
                http=self._protocol(limits),
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=limits.drain_seconds,
                **_tls(certificate),
            )
        )
        self._load(certificate)
        self._thread = threading.Thread(target=self.serve, name="web-server", daemon=True)

    def serve(self) -> None:
        """Answer requests until ``stop`` is called; requests in progress are still answered."""
        loop = _Loop()
        try:
            with self._socket, self._pool:
                loop.run_until_complete(self._serve())
        finally:
            loop.close()

    def stop(self) -> None:
        """Stop ``serve``; may be called from any thread and from a signal handler."""
        self._uvicorn.should_exit = True

    def close(self) -> None:
        """Free the address, even if the server has never served."""
        self._socket.close()
        self._pool.shutdown(wait=False)

    def __enter__(self) -> Self:
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

    def _load(self, certificate: tuple[Path, Path | None] | None) -> None:
        try:
            self._uvicorn.config.load()
        except (OSError, ValueError) as error:  # an invalid certificate; ssl's errors are OSErrors
            self.close()
            names = " and ".join(str(path) for path in certificate or () if path is not None)
            raise UsageError(f"cannot use the certificate in {names}: {error}") from None

    async def _serve(self) -> None:
        await self._uvicorn.serve(sockets=[self._socket])
        for _ in range(3):  # let connections that are being accepted be made and lost
            for connection in self._connections.connections():
                connection.transport.abort()
            await asyncio.sleep(0)

    def _protocol(self, limits: Limits) -> Any:
        return partial(
            Connection,
            limits=limits,
            register=self._connections,
            is_stopping=lambda: self._uvicorn.should_exit,
        )


class LocalServer(WebServer):
    """Serves a backend."""

    def __init__(
        self,
        backend: Backend,
        *,
        token: str,
        is_insecure: bool = False,
        allowed_hosts: Collection[str] = (),
        log: Callable[[str], None] | None = None,
        make_pages: Callable[[ThreadPoolExecutor, Limits], ASGIApp] | None = None,
        **where: Any,
    ) -> None:
        """Bind the address.

        Args:
            backend: The backend.
            token: The first admin's token.
            is_insecure: Whether other machines may send unencrypted requests.
            allowed_hosts: Host names of the server in addition to those of this machine.
            log: Called with a JSON line for each request.
            make_pages: Makes the application for browsers, which authenticates them by itself; None
                if the backend answers all requests.
            where: Arguments of ``WebServer``.

        Raises:
            UsageError: The address cannot be bound, other machines would send unencrypted requests,
                or the certificate or the token is unusable.
        """
        _check_token(token)
        host = where.get("host", "127.0.0.1")
        if where.get("certificate") is None and not is_insecure and not is_loopback(host):
            raise UsageError(
                f"{host or 'every address'} can be reached from other machines, and anybody on the"
                " way could read the token: use --certfile and --keyfile, or --insecure in a"
                " network that you trust, or leave --host at 127.0.0.1"
            )
        authenticator = backend.authenticator(token, TOKEN_MEMORY_SECONDS)

        def make(pool: ThreadPoolExecutor, limits: Limits) -> ASGIApp:
            pages = None if make_pages is None else make_pages(pool, limits)
            return application(
                backend.request_as, authenticator, pool, limits, allowed_hosts, log, pages
            )

        super().__init__(make, **where)


def _check_token(token: str) -> None:
    if not token.strip():
        raise UsageError(
            "the token is empty, which would let everybody in; was a variable not set?"
        )
    if not can_be_sent(token) or token != token.strip():
        raise UsageError("the token has characters that clients cannot send in a header")


def _tls(certificate: tuple[Path, Path | None] | None) -> dict[str, Any]:
    if certificate is None:
        return {}
    chain, key = certificate
    return {"ssl_certfile": chain, "ssl_keyfile": key}


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the command that started the server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture no signals."""
        yield


class _Loop(asyncio.SelectorEventLoop):
    """An event loop whose servers limit the TLS handshake to the time for a header."""

    async def create_server(self, *values: Any, **named: Any) -> asyncio.Server:
        """See ``asyncio.AbstractEventLoop``."""
        if named.get("ssl") is not None:
            named["ssl_handshake_timeout"] = TLS_HANDSHAKE_SECONDS
        return await super().create_server(*values, **named)


def is_loopback(host: str) -> bool:
    """Whether a server that listens on ``host`` can only be reached from this machine.

    This includes unknown names, on which no server can listen.
    """
    try:
        found = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError:
        return True
    return ipaddress.ip_address(str(found[0][4][0]).partition("%")[0]).is_loopback


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        name = str(address[0])
        is_everywhere = name == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(
            (name, port), family=family, backlog=BACKLOG, dualstack_ipv6=is_everywhere
        )
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {error.strerror or error}"
            " (--port 0 takes a free port)"
        ) from None
