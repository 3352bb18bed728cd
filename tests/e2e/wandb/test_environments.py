"""The environments have the clients that their names promise."""

from __future__ import annotations

import subprocess


def test_an_environment_has_its_client_and_this_project(wandb_client, workplace):
    program = "import sweep_sdk, wandb; print(wandb.__version__)"
    done = subprocess.run(
        [wandb_client.python, "-c", program], capture_output=True, text=True, check=True
    )
    assert wandb_client.version in (done.stdout.strip(), "next")


def test_an_environment_has_the_commands_of_both(wandb_client, workplace):
    for name in ("wandb", "sweep-sdk"):
        subprocess.run([wandb_client.command(name), "--help"], capture_output=True, check=True)
