"""Explains in one line why a request was not answered."""

from __future__ import annotations

from sweep_sdk._backend.bodies import TooLong
from sweep_sdk._exceptions import BackendUnavailable, UsageError, WrongBackend
from sweep_sdk._world import network


def trouble_of(
    url: str, error: Exception, proxy: str | None, url_setting: str, connect_seconds: float
) -> BackendUnavailable | UsageError:
    """Convert an exception of a request to an error with a message for the user.

    Args:
        url: The URL of the request.
        error: The exception: of requests, urllib3 or the system, or ``TooLong``.
        proxy: Setting of the proxy, if one was used.
        url_setting: Setting that the URL comes from.
        connect_seconds: Timeout of the connection.
    """
    import requests
    import urllib3

    if isinstance(error, TooLong):
        return BackendUnavailable(
            f"{url} answers with {error}, which no sweep backend does; check {url_setting}",
            is_temporary=False,
        )
    if isinstance(error, ImportError):
        return UsageError(
            f"no secure connection to {url}: this Python was built without the module ssl"
            f" ({error}); use another Python"
        )
    if not isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)):
        return UsageError(f"cannot use the CA bundle: {error}")  # requests checks that it is there
    cause = _root_cause(error)
    through = f" through the proxy of {proxy}" if proxy else ""
    wrong_url = (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        urllib3.exceptions.LocationParseError,
    )
    words = _words_of(cause)
    if isinstance(error, requests.exceptions.InvalidProxyURL):
        return UsageError(f"no way to {url}{through}: {words}; check that setting")
    if isinstance(error, wrong_url):
        return UsageError(f"'{url}' cannot be used as URL: {words}; check {url_setting}")
    if isinstance(error, requests.exceptions.ProxyError):
        return BackendUnavailable(
            f"no way to {url}{through}: {words}; check that setting, or name the host in NO_PROXY"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return BackendUnavailable(
            f"no secure connection to {url}{through}: {words}; for a private CA set"
            " REQUESTS_CA_BUNDLE",
            is_temporary=False,
        )
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return BackendUnavailable(
            f"no connection to {url}{through} within {connect_seconds:.0f} s; check {url_setting}"
        )
    if isinstance(error, requests.exceptions.Timeout):
        return BackendUnavailable(f"no answer from {url}{through} in time")
    if network.is_foreign_listener(cause):
        return WrongBackend(f"no connection to {url}: {words}; check {url_setting}")
    return BackendUnavailable(
        f"no connection to {url}{through}: {words}; check {url_setting}",
        is_temporary=not network.is_unknown_host(cause),
    )


def _root_cause(error: BaseException) -> BaseException:
    """The innermost exception, which requests and urllib3 have wrapped."""
    seen: list[BaseException] = []
    inner: object = error
    while isinstance(inner, BaseException) and inner not in seen:
        seen.append(inner)
        nested = [item for item in inner.args if isinstance(item, BaseException)]
        inner = getattr(inner, "reason", None) or inner.__cause__ or (nested[0] if nested else None)
    return seen[-1]


def _words_of(cause: BaseException) -> str:
    """The message of a root cause without addresses."""
    text = getattr(cause, "verify_message", None) or getattr(cause, "strerror", None) or str(cause)
    return " ".join(str(text).split()) or type(cause).__name__
