"""The deployed HTTP API, authorizer and table, as used by agents and users."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
import requests
from deployment import TOKEN, Deployed, deploy

from sweep_sdk._backend.client import Client, new_key
from sweep_sdk._exceptions import SweepEnded
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, HandOut

# The objective of the training program, known here too: what is best is worked out, not read back.
LRS, WIDTHS, DROPOUTS = [0.01, 0.03, 0.1, 0.3], [16, 32, 64], [0.0, 0.5]
PROGRAM = textwrap.dedent(
    """
    import argparse
    import sweep_sdk

    parser = argparse.ArgumentParser()
    for name in ("lr", "width", "dropout"):
        parser.add_argument(f"--{name}", type=float)
    args = parser.parse_args()
    run = sweep_sdk.init()
    for epoch in range(3):
        loss = abs(args.lr - 0.1) * 3 + abs(args.width - 32) / 100 + args.dropout + 1 / (epoch + 1)
        run.log({"loss": loss, "epoch": epoch})
    """
)


def objective(config: dict[str, float]) -> float:
    lr, width, dropout = config["lr"], config["width"], config["dropout"]
    return abs(lr - 0.1) * 3 + abs(width - 32) / 100 + dropout + 1 / 3


def grid_config() -> dict[str, object]:
    return {
        "program": "train.py",
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {
            "lr": {"values": LRS},
            "width": {"values": WIDTHS},
            "dropout": {"values": DROPOUTS},
        },
    }


def agents(deployed: Deployed, folder: Path, *sweeps: str) -> list[subprocess.Popen[str]]:
    """Real agents, each as on a machine of its own."""
    (folder / "train.py").write_text(PROGRAM)
    return [
        subprocess.Popen(
            [sys.executable, "-m", "sweep_sdk.cli", "agent", sweep],
            env=deployed.environ(folder / f"home-{number}"),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for number, sweep in enumerate(sweeps)
    ]


def await_end(processes: list[subprocess.Popen[str]]) -> None:
    for process in processes:
        output, _ = process.communicate(timeout=240)
        assert process.returncode == 0, output


def test_a_grid_is_worked_off_by_four_agents(
    deployed: Deployed, client: Client, tmp_path: Path
) -> None:
    sweep = client.create_sweep(config=grid_config())["id"]
    await_end(agents(deployed, tmp_path, *[sweep] * 4))
    runs = list(client.list_runs(sweep))
    points = {
        (run["config"]["lr"], run["config"]["width"], run["config"]["dropout"]) for run in runs
    }
    assert points == {(lr, width, drop) for lr in LRS for width in WIDTHS for drop in DROPOUTS}
    assert len(runs) == 24
    assert Counter((run["state"], run["attempt"]) for run in runs) == {("finished", 1): 24}
    for run in runs:
        assert run["best"] == pytest.approx(objective(run["config"]))
    best = client.best_run(sweep)
    assert best is not None
    assert best["config"] == {"lr": 0.1, "width": 32, "dropout": 0.0}
    assert client.get_sweep(sweep)["state"] == "finished"
    history = list(client.history(best["id"]))
    assert [row["metrics"]["epoch"] for row in history] == [0, 1, 2]


def test_two_sweeps_at_once_do_not_mix(deployed: Deployed, client: Client, tmp_path: Path) -> None:
    configs = [
        {**grid_config(), "parameters": {"lr": {"values": [lr, lr / 3]}, "width": {"value": 32}}}
        for lr in (0.1, 0.9)
    ]
    for config in configs:
        config["parameters"]["dropout"] = {"value": 0.0}
    sweeps = [client.create_sweep(config=config)["id"] for config in configs]
    await_end(agents(deployed, tmp_path, *sweeps))
    for sweep, lr in zip(sweeps, (0.1, 0.9), strict=True):
        runs = list(client.list_runs(sweep))
        assert sorted(run["config"]["lr"] for run in runs) == [lr / 3, lr]
        assert {run["id"].split("-")[0] for run in runs} == {sweep}
        assert {run["state"] for run in runs} == {"finished"}


def test_without_the_token_nothing_but_health_is_reported(deployed: Deployed) -> None:
    health = requests.get(f"{deployed.url}/v1/health", timeout=30)
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    for method, path in [("GET", "/v1/sweeps"), ("POST", "/v1/sweeps"), ("DELETE", "/v1/sweeps/x")]:
        url = f"{deployed.url}{path}"
        assert requests.request(method, url, timeout=30).status_code == 401
        wrong = {"Authorization": "Bearer wrong"}
        assert requests.request(method, url, headers=wrong, timeout=30).status_code == 403
    right = {"Authorization": f"Bearer {TOKEN}"}
    assert requests.get(f"{deployed.url}/v1/sweeps", headers=right, timeout=30).status_code == 200


def test_login_keeps_the_url_and_the_token(deployed: Deployed, tmp_path: Path) -> None:
    environ = deployed.environ(tmp_path)
    url = environ.pop("SWEEP_URL")
    del environ["SWEEP_TOKEN"]

    def cli(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sweep_sdk.cli", *arguments]
        return subprocess.run(
            command, input=stdin, env=environ, capture_output=True, text=True, check=False
        )

    refused = cli("login", "--url", url, "--stdin", stdin="wrong")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("error: ")
    accepted = cli("login", "--url", url, "--stdin", stdin=TOKEN)
    assert accepted.returncode == 0, accepted.stderr
    listed = cli("sweeps", "--json")
    assert listed.returncode == 0, listed.stderr
    assert isinstance(json.loads(listed.stdout), list | dict)


def test_errors_are_reported_as_on_one_machine(deployed: Deployed) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = requests.get(f"{deployed.url}/v1/sweeps/nosuch00", headers=headers, timeout=30)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not-found"
    bad = {"config": {"method": "grid", "parameters": {"x": {"min": 1.0, "max": 0.0}}}}
    answer = requests.post(f"{deployed.url}/v1/sweeps", json=bad, headers=headers, timeout=30)
    assert answer.status_code == 422
    assert [problem["path"] for problem in answer.json()["errors"]]


def test_a_redeploy_keeps_what_is_stored(deployed: Deployed, client: Client) -> None:
    sweep = client.create_sweep(config=grid_config(), name="kept")["id"]
    run = client.ask(sweep, new_key(), "agent", "0", "host")
    assert isinstance(run, HandOut)
    again = deploy(HistoryDays="30", RequestsPerSecond="700")
    assert again == deployed.outputs
    assert client.get_sweep(sweep)["name"] == "kept"
    command = client.report(run.id, run.attempt, 0, [{"step": 0, "metrics": {"loss": 0.5}}])
    assert command.reason is None
    following = client.ask(sweep, new_key(), "agent", "0", "host")
    assert isinstance(following, HandOut)
    assert (run.index, following.index) == (0, 1)


def test_five_hundred_asks_of_sixteen_clients_give_five_hundred_indices(
    make_client: Callable[..., Client],
) -> None:
    config = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}, "run_cap": 500}
    sweep = make_client().create_sweep(config=config)["id"]
    # One joins after the other, as agents do: 32 functions that start at once are more than the
    # emulated Lambda starts in the time that a request has.
    turns = [Event() for _ in range(17)]
    turns[0].set()

    def work(number: int) -> list[int]:
        indices = []
        turns[number].wait()
        client = make_client()
        try:
            while True:
                run = client.ask(sweep, new_key(), "agent", "0", "host")
                if isinstance(run, HandOut):  # else the last runs are still out: ask again
                    client.finish(run.id, Ending(run.attempt, RunState.FINISHED))
                    indices.append(run.index)
                    turns[number + 1].set()
        except SweepEnded:
            return indices
        finally:
            turns[number + 1].set()

    with ThreadPoolExecutor(16) as pool:
        indices = [index for found in pool.map(work, range(16)) for index in found]
    assert sorted(indices) == list(range(500))


def test_bayes_finds_numpy_in_its_layer(client: Client) -> None:
    config = {
        "method": "bayes",
        "metric": {"name": "loss"},
        "parameters": {"x": {"min": 0.0, "max": 1.0}, "y": {"values": ["a", "b", "c"]}},
        "run_cap": 8,
    }
    sweep = client.create_sweep(config=config)["id"]
    for _ in range(8):
        run = client.ask(sweep, new_key(), "agent", "0", "host")
        assert isinstance(run, HandOut)
        loss = (run.config["x"] - 0.3) ** 2 + "abc".index(run.config["y"])
        client.finish(run.id, Ending(run.attempt, RunState.FINISHED, summary={"loss": loss}))
    assert client.get_sweep(sweep)["state"] == "finished"
    suggestions = [run["suggestion"] for run in client.list_runs(sweep)]
    assert all(suggestions)


def test_a_deleted_sweep_leaves_nothing(client: Client) -> None:
    sweep = client.create_sweep(config=grid_config(), project="deleted")["id"]
    run = client.ask(sweep, new_key(), "agent", "0", "host")
    assert isinstance(run, HandOut)
    client.report(run.id, run.attempt, 0, [{"step": 0, "metrics": {"loss": 0.5}}])
    client.delete_sweep(sweep)
    assert list(client.list_sweeps(project="deleted")) == []
