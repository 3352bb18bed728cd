"""Figures show every point of the data on the scale of the search, from any backend."""

from __future__ import annotations

import json
import math
import sys

import pandas as pd
import pytest

import sweep_sdk
from sweep_sdk import UsageError, plots
from sweep_sdk._backend.client import open_client
from sweep_sdk._server.server import LocalServer
from sweep_sdk.plots._axes import ValueAxis
from sweep_sdk.plots._data import non_dominated
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

# The oldest supported pandas and Plotly warn about numpy and about themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:np.find_common_type is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.scattermapbox. is deprecated:DeprecationWarning"),
]

HOSTILE = "</b><img src=x onerror=alert(1)>"
CONFIG = {
    "method": "random",
    "metric": {"name": "loss"},
    "seed": 1,
    "name": HOSTILE,
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
        "decay": {"min": 0.0, "max": 0.5},
        "layers": {"min": 1, "max": 9},
        "batch": {"values": [64, 256, 16, 128]},
        "net": {"parameters": {"kind": {"values": [HOSTILE, "mlp", None]}}},
        "shape": {"values": [{"width": 1, "depth": 2}, {"width": 2}, "none"]},
        "fixed": {"value": 3},
    },
}
SEARCHED = ["batch", "decay", "layers", "lr", "net.kind", "shape"]
#: How the runs end, and their last values; two of the nineteen have no finite one.
ENDINGS = [
    *[("finished", 1.0 + n / 10) for n in range(12)],
    ("finished", 1e30),
    ("finished", "NaN"),
    ("failed", 0.5),
    ("crashed", None),
    ("killed", 3.0),
    ("early", 2.5),
    ("running", 2.0),
]
N_VALUES, N_SUMMARIES, N_ROWS = 17, 16, 18 * 3


def play(client, sweep, endings):
    """Runs that log three rows each; the first one has been preempted before."""
    taken = client.ask(sweep, "key-of-the-first", "agent 0", "host")
    client.finish(taken.id, Ending(taken.attempt, RunState("preempted")))
    for n, (ending, value) in enumerate(endings):
        taken = client.ask(sweep, f"key-number-{n}", f"agent {n % 3}", "host")
        metrics = {} if value is None else {"loss": value, "seconds": 10.0 - n % 7}
        rows = [{"step": step, "at": 1e3 + step, "metrics": metrics} for step in range(3)]
        client.report(taken.id, taken.attempt, 0, rows if metrics else [])
        state = {"early": "killed", "crashed": "failed"}.get(ending, ending)
        if state != "running":
            client.finish(
                taken.id,
                Ending(
                    taken.attempt,
                    RunState(state),
                    summary=metrics,
                    is_stopped_early=ending == "early",
                ),
            )


@pytest.fixture(params=["this machine", "http"])
def sweep(request, home, monkeypatch):
    """A sweep with every kind of parameter and ending, read in either way."""
    with open_client() as client:
        sweep_id = sweep_sdk.sweep(CONFIG)
        play(client, sweep_id, ENDINGS)
        if request.param == "this machine":
            yield sweep_id
            return
        with LocalServer(client.transport, token="secret") as server:
            monkeypatch.setenv("SWEEP_URL", server.url)
            monkeypatch.setenv("SWEEP_TOKEN", "secret")
            yield sweep_id


def points(figure):
    """The number of points of all traces with markers."""
    traces = [trace for trace in figure.data if getattr(trace, "mode", None) == "markers"]
    assert all(len(trace.x) == len(trace.y) for trace in traces)
    return sum(len(trace.x) for trace in traces)


