"""The host names of a server. Requests of web pages with other names are rejected."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection


def known_hosts(more: Collection[str] = ()) -> frozenset[str]:
    """The names of this machine, with and without a domain, and further ones."""
    name = socket.gethostname().lower()
    return frozenset(
        ("localhost", name, name.partition(".")[0], *(other.lower() for other in more))
    )


@lru_cache(maxsize=64)
def is_named(host: str, names: frozenset[str]) -> bool:
    """Whether a Host header contains one of the names, or an address.

    A web page can reach a server of its visitor's machine by a name that resolves to it, but not
    by an address.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        if name in names:
            return True
        ip_address(name)
    except ValueError:
        return False
    return True
