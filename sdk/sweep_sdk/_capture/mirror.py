"""Relays requests to the user's own W&B unchanged, and returns its answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sweep_sdk._world import clock, network, threads
from sweep_sdk._world.loopback import Answer
from sweep_service.wandb.streams import Malformed, decode_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

    from sweep_sdk._world.loopback import Request

_CONNECT_SECONDS, _SILENCE_SECONDS = 10.0, 60.0
#: How long the client, which repeats its requests, waits for a W&B that is away.
PATIENCE_SECONDS = 60.0
_AWAY = 500
#: Headers of a single connection, which are not relayed.
_HOP_BY_HOP = frozenset(
    (
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"),
        *("upgrade", "host", "content-length"),
    )
)


class Away(Exception):
    """W&B does not answer."""


class Mirror:
    """Relays one program's requests to W&B. Thread-safe."""

    def __init__(
        self, url: str, session: Callable[[], requests.Session] = network.new_session
    ) -> None:
        """Set up.

        Args:
            url: URL of the server, without a trailing slash.
            session: Makes the session that sends requests.
        """
        self._url = url
        self._session = session()
        self._silent_since: float | None = None
        self._lock = threads.Lock()

    def forward(self, request: Request) -> Answer:
        """W&B's answer to a request.

        Raises:
            Away: There is no answer, or it says that W&B is unavailable.
        """
        import requests  # already loaded by the session

        try:
            response = self._session.request(
                request.method,
                f"{self._url}/{request.path}",
                data=_without_sweep(request.body) if request.path == "graphql" else request.body,
                headers=_passed_on(request.headers),
                auth=lambda prepared: prepared,  # otherwise netrc would replace its own
                timeout=(_CONNECT_SECONDS, _SILENCE_SECONDS),
                allow_redirects=False,
                stream=True,
            )
            body = response.raw.read(decode_content=False)
        except (requests.RequestException, OSError) as error:
            raise Away(type(error).__name__) from None
        except Exception as error:  # urllib3's own  # noqa: BLE001
            raise Away(type(error).__name__) from None
        if response.status_code >= _AWAY:
            raise Away(f"HTTP {response.status_code}")
        with self._lock:
            self._silent_since = None
        return Answer(response.status_code, body, _passed_on(response.headers))

    def is_patient(self) -> bool:
        """Whether to keep waiting for W&B, which has just been away."""
        now = clock.monotonic()
        with self._lock:
            self._silent_since = self._silent_since or now
            return now - self._silent_since < PATIENCE_SECONDS

    def close(self) -> None:
        """Close the connections."""
        self._session.close()


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


def _without_sweep(body: bytes) -> bytes:
    """The request without its sweep, which W&B does not know."""
    if b'"sweep"' not in body:
        return body
    try:
        document = decode_object(body)
    except Malformed:
        return body
    variables = document.get("variables")
    if not (isinstance(variables, dict) and variables.get("sweep") is not None):
        return body
    if "upsertBucket" not in str(document.get("query")):
        return body
    return json.dumps({**document, "variables": {**variables, "sweep": None}}).encode()
