"""The network: the session by which HTTP requests are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


def new_session() -> requests.Session:
    """A session with connections of its own."""
    import requests  # here, because nothing but a first request needs it

    return requests.Session()
