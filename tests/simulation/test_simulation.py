"""The simulated world itself: the same seed gives the same world, and in some worlds all holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.scenario import play

TESTS = Path(__file__).parents[1]


def played(seed: int, hash_seed: str) -> str:
    """The last line of a replay, in an interpreter of its own."""
    code = (
        "import sys, tempfile; from pathlib import Path\n"
        "from simulation.__main__ import digest; from simulation.scenario import play\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        f"    print(digest(play({seed}, Path(folder))))"
    )
    environment = dict(os.environ, PYTHONPATH=str(TESTS), PYTHONHASHSEED=hash_seed)
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("seed", [3, 8])
def test_the_same_seed_gives_the_same_trace(tmp_path, seed):
    assert played(seed, "1") == played(seed, "2")


@pytest.mark.parametrize("seed", range(20))
def test_all_promises_hold(tmp_path, seed):
    assert play(seed, tmp_path).broken is None
