"""A store whose calls are watched: to count them, or to let the world move between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any


class WatchedStore:
    """Tells the name of each method before it is called, and the kind of what is written."""

    def __init__(self, store: Any, tell: Callable[[str], None]) -> None:
        self._store = store
        self._tell = tell

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*values: Any) -> Any:
            written = f" {type(values[-1]).__name__}" if name in ("save", "append") else ""
            self._tell(name + written)
            return method(*values)

        return call


def watch(backend: Any, tell: Callable[[str], None]) -> None:
    """Have the backend tell of the calls of its store from now on."""
    store = WatchedStore(backend.services.store, tell)
    backend.services = replace(backend.services, store=store)
