"""The dashboard's server: for the browsers of one user, on this machine alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sweep_sdk._server.server import WebServer
from sweep_sdk._ui.application import ui_application
from sweep_sdk._ui.backend_reader import BackendReader
from sweep_sdk._ui.door import Door
from sweep_sdk._ui.keeper import Keeper

if TYPE_CHECKING:
    from collections.abc import Collection
    from concurrent.futures import ThreadPoolExecutor
    from pathlib import Path

    from starlette.types import ASGIApp

    from sweep_sdk._backend.client import Client
    from sweep_sdk._server.limits import Limits

#: Seconds between two looks at the backend: one in this process, and one that costs something.
LOCAL_INTERVAL_SECONDS = 2.0
REMOTE_INTERVAL_SECONDS = 5.0
_BODY_BYTES = 1_000_000
#: For a backend that does not answer: pages show what is kept, and say so.
_PATIENCE_SECONDS = 8.0


class Pages:
    """The dashboard as a part of another server."""

    def __init__(
        self,
        client: Client,
        *,
        runs_dir: Path | None = None,
        allowed_hosts: Collection[str] = (),
        is_read_only: bool = False,
        interval_seconds: float | None = None,
    ) -> None:
        """Set up; the arguments are those of ``UiServer``."""
        is_local = client.transport.is_local
        if interval_seconds is None:
            interval_seconds = LOCAL_INTERVAL_SECONDS if is_local else REMOTE_INTERVAL_SECONDS
        self._client = client
        self._keeper = Keeper(BackendReader(client, runs_dir), interval_seconds)
        self._hosts = allowed_hosts
        self._is_read_only = is_read_only
        self._door = Door()

    def application(self, pool: ThreadPoolExecutor, limits: Limits) -> ASGIApp:
        """What answers browsers."""
        return ui_application(
            self._keeper,
            self._client,
            self._door,
            pool,
            replace(limits, body_bytes=_BODY_BYTES),
            self._hosts,
            is_read_only=self._is_read_only,
        )

    def open_url(self, url: str, sweep: str | None = None) -> str:
        """The address that lets a browser in, of one sweep or of all.

        Args:
            url: Of the server.
            sweep: An id.
        """
        more = {} if sweep is None else {"sweep": sweep}
        return f"{url}/open?{urlencode({'key': self._door.secret, **more})}"


class UiServer(WebServer):
    """Serves the dashboard of one backend."""

    def __init__(
        self,
        client: Client,
        *,
        runs_dir: Path | None = None,
        port: int = 0,
        allowed_hosts: Collection[str] = (),
        is_read_only: bool = False,
        interval_seconds: float | None = None,
    ) -> None:
        """Bind the address.

        Args:
            client: Of the backend.
            runs_dir: Where agents of this machine keep the output of runs.
            port: 0 takes any free port.
            allowed_hosts: Names under which browsers reach it, besides those of this machine.
            is_read_only: Whether nobody can change anything.
            interval_seconds: Between two looks at the backend.

        Raises:
            UsageError: The address cannot be bound.
        """
        if not client.transport.is_local:
            client.transport.hurry(_PATIENCE_SECONDS)
        self._pages = Pages(
            client,
            runs_dir=runs_dir,
            allowed_hosts=allowed_hosts,
            is_read_only=is_read_only,
            interval_seconds=interval_seconds,
        )
        super().__init__(self._pages.application, port=port)

    def open_url(self, sweep: str | None = None) -> str:
        """The address that lets a browser in, of one sweep or of all."""
        return self._pages.open_url(self.url, sweep)
