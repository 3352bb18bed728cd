"""A stock client of an admin over a backend with a fake clock."""

from __future__ import annotations

from typing import Any

import pytest
from wandb_client import WandbClient

GRID = {
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"n": {"values": [1, 2, 3]}},
}


@pytest.fixture
def wandb(backend: Any) -> WandbClient:
    return WandbClient(backend)


@pytest.fixture
def grid(wandb: WandbClient) -> str:
    return wandb.create_sweep(GRID, projectName="p")
