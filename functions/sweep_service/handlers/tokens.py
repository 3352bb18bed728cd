"""Handlers of ``/v1/tokens`` and ``/v1/identity``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sweep_service.access.scopes import Scope
from sweep_service.access.tokens import Token, is_usable_sha256
from sweep_service.errors import InvalidRequest, Unauthorized
from sweep_service.handlers import views
from sweep_service.handlers.http import (
    Deed,
    Request,
    Response,
    int_field,
    reject_unknown,
    text_field,
)
from sweep_service.operations import tokens

if TYPE_CHECKING:
    from sweep_service.operations.services import Services

#: Restricted because names appear in logs and as names of files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def create_token(request: Request, services: Services) -> Response:
    """``POST /v1/tokens``: the client generates the token and sends only its SHA-256."""
    document = request.json()
    reject_unknown(document, ("sha256", "name", "scope", "sweep", "expires_at"))
    sha256 = text_field(document, "sha256", 64, is_required=True) or ""
    if not is_usable_sha256(sha256):
        raise InvalidRequest(
            "field 'sha256': needs the 64 lower-case hexadecimal digits of a token's SHA-256; that"
            " of the empty text is refused"
        )
    token = Token(
        sha256=sha256,
        name=_name(text_field(document, "name", 64, is_required=True) or ""),
        scope=_scope(text_field(document, "scope", 16, is_required=True)),
        sweep=text_field(document, "sweep", 64),
        created_at=services.clock(),
        created_by=request.caller,
        expires_at=int_field(document, "expires_at", least=0),
    )
    created = tokens.create_token(services, token)
    deed = _deed(created, f"created the token '{created.name}', scope {created.scope.value}")
    return Response(201, views.token(created), deed=deed)


def list_tokens(request: Request, services: Services) -> Response:
    """``GET /v1/tokens``."""
    del request
    return Response(200, {"items": [views.token(token) for token in tokens.list_tokens(services)]})


def revoke_token(request: Request, services: Services) -> Response:
    """``DELETE /v1/tokens/{token}``."""
    revoked = tokens.revoke_token(services, request.params["token"])
    return Response(
        200, views.token(revoked), deed=_deed(revoked, f"revoked the token '{revoked.name}'")
    )


def _deed(token: Token, action: str) -> Deed | None:
    """The event for the sweep that a token is restricted to, if any."""
    if token.sweep is None:
        return None
    return Deed(token.sweep, action, token.revoked_at or token.created_at)


def identity(request: Request, services: Services) -> Response:
    """``GET /v1/identity``: the identity of the caller."""
    del services
    found = request.identity
    if found is None:
        raise Unauthorized("this request needs a credential, and came without one")
    return Response(200, views.identity(found))


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise InvalidRequest(
            "field 'name': needs 1 to 64 letters, digits, dots, hyphens and underscores, the first"
            " a letter or a digit"
        )
    return text


def _scope(text: str | None) -> Scope:
    try:
        return Scope(text)
    except ValueError:
        options = ", ".join(scope.value for scope in Scope)
        raise InvalidRequest(f"field 'scope': found '{text}'; one of {options}") from None
