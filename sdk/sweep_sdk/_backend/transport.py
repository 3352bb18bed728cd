"""How requests reach the backend: over HTTP, or by a call in this process.

Both carry plain ``(method, path, query, headers, body)``; retries, idempotency keys and the
meaning of answers sit above, in ``_client``, and are the same for both.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sweep_sdk._exceptions import BackendUnavailable, UsageError
from sweep_sdk._forks import renew_in_children
from sweep_sdk._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import requests

    from sweep_sdk._settings import Settings
    from sweep_service.operations.services import Services

CONNECT_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Response:
    """What came back; header names in the case the backend chose."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Transport(Protocol):
    """Carries one request.

    Attributes:
        is_local: Whether the backend runs in this process.
        place: Where the backend is, as messages name it.
    """

    @property
    def is_local(self) -> bool: ...

    @property
    def place(self) -> str: ...

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> Response:
        """Send one request, once; ``timeout_seconds`` is the longest silence to bear.

        Raises:
            BackendUnavailable: There was no answer.
            UsageError: The backend cannot be used as it is set up.
        """

    def close(self) -> None:
        """Give back connections; the transport is not used any more."""


class HttpTransport:
    """A backend at a URL; one pooled session, safe to share between threads."""

    is_local = False

    def __init__(self, url: str, token: str | None = None, ca_bundle: str | None = None) -> None:
        """Set up; the connection is made at the first request.

        Raises:
            UsageError: The token has characters that a header cannot carry.
        """
        if token and not (token.isascii() and token.isprintable()):
            raise UsageError("the token has characters that cannot be sent; check SWEEP_TOKEN")
        self.place = url
        self._token = token
        self._ca_bundle = ca_bundle
        self._lock = threading.Lock()
        self._open_session: requests.Session | None = None
        renew_in_children(self)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> Response:
        """See ``Transport``. Redirects are not followed: they would carry the token away."""
        import requests
        import urllib3

        try:
            answer = self._session().request(
                method,
                self.place + path,
                params=dict(query),
                headers=dict(headers),
                data=body or None,
                timeout=(CONNECT_TIMEOUT_SECONDS, timeout_seconds),
                allow_redirects=False,
            )
        except (requests.RequestException, urllib3.exceptions.LocationParseError) as error:
            raise _trouble(self.place, error) from None
        except OSError as error:  # requests checks that a CA bundle is there, and says so
            raise UsageError(f"cannot use the CA bundle: {error}") from None
        return Response(answer.status_code, dict(answer.headers), answer.content)

    def close(self) -> None:
        """See ``Transport``."""
        with self._lock:
            if self._open_session is not None:
                self._open_session.close()
                self._open_session = None

    def renew(self) -> None:
        """In a forked child: leave the parent's connections alone.

        Two processes that share one would read each other's answers.
        """
        self._lock, self._open_session = threading.Lock(), None

    def _session(self) -> requests.Session:
        with self._lock:
            if self._open_session is None:
                self._open_session = self._new_session()
            return self._open_session

    def _new_session(self) -> requests.Session:
        import requests

        session = requests.Session()
        # A callable, not a header: otherwise requests replaces it by what ~/.netrc has.
        session.auth = self._authorize
        session.headers["User-Agent"] = f"sweep-sdk/{__version__}"
        if self._ca_bundle:
            session.verify = self._ca_bundle
        return session

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class InProcessTransport:
    """The backend in this process, over an SQLite file; imported at the first request."""

    is_local = True

    def __init__(self, database: Path) -> None:
        self.place = str(database)
        self._database = database
        self._lock = threading.Lock()
        self._open_services: Services | None = None

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,  # noqa: ARG002  the database has a timeout of its own
    ) -> Response:
        """See ``Transport``."""
        from sweep_service.gateway import handle

        answer = handle(self._services(), method, path, query, headers, body)
        return Response(answer.status, answer.headers, answer.body)

    def close(self) -> None:
        """See ``Transport``."""
        with self._lock:
            if self._open_services is not None:
                self._open_services.store.close()
            self._open_services = None

    def _services(self) -> Services:
        from sweep_service.bootstrap import local_services
        from sweep_service.errors import ServiceError, TryAgain

        with self._lock:
            if self._open_services is None:
                try:
                    self._open_services = local_services(self._database)
                except TryAgain as error:
                    raise BackendUnavailable(str(error)) from None
                except ServiceError as error:
                    raise UsageError(str(error)) from None
            return self._open_services


def open_transport(settings: Settings) -> Transport:
    """HTTP where a URL is configured, else the backend in this process."""
    if settings.url is None:
        return InProcessTransport(settings.local_db)
    return HttpTransport(settings.url, settings.token, settings.ca_bundle)


def _trouble(url: str, error: Exception) -> BackendUnavailable | UsageError:
    """What an exception of requests means to the user, in one line."""
    import requests
    import urllib3

    cause = _root_cause(error)
    wrong_url = (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        urllib3.exceptions.LocationParseError,
    )
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return UsageError(f"no way to {url} through the proxy: {cause}; check HTTPS_PROXY")
    if isinstance(error, wrong_url):
        return UsageError(f"'{url}' cannot be used as URL: {cause}; check SWEEP_URL")
    if isinstance(error, requests.exceptions.ProxyError):
        return BackendUnavailable(f"no way to {url} through the proxy: {cause}; check HTTPS_PROXY")
    if isinstance(error, requests.exceptions.SSLError):
        return BackendUnavailable(
            f"no secure connection to {url}: {cause}; for a private CA set REQUESTS_CA_BUNDLE",
            is_temporary=False,
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return BackendUnavailable(
            f"no connection to {url} within {CONNECT_TIMEOUT_SECONDS:.0f} s; check SWEEP_URL"
        )
    if isinstance(error, requests.exceptions.Timeout):
        return BackendUnavailable(f"no answer from {url} in time")
    return BackendUnavailable(f"no connection to {url}: {cause}; check SWEEP_URL")


def _root_cause(error: BaseException) -> str:
    """The innermost reason that requests and urllib3 have wrapped, without their addresses."""
    seen: list[BaseException] = []
    inner: object = error
    while isinstance(inner, BaseException) and inner not in seen:
        seen.append(inner)
        nested = [item for item in inner.args if isinstance(item, BaseException)]
        inner = getattr(inner, "reason", None) or inner.__cause__ or (nested[0] if nested else None)
    last = seen[-1]
    text = getattr(last, "verify_message", None) or getattr(last, "strerror", None) or str(last)
    return " ".join(str(text).split()) or type(last).__name__
