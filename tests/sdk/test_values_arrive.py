"""Every value of a config and of a metric arrives unchanged, in both directions."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from sweep_sdk._agent.process.launcher import Launcher, prepare_files
from sweep_sdk._program.attributes import as_attribute
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

VALUES = [
    math.inf,
    -math.inf,
    math.nan,
    "Infinity",
    "NaN",
    [1, math.inf, "-Infinity"],
    {"low": -math.inf, "deep": [{"x": math.nan}]},
    None,
    True,
    10**30,
]
NON_FINITE = [math.nan, math.inf, -math.inf]


def grid_of(*values):
    parameters = {"clip": {"values": list(values)}}
    return {"method": "grid", "metric": {"name": "loss"}, "parameters": parameters}


def take(client, sweep, number=0):
    return client.ask(sweep, f"key-of-ask-{number}", "a1")


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_choice_given_in_python(client, value):
    created = client.create_sweep(grid_of(value))
    assert created["warnings"] == []
    handout = take(client, created["id"])
    client.report(handout.id, 1, 0, [{"step": 0, "at": 1.0, "metrics": {"loss": 1.0}}])
    found = [
        handout.config,
        *(run["config"] for run in client.list_runs(created["id"])),
        client.get_run(handout.id)["config"],
        client.best_run(created["id"])["config"],
        client.get_sweep(created["id"])["best"]["config"],
        client.create_sweep(grid_of(value), dry_run=True)["samples"][0],
        client.stop_run(handout.id)["config"],
    ]
    assert [repr(config) for config in found] == [repr({"clip": value})] * len(found)
    (listed,) = client.get_sweep(created["id"])["config"]["parameters"]["clip"]["values"]
    assert repr(listed) == repr(value)


@pytest.mark.parametrize("array", [np.array([1.0, math.inf]), [np.float64(1.0), np.float64("inf")]])
def test_choices_of_other_libraries(client, array):
    sweep = client.create_sweep(grid_of(*array) if isinstance(array, list) else {
        **grid_of(0), "parameters": {"clip": {"values": array}}
    })["id"]  # fmt: skip
    assert [take(client, sweep, n).config["clip"] for n in range(2)] == [1.0, math.inf]


def test_a_config_is_updated_to_infinity(client):
    sweep = client.create_sweep(grid_of(1.0))["id"]
    client.change_sweep(sweep, config=grid_of(1.0, math.inf))
    assert [take(client, sweep, n).config["clip"] for n in range(2)] == [1.0, math.inf]


def test_choices_of_a_file_reach_the_program_as_numbers(client, tmp_path):
    text = (
        "method: grid\nprogram: train.py\nparameters:\n"
        "  clip: {values: [.inf, -.inf, .nan, 'Infinity']}\n"
    )
    created = client.create_sweep(yaml=text)
    assert created["warnings"] == []
    launcher = Launcher(created["config"], {})
    files, words = [], []
    for number in range(4):
        handout = take(client, created["id"], number)
        paths = prepare_files(tmp_path, handout)
        words.append(launcher.command_line(handout.config, Path("x"))[-1])
        files.append([json.loads(path.read_text()) for path in (paths.config, paths.arguments)])
    wanted = [math.inf, -math.inf, math.nan, "Infinity"]
    assert repr(files) == repr([[{"clip": value}] * 2 for value in wanted])
    assert words == ["--clip=inf", "--clip=-inf", "--clip=nan", "--clip=Infinity"]


@pytest.mark.parametrize("value", NON_FINITE)
def test_metrics_come_out_as_numbers(client, sweep, value):
    text = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    handout = take(client, sweep)
    row = {"loss": text, "steps": 3, "ok": True}
    client.report(handout.id, 1, 0, [{"step": 0, "at": 1.0, "metrics": row}])
    wanted = repr({"loss": value, "steps": 3, "ok": True})
    assert repr(client.get_run(handout.id)["summary"]["loss"]) == repr(value)
    client.finish(handout.id, Ending(1, RunState.FINISHED, summary=row))
    assert repr(client.get_run(handout.id)["summary"]) == wanted
    assert [repr(run["summary"]) for run in client.list_runs(sweep)] == [wanted]
    rows = [*client.history(handout.id), *client.thinned_history(handout.id, 5).rows]
    assert [repr(row["metrics"]) for row in rows] == [wanted] * 2


@pytest.mark.parametrize("value", NON_FINITE)
def test_what_a_program_notes_comes_out_as_numbers(client, sweep, value):
    handout = take(client, sweep)
    facts = {"config": {"clip": as_attribute(value), "many": as_attribute([1, value, "NaN"])}}
    ending = Ending(1, RunState.FINISHED, attributes=facts)
    client.finish(handout.id, ending)
    noted = client.get_run(handout.id)["attributes"]
    assert repr(noted) == repr({"config": {"clip": value, "many": [1, value, "NaN"]}})
