"""The network: the session that sends HTTP requests."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


#: Errors for a host that does not exist or has no address.
_UNKNOWN_HOST = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


def is_unknown_host(error: BaseException) -> bool:
    """Whether an error means that the host name does not exist."""
    return isinstance(error, socket.gaierror) and error.errno in _UNKNOWN_HOST


def is_foreign_listener(error: BaseException) -> bool:
    """Whether an error means that another user listens where this user's server was expected."""
    from sweep_sdk._world.listeners import ForeignListenerError

    return isinstance(error, ForeignListenerError)


def new_session() -> requests.Session:
    """A session with its own connections."""
    import requests  # imported here, because only requests need it

    from sweep_sdk._world.connections import CuttableAdapter

    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, CuttableAdapter())
    return session


def backend_session(url: str, ca_bundle: str | None, *, uses_proxy: bool) -> requests.Session:
    """A session for requests to one server.

    It reads the environment once: to do so for each request takes a fifth of its CPU time.

    Args:
        url: The server.
        ca_bundle: Certificates to trust if the environment names none.
        uses_proxy: Whether requests use the proxy that the environment names.
    """
    session = new_session()
    session.verify = ca_bundle or True
    proxies: dict[str, str] = {} if uses_proxy else {"no_proxy": "*"}
    found = session.merge_environment_settings(url, proxies, None, None, None)
    session.verify = found["verify"]
    session.proxies = found["proxies"] if uses_proxy else {}
    session.trust_env = False
    return session


def cut(session: requests.Session) -> None:
    """Close the connections of a session; threads that wait for an answer get an error."""
    for adapter in session.adapters.values():
        close_all = getattr(adapter, "cut", None)
        if close_all is not None:
            close_all()
