"""Entry point of the authorizer: accepts one bearer token, of which it knows only the SHA-256.

It loads only the standard library, because every agent waits for it at its first request.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from sweep_service.settings import token_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACCEPTED = token_sha256()


def handler(event: Mapping[str, Any], context: object) -> dict[str, bool]:
    """Answer an HTTP API's Lambda authorizer request, format 2.0, simple response.

    A request without the header does not get here: API Gateway answers 401 itself.
    """
    del context
    header = event.get("headers", {}).get("authorization", "")
    scheme, _, token = header.partition(" ")
    found = hashlib.sha256(token.strip().encode(errors="replace")).hexdigest()
    is_accepted = hmac.compare_digest(found, _ACCEPTED)
    return {"isAuthorized": scheme.lower() == "bearer" and is_accepted}
