"""Requests about who may do what."""

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
    """A backend, and the credentials that it accepts."""

    def identity(self) -> Json | None:
        """Who this client is to the backend; None where the backend is too old to say it.

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
        return self._call("POST", "/v1/tokens", _token, body=body)

    def list_events(self, sweep: str) -> list[Json]:
        """What people have done to a sweep, the newest first: ``at``, ``who``, ``action``."""
        return self._get(f"{sweep_path(sweep)}/events", _events)

    def list_tokens(self) -> list[Json]:
        """The tokens that were created, newest first."""
        return self._get("/v1/tokens", _tokens)

    def revoke_token(self, token_id: str) -> Json:
        """Have the backend no longer accept a token.

        Raises:
            NotFound: No token has this id.
        """
        return self._call("DELETE", f"/v1/tokens/{token_id}", _token)


def _known(kind: Any, place: str) -> Reader[Json]:
    """A reader of documents without the fields that a newer backend adds."""
    read = checked(kind, place)

    def read_known(found: Any) -> Json:
        return {name: value for name, value in read(found).items() if name in kind.__annotations__}

    return read_known


def _items(read: Reader[Json]) -> Reader[list[Json]]:
    """A reader of all items of a list that has one page."""
    return lambda found: [read(item) for item in checked(documents.Items, "list")(found)["items"]]


_identity = _known(documents.Identity, "identity")
_token = _known(documents.Token, "token")
_tokens = _items(_token)
_events = _items(_known(documents.Event, "event"))
