"""Requests about who may do what."""

from __future__ import annotations

from typing import Any

from sweep_sdk._backend import answer_shapes
from sweep_sdk._backend.caller import Caller
from sweep_sdk._backend.requests import sweep_path
from sweep_sdk._exceptions import NotAuthorized, NotFound, UsageError

Json = dict[str, Any]

_IDENTITY = ("name", "scope", "method", "sweep", "expires_at")
_EVENT = ("at", "who", "method", "action")
_TOKEN = (
    *("id", "name", "scope", "sweep", "created_at", "created_by"),
    *("expires_at", "last_used_at", "revoked_at"),
)


class AccessCaller(Caller):
    """A backend, and the credentials that it accepts."""

    def identity(self) -> Json | None:
        """Who this client is to the backend; None where the backend is too old to say it.

        Returns:
            ``name``, ``scope`` (None: an IAM policy decides), ``method``, ``sweep`` (None: all) and
            ``expires_at`` (None: never).
        """
        try:
            return self._get("/v1/identity", identity_of)
        except NotAuthorized:
            raise
        except (NotFound, UsageError):
            return None

    def create_token(
        self,
        sha256: str,
        name: str,
        scope: str,
        sweep: str | None = None,
        expires_at: int | None = None,
    ) -> Json:
        """Have the backend accept a token, of which it gets the SHA-256 alone.

        Args:
            sha256: 64 hexadecimal digits.
            name: For people, at most 64 characters.
            scope: ``reader``, ``agent`` or ``admin``.
            sweep: The only sweep that the token is for; None: all.
            expires_at: Seconds since the epoch; None: never.
        """
        body = {
            "sha256": sha256,
            "name": name,
            "scope": scope,
            "sweep": sweep,
            "expires_at": expires_at,
        }
        return self._call("POST", "/v1/tokens", token_of, body=body)

    def list_events(self, sweep: str) -> list[Json]:
        """What people have done to a sweep, the newest first: ``at``, ``who``, ``action``."""
        return self._get(f"{sweep_path(sweep)}/events", events_of)

    def list_tokens(self) -> list[Json]:
        """The tokens that were created, newest first."""
        return self._get("/v1/tokens", tokens_of)

    def revoke_token(self, token_id: str) -> Json:
        """Have the backend no longer accept a token.

        Raises:
            NotFound: No token has this id.
        """
        return self._call("DELETE", f"/v1/tokens/{token_id}", token_of)


def identity_of(found: Any) -> Json:
    """The caller in an answer."""
    answer_shapes.AN_IDENTITY(found, "identity")
    return {name: found[name] for name in _IDENTITY}


def token_of(found: Any) -> Json:
    """The token in an answer."""
    answer_shapes.A_TOKEN(found, "token")
    return _known_fields(found)


def events_of(found: Any) -> list[Json]:
    """The events in an answer."""
    answer_shapes.EVENTS(found, "events")
    return [{name: item[name] for name in _EVENT} for item in found["items"]]


def tokens_of(found: Any) -> list[Json]:
    """The tokens in an answer."""
    answer_shapes.TOKENS(found, "tokens")
    return [_known_fields(item) for item in found["items"]]


def _known_fields(token: Json) -> Json:
    """A token whose shape has been checked, without what a newer backend adds."""
    return {name: token[name] for name in _TOKEN}
