"""``sweep-sdk add`` and ``sweep_sdk.add``; ``sweep-sdk label``."""

from __future__ import annotations

import json

import pytest

import sweep_sdk
from sweep_sdk._backend.client import new_key, open_client
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

GRID = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {
        "lr": {"values": [0.1, 0.01]},
        "model": {"parameters": {"name": {"values": ["mlp", "cnn"]}}},
    },
}


@pytest.fixture
def sweep(cli):
    return sweep_sdk.sweep(GRID)


def take(sweep, value=None):
    """Ask for a run, and finish it with a value if there is one; its configuration."""
    with open_client() as client:
        run = client.ask(sweep, new_key(), "agent")
        if value is not None:
            ending = Ending(run.attempt, RunState.FINISHED, summary={"loss": value}, key=run.key)
            client.finish(run.id, ending)
    return run.config


def test_a_point_on_the_command_line_is_handed_out_next(cli, sweep):
    found = cli("add", sweep, "lr=0.01", "model.name=cnn")
    assert found.code == 0, found.err
    assert found.out.splitlines() == [
        f"  {sweep}-0  lr=0.01 model.name=cnn",
        f"sweep {sweep} hands out 1 point next",
    ]
    again = cli("add", sweep, "lr=0.01", "model.name=cnn")
    assert again.out.splitlines() == ["nothing was added"]
    assert "handed out before or waits already: lr=0.01 model.name=cnn" in again.err
    assert take(sweep) == {"lr": 0.01, "model": {"name": "cnn"}}


def test_front_and_json(cli, sweep):
    cli("add", sweep, "lr=0.01", "model.name=cnn")
    found = cli("add", sweep, "lr=0.1", "model.name=cnn", "--front", "--json")
    answer = json.loads(found.out)
    assert (answer["n_added"], answer["points"][0]["id"]) == (1, f"{sweep}-0")
    assert take(sweep)["lr"] == 0.1


def test_rows_of_a_file(cli, sweep, tmp_path):
    path = tmp_path / "points.csv"
    path.write_text("lr,model.name,note\n0.01,cnn,good\n0.1,cnn,\n")
    found = cli("add", sweep, "--csv", str(path))
    assert found.code == 0, found.err
    assert found.out.splitlines()[-1] == f"sweep {sweep} hands out 2 points next"
    assert f"no parameters of sweep {sweep}: note" in found.err
    assert [take(sweep)["lr"] for _ in range(2)] == [0.01, 0.1]


def test_the_best_runs_of_another_sweep(cli, sweep):
    for value in (3.0, 1.0, 2.0, 4.0):
        take(sweep, value)
    other = sweep_sdk.sweep(GRID)
    found = cli("add", other, "--from", sweep, "--top", "2")
    assert found.code == 0, found.err
    with open_client() as client:
        runs = list(client.list_runs(sweep))
    assert [take(other) for _ in range(2)] == [runs[1]["config"], runs[2]["config"]]


def test_a_source_without_results_is_an_error(cli, sweep):
    other = sweep_sdk.sweep(GRID)
    found = cli("add", sweep, "--from", other)
    assert found.code == 2
    assert "no run of sweep" in found.err
    plain = sweep_sdk.sweep({"method": "grid", "parameters": {"a": {"values": [1]}}})
    assert "has no metric" in cli("add", sweep, "--from", plain).err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lr=9", "model.name=cnn"], "configs[0].lr: found 9"),
        (["lrr=0.1"], "did you mean 'lr'"),
        (["lr"], "NAME=VALUE"),
        ([], "give one of"),
        (["lr=0.1", "--csv", "x"], "give one of"),
        (["lr=0.1", "--top", "3"], "--from"),
    ],
)
def test_bad_input_is_an_error_in_words(cli, sweep, words, said):
    found = cli("add", sweep, *words)
    assert found.code == 2
    assert said in found.err
    assert "Traceback" not in found.err


def test_points_of_a_paused_sweep_wait(cli, sweep):
    cli("sweep", "--pause", sweep)
    found = cli("add", sweep, "lr=0.01", "model.name=cnn")
    assert f"sweep {sweep} is paused" in found.err


def test_points_from_python(sweep, capfd):
    (point,) = sweep_sdk.add(sweep, {"lr": 0.01})
    assert point == {"id": f"{sweep}-0", "config": {"lr": 0.01, "model": {"name": "mlp"}}}
    assert "gives no model.name" in capfd.readouterr().err
    points = [{"lr": 0.1, "model": {"name": "cnn"}}, {"lr": 0.01, "model": {"name": "mlp"}}]
    found = sweep_sdk.add(sweep, points, front=True)
    assert [point["id"] for point in found] == [f"{sweep}-0", None]
    with pytest.raises(sweep_sdk.InvalidConfig, match=r"configs\[0\].lr"):
        sweep_sdk.add(sweep, {"lr": 7})


def test_labels_of_sweeps_and_runs(cli, sweep):
    found = cli("label", sweep, "--name", "wide nets", "--tag", "paper", "--tag", "b")
    assert found.out.splitlines() == [f"sweep {sweep} has name wide nets; tags paper, b"]
    found = cli("label", sweep, "--untag", "b", "--notes", "good")
    assert found.out.splitlines() == [f"sweep {sweep} has name wide nets; tags paper; notes"]
    take(sweep)
    found = cli("label", f"{sweep}-0", "--tag", "odd", "--json")
    assert json.loads(found.out)["tags"] == ["odd"]
    found = cli("label", f"{sweep}-0", "--untag", "odd")
    assert found.out.splitlines() == [f"run {sweep}-0 has no labels"]
    assert cli("label", sweep).code == 2
