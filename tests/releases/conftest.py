"""Every release, and the backend of today over what it left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from releases import RELEASES, Release


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Release:
    found: Release = request.param
    return found


@pytest.fixture(params=["sqlite", "dynamodb"])
def old_backend(
    request: pytest.FixtureRequest, release: Release, tmp_path: Path, backend: Any
) -> Iterator[Any]:
    """The backend over a store of the release, a second after the release's last request."""
    folder = tmp_path / "release"
    folder.mkdir()
    backend.clock.now = release.story["now"] + 1.0
    with getattr(release, request.param)(folder) as store:
        yield replace(backend, services=replace(backend.services, store=store))


@pytest.fixture
def wait_until() -> Callable[[Callable[[], bool]], None]:
    """Waits until something that other processes do has happened."""

    def wait(condition: Callable[[], bool]) -> None:
        for _ in range(600):
            if condition():
                return
            time.sleep(0.1)
        raise AssertionError("it has not happened within a minute")

    return wait
