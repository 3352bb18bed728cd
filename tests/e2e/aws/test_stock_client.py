"""The commands of wandb itself, with the deployed API as their server."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from deployment import TOKEN, Deployed

from sweep_sdk._backend.client import Client
from sweep_service.access.tokens import sha256_of, token_text

sys.path.append(str(Path(__file__).parents[1] / "wandb"))
from stock_shell import TRAIN, Shell

AGENT = token_text(b"a" * 32)
ADMIN = token_text(b"b" * 32)


@pytest.fixture
def shell(deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """An admin's, without an account at W&B; wandb refuses a key as short as the first token."""
    for scope, token in (("agent", AGENT), ("admin", ADMIN)):
        body = {
            "sha256": sha256_of(token),
            "name": f"stock-{scope}",
            "scope": scope,
            "expires_at": int(time.time()) // 1000 * 1000 + 10_000,
        }
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.post(f"{deployed.url}/v1/tokens", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    made = Shell(tmp_path, Path(os.environ["SWEEP_TEST_WANDB"]), deployed.url, ADMIN)
    made.program(TRAIN)
    yield made
    made.close()


def test_a_sweep_from_its_file_to_its_results(shell: Shell, client: Client) -> None:
    sweep = shell.register("--project", "mnist", parameters={"n": {"values": [1, 2, 3]}})
    shell.token = AGENT
    refused = shell.wandb("sweep", "--cancel", f"sweeps/mnist/{sweep}", code=None)
    assert "needs the scope 'admin'" in refused
    agents = [shell.agent(f"sweeps/mnist/{sweep}") for _ in range(2)]
    for agent in agents:
        shell.end(agent)
    assert [
        (run["config"]["n"], run["state"], run["attempt"]) for run in client.list_runs(sweep)
    ] == [(n, "finished", 1) for n in (1, 2, 3)]
    said = shell.execute(
        f"""
import wandb
sweep = wandb.Api().sweep("sweeps/mnist/{sweep}")
best = sweep.best_run()
print("FOUND", sweep.state, len(sweep.runs), best.id, len(best.history(pandas=False)))
"""
    )
    assert f"FOUND FINISHED 3 {sweep}-1 5" in said
