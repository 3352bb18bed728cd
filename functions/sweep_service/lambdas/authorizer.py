"""Entry point of the authorizer, which identifies callers by their tokens.

Every agent waits for it at its first request. So it starts with only the standard library, knows
the first admin's token by its SHA-256, and loads the code that reads the table when the first other
token arrives. API Gateway caches its answers for the time set in ``template.yaml``.
"""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING, Any

from sweep_service.access.authenticator import Authenticator
from sweep_service.access.identity import to_authorizer_context
from sweep_service.errors import Unauthorized
from sweep_service.settings import store_settings, token_sha256

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.storage.store import Store


@cache
def _open_store() -> Store:
    from sweep_service.storage.dynamodb.store import DynamoStore

    settings = store_settings()
    return DynamoStore(settings.table, endpoint=settings.endpoint)


_AUTHENTICATOR = Authenticator(token_sha256(), _open_store, time.time)


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    """Answer an HTTP API's Lambda authorizer request, format 2.0, simple response.

    API Gateway itself answers 401 to requests without the header. An error of the store is raised:
    API Gateway answers 500 and caches nothing, and the client repeats the request.
    """
    del context
    try:
        identity = _AUTHENTICATOR.identify((event.get("headers") or {}).get("authorization"))
    except Unauthorized:
        return {"isAuthorized": False}
    return {"isAuthorized": True, "context": to_authorizer_context(identity)}
