"""Transports carry requests to the backend: over HTTP, or by a call in this process.

Both carry plain ``(method, path, query, headers, body)``. Retries, idempotency keys and decoding
are the same for both and belong to the layers above.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from sweep_sdk._backend.bodies import TooLong, read_body
from sweep_sdk._backend.proxies import proxy_of
from sweep_sdk._backend.signing import signer_of
from sweep_sdk._backend.troubles import trouble_of
from sweep_sdk._backend.watchdog import Watchdog
from sweep_sdk._exceptions import BackendUnavailable, UsageError
from sweep_sdk._process.forks import renew_in_children
from sweep_sdk._settings import URL_SETTING, can_be_sent
from sweep_sdk._version import __version__
from sweep_sdk._world import clock, network, threads
from sweep_service.access.authenticator import Authenticator
from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.access.tokens import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    import requests

    from sweep_sdk._backend.signing import Signer
    from sweep_sdk._settings import Settings
    from sweep_service.access.identity import Identity
    from sweep_service.operations.services import Services

CONNECT_TIMEOUT_SECONDS = 10.0
#: Maximum time from the start of a request to the end of its answer, extended for large bodies.
LONGEST_EXCHANGE_SECONDS = 60.0
SLOWEST_BYTES_PER_SECOND = 20_000


@dataclass(frozen=True)
class Response:
    """An answer; header names are in the backend's case.

    Attributes:
        proxy: Setting of the proxy that the request went through, if any.
        url_setting: Setting that the URL comes from.
        is_signed: Whether the request was signed with AWS credentials.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    proxy: str | None = None
    url_setting: str = URL_SETTING
    is_signed: bool = False


