"""The dashboard over the deployed API: what it shows, can do, and keeps to itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import requests
from deployment import TOKEN, Deployed

from sweep_sdk._backend.client import Client, new_key
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, HandOut

CONFIG = {
    "method": "random",
    "seed": 3,
    "metric": {"name": "loss"},
    "parameters": {"lr": {"min": 0.0, "max": 1.0}, "width": {"values": [16, 32]}},
}
N_RUNS = 6


def play(client: Client) -> str:
    """A sweep of which six runs have ended and one is being worked on."""
    sweep: str = client.create_sweep(CONFIG, name="seen")["id"]
    for number in range(N_RUNS + 1):
        run = client.ask(sweep, new_key(), "an agent")
        assert isinstance(run, HandOut)
        rows = [
            {"step": s, "at": None, "metrics": {"loss": run.config["lr"] + 1 / (s + 1)}}
            for s in (0, 1)
        ]
        client.report(run.id, run.attempt, 0, rows, key=run.key)
        if number < N_RUNS:
            client.finish(run.id, Ending(run.attempt, RunState.FINISHED, exit_code=0, key=run.key))
    return sweep


def test_the_dashboard_shows_a_sweep_of_the_stack_and_acts_on_it(
    deployed: Deployed, client: Client, tmp_path: Path
) -> None:
    sweep = play(client)
    words = [sys.executable, "-m", "sweep_sdk", "ui", "--no-browser", "--json", "--port", "0"]
    environment = deployed.environ(tmp_path / "home")
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        place = urlsplit(url)
        base = f"{place.scheme}://{place.netloc}"
        browser = requests.Session()
        browser.trust_env = False
        sent = [browser.get(url)]

        def data(path: str) -> dict[str, object]:
            sent.append(browser.get(f"{base}/data/{path}"))
            assert sent[-1].status_code == 200, sent[-1].text
            return dict(sent[-1].json())

        assert sweep in [item["id"] for item in data("sweeps")["items"]]
        table = data(f"sweeps/{sweep}/table")
        assert table["fields"]["state"] == ["finished"] * N_RUNS + ["running"]
        curves = data(f"sweeps/{sweep}/curves?metric=loss&index=0,6&points=10")["runs"]
        assert [len(curve["value"]) for curve in curves] == [2, 2]
        model = data(f"sweeps/{sweep}/model")
        assert {entry["name"] for entry in model["importance"]} == {"lr", "width"}
        assert len(data(f"sweeps/{sweep}/bands")["bands"]) > 0
        assert data(f"sweeps/{sweep}/runs/6")["state"] == "running"
        action = {"action": "pause", "sweep": sweep}
        sent.append(browser.post(f"{base}/do", json=action, headers={"Origin": base}))
        assert sent[-1].status_code == 200, sent[-1].text
        assert client.get_sweep(sweep)["state"] == "paused"
        browser.close()
        assert all(TOKEN not in answer.text + str(answer.headers) for answer in sent)
        process.terminate()
