"""The environment has the required versions of the libraries."""

from __future__ import annotations

import subprocess

from environments import pins


def test_the_environment_has_every_pinned_version(library_python):
    frozen = subprocess.run(
        [library_python, "-m", "pip", "list", "--format=freeze"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    found = {name.partition("+")[0] for name in frozen}
    assert {*pins("integrations"), pins("wandb")[0]} <= found
