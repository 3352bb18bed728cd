"""The address of a backend: how it is written, and whether a credential may be sent there."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from sweep_sdk._exceptions import UsageError


def normalise_url(text: str) -> str | None:
    """The backend's address as requests need it; None for local mode.

    Raises:
        UsageError: It is no http or https URL.
    """
    text = text.strip()
    if text in ("", "local"):
        return None
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url or parts.query or parts.fragment:
        raise UsageError(
            f"'{text}' is not the URL of a backend: it looks like https://host or"
            " http://127.0.0.1:8787"
        )
    return text.rstrip("/").removesuffix("/v1").rstrip("/")


def check_encryption(url: str | None, setting: str, is_insecure: bool) -> None:
    """Refuse to send credentials over a network without encryption.

    Args:
        url: The backend's address; None for local mode.
        setting: Where the address comes from.
        is_insecure: Whether the user allows it.

    Raises:
        UsageError: It is an ``http`` URL of another machine.
    """
    parts = urlsplit(url or "")
    if is_insecure or parts.scheme != "http" or is_loopback_host(parts.hostname or ""):
        return
    raise UsageError(
        f"{setting} is '{url}', without encryption: anybody on the way could read the token and"
        " change what agents run. Use an https URL or an SSH tunnel, or set SWEEP_INSECURE=1 in a"
        " network that you trust"
    )


def is_loopback_host(host: str) -> bool:
    """Whether a host in a URL is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False
