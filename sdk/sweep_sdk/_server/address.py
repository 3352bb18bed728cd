"""Finds a URL with which clients reach a server that listens on every interface."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_CONNECT_SECONDS = 1.0


def reachable_url(url: str, connects: Callable[[str, int], bool]) -> str:
    """The URL to show to users, which has been tested.

    Args:
        url: URL of a server that is listening, such as ``http://[::]:8787``.
        connects: Whether a connection to a host and port succeeds.

    Returns:
        ``url`` itself if it names one interface. Otherwise the first that works of the machine's
        name, its address, and the loopback addresses.
    """
    parts = urlsplit(url)
    if parts.port is None or not ip_address(parts.hostname or "").is_unspecified:
        return url
    for host in _names_of_this_machine():
        if connects(host, parts.port):
            return url_of(host, parts.port, parts.scheme)
    return url


def connects(host: str, port: int) -> bool:
    """Whether a connection to ``host`` and ``port`` succeeds within a second."""
    try:
        socket.create_connection((host, port), _CONNECT_SECONDS).close()
    except (OSError, UnicodeError):
        return False
    return True


def _names_of_this_machine() -> Iterator[str]:
    yield socket.gethostname()
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing, but selects the outgoing interface
        yield str(probe.getsockname()[0])
    yield "127.0.0.1"
    yield "::1"


def url_of(host: str, port: int, scheme: str) -> str:
    """The URL of a host, which may be an IPv6 address."""
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
