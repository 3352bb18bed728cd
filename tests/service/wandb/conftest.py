"""A stock wandb client of an admin, with a backend that has a fake clock."""

from __future__ import annotations

from typing import Any

import pytest
from wandb_client import GRID, WandbClient


@pytest.fixture
def wandb(backend: Any) -> WandbClient:
    return WandbClient(backend)


@pytest.fixture
def grid(wandb: WandbClient) -> str:
    return wandb.create_sweep(GRID, projectName="p")
