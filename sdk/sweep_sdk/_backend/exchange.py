"""Sends a request and decodes its answer, to a value or one clear exception."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sweep_sdk._backend.answers import (
    backend_version,
    decode,
    foreign,
    health_of,
    is_missing_route,
)
from sweep_sdk._backend.requests import encode
from sweep_sdk._exceptions import BackendUnavailable, NotAuthorized, SweepError, UsageError
from sweep_sdk._version import __version__
from sweep_service.wire.headers import FEATURES_HEADER, SDK_HEADER
from sweep_service.wire.shapes import WrongShape

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._backend.acquaintance import Acquaintance
    from sweep_sdk._backend.answers import Reader
    from sweep_sdk._backend.transport import Response, Transport

Answer = TypeVar("Answer")

#: Longer than the 30 s that a function may take: a client that gives up earlier repeats work.
REQUEST_TIMEOUT_SECONDS = 35.0


def _features() -> dict[str, str]:
    """The header with the sweep language features of this version; empty if there are none."""
    from sweep_service.model.language.features import newer_features

    newer = newer_features()
    return {FEATURES_HEADER: ",".join(sorted(newer))} if newer else {}


@dataclass(frozen=True)
class Exchange:
    """Sends each request once, and checks that the backend has answered.

    Attributes:
        acquaintance: What earlier answers have shown about the backend.
    """

    transport: Transport
    acquaintance: Acquaintance

    def send(
        self,
        method: str,
        path: str,
        reader: Reader[Answer],
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        key: str | None,
    ) -> Answer:
        """Send a request, and repeat it once if a rejected credential has been replaced.

        Raises:
            SweepError: As ``decode``; once the backend has answered, network errors count as
                temporary.
        """
        headers = {"Accept": "application/json", SDK_HEADER: __version__}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
            headers |= _features()
        content = b"" if body is None else encode(body)

        def send() -> Answer:
            return self._send_once(method, path, reader, query, headers, content)

        try:
            try:
                return send()
            except NotAuthorized as error:
                if not (error.was_accepted and self.transport.renew_credential()):
                    raise
                return send()
        except BackendUnavailable as error:
            error.is_temporary = error.is_temporary or self.acquaintance.is_known
            raise

    def _send_once(
        self,
        method: str,
        path: str,
        reader: Reader[Answer],
        query: Mapping[str, str],
        headers: Mapping[str, str],
        content: bytes,
    ) -> Answer:
        response = self.transport.request(
            method, path, query, headers, content, REQUEST_TIMEOUT_SECONDS
        )
        place, is_known = self.transport.place, self.acquaintance.is_known
        if is_missing_route(response):
            raise self._outdated(response, method, path)
        try:
            answer = reader(decode(response, place, is_known=is_known))
        except WrongShape as error:
            if error.is_other:
                raise foreign(response, place, is_known=is_known, why=str(error)) from None
            raise UsageError(f"{place} does not answer as a sweep backend: {error}") from None
        self.acquaintance.note(backend_version(response))
        return answer

    def _outdated(self, response: Response, method: str, path: str) -> SweepError:
        """The error for a request that API Gateway has no route for."""
        place = self.transport.place
        version = self.acquaintance.version or self._version_there()
        if version is None:
            return foreign(response, place, is_known=self.acquaintance.is_known)
        return UsageError(
            f"the backend at {place} has version {version} and does not know {method} {path}, which"
            f" sweep-sdk {__version__} needs: deploy the backend again, from that version"
        )

    def _version_there(self) -> str | None:
        """The backend's version, which it sends without a token; None if there is no backend."""
        response = self.transport.request("GET", "/v1/health", {}, {}, b"", REQUEST_TIMEOUT_SECONDS)
        if is_missing_route(response):
            return None
        try:
            return str(health_of(decode(response, self.transport.place))["version"])
        except (SweepError, WrongShape):
            return None
