"""Authenticates browsers that were opened with the secret of this server start.

The loopback interface does not separate the users of a machine, and the server has a token of the
backend. So the URL contains a secret, which is exchanged for a cookie that scripts cannot read and
other sites cannot send.
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

_BYTES = 32


class Door:
    """The secret of one server start, and the cookie for it."""

    def __init__(self) -> None:
        """Draw them. Browsers send a cookie to every port of a host, so its name is drawn too."""
        self.secret = secrets.token_urlsafe(_BYTES)
        self._cookie = secrets.token_urlsafe(_BYTES)
        self._name = f"sweep-ui-{secrets.token_hex(4)}"

    def is_secret(self, text: str) -> bool:
        """Whether a text is the secret."""
        return hmac.compare_digest(text.encode(), self.secret.encode())

    def set_cookie(self, *, is_https: bool = False) -> str:
        """The value of the header that sets the cookie."""
        secure = "; Secure" if is_https else ""
        return f"{self._name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def admits(self, cookie_header: str) -> bool:
        """Whether a ``Cookie`` header authenticates a request."""
        try:
            found = SimpleCookie(cookie_header).get(self._name)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(
            found.value.encode(), self._cookie.encode()
        )
