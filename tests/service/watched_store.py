"""A store whose calls are observed, to count them or to act between two of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any


class WatchedStore:
    """Reports the name of each method before it is called, and the kind of what is written."""

    def __init__(self, store: Any, report: Callable[[str], None]) -> None:
        self._store = store
        self._report = report

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*values: Any) -> Any:
            written = f" {type(values[-1]).__name__}" if name in ("save", "append") else ""
            self._report(name + written)
            return method(*values)

        return call


def watch(backend: Any, report: Callable[[str], None]) -> None:
    """Have the backend report the calls of its store from now on."""
    store = WatchedStore(backend.services.store, report)
    backend.services = replace(backend.services, store=store)
