"""``wandb.Api()`` reads the same data as sweep-sdk's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from wandb_client import GRID, WandbClient


def run_all(wandb: WandbClient, sweep: str, losses: list[float]) -> list[str]:
    """Runs of a sweep that have ended with some losses."""
    runs = []
    for loss in losses:
        run = wandb.next_run(wandb.create_agent(sweep))
        wandb.begin(run)
        wandb.log(run, {"loss": loss + 1.0}, {"loss": loss}, {"other": 3.0})
        wandb.complete(run, loss=loss, other=3.0)
        runs.append(run)
    return runs


def names(answer: Any) -> list[str]:
    return [edge["node"]["name"] for edge in answer["project"]["runs"]["edges"]]


def list_runs(wandb: WandbClient, sweep: str, **variables: Any) -> Any:
    filters = json.dumps({"$and": [{"sweep": sweep}]})
    return wandb.data("Runs", project="p", entity="e", filters=filters, **variables)


def test_a_sweep_as_it_is_now(backend: Any, wandb: WandbClient, grid: str) -> None:
    for operation in ("GetSweep", "GetSweepLegacy"):
        found = wandb.data(operation, name=grid, project="p", entity="e")["project"]["sweep"]
        assert (found["name"], found["state"], found["method"]) == (grid, "PENDING", "grid")
        assert (found["runCountExpected"], found["bestLoss"]) == (3, None)
    run_all(wandb, grid, [2.0, 1.0, 3.0])
    found = wandb.data("GetSweep", name=grid)["project"]["sweep"]
    assert (found["state"], found["runCount"], found["bestLoss"]) == ("FINISHED", 3, 1.0)
    assert found["createdAt"] == "1970-01-12T13:46:40Z"


def test_the_config_means_to_a_reader_of_yaml_what_it_means_here(
    backend: Any, wandb: WandbClient
) -> None:
    """PyYAML takes 1e-05, which is JSON, for a text."""
    parameters = {"lr": {"min": 1e-05, "max": 0.1}, "on": {"values": ["yes", "1e3", True, None]}}
    sweep = wandb.create_sweep({"method": "random", "parameters": parameters, "name": "ä"})
    found = wandb.data("GetSweep", name=sweep)["project"]["sweep"]
    assert yaml.safe_load(found["config"]) == backend.get(sweep)["config"]
    assert found["displayName"] == "ä"


def test_a_sweep_that_is_not_there_is_null(wandb: WandbClient) -> None:
    for operation in ("GetSweep", "SweepWithRuns"):
        answer = wandb.data(operation, name="aaaaaaaa", sweep="aaaaaaaa", project="p", specs="{}")
        assert answer["project"]["sweep"] is None
        assert wandb.ask(operation, name="no id", sweep="no id")[0] == 404


def test_a_sweep_with_its_runs(wandb: WandbClient, grid: str) -> None:
    runs = run_all(wandb, grid, [2.0, 1.0])
    specs = json.dumps({"keys": ["_step", "loss"], "samples": 100_000})
    found = wandb.data("SweepWithRuns", sweep=grid, specs=[specs])["project"]["sweep"]
    nodes = [edge["node"] for edge in found["runs"]["edges"]]
    assert [(node["name"], node["state"], node["exitcode"]) for node in nodes] == [
        (run, "finished", 0) for run in runs
    ]
    assert [row["loss"] for row in nodes[0]["sampledHistory"][0]] == [3.0, 2.0]
    plain = wandb.data("SweepWithRuns", sweep=grid, specs="{}")["project"]["sweep"]
    assert plain["runs"]["edges"][0]["node"]["sampledHistory"] == [[]]


def test_runs_come_in_pages_and_in_the_order_of_their_best_values(
    wandb: WandbClient, grid: str
) -> None:
    """The best value is ours: the summary holds the last one."""
    first, second, third = run_all(wandb, grid, [2.0, 1.0, 3.0])
    assert names(list_runs(wandb, grid)) == [first, second, third]
    assert names(list_runs(wandb, grid, order="-created_at")) == [third, second, first]
    assert names(list_runs(wandb, grid, order="+summary_metrics.loss")) == [second, first, third]
    assert names(list_runs(wandb, grid, order="-summary_metrics.loss")) == [third, first, second]
    page = list_runs(wandb, grid, order="+summary_metrics.loss", perPage=2)
    assert (names(page), page["project"]["runCount"]) == ([second, first], 3)
    assert page["project"]["runs"]["pageInfo"]["hasNextPage"] is True
    cursor = page["project"]["runs"]["edges"][-1]["cursor"]
    rest = list_runs(wandb, grid, order="+summary_metrics.loss", perPage=2, cursor=cursor)
    assert names(rest) == [third]
    assert rest["project"]["runs"]["pageInfo"] == {"endCursor": None, "hasNextPage": False}


def test_runs_without_a_value_are_the_last(wandb: WandbClient, grid: str) -> None:
    without = wandb.next_run(wandb.create_agent(grid))
    (run,) = run_all(wandb, grid, [1.0])
    assert names(list_runs(wandb, grid, order="+summary_metrics.loss")) == [run, without]
    assert names(list_runs(wandb, grid, order="-summary_metrics.loss")) == [run, without]


def test_runs_of_a_state(wandb: WandbClient, grid: str) -> None:
    live = wandb.next_run(wandb.create_agent(grid))
    (run,) = run_all(wandb, grid, [1.0])
    for state, wanted in (("finished", [run]), ("running", [live]), ("failed", [])):
        filters = json.dumps({"sweep": grid, "state": state})
        assert names(wandb.data("Runs", project="p", filters=filters)) == wanted


def test_a_deleted_run_is_not_listed(backend: Any, wandb: WandbClient, grid: str) -> None:
    first, second = run_all(wandb, grid, [1.0, 2.0])
    assert backend.call("DELETE", f"/v1/sweeps/{grid}/runs/{first}").status == 200
    assert names(list_runs(wandb, grid)) == [second]


@pytest.mark.parametrize(
    "variables",
    [
        {"filters": "{}"},
        {"filters": "x"},
        {"filters": '{"config.lr": 1, "sweep": "aaaaaaaa"}'},
        {"filters": '{"sweep": {"$in": []}}'},
        {"filters": '{"$and": 3}'},
        {"order": "+config.n.value"},
        {"order": "+summary_metrics.other"},
    ],
)
def test_what_runs_cannot_be_selected_by_is_said(
    wandb: WandbClient, grid: str, variables: Any
) -> None:
    asked = {"filters": json.dumps({"sweep": grid}), **variables}
    status, body = wandb.ask("Runs", project="p", **asked)
    assert status == 422
    assert body["errors"][0]["message"].startswith(("filters: needs", "order: found"))


def test_one_run(backend: Any, wandb: WandbClient, grid: str) -> None:
    (name,) = run_all(wandb, grid, [1.0])
    run = wandb.data("Run", name=name, project="p", entity="e")["project"]["run"]
    assert json.loads(run["config"]) == {"n": {"value": 1}}
    assert json.loads(run["summaryMetrics"]) == {"loss": 1.0, "other": 3.0, "_runtime": 0.0}
    assert (run["state"], run["sweepName"], run["projectId"]) == ("finished", grid, "1")
    assert wandb.data("RunState", name=name)["project"]["run"]["state"] == "finished"
    assert wandb.data("Run", name=f"{grid}-7")["project"]["run"] is None
    assert wandb.ask("Run", name="bold-run-7")[0] == 404


def test_a_run_that_goes_on(wandb: WandbClient, grid: str) -> None:
    name = wandb.next_run(wandb.create_agent(grid))
    resumed = wandb.data("RunResumeStatus", name=name, project="p")
    assert resumed["model"]["bucket"] is None, "it has not begun"
    wandb.begin(name)
    wandb.log(name, {"loss": 2.0}, {"loss": 1.0})
    run = wandb.data("Run", name=name)["project"]["run"]
    assert (run["state"], run["historyLineCount"]) == ("running", 2)
    assert json.loads(run["summaryMetrics"]) == {"loss": 1.0}
    bucket = wandb.data("RunResumeStatus", name=name)["model"]["bucket"]
    (tail,) = json.loads(bucket["historyTail"])
    assert (json.loads(tail)["_step"], bucket["historyLineCount"]) == (1, 2)
    assert wandb.data("RunStoppedStatus", runId=name)["project"]["run"]["stopped"] is False
    wandb.data("StopRun", id=name)
    assert wandb.data("RunStoppedStatus", runId=name)["project"]["run"]["stopped"] is True


def test_a_history(wandb: WandbClient, grid: str) -> None:
    (run,) = run_all(wandb, grid, [1.0])
    full = wandb.data("RunFullHistory", name=run, samples=500)["project"]["run"]["history"]
    rows = [json.loads(row) for row in full]
    assert [(row["_step"], row.get("loss"), row.get("other")) for row in rows] == [
        (0, 2.0, None),
        (1, 1.0, None),
        (2, None, 3.0),
    ]
    assert rows[0]["_timestamp"] == 1_000_000.5
    spec = json.dumps({"keys": ["_step", "loss"], "samples": 1000})
    sampled = wandb.data("RunSampledHistory", name=run, specs=[spec])["project"]["run"]
    assert [[row["loss"] for row in rows] for rows in sampled["sampledHistory"]] == [[2.0, 1.0]]
    page = wandb.data("HistoryPage", run=run, minStep="1", maxStep="2", pageSize=1000)
    assert [json.loads(row)["_step"] for row in page["project"]["run"]["history"]] == [1]
    spec = json.dumps({"keys": ["_step", "loss"], "minStep": 1, "maxStep": 3, "samples": 1000})
    page = wandb.data("SampledHistoryPage", run=run, spec=spec)["project"]["run"]
    assert [[row["loss"] for row in rows] for rows in page["sampledHistory"]] == [[1.0]]
    last = wandb.data("RunHistoryKeys", name=run)["project"]["run"]["historyKeys"]["lastStep"]
    assert last == 2
    assert wandb.ask("RunSampledHistory", name=run, specs=["x"])[0] == 422
    assert wandb.ask("HistoryPage", run=run, minStep="x", maxStep="2")[0] == 422


@pytest.mark.parametrize("last", [1000, 999], ids=["0.25", "0.31"])
def test_a_scan_of_a_long_history_has_each_row_once(
    wandb: WandbClient, grid: str, last: int
) -> None:
    run = wandb.next_run(wandb.create_agent(grid))
    wandb.begin(run)
    wandb.log(run, *({"loss": float(n)} for n in range(2500)))
    assert wandb.data("RunParquetHistory", runName=run)["project"]["run"]["parquetHistory"] == {
        "parquetUrls": [],
        "liveData": [],
    }
    found: list[float] = []
    sampled: list[float] = []
    for start in range(0, 2500, 1000):
        steps = {"minStep": start, "maxStep": start + last, "pageSize": 1000}
        page = wandb.data("HistoryPage", run=run, **steps)["project"]["run"]["history"]
        found += [json.loads(row)["loss"] for row in page]
        spec = json.dumps({"keys": ["loss"], **steps, "samples": 1000})
        page = wandb.data("SampledHistoryPage", run=run, spec=spec)["project"]["run"]
        sampled += [row["loss"] for row in page["sampledHistory"][0]]
    assert found == sampled == [float(n) for n in range(2500)]


def test_an_answer_is_no_larger_than_its_costs_were_worked_out_for(
    wandb: WandbClient, grid: str
) -> None:
    run = wandb.next_run(wandb.create_agent(grid))
    wandb.begin(run)
    wandb.log(run, *({f"metric-{n}-{m}": 1.0 for m in range(100)} for n in range(1000)))
    status, body = wandb.ask("HistoryPage", run=run, minStep=0, maxStep=1000)
    assert (status, "at most 1,000,000" in body["errors"][0]["message"]) == (422, True)
    sampled = wandb.data("RunFullHistory", name=run, samples=1000)["project"]["run"]["history"]
    assert 100 < len(sampled) < 1000


def test_a_history_is_that_of_the_newest_attempt(wandb: WandbClient) -> None:
    sweep = wandb.create_sweep({**GRID, "retry_failed": 1})
    agent = wandb.create_agent(sweep)
    first = wandb.next_run(agent)
    wandb.begin(first)
    wandb.log(first, {"loss": 9.0})
    wandb.complete(first, exit_code=1)
    second = wandb.next_run(agent)
    wandb.begin(second)
    wandb.log(second, {"loss": 1.0})
    for name in (first, second):
        found = wandb.data("RunFullHistory", name=name)["project"]["run"]["history"]
        assert [json.loads(row)["loss"] for row in found] == [1.0]
        assert wandb.data("Run", name=name)["project"]["run"]["name"] == second


def test_the_sweeps_of_a_project(wandb: WandbClient) -> None:
    sweeps = [wandb.create_sweep(GRID, projectName="mnist") for _ in range(3)]
    wandb.create_sweep(GRID, projectName="other")
    page = wandb.data("GetSweeps", project="mnist", entity="e", perPage=2)["project"]
    assert page["totalSweeps"] == 3
    cursor = page["sweeps"]["pageInfo"]["endCursor"]
    rest = wandb.data("GetSweeps", project="mnist", perPage=2, cursor=cursor)["project"]
    found = [edge["node"]["name"] for part in (page, rest) for edge in part["sweeps"]["edges"]]
    assert sorted(found) == sorted(sweeps)


def test_what_a_client_asks_before_it_begins(wandb: WandbClient) -> None:
    for query in ("query Viewer { viewer { id } }", "{viewer{id}}", "query GetDefaultEntity {x}"):
        status, body = wandb.post("/graphql", {"query": query})
        assert (status, body["data"]["viewer"]["entity"]) == (200, "sweeps")
    assert wandb.data("ServerFeaturesQuery") == {"serverInfo": {"features": []}}
    probed = wandb.data("ProbeProjectInput")
    assert probed["ProjectType"]["fields"] == [{"name": "internalId"}]


@pytest.mark.parametrize("operation", ["CreateRunFiles", "CreateArtifact", "NoSuchOperation"])
def test_an_operation_that_is_not_supported_is_an_error_that_clients_tolerate(
    wandb: WandbClient, operation: str
) -> None:
    status, body = wandb.ask(operation)
    message = f"'{operation}' is not supported by this backend"
    assert (status, body) == (200, {"data": None, "errors": [{"message": message}]})


@pytest.mark.parametrize("body", [b"x", b"[]", b"7"])
def test_a_body_that_is_no_operation_is_refused(wandb: WandbClient, body: bytes) -> None:
    assert wandb.post("/graphql", body)[0] == 400
