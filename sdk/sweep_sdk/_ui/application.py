"""The dashboard's application: the page, its data, and its actions.

GET requests change nothing. Actions are POST requests with JSON from the page itself.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import secrets
import sys
import traceback
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sweep_sdk._exceptions import (
    BackendUnavailable,
    NotAuthorized,
    NotFound,
    NotPossible,
    SweepError,
)
from sweep_sdk._server.connection import CONNECTION
from sweep_sdk._server.hosts import is_named, known_hosts
from sweep_sdk._ui import page_files
from sweep_sdk._ui.actions import perform

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from concurrent.futures import Executor

    from starlette.types import ASGIApp, Receive, Scope, Send

    from sweep_sdk._backend.client import Client
    from sweep_sdk._server.limits import Limits
    from sweep_sdk._ui.door import Door
    from sweep_sdk._ui.keeper import Keeper

_SMALL = 1000
_GZIP_LEVEL = 6
_MOST_INDICES = 1000
_MOST_POINTS = 2000
_MOST_GLANCES = 100
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self';"
    " img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_STATUS = {NotFound: 404, NotPossible: 409, NotAuthorized: 403, BackendUnavailable: 503}


class Refused(Exception):
    """A request is rejected."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        self.text = text
        super().__init__(text)


def ui_application(
    keeper: Keeper,
    client: Client,
    door: Door,
    pool: Executor,
    limits: Limits,
    hosts: Collection[str] = (),
    *,
    is_read_only: bool = False,
) -> Starlette:
    """The application.

    Args:
        keeper: The data of the pages.
        client: Client of the backend, for actions.
        door: Authenticates browsers.
        pool: Threads for blocking calls.
        limits: Limits of requests.
        hosts: Host names of the server in addition to those of this machine.
        is_read_only: Whether actions are disabled.
    """
    data = _Data(keeper, pool)
    writer = _Writer(keeper, client, pool, limits, is_read_only)
    routes = [
        Route("/", _index),
        Route("/open", partial(_open, door)),
        Route("/page/{version}/{name:path}", _file),
        Route("/data/about", partial(_about, is_read_only)),
        Route("/data/sweeps", data.sweeps),
        Route("/data/glances", data.glances),
        Route("/data/sweeps/{sweep}/table", data.table),
        Route("/data/sweeps/{sweep}/curves", data.curves),
        Route("/data/sweeps/{sweep}/model", data.model),
        Route("/data/sweeps/{sweep}/bands", data.bands),
        Route("/data/sweeps/{sweep}/events", data.events),
        Route("/data/sweeps/{sweep}/runs/{index:int}", data.run),
        Route("/do", writer.do, methods=["POST"]),
    ]
    guard = Middleware(_Guard, door=door, limits=limits, hosts=known_hosts(hosts))
    return Starlette(routes=routes, middleware=[guard], exception_handlers={404: _not_found})


