"""Requests about access tokens, identities and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.answers import checked
from sweep_sdk._backend.caller import Caller
from sweep_sdk._backend.requests import sweep_path
from sweep_sdk._exceptions import NotAuthorized, NotFound, UsageError
from sweep_service.wire import documents

if TYPE_CHECKING:
    from sweep_sdk._backend.answers import Reader

Json = dict[str, Any]


class AccessCaller(Caller):
    """The access methods of a client."""

    def identity(self) -> Json | None:
        """The identity of this client; None if the backend is too old to answer.

        Returns:
            ``name``, ``scope`` (None: an IAM policy decides), ``method``, ``sweep`` (None: all) and
            ``expires_at`` (None: never).
        """
        try:
            return self._get("/v1/identity", _identity)
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
        """Create an access token; the backend only gets its SHA-256.

        Args:
            sha256: 64 hexadecimal digits.
            name: Display name, at most 64 characters.
            scope: ``reader``, ``agent`` or ``admin``.
            sweep: The only sweep that the token gives access to; None for all.
            expires_at: Seconds since the epoch; None for never.
        """
        body = {
            "sha256": sha256,
            "name": name,
            "scope": scope,
            "sweep": sweep,
            "expires_at": expires_at,
        }
        return self._call("POST", "/v1/tokens", _token, body=body)

    def list_events(self, sweep: str) -> list[Json]:
        """The changes to a sweep, newest first, each with ``at``, ``who`` and ``action``."""
        return self._get(f"{sweep_path(sweep)}/events", _events)

    def list_tokens(self) -> list[Json]:
        """All access tokens, newest first."""
        return self._get("/v1/tokens", _tokens)

    def revoke_token(self, token_id: str) -> Json:
        """Revoke an access token.

        Raises:
            NotFound: No token has this id.
        """
        return self._call("DELETE", f"/v1/tokens/{token_id}", _token)


def _known(kind: Any, place: str) -> Reader[Json]:
    """A reader of documents that drops fields added by a newer backend."""
    read = checked(kind, place)

    def read_known(found: Any) -> Json:
        return {name: value for name, value in read(found).items() if name in kind.__annotations__}

    return read_known


def _items(read: Reader[Json]) -> Reader[list[Json]]:
    """A reader of a list that has a single page."""
    return lambda found: [read(item) for item in checked(documents.Items, "list")(found)["items"]]


_identity = _known(documents.Identity, "identity")
_token = _known(documents.Token, "token")
_tokens = _items(_token)
_events = _items(_known(documents.Event, "event"))