class TestPoints:
    def test_optimization_history(self, sweep):
        figure = plots.optimization_history(sweep)
        assert points(figure) == N_VALUES
        best = next(trace for trace in figure.data if trace.name == "best so far")
        assert set(best.y) == {1.0}
        assert "2 of 19 runs have no value" in figure.layout.title.subtitle.text

    def test_slice(self, sweep):
        figure = plots.slice(sweep)
        assert points(figure) == N_VALUES * len(SEARCHED)
        assert points(plots.slice(sweep, ["lr"])) == N_VALUES
        axes = {axis.title.text: axis for axis in figure.select_xaxes()}
        assert axes["lr"].type == "log"
        assert axes["decay"].type == axes["layers"].type == "linear"
        assert axes["batch"].categoryarray == ("16", "64", "128", "256")

    def test_parallel_coordinate(self, sweep):
        figure = plots.parallel_coordinate(sweep)
        dimensions = {each.label: each for each in figure.data[0].dimensions}
        assert list(dimensions) == [*SEARCHED, "loss"]
        assert {len(each.values) for each in dimensions.values()} == {N_VALUES}
        assert max(dimensions["loss"].values) < 1e30
        assert all(-5 <= value <= 0 for value in dimensions["lr"].values)
        assert dimensions["lr"].ticktext[0] == "1e-05"
        assert figure.data[0].line.color[-1] == 0

    def test_param_importances(self, sweep):
        figure = plots.param_importances(sweep)
        assert sorted(figure.data[0].y) == SEARCHED
        shares = {p["name"]: p["share"] or 0 for p in sweep_sdk.get_sweep(sweep).importance()}
        assert dict(zip(figure.data[0].y, figure.data[0].x, strict=True)) == shares

    def test_contour(self, sweep):
        figure = plots.contour(sweep, "lr", "net.kind")
        assert points(figure) == N_VALUES
        assert figure.layout.xaxis.type == "log"
        assert set(figure.layout.yaxis.categoryarray) >= set(figure.data[0].y)
        (lines,) = (trace for trace in figure.data if trace.type == "contour")
        assert (len(lines.z), len(lines.z[0])) == (len(lines.y), len(lines.x))
        assert set(lines.y) <= set(figure.layout.yaxis.categoryarray)
        most = [p["name"] for p in sweep_sdk.get_sweep(sweep).importance()[:2]]
        chosen = plots.contour(sweep).layout
        assert [chosen.xaxis.title.text, chosen.yaxis.title.text] == most

    def test_intermediate_values(self, sweep):
        figure = plots.intermediate_values(sweep)
        n_points = [len(trace.x) for trace in figure.data]
        assert n_points == [3] * N_VALUES
        assert list(figure.data[0].x) == [0, 1, 2]
        assert len(plots.intermediate_values(sweep, "seconds").data) == N_ROWS / 3

    def test_timeline(self, sweep):
        figure = plots.timeline(sweep)
        runs = sweep_sdk.runs(sweep)
        assert sum(len(trace.x) for trace in figure.data) == len(runs) + 1
        kinds = {trace.name: len(trace.x) for trace in figure.data}
        assert (kinds["preempted"], kinds["running"], kinds["stopped early"]) == (1, 1, 1)
        last = max(run["ended_at"] or run["heard_at"] for run in runs)
        ends = [b + x for trace in figure.data for b, x in zip(trace.base, trace.x, strict=True)]
        assert max(ends) <= last * 1000

    def test_pareto_front(self, sweep):
        figure = plots.pareto_front(sweep, {"loss": "minimize", "seconds": "maximize"})
        assert points(figure) == N_SUMMARIES
        front = figure.data[-1]
        assert (front.x[0], front.y[-1]) == (0.5, 10.0)
        assert list(front.y) == sorted(front.y)

    def test_edf(self, sweep):
        figure = plots.edf(sweep, sweep)
        for trace in figure.data:
            assert len(trace.x) == N_VALUES
            assert (trace.y[0], trace.y[-1]) == (1 / N_VALUES, 1.0)
        assert list(figure.data[0].x) == sorted(figure.data[0].x)


ALL = {
    **{name: getattr(plots, name) for name in plots.__all__},
    "pareto_front": lambda source: plots.pareto_front(
        source, {"loss": "minimize", "seconds": "minimize"}
    ),
    "contour": lambda source: plots.contour(source, "lr", "batch"),
}


