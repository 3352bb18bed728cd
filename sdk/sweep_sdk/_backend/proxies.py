"""Determines whether requests to a URL go through a proxy."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from sweep_sdk._addresses import is_loopback_host
from sweep_sdk._settings import environment


def proxy_of(url: str) -> str | None:
    """The environment variable that sends requests to ``url`` through a proxy, if any.

    Requests to this machine never use a proxy.

    Returns:
        The variable and its value without credentials, such as ``http_proxy=http://proxy:3128``;
        None without a proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback_host(host) or proxy_bypass(host):
        return None
    proxies = getproxies()
    for scheme in (parts.scheme, "all"):
        if proxies.get(scheme):
            return f"{_variable_of(scheme)}={_without_credentials(proxies[scheme])}"
    return None


def is_loopback_url(url: str) -> bool:
    """Whether a URL refers to this machine."""
    return is_loopback_host(urlsplit(url).hostname or "")


def _variable_of(scheme: str) -> str:
    known = environment()
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    return next((name for name in names if known.get(name)), names[0])


def _without_credentials(proxy: str) -> str:
    start, separator, rest = proxy.partition("://")
    return f"{start}{separator}{rest.rpartition('@')[2]}" if separator else rest or start
