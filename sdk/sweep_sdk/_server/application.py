"""The local server's application: checks requests and passes them to the backend.

The handlers are synchronous, and the database takes one writer at a time. So a few threads call the
backend, and the event loop does everything else.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import traceback
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from sweep_sdk._exceptions import SweepError
from sweep_sdk._server.connection import CONNECTION
from sweep_sdk._server.hosts import is_named, known_hosts
from sweep_sdk._server.problems import Refusal
from sweep_service.errors import TryAgain, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Executor

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sweep_sdk._backend.transport import Response as Answer
    from sweep_sdk._server.limits import Limits
    from sweep_service.access.authenticator import Authenticator
    from sweep_service.access.identity import Identity

    #: Answers a request with identity, method, path, query, headers and body.
    Backend = Callable[
        [Identity | None, str, str, Mapping[str, str], Mapping[str, str], bytes], Answer
    ]

#: Paths of the dashboard; the backend has none of them.
PAGES = re.compile(r"/|/(open|do)|/(page|data)/.*")
#: Keys of a request's ``state``: the caller's identity, and why it is unknown.
_IDENTITY = "identity"
_UNKNOWN = "unknown"


def application(
    backend: Backend,
    authenticator: Authenticator,
    pool: Executor,
    limits: Limits,
    hosts: Collection[str] = (),
    log: Callable[[str], None] | None = None,
    pages: ASGIApp | None = None,
) -> ASGIApp:
    """The application that uvicorn serves.

    There is nothing to route: the backend's gateway does that. A router and the layers that
    ``Starlette`` adds would take a third of the server's CPU time.

    Args:
        backend: Answers requests; called in the threads of ``pool``.
        authenticator: Identifies callers.
        pool: Threads for blocking calls.
        limits: Limits of requests.
        hosts: Host names of the server in addition to those of this machine.
        log: Called with a line for each request.
        pages: Answers browsers; see ``PAGES``. None: the backend does.
    """
    app: ASGIApp = BackendEndpoint(backend, pool, limits)
    app = Guard(app, authenticator, pool, limits, hosts)
    if pages is not None:
        app = PagesFirst(app, pages)
    return app if log is None else AccessLog(app, log)


class PagesFirst:
    """Passes what browsers ask for to an application that checks on its own who they are."""

    def __init__(self, app: ASGIApp, pages: ASGIApp) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        is_page = scope["type"] == "http" and PAGES.fullmatch(scope["path"])
        await (self._pages if is_page else self._app)(scope, receive, send)


class Guard:
    """Rejects requests that sweep-sdk's clients do not send, and authenticates the others."""

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator,
        pool: Executor,
        limits: Limits,
        hosts: Collection[str],
    ) -> None:
        self._app = app
        self._authenticator = authenticator
        self._pool = pool
        self._limits = limits
        self._hosts = known_hosts(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request and pass it on."""
        try:
            if scope["type"] == "http":
                await self._check(scope)
            await self._app(scope, receive, send)
        except ClientDisconnect:
            pass
        except Refusal as refusal:
            await _problem(refusal)(scope, receive, send)
        except Exception as error:  # noqa: BLE001  the edge: whatever it is, the client gets an answer
            traceback.print_exception(error, file=sys.stderr)
            apology = Refusal(500, "internal error: the server's output has the details")
            await _problem(apology)(scope, receive, send)

    async def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if size + len(scope["raw_path"]) + len(scope["query_string"]) > self._limits.head_bytes:
            raise Refusal(431, f"the header is longer than {self._limits.head_bytes} bytes")
        self._check_browser(headers)
        await self._identify(scope, headers.get(b"authorization"))

    def _check_browser(self, headers: Mapping[bytes, bytes]) -> None:
        """Reject cross-site requests of web pages, also by a name that resolves to this machine.

        Raises:
            Refusal: 403.
        """
        if b"origin" in headers:
            raise Refusal(403, "header 'Origin': this server answers programs, not web pages")
        host = headers.get(b"host")
        if host is not None and not is_named(host.decode("latin-1"), self._hosts):
            raise Refusal(
                403,
                "header 'Host': this server does not know itself by this name;"
                " 'sweep-sdk local --allow-host NAME' adds one",
            )

    async def _identify(self, scope: Scope, authorization: bytes | None) -> None:
        state = scope["state"]
        try:
            state[_IDENTITY] = await self._identity(authorization)
        except Unauthorized as error:
            state[_UNKNOWN] = str(error)
        except TryAgain as error:
            raise Refusal(503, str(error)) from None
        if CONNECTION in state:
            state[CONNECTION].identified(is_known=_IDENTITY in state)

    async def _identity(self, authorization: bytes | None) -> Identity:
        text = None if authorization is None else authorization.decode("latin-1")
        known = self._authenticator.recall(text)
        if known is not None:
            return known
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._authenticator.identify, text)


class BackendEndpoint:
    """Passes requests to the backend."""

    def __init__(self, backend: Backend, pool: Executor, limits: Limits) -> None:
        self._backend = backend
        self._pool = pool
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        identity = scope["state"].get(_IDENTITY)
        fields = _fields(scope)
        # The body of an unknown caller is not read: requests to public routes have none.
        body = b"" if identity is None else await self._body(fields, receive)
        answer = await self._answer(scope, identity, fields, body)
        why = scope["state"].get(_UNKNOWN)
        if answer.status == 401 and why is not None and "authorization" in fields:
            raise Refusal(401, why)
        response = Response(answer.body, answer.status, answer.headers)
        await response(scope, receive, send)

    async def _answer(
        self, scope: Scope, identity: Identity | None, fields: Mapping[str, str], body: bytes
    ) -> Answer:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        call = partial(self._backend, identity, method, scope["path"], query, fields, body)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except SweepError as error:
            raise Refusal(503, str(error)) from None

    async def _body(self, fields: Mapping[str, str], receive: Receive) -> bytes:
        """The whole body.

        Raises:
            Refusal: 413.
            ClientDisconnect: The client has gone.
        """
        most = self._limits.body_bytes
        length = fields.get("content-length", "0")
        if int(length) > most:  # the parser has validated the number
            raise Refusal(413, f"the body has {length} bytes; at most {most} are taken")
        body = bytearray()
        is_whole = False
        while not is_whole:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            is_whole = not message.get("more_body", False)
            if len(body) > most:
                raise Refusal(413, f"the body has more than {most} bytes")
        return bytes(body)


class AccessLog:
    """Writes a JSON line for each request: time, address, caller, request and result."""

    def __init__(self, app: ASGIApp, log: Callable[[str], None]) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request and write its line."""
        status = 0
        began = time.monotonic()

        async def watched_send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        finally:
            if scope["type"] == "http":
                self._log(_log_line(scope, status, time.monotonic() - began))


def _log_line(scope: Scope, status: int, seconds: float) -> str:
    """The line of a request, without its query, headers or body."""
    identity = scope["state"].get(_IDENTITY)
    return json.dumps(
        {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "client": scope["client"][0] if scope["client"] else None,
            "who": identity.name if identity is not None else None,
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1"),
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
    )


def _fields(scope: Scope) -> dict[str, str]:
    """The header fields; repeated ones are joined."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


def _problem(refusal: Refusal) -> Response:
    return Response(refusal.body(), refusal.status, refusal.headers())
