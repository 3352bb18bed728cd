"""One deployment shared by all tests of this folder, which only run with ``make e2e``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from deployment import Deployed, deploy

from sweep_sdk._backend.client import Client, open_client
from sweep_sdk._settings import load_settings

collect_ignore_glob = [] if "SWEEP_TEST_SAM" in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def deployed() -> Deployed:
    """The stack, deployed once."""
    return Deployed(deploy())


@pytest.fixture
def make_client(deployed: Deployed, tmp_path: Path) -> Iterator[Callable[..., Client]]:
    """Opens clients of the deployed backend."""
    opened: list[Client] = []

    def make(**changes: str) -> Client:
        client = open_client(load_settings(deployed.environ(tmp_path / "home", **changes)))
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., Client]) -> Client:
    """A client with the right token."""
    return make_client()
