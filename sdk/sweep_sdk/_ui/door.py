"""Who is let in to the dashboard: browsers that were opened with this start's secret.

The loopback interface is no boundary between the users of a machine, and the server holds a token
of the backend. So the URL that is opened carries a secret, which is exchanged for a cookie that
scripts cannot read and other sites cannot send.
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie

_BYTES = 32


class Door:
    """One start's secret, and the cookie for it."""

    def __init__(self) -> None:
        """Draw them. Browsers send a cookie to every port of a host, so its name is drawn too."""
        self.secret = secrets.token_urlsafe(_BYTES)
        self._cookie = secrets.token_urlsafe(_BYTES)
        self._name = f"sweep-ui-{secrets.token_hex(4)}"

    def is_secret(self, text: str) -> bool:
        """Whether a text is the secret."""
        return hmac.compare_digest(text.encode(), self.secret.encode())

    def set_cookie(self, *, is_https: bool = False) -> str:
        """The header's value that gives a browser the cookie."""
        secure = "; Secure" if is_https else ""
        return f"{self._name}={self._cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def admits(self, cookie_header: str) -> bool:
        """Whether a request with this ``Cookie`` header may come in."""
        try:
            found = SimpleCookie(cookie_header).get(self._name)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(
            found.value.encode(), self._cookie.encode()
        )
