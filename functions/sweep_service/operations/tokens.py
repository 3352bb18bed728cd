"""Access tokens: create, list, revoke."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sweep_service.errors import InvalidRequest, NotFound, NotPossible, Stale
from sweep_service.operations.saving import update

if TYPE_CHECKING:
    from sweep_service.access.tokens import Token
    from sweep_service.operations.services import Services


def create_token(services: Services, token: Token) -> Token:
    """Store a token, which the backend accepts from then on. A repeat changes nothing.

    Raises:
        InvalidRequest: The token has already expired.
        NotFound: The token is for a sweep that does not exist.
        NotPossible: The token exists with another name, scope, sweep or expiry, or was revoked.
    """
    if token.expires_at is not None and token.expires_at <= token.created_at:
        raise InvalidRequest("field 'expires_at': found a time that has passed")
    if token.sweep is not None:
        services.store.get_status(token.sweep)
    try:
        return services.store.save("", None, token)
    except Stale as conflict:
        known: Token = conflict.stored
        repeated = replace(
            token,
            created_at=known.created_at,
            created_by=known.created_by,
            last_used_at=known.last_used_at,
        )
        if repeated != known:
            raise NotPossible(
                f"this token is known already, as '{known.name}': make another one"
            ) from None
        return known


def list_tokens(services: Services) -> list[Token]:
    """All stored tokens, newest first."""
    return sorted(services.store.list_tokens(), key=lambda token: -token.created_at)


def revoke_token(services: Services, token_id: str) -> Token:
    """Revoke a token; nothing changes if it has been revoked before.

    Raises:
        NotFound: No token has this id.
    """
    found = next((t for t in services.store.list_tokens() if t.id == token_id), None)
    if found is None:
        raise NotFound(f"no token '{token_id}'")
    now = services.clock()
    return update(
        services.store,
        "",
        found,
        lambda token: token if token.revoked_at is not None else replace(token, revoked_at=now),
    )
