"""Who may talk to the local server."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sweep_sdk._server.http1 import RequestRefused

if TYPE_CHECKING:
    from sweep_sdk._server.http1 import Head

_HEALTH_PATH = "/v1/health"


@dataclass(frozen=True)
class Gate:
    """Who may ask: whoever has the token; where none is wanted, programs on this machine."""

    token: str | None

    def check(self, head: Head) -> None:
        """Turn away whoever may not.

        Without a token a web page in the user's browser must not reach the server, neither by a
        request across sites (which names its origin) nor by a name of its own that resolves to
        this machine.

        Raises:
            RequestRefused: 401 or 403.
        """
        if self.token is None:
            if "origin" in head.headers or not _names_loopback(head.headers.get("host")):
                raise RequestRefused(403, "without --token this server answers local programs only")
        elif head.path != _HEALTH_PATH and not self._has_token(head, self.token):
            raise RequestRefused(401, "this server needs its token")

    @staticmethod
    def _has_token(head: Head, token: str) -> bool:
        scheme, _, given = head.headers.get("authorization", "").partition(" ")
        is_same = hmac.compare_digest(given.strip().encode("latin-1"), token.encode())
        return is_same and scheme.lower() == "bearer"


def _names_loopback(host: str | None) -> bool:
    """Whether a Host header means this machine by address or as localhost."""
    if host is None:
        return True
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
