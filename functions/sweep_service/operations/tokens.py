"""Access tokens: created, listed, revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sweep_service.errors import InvalidRequest, NotFound, NotPossible, Stale
from sweep_service.operations.saving import update

if TYPE_CHECKING:
    from sweep_service.access.tokens import Token
    from sweep_service.operations.services import Services


def create_token(services: Services, token: Token) -> Token:
    """Have the backend accept a token; a repeat changes nothing.

    Raises:
        InvalidRequest: It has expired already.
        NotFound: It is for a sweep that does not exist.
        NotPossible: The token is there with another name, scope, sweep or expiry, or was revoked.
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
    """All tokens that are stored, the newest first."""
    return sorted(services.store.list_tokens(), key=lambda token: -token.created_at)


def revoke_token(services: Services, token_id: str) -> Token:
    """Have the backend no longer accept a token; a revoked one stays as it is.

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
