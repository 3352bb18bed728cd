"""Access tokens: 256 random bits as text, of which only the SHA-256 is stored.

The authorizer loads this module at its start, so it only imports the standard library.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sweep_service.access.identity import Authentication, Identity
from sweep_service.errors import Unauthorized

if TYPE_CHECKING:
    from sweep_service.access.scopes import Scope

TOKEN_BYTES = 32
_PREFIX = "swp_"
_TOKEN = re.compile(rf"{_PREFIX}[A-Za-z0-9_-]{{43}}")
#: The user of HTTP's Basic scheme, whose password is the token.
_BASIC_USER = "api"
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: SHA-256 of the empty text, to which a shell expands a variable that is not set.
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
#: Minimum interval between updates of a stored time of use.
USE_INTERVAL_SECONDS = 3600.0
_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Token:
    """The stored record of a token; times are seconds since the epoch.

    Attributes:
        sha256: SHA-256 of the token's text, 64 hexadecimal digits.
        scope: Scope of callers with this token.
        sweep: The only sweep that it gives access to; None for all.
        created_by: Name of the caller who created it.
        expires_at: When it expires, in whole seconds; None for never.
        last_used_at: When it was last used, to within ``USE_INTERVAL_SECONDS``.
        revoked_at: When it was revoked, if it was.
        change: Number of writes since the record was created; see ``Store.save``.
    """

    sha256: str
    name: str
    scope: Scope
    sweep: str | None
    created_at: float
    created_by: str
    expires_at: int | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None
    change: int = field(default=0, compare=False)

    @property
    def id(self) -> str:
        """A short id that is not secret."""
        return token_id(self.sha256)

    @property
    def identity(self) -> Identity:
        """The identity of a caller with this token."""
        return Identity(self.name, self.scope, Authentication.STORED, self.sweep, self.expires_at)

    def check_valid(self, now: float) -> None:
        """Check that the token is still valid.

        Raises:
            Unauthorized: The token has expired or was revoked.
        """
        if self.revoked_at is not None:
            raise Unauthorized(f"the token '{self.name}' was revoked")
        if self.expires_at is not None and self.expires_at <= now:
            raise Unauthorized(f"the token '{self.name}' has expired")

    def used(self, now: float) -> Token:
        """The record after a use; unchanged if its time of use is recent enough."""
        last = self.last_used_at
        return (
            self
            if last is not None and now - last < USE_INTERVAL_SECONDS
            else replace(self, last_used_at=now)
        )


def token_text(random_bytes: bytes) -> str:
    """The text of a new token.

    Args:
        random_bytes: ``TOKEN_BYTES`` unpredictable bytes.
    """
    if len(random_bytes) != TOKEN_BYTES:
        raise ValueError(f"{len(random_bytes)} random bytes; {TOKEN_BYTES} are needed")
    return _PREFIX + base64.urlsafe_b64encode(random_bytes).decode().rstrip("=")


def token_id(sha256: str) -> str:
    """The id of the token with this hash."""
    return sha256[:_ID_LENGTH]


def is_token_text(text: str) -> bool:
    """Whether a text has the form of a token."""
    return _TOKEN.fullmatch(text) is not None


def is_usable_sha256(text: str) -> bool:
    """Whether a text is a SHA-256, 64 lower-case hexadecimal digits, of a non-empty text."""
    return _SHA256.fullmatch(text) is not None and text != EMPTY_SHA256


def sha256_of(token: str) -> str:
    """The SHA-256 of a token, hexadecimal."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def token_in(header: str | None) -> str:
    """The token in an ``Authorization`` header: ``Bearer TOKEN``, or ``Basic`` of ``api:TOKEN``.

    W&B's clients send the latter, with the token as their API key.

    Raises:
        Unauthorized: The header is missing or has another scheme, or the token is empty.
    """
    if header is None:
        raise Unauthorized("this request needs a credential, and came without one")
    scheme, _, credential = header.strip().partition(" ")
    credential = credential.strip()
    if scheme.lower() == "basic":
        credential = _password(credential)
    elif scheme.lower() != "bearer":
        raise Unauthorized("header 'Authorization': needs 'Bearer' and a token")
    if not credential:
        raise Unauthorized("header 'Authorization': the token is empty")
    return credential


def _password(credential: str) -> str:
    """The password of HTTP's Basic scheme, if the user is ``api``."""
    try:
        user, _, password = base64.b64decode(credential, validate=True).decode().partition(":")
    except ValueError:
        user, password = "", ""
    if user != _BASIC_USER:
        raise Unauthorized(
            f"header 'Authorization': 'Basic' needs the user '{_BASIC_USER}' and a token as its"
            " password"
        )
    return password
