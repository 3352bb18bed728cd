"""Tokens of the backend's own: 256 random bits as text, of which only the SHA-256 is stored.

The authorizer loads this module at its start, so it imports the standard library alone.
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
#: The SHA-256 of the empty text, which a shell makes of a variable that is not set.
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
#: A stored time of use is renewed at most this often.
USE_INTERVAL_SECONDS = 3600.0
_ID_LENGTH = 12


@dataclass(frozen=True, slots=True)
class Token:
    """What is stored of a token.

    Attributes:
        sha256: Of the token's text, 64 hexadecimal digits.
        name: What people call it.
        scope: What it allows.
        sweep: The only sweep that it is for; None: for all.
        created_at: Seconds since the epoch, as all times here.
        created_by: The name of who created it.
        expires_at: When it expires, a whole number of seconds; None: never.
        last_used_at: When it was last used, give or take ``USE_INTERVAL_SECONDS``.
        revoked_at: When it was revoked; None: it was not.
        change: How often the record has been written since it was created; see ``Store.save``.
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
        """A short name that is no secret."""
        return token_id(self.sha256)

    @property
    def identity(self) -> Identity:
        """The caller that has this token."""
        return Identity(self.name, self.scope, Authentication.STORED, self.sweep, self.expires_at)

    def check_valid(self, now: float) -> None:
        """Refuse a token that is no longer valid.

        Raises:
            Unauthorized: It has expired or was revoked.
        """
        if self.revoked_at is not None:
            raise Unauthorized(f"the token '{self.name}' was revoked")
        if self.expires_at is not None and self.expires_at <= now:
            raise Unauthorized(f"the token '{self.name}' has expired")

    def used(self, now: float) -> Token:
        """The record after a use: the same one where the time that it has is recent enough."""
        last = self.last_used_at
        return (
            self
            if last is not None and now - last < USE_INTERVAL_SECONDS
            else replace(self, last_used_at=now)
        )


def token_text(random_bytes: bytes) -> str:
    """A new token.

    Args:
        random_bytes: ``TOKEN_BYTES`` unpredictable bytes.
    """
    if len(random_bytes) != TOKEN_BYTES:
        raise ValueError(f"{len(random_bytes)} random bytes; {TOKEN_BYTES} are needed")
    return _PREFIX + base64.urlsafe_b64encode(random_bytes).decode().rstrip("=")


def token_id(sha256: str) -> str:
    """The id of the token with a hash."""
    return sha256[:_ID_LENGTH]


def is_token_text(text: str) -> bool:
    """Whether a text has the form of one of our tokens."""
    return _TOKEN.fullmatch(text) is not None


def is_usable_sha256(text: str) -> bool:
    """Whether a text is the SHA-256 of something, 64 lower-case hexadecimal digits."""
    return _SHA256.fullmatch(text) is not None and text != EMPTY_SHA256


def sha256_of(token: str) -> str:
    """The SHA-256 of a token, hexadecimal."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def token_in(header: str | None) -> str:
    """The token in an ``Authorization`` header: ``Bearer TOKEN``, or ``Basic`` of ``api:TOKEN``.

    Clients of W&B send the latter, with the token as their API key.

    Raises:
        Unauthorized: There is no header, it is of another scheme, or its token is empty.
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
    """The password of HTTP's Basic scheme, for the one user that there is."""
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