@pytest.fixture
def local(home):
    return sweep_sdk.sweep(CONFIG)


@pytest.mark.parametrize("name", plots.__all__)
class TestEveryFigure:
    def test_runs_that_were_chosen(self, local, client, name):
        play(client, local, ENDINGS[:4])
        frame = sweep_sdk.frame(local)
        chosen = [frame[frame["index"] < 2], sweep_sdk.frame(local, where="index<2")]
        some, same = (ALL[name](part).to_plotly_json() for part in chosen)
        for trace in (*some["data"], *same["data"]):
            trace.pop("hovertext", None)  # in the order of the columns
        assert json.dumps(some, default=list) == json.dumps(same, default=list)

    def test_no_runs(self, local, name):
        assert ALL[name](local).to_json()

    def test_words_of_others_are_no_markup(self, local, client, name):
        play(client, local, ENDINGS[:6])
        assert "<img" not in ALL[name](local).to_json().replace("\\u003c", "<")

    def test_it_can_be_drawn(self, local, client, name):
        play(client, local, ENDINGS)
        figure = ALL[name](local)
        assert type(figure).__name__ == "Figure"
        assert figure.to_html(include_plotlyjs=False)


@pytest.fixture
def client(home):
    with open_client() as opened:
        yield opened


class TestErrors:
    def test_a_frame_of_something_else(self):
        with pytest.raises(UsageError, match=r"give the sweep's id"):
            plots.slice(pd.DataFrame({"a": [1]}))

    def test_an_unknown_parameter(self, local):
        with pytest.raises(UsageError, match="'rl' is not searched; the parameters are batch"):
            plots.slice(local, ["rl"])

    def test_one_objective(self, local):
        with pytest.raises(UsageError, match="has 1 names; needs two"):
            plots.pareto_front(local, {"loss": "minimize"})

    def test_no_metric(self, home):
        sweep = sweep_sdk.sweep({"method": "grid", "parameters": {"a": {"values": [1, 2]}}})
        with pytest.raises(UsageError, match="has no metric"):
            plots.optimization_history(sweep)

    def test_no_plotly(self, local, monkeypatch):
        monkeypatch.setitem(sys.modules, "plotly", None)
        with pytest.raises(UsageError, match="pip install plotly"):
            plots.optimization_history(local)


class TestAxes:
    @pytest.mark.parametrize(
        ("values", "sign", "limit"),
        [
            ([1.0, 2.0, 3.0], 1, None),
            ([*range(100), 1e9], 1, 95.0),
            ([*range(100), -1e9], -1, 5.0),
            ([*range(100), -1e9], 1, None),
            ([1.0] * 99 + [1e9], 1, None),
            ([], 1, None),
        ],
    )
    def test_the_limit(self, values, sign, limit):
        axis = ValueAxis("loss", pd.Series(values, dtype=float), sign)
        assert axis.limit == (None if limit is None else pytest.approx(limit, abs=1.0))
        assert len(axis.clipped) == len(values)
        assert bool(axis.notes) == (axis.range is not None) == (limit is not None)

    def test_a_log_axis_shows_all_points(self, client):
        space = {"a": {"distribution": "q_log_normal", "mu": 0, "sigma": 3, "q": 2}}
        sweep = sweep_sdk.sweep({**CONFIG, "parameters": space})
        play(client, sweep, ENDINGS[:8])
        assert 0 in set(sweep_sdk.frame(sweep)["config.a"])
        figure = plots.slice(sweep)
        assert figure.layout.xaxis.type == "linear"
        assert points(figure) == 8

    def test_non_dominated(self):
        costs = [(1, 5), (2, 4), (2, 5), (3, 4), (1, 5), (9, 0), (math.inf, 0)]
        assert non_dominated(costs) == [True, True, False, False, True, True, False]
