"""The little of HTTP/1.1 that the local server speaks: bytes in, requests out; pure.

Bodies need a Content-Length; pipelined requests are answered one after the other by the caller.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from sweep_sdk._version import __version__
from sweep_service.wire.headers import BACKEND_HEADER
from sweep_service.wire.problems import PROBLEM_TYPE, problem_document

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Bounds of what is read before it is understood.
MAX_HEAD_BYTES = 32 * 1024
MAX_BODY_BYTES = 8 * 1024 * 1024

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_BODILESS = frozenset({204, 304})


class Refused(Exception):
    """Bytes that cannot be answered as a request; the connection closes after the answer."""

    def __init__(self, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Head:
    """Request line and header fields; names in lower case.

    Attributes:
        path: Percent-decoded, without query.
        query: As it came, without the question mark.
        content_length: Bytes of body that follow.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content_length: int
    is_kept_alive: bool

    @property
    def expects_continue(self) -> bool:
        """Whether the client waits for a word before it sends the body (curl does)."""
        return self.headers.get("expect", "").lower() == "100-continue"


def take_head(buffer: bytearray) -> Head | None:
    """Cut one request head off the front of ``buffer``; None while it is incomplete.

    Raises:
        Refused: These bytes will not become a request.
    """
    while buffer[:2] == b"\r\n":  # an old client's extra line end after a body
        del buffer[:2]
    end = buffer.find(b"\r\n\r\n")
    if end < 0 and len(buffer) <= MAX_HEAD_BYTES:
        return None
    if not 0 <= end <= MAX_HEAD_BYTES:
        raise Refused(431, f"the header is longer than {MAX_HEAD_BYTES} bytes")
    lines = buffer[:end].decode("latin-1").split("\r\n")
    del buffer[: end + 4]
    return _parse_head(lines[0], lines[1:])


def _parse_head(request_line: str, fields: list[str]) -> Head:
    try:
        method, target, version = request_line.split(" ")
    except ValueError:
        raise Refused(400, "this is not an HTTP request") from None
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise Refused(505, "this server speaks HTTP/1.1")
    headers = _parse_fields(fields)
    path, query = _split_target(target)
    return Head(
        method, path, query, headers, _content_length(headers), _is_kept_alive(version, headers)
    )


def _parse_fields(fields: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or not name or name != name.strip() or "\n" in field:
            raise Refused(400, "a header line is malformed")
        name, value = name.lower(), value.strip()
        if headers.setdefault(name, value) != value:
            headers[name] = f"{headers[name]}, {value}"
    return headers


def _split_target(target: str) -> tuple[str, str]:
    if not target.startswith("/"):
        try:
            parts = urlsplit(target)
        except ValueError:
            raise Refused(400, "the request target is malformed") from None
        return unquote(parts.path) or "/", parts.query
    path, _, query = target.partition("?")
    return (unquote(path) if "%" in path else path), query


def _content_length(headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise Refused(411, "send the body with a Content-Length")
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise Refused(400, "Content-Length is not a number of bytes")
    length = int(text)
    if length > MAX_BODY_BYTES:
        raise Refused(413, f"the body has {length} bytes; at most {MAX_BODY_BYTES} are taken")
    return length


def _is_kept_alive(version: str, headers: Mapping[str, str]) -> bool:
    wish = headers.get("connection", "").lower()
    return wish != "close" if version == "HTTP/1.1" else wish == "keep-alive"


def render_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    has_body: bool = True,
    is_kept_alive: bool = True,
) -> bytes:
    """A response as one piece, so that it leaves in one packet.

    Args:
        status: HTTP status; 204 and 304 have no body.
        headers: Header fields without the length.
        body: The content.
        has_body: False for the answer to HEAD: its length is told, the body left out.
        is_kept_alive: Whether the connection stays open.
    """
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}"]
    lines += [
        f"{name}: {value}" for name, value in headers.items() if name.lower() != "content-length"
    ]
    if status not in _BODILESS:
        lines.append(f"content-length: {len(body)}")
    if not is_kept_alive:
        lines.append("connection: close")
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    return head + body if has_body and status not in _BODILESS else head


def render_problem(status: int, detail: str, *, has_body: bool = True) -> bytes:
    """A problem document of the server's own (RFC 9457), after which the connection closes."""
    title = _PHRASES.get(status, "Error")
    problem = problem_document(status, title, detail, title.lower().replace(" ", "-"))
    headers = {"content-type": PROBLEM_TYPE, BACKEND_HEADER: __version__}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    body = json.dumps(problem).encode()
    return render_response(status, headers, body, has_body=has_body, is_kept_alive=False)