class Transport(Protocol):
    """Carries requests.

    Attributes:
        is_local: Whether the backend runs in this process.
        place: Location of the backend for messages.
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
        """Send a request once; ``timeout_seconds`` is the longest time without data.

        Raises:
            BackendUnavailable: There was no answer, or it was too large or too slow.
            UsageError: The backend is misconfigured.
        """

    def renew_credential(self) -> bool:
        """Read the credential again from its source; returns whether it has changed."""

    def hurry(self, silence_seconds: float) -> None:
        """Shorten the timeout of all requests, including those in flight.

        Used by agents that have to end soon. A request that is cut off counts as unanswered.
        """

    def close(self) -> None:
        """Close connections; the transport is not used afterwards."""


class HttpTransport:
    """Carries requests to a URL with one pooled session. Thread-safe."""

    is_local = False

    def __init__(
        self,
        url: str,
        token: str | None = None,
        ca_bundle: str | None = None,
        url_setting: str = URL_SETTING,
        read_token: Callable[[], str | None] | None = None,
        signer: Signer | None = None,
    ) -> None:
        """Set up; the first request opens the connection.

        Args:
            url: The backend's URL.
            token: The bearer token, if there is one.
            ca_bundle: File of certificates to trust instead of the usual ones.
            url_setting: Setting that the URL comes from, for messages.
            read_token: Reads the token again if it is no longer accepted.
            signer: Signs requests with AWS credentials in place of a token.

        Raises:
            UsageError: The token has characters that a header cannot carry.
        """
        if token and not can_be_sent(token):
            raise UsageError("the token has characters that cannot be sent; check SWEEP_TOKEN")
        self.place = url
        self.url_setting = url_setting
        self.proxy = proxy_of(url)
        self._token = token
        self._read_token = read_token
        self._signer = signer
        self._ca_bundle = ca_bundle
        self._lock = threads.Lock()
        self._open_session: requests.Session | None = None
        self._longest_silence: float | None = None
        self._watchdog = Watchdog(self._cut)
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
        """See ``Transport``. Redirects are not followed: they would leak the token."""
        import urllib3

        seconds = LONGEST_EXCHANGE_SECONDS + len(body) / SLOWEST_BYTES_PER_SECOND
        watch = self._watchdog.begin(seconds)
        try:
            answer = self._session().request(
                method,
                self.place + path,
                params=dict(query),
                headers=dict(headers),
                data=body or None,
                timeout=(self._bounded(CONNECT_TIMEOUT_SECONDS), self._bounded(timeout_seconds)),
                allow_redirects=False,
                stream=True,
            )
            content = read_body(answer)
        except (OSError, urllib3.exceptions.HTTPError, TooLong, ImportError) as error:
            if not watch.is_over:
                raise self._trouble(error) from None
        finally:
            self._watchdog.end(watch)
        if watch.is_over:  # the body may be incomplete
            raise BackendUnavailable(f"no whole answer from {self.place} within {seconds:.0f} s")
        return Response(
            answer.status_code,
            dict(answer.headers),
            content,
            self.proxy,
            self.url_setting,
            is_signed=self._signer is not None,
        )

    def renew_credential(self) -> bool:
        """See ``Transport``."""
        if self._read_token is None:
            return False
        try:
            token = self._read_token()
        except UsageError:  # it is being written and will be read again later
            return False
        if token == self._token or (token and not can_be_sent(token)):
            return False
        self._token = token
        return True

    def close(self) -> None:
        """See ``Transport``."""
        self._watchdog.close()
        with self._lock:
            if self._open_session is not None:
                self._open_session.close()
                self._open_session = None

    def hurry(self, silence_seconds: float) -> None:
        """See ``Transport``."""
        self._longest_silence = silence_seconds
        self._watchdog.begin(silence_seconds)

    def renew(self) -> None:
        """In a forked child, abandon the parent's connections and threads.

        Two processes that share a connection would read each other's answers.
        """
        self._lock, self._open_session = threads.Lock(), None
        self._watchdog = Watchdog(self._cut)

    def _bounded(self, seconds: float) -> float:
        return seconds if self._longest_silence is None else min(seconds, self._longest_silence)

    def _cut(self) -> None:
        session = self._open_session
        if session is not None:
            network.cut(session)

    def _session(self) -> requests.Session:
        with self._lock:
            if self._open_session is None:
                self._open_session = self._new_session()
            return self._open_session

    def _new_session(self) -> requests.Session:
        session = network.backend_session(
            self.place, self._ca_bundle, uses_proxy=self.proxy is not None
        )
        # A callable rather than a header, which requests would replace by an entry of ~/.netrc.
        session.auth = self._authorize
        session.headers["Accept-Encoding"] = "gzip"
        session.headers["User-Agent"] = f"sweep-sdk/{__version__}"
        return session

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._signer is not None:
            self._signer.sign(request)
        elif self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _trouble(self, error: Exception) -> BackendUnavailable | UsageError:
        patience = self._bounded(CONNECT_TIMEOUT_SECONDS)
        return trouble_of(self.place, error, self.proxy, self.url_setting, patience)


class InProcessTransport:
    """Calls a backend in this process, over an SQLite file. The first request imports it."""

    is_local = True

    def __init__(self, database: Path, local_file_systems: Collection[str] = ()) -> None:
        self.place = str(database)
        self._database = database
        self._local_file_systems = local_file_systems
        self._lock = threads.Lock()
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
        """See ``Transport``. Every process that can open the database has the scope ``admin``."""
        return self.request_as(LOCAL_ADMIN, method, path, query, headers, body)

    def request_as(
        self,
        identity: Identity | None,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Response:
        """Answer a request of another caller, such as a client of the local server.

        Args:
            identity: Identity of the caller; None for an unknown one, who may use public routes
                only.
            method: As for ``Transport.request``, like the others.
            path: The path.
            query: The query.
            headers: The headers.
            body: The body.
        """
        from sweep_service.gateway import handle

        answer = handle(self._services(), method, path, query, headers, body, identity=identity)
        return Response(answer.status, answer.headers, answer.body)

    def authenticator(self, token: str, memory_seconds: float) -> Authenticator:
        """An authenticator that identifies callers by their ``Authorization`` header.

        Args:
            token: The first admin's token.
            memory_seconds: As for ``Authenticator``.
        """
        return Authenticator(
            sha256_of(token), lambda: self._services().store, clock.time, memory_seconds
        )

    def renew_credential(self) -> bool:
        """See ``Transport``. No credential is needed."""
        return False

    def hurry(self, silence_seconds: float) -> None:
        """See ``Transport``. The database has a timeout of its own."""

    def close(self) -> None:
        """See ``Transport``."""
        with self._lock:
            if self._open_services is not None:
                self._open_services.store.close()
            self._open_services = None

    def _services(self) -> Services:
        from sweep_service.bootstrap import local_services

        with self._lock:
            if self._open_services is None:
                self._open_services = local_services(self._database, self._local_file_systems)
            return self._open_services


def open_transport(settings: Settings) -> Transport:
    """Open an HTTP transport if a URL is configured, else one to a backend in this process."""
    if settings.url is None:
        return InProcessTransport(settings.local_db, settings.local_file_systems)
    return HttpTransport(
        settings.url,
        settings.token,
        settings.ca_bundle,
        settings.url_setting,
        settings.read_token,
        signer_of(settings.url, settings.token, settings.auth),
    )


def local_file_system(database: Path, local_file_systems: Collection[str] = ()) -> str | None:
    """The file system of the local database, which need not exist; None if unknown.

    Raises:
        UsageError: The file system is not known to be local to this machine.
    """
    from sweep_service.bootstrap import local_file_system
    from sweep_service.errors import StoreUnusable

    try:
        return local_file_system(database, local_file_systems)
    except StoreUnusable as error:
        raise UsageError(str(error)) from None
