"""``wandb sweep`` with the backend: registering, changing, and errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wandb_client import GRID, WandbClient


def test_a_sweep_is_registered_as_by_our_own_client(backend: Any, wandb: WandbClient) -> None:
    text = "method: grid\nmetric: {name: loss}\nparameters:\n  n: {values: [1, 2]}\nmetrics: 1\n"
    variables = {"config": text, "projectName": "mnist", "entityName": "team", "displayName": "a"}
    answer = wandb.data("UpsertSweep", **variables, priorRunsFilters=None)["upsertSweep"]
    registered = answer["sweep"]
    assert registered["project"]["name"] == "mnist"
    assert registered["project"]["entity"]["name"] == "team"
    assert ["metrics" in warning for warning in answer["configValidationWarnings"]] == [True]
    found = backend.get(registered["name"])
    assert (found["project"], found["name"], found["state"]) == ("mnist", "a", "pending")
    (event,) = backend.call("GET", f"/v1/sweeps/{found['id']}/events").body["items"]
    assert event["action"].startswith("registered the sweep")
    assert event["who"] == "first token"


def test_states_are_those_of_the_backend(backend: Any, wandb: WandbClient, grid: str) -> None:
    wandb.next_run(wandb.create_agent(grid))
    for state in ("PAUSED", "RUNNING", "FINISHED", "RUNNING", "CANCELED"):
        assert wandb.set_state(grid, state)[0] == 200
        assert backend.get(grid)["state"] == state.lower()
        assert wandb.data("GetSweepState", sweep=grid)["project"]["sweep"]["state"] == state


def test_an_update_gives_the_sweep_another_config(
    backend: Any, wandb: WandbClient, grid: str
) -> None:
    config = {**GRID, "parameters": {"n": {"values": [1, 2, 3, 4]}}}
    answer = wandb.data("UpsertSweep", id=grid, config=json.dumps(config))
    assert answer["upsertSweep"]["sweep"]["name"] == grid
    assert backend.get(grid)["config_version"] == 2


def test_prior_runs_are_named_as_programs_know_them(
    backend: Any, wandb: WandbClient, grid: str
) -> None:
    agent = wandb.create_agent(grid)
    run = wandb.next_run(agent)
    wandb.begin(run)
    wandb.log(run, {"loss": 1.0})
    wandb.complete(run)
    filters = json.dumps({"$or": [{"name": run}]})
    second = wandb.create_sweep(GRID, priorRunsFilters=filters)
    assert wandb.heartbeat(wandb.create_agent(second))[0]["args"] == {"n": {"value": 2}}
    first = f"{run}-a1"
    wandb.create_sweep(GRID, priorRunsFilters=json.dumps({"$or": [{"name": first}]}))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"config": "method: nothing"}, "method: found 'nothing'"),
        ({"config": "method: ["}, "not valid YAML"),
        ({"config": None}, "is empty"),
        ({"config": json.dumps(GRID), "priorRunsFilters": '{"$or": [{"name": "x"}]}'}, "no run"),
        ({"config": json.dumps(GRID), "priorRunsFilters": '{"state": "x"}'}, "priorRunsFilters"),
        ({"config": json.dumps(GRID), "controller": '{"type": "local"}'}, "--controller"),
        ({"config": json.dumps(GRID), "projectName": "p" * 200}, "project"),
        ({"id": "aaaaaaaa", "state": "PAUSED"}, "no sweep"),
        ({"id": "../tokens", "state": "PAUSED"}, "no sweep"),
    ],
)
def test_a_mistake_is_shown_at_once(wandb: WandbClient, variables: Any, words: str) -> None:
    """Clients repeat what has another status than 422 or 404, and say something of their own."""
    status, body = wandb.ask("UpsertSweep", **variables)
    assert status in (404, 422)
    assert words in body["errors"][0]["message"]


def test_what_the_state_does_not_allow_is_said_in_our_words(wandb: WandbClient, grid: str) -> None:
    assert wandb.set_state(grid, "CANCELED")[0] == 200
    status, body = wandb.set_state(grid, "RUNNING")
    assert (status, "it is canceled" in body["errors"][0]["message"]) == (422, True)
    assert wandb.set_state(grid, "PENDING")[0] == 422
