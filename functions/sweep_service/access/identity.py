"""Identities of callers, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from sweep_service.access.scopes import Scope
from sweep_service.errors import Forbidden, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Mapping


class Authentication(str, Enum):
    """How a caller was authenticated."""

    LOCAL = "local"  # has access to the database file itself
    FIRST_ADMIN = "first-admin"  # has the token that the backend was set up with
    STORED = "stored"  # has a token that an admin created
    IAM = "iam"  # signed the request with AWS credentials


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller.

    Attributes:
        name: Display name: the name of a token, or an ARN.
        scope: Scope of the caller; None if an IAM policy has allowed this route.
        method: How the caller was authenticated.
        sweep: The only sweep that the caller has access to; None for all.
        expires_at: When the credential expires, in seconds since the epoch; None for never.
    """

    name: str
    scope: Scope | None
    method: Authentication
    sweep: str | None = None
    expires_at: float | None = None

    @property
    def must_name_lease(self) -> bool:
        """Whether reporting on a run and finishing it require the key of its lease.

        Admins are exempt, because agents of version 0.1.0 do not send the key.
        """
        return self.scope is not Scope.ADMIN


LOCAL_ADMIN = Identity("local user", Scope.ADMIN, Authentication.LOCAL)
FIRST_ADMIN = Identity("first token", Scope.ADMIN, Authentication.FIRST_ADMIN)


def check_access(
    identity: Identity | None, needed: Scope | None, sweep: str | None, now: float
) -> Identity | None:
    """Check that a caller may make a request.

    Args:
        identity: The caller; None if unknown.
        needed: The scope of the route; None for a public route.
        sweep: The sweep that the request concerns, if any.
        now: Seconds since the epoch.

    Returns:
        The caller.

    Raises:
        Unauthorized: The caller is unknown, or the credential has expired.
        Forbidden: The credential does not allow the request.
    """
    if needed is None:
        return identity
    if identity is None:
        raise Unauthorized("this request needs a credential, and came without one")
    if identity.expires_at is not None and identity.expires_at <= now:
        raise Unauthorized(f"the token '{identity.name}' has expired")
    if identity.scope is not None and not identity.scope.includes(needed):
        raise Forbidden(
            f"this request needs the scope '{needed.value}'; the token '{identity.name}' has"
            f" '{identity.scope.value}'"
        )
    if identity.sweep is not None and identity.sweep != sweep:
        raise Forbidden(f"the token '{identity.name}' is for sweep {identity.sweep} alone")
    return identity


def to_authorizer_context(identity: Identity) -> dict[str, Any]:
    """Encode an identity for API Gateway's authorizer context; see ``from_gateway_event``."""
    found = {
        "name": identity.name,
        "scope": identity.scope.value if identity.scope is not None else None,
        "method": identity.method.value,
        "sweep": identity.sweep,
        "expires_at": identity.expires_at,
    }
    return {name: str(value) for name, value in found.items() if value is not None}


def from_gateway_event(authorizer: Mapping[str, Any] | None) -> Identity | None:
    """The caller that API Gateway has authenticated.

    No other code decides what an identity of another system may do.

    Args:
        authorizer: ``requestContext.authorizer`` of an HTTP API's event, if any.

    Returns:
        The caller; None if the route has no authorizer.
    """
    if not authorizer:
        return None
    if authorizer.get("iam"):
        # IAM has already evaluated the caller's policies against this route.
        name = str(authorizer["iam"].get("userArn") or "an AWS identity")
        return Identity(name, None, Authentication.IAM)
    if "lambda" not in authorizer:
        return None
    found = authorizer["lambda"]
    if not found:
        # An answer of version 0.1.0's authorizer, which only knew the first token. API Gateway
        # caches answers for some minutes, also while a stack is updated.
        return FIRST_ADMIN
    expires_at = found.get("expires_at")
    return Identity(
        name=str(found["name"]),
        scope=Scope(found["scope"]),
        method=Authentication(found["method"]),
        sweep=found.get("sweep"),
        expires_at=float(expires_at) if expires_at is not None else None,
    )