class _Guard:
    """Rejects unknown callers, and converts errors to answers."""

    def __init__(self, app: ASGIApp, door: Door, limits: Limits, hosts: frozenset[str]) -> None:
        self._app = app
        self._door = door
        self._limits = limits
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            self._check(scope)
            await self._app(scope, receive, send)
        except ClientDisconnect:
            pass
        except Refused as refused:
            await _refusal(scope, refused.status, refused.text)(scope, receive, send)
        except SweepError as error:
            status = next((n for kind, n in _STATUS.items() if isinstance(error, kind)), 400)
            await _refusal(scope, status, str(error))(scope, receive, send)
        except Exception as error:  # noqa: BLE001  the edge: the page gets an answer anyhow
            traceback.print_exception(error, file=sys.stderr)
            text = "internal error: the output of 'sweep-sdk ui' has the details"
            await _refusal(scope, 500, text)(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        size = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
        if size + len(scope["raw_path"]) + len(scope["query_string"]) > self._limits.head_bytes:
            raise Refused(431, f"the header is longer than {self._limits.head_bytes} bytes")
        self._check_origin(scope, headers)
        is_known = self._door.admits(headers.get("cookie", ""))
        if CONNECTION in scope.get("state", {}):
            scope["state"][CONNECTION].identified(is_known=is_known)
        if not is_known and scope["path"] != "/open":
            raise Refused(403, "Open the address that 'sweep-sdk ui' prints.")

    def _check_origin(self, scope: Scope, headers: Mapping[str, str]) -> None:
        host = headers.get("host", "")
        if not is_named(host, self._hosts):
            raise Refused(
                403, "This server does not know itself by this name; --allow-host NAME adds one."
            )
        site = headers.get("sec-fetch-site", "same-origin")
        if scope["path"] != "/open" and site not in ("same-origin", "none"):
            raise Refused(403, "Another site has sent this request.")
        origin = headers.get("origin")
        if origin is not None and not _is_own_origin(origin, host):
            raise Refused(403, "Another site has sent this request.")
        if scope["method"] not in ("GET", "HEAD") and origin is None:
            raise Refused(403, "A request that changes something needs the header 'Origin'.")


class _Data:
    """Answers with JSON from the keeper."""

    def __init__(self, keeper: Keeper, pool: Executor) -> None:
        self._keeper = keeper
        self._pool = pool

    async def sweeps(self, request: Request) -> Response:  # noqa: ARG002  as Starlette calls it
        return await self._answer(self._keeper.sweeps)

    async def glances(self, request: Request) -> Response:
        ids = [text for text in request.query_params.get("ids", "").split(",") if text]
        return await self._answer(self._keeper.glances, ids[:_MOST_GLANCES])

    async def table(self, request: Request) -> Response:
        since = request.query_params.get("since")
        return await self._answer(self._keeper.table, _sweep(request), since)

    async def curves(self, request: Request) -> Response:
        query = request.query_params
        points = min(_number(query.get("points", "200")), _MOST_POINTS)
        indices = [_number(text) for text in query.get("index", "").split(",") if text]
        return await self._answer(
            self._keeper.curves, _sweep(request), query.get("metric", ""),
            indices[:_MOST_INDICES], max(points, 2),
        )  # fmt: skip

    async def model(self, request: Request) -> Response:
        query = request.query_params
        return await self._answer(
            self._keeper.model, _sweep(request), query.get("x"), query.get("y")
        )

    async def bands(self, request: Request) -> Response:
        return await self._answer(self._keeper.bands, _sweep(request))

    async def events(self, request: Request) -> Response:
        return await self._answer(self._keeper.events, _sweep(request))

    async def run(self, request: Request) -> Response:
        return await self._answer(self._keeper.run, _sweep(request), request.path_params["index"])

    async def _answer(self, read: Callable[..., Any], *values: Any) -> Response:
        def answer() -> Response:
            return _json(read(*values))

        return await asyncio.get_running_loop().run_in_executor(self._pool, answer)


class _Writer:
    """Performs the actions of pages."""

    def __init__(
        self, keeper: Keeper, client: Client, pool: Executor, limits: Limits, is_read_only: bool
    ) -> None:
        self._keeper = keeper
        self._client = client
        self._pool = pool
        self._limits = limits
        self._is_read_only = is_read_only

    async def do(self, request: Request) -> Response:
        if self._is_read_only:
            raise Refused(403, "This dashboard is read-only.")
        if not request.headers.get("content-type", "").startswith("application/json"):
            raise Refused(415, "The body must be JSON.")
        document = _document(await _body(request, self._limits.body_bytes))

        def do() -> Response:
            sentence = perform(self._client, document)
            self._keeper.forget(str(document["sweep"]))
            return _json({"done": sentence})

        return await asyncio.get_running_loop().run_in_executor(self._pool, do)


async def _index(request: Request) -> Response:  # noqa: ARG001  as Starlette calls it
    nonce = secrets.token_urlsafe(16)
    headers = {
        **_HEADERS,
        "content-security-policy": _CSP.replace("script-src", f"script-src 'nonce-{nonce}'"),
        "content-encoding": "gzip",
        "cache-control": "no-store",
    }
    document = gzip.compress(page_files.index(nonce).encode(), _GZIP_LEVEL)
    return Response(document, media_type="text/html", headers=headers)


async def _open(door: Door, request: Request) -> Response:
    """Exchange the secret for the cookie.

    The page then navigates by script: after a redirect, a browser would not send a strict cookie if
    it came from another site or from a file.
    """
    if not door.is_secret(request.query_params.get("key", "")):
        raise Refused(403, "This address has expired: 'sweep-sdk ui' prints another.")
    sweep = request.query_params.get("sweep", "")
    place = f"./#/s/{sweep}" if _ID.fullmatch(sweep) else "./"
    text = (
        f'<!doctype html><meta http-equiv="refresh" content="0;url={place}"><title>sweeps</title>'
        '<link rel="icon" href="data:,">'
    )
    cookie = door.set_cookie(is_https=request.url.scheme == "https")
    headers = {**_HEADERS, "cache-control": "no-store", "set-cookie": cookie}
    return Response(text, media_type="text/html", headers=headers)


async def _file(request: Request) -> Response:
    found = page_files.find(request.path_params["name"])
    if found is None or request.path_params["version"] != page_files.version():
        raise Refused(404, "There is no such file.")
    headers = {
        **_HEADERS,
        "content-encoding": "gzip",
        "cache-control": "private, max-age=31536000, immutable",
    }
    return Response(found.compressed, media_type=found.content_type, headers=headers)


async def _about(is_read_only: bool, request: Request) -> Response:  # noqa: ARG001
    return _json({"read_only": is_read_only})


async def _not_found(request: Request, error: Exception) -> Response:  # noqa: ARG001
    return _refusal(request.scope, 404, "There is no such page.")


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Refused(413, f"the body has more than {most} bytes")
    return bytes(body)


def _document(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "The body must be a JSON object.")
    return found


def _json(value: Any) -> Response:
    body = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    headers = {**_HEADERS, "cache-control": "no-store"}
    if len(body) > _SMALL:
        body, headers["content-encoding"] = gzip.compress(body, 3), "gzip"
    return Response(body, media_type="application/json", headers=headers)


def _refusal(scope: Scope, status: int, text: str) -> Response:
    headers = {**_HEADERS, "cache-control": "no-store"}
    if scope["path"].startswith(("/data/", "/do")):
        body = json.dumps({"problem": text})
        return Response(body, status, headers, media_type="application/json")
    return Response(f"{text}\n", status, headers, media_type="text/plain")


def _is_own_origin(origin: str, host: str) -> bool:
    parts = urlsplit(origin)
    return parts.scheme in ("http", "https") and parts.netloc == host


def _sweep(request: Request) -> str:
    sweep = str(request.path_params["sweep"])
    if not _ID.fullmatch(sweep):
        raise Refused(404, "There is no such sweep.")
    return sweep


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Refused(400, f"found '{text}'; needs a whole number")
    return int(text)
