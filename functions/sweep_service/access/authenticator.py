"""Authenticates callers by their credentials."""

from __future__ import annotations

import hmac
from contextlib import suppress
from typing import TYPE_CHECKING

from sweep_service.access.identity import FIRST_ADMIN
from sweep_service.access.tokens import is_token_text, sha256_of, token_in
from sweep_service.errors import Stale, TryAgain, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_service.access.identity import Identity
    from sweep_service.storage.store import Store

_MOST_REMEMBERED = 1000


class Authenticator:
    """Knows the first admin's token by its hash, and looks up all others in the store.

    Thread-safe.

    Args:
        first_admin_sha256: SHA-256 of the token that the backend was set up with, if there is one.
        open_store: Called for the first token that is not the first admin's.
        clock: Returns seconds since the epoch.
        memory_seconds: Time for which a stored token is not looked up again, and so may still be
            accepted after it was revoked.
    """

    def __init__(
        self,
        first_admin_sha256: str | None,
        open_store: Callable[[], Store],
        clock: Callable[[], float],
        memory_seconds: float = 0.0,
    ) -> None:
        self._first_admin_sha256 = first_admin_sha256
        self._open_store = open_store
        self._clock = clock
        self._memory_seconds = memory_seconds
        self._remembered: dict[str, tuple[float, Identity]] = {}

    def identify(self, authorization: str | None) -> Identity:
        """Identify the caller by the ``Authorization`` header.

        A token that expires while it is remembered is refused by ``check_access``.

        Args:
            authorization: Value of the header; None if it is missing.

        Raises:
            Unauthorized: It proves nothing.
            TryAgain: The store is temporarily unavailable.
        """
        known = self.recall(authorization)
        if known is not None:
            return known
        sha256 = sha256_of(token_in(authorization))
        now = self._clock()
        identity = self._look_up(sha256, now)
        if self._memory_seconds:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[sha256] = (now + self._memory_seconds, identity)
        return identity

    def recall(self, authorization: str | None) -> Identity | None:
        """As ``identify``, without reading the store; None if that is necessary.

        Args:
            authorization: As for ``identify``.

        Raises:
            Unauthorized: It proves nothing.
        """
        text = token_in(authorization)
        sha256 = sha256_of(text)
        first = self._first_admin_sha256
        if first is not None and hmac.compare_digest(sha256, first):
            return FIRST_ADMIN
        if not is_token_text(text):
            raise _unknown()
        now = self._clock()
        until, identity = self._remembered.get(sha256, (now, None))
        return identity if now < until else None

    def _look_up(self, sha256: str, now: float) -> Identity:
        store = self._open_store()
        token = store.get_token(sha256)
        if token is None:
            raise _unknown()
        token.check_valid(now)
        used = token.used(now)
        if used is not token:
            with suppress(Stale, TryAgain):  # another use was recorded, or the next will be
                store.save("", token, used)
        return token.identity


def _unknown() -> Unauthorized:
    return Unauthorized("this backend does not know the token")
