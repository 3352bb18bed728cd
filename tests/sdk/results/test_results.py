"""Reading sweeps with the Python API: runs, best runs, rows, data frames, ``Sweep``."""

from __future__ import annotations

import math
import pickle
import sys

import pandas as pd
import pytest

import sweep_sdk
from sweep_sdk import NotFound, NotPossible, UsageError
from sweep_sdk._backend.client import open_client
from sweep_sdk._results.rows import joined
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

CONFIG = {
    "method": "grid",
    "metric": {"name": "loss"},
    "name": "first",
    "parameters": {"lr": {"values": [0.1, 0.01, 1.0]}, "net": {"parameters": {"n": {"value": 2}}}},
}


@pytest.fixture
def sweep_id(home):
    return sweep_sdk.sweep(CONFIG, project="digits")


@pytest.fixture
def client(home):
    with open_client() as opened:
        yield opened


@pytest.fixture
def run_one(client):
    """Takes the next run, logs rows, ends it; its id."""

    def run(sweep, *rows, state="finished", key="key-of-the-test", first_step=0, **ending):
        taken = client.ask(sweep, f"{key}-{len(keys)}", "a1", host="h")
        keys.append(taken.id)
        logged = [
            {"step": first_step + n, "at": 1000.0 + n, "metrics": row} for n, row in enumerate(rows)
        ]
        client.report(taken.id, taken.attempt, 0, logged)
        if state is not None:
            ending = {"summary": rows[-1] if rows else {}, **ending}
            client.finish(taken.id, Ending(taken.attempt, RunState(state), **ending))
        return taken.id

    keys = []
    return run


class TestHistory:
    def test_rows_are_flat(self, sweep_id, run_one):
        run = run_one(sweep_id, {"loss": 0.5, "val.acc": 1}, {"loss": "NaN"})
        first, second = sweep_sdk.history(run)
        assert first == {
            "run": run, "attempt": 1, "step": 0, "time": 1000.0, "loss": 0.5, "val.acc": 1
        }  # fmt: skip
        assert math.isnan(second["loss"])
        assert "val.acc" not in second

    def test_names_that_are_taken(self, sweep_id, run_one):
        run = run_one(sweep_id, {"step": 9, "time": 8, "run": 7, "attempt": 6, "at": 5})
        (row,) = sweep_sdk.history(run)
        assert (row["step"], row["time"], row["run"], row["attempt"]) == (0, 1000.0, run, 1)
        assert [row[f"metric.{name}"] for name in ("step", "time", "run", "attempt")] == [
            9,
            8,
            7,
            6,
        ]
        assert row["at"] == 5

    def test_of_all_runs_of_a_sweep(self, sweep_id, run_one):
        runs = [run_one(sweep_id, {"loss": n}, {"loss": n + 1}) for n in range(3)]
        rows = sweep_sdk.history(f"me/digits/{sweep_id}")
        assert [(row["run"], row["loss"]) for row in rows] == [
            (run, n + more) for n, run in enumerate(runs) for more in (0, 1)
        ]

    def test_of_some_metrics(self, sweep_id, run_one, capsys):
        run = run_one(
            sweep_id, *({"loss": n} | ({"acc": n} if n % 4 == 3 else {}) for n in range(9))
        )
        assert [row["acc"] for row in sweep_sdk.history(run, "acc")] == [3, 7]
        assert all("loss" not in row for row in sweep_sdk.history(run, ["acc"]))
        assert capsys.readouterr().err == ""
        assert sweep_sdk.history(run, ["accuracy"]) == []
        assert capsys.readouterr().err == f"sweep-sdk: no row of {run} has 'accuracy'\n"

    def test_samples(self, sweep_id, run_one):
        run = run_one(sweep_id, *({"loss": n} for n in range(1000)))
        values = [row["loss"] for row in sweep_sdk.history(run, samples=10)]
        assert 10 <= len(values) <= 21
        assert (values[0], values[-1]) == (0, 999)
        assert len(sweep_sdk.history(run)) == 1000
        with pytest.raises(UsageError, match="at least 1"):
            sweep_sdk.history(run, samples=0)

    def test_attempts(self, sweep_id, run_one):
        rows = [{"loss": n} for n in range(6)]
        run = run_one(sweep_id, *rows, state="preempted")
        assert run_one(sweep_id, *rows[:3], first_step=4) == run
        steps = [(row["attempt"], row["step"]) for row in sweep_sdk.history(run)]
        assert steps == [(1, n) for n in range(6)] + [(2, n) for n in range(4, 7)]
        for samples in (None, 100):
            rows = sweep_sdk.history(run, samples=samples, joined=True)
            assert [row["step"] for row in rows] == list(range(7))
            assert [row["attempt"] for row in rows] == [1] * 4 + [2] * 3

    @pytest.mark.parametrize("nothing", ["zzzzzzzz", "zzzzzzzz-0"])
    def test_history_of_an_unknown_id(self, sweep_id, nothing):
        with pytest.raises(NotFound):
            sweep_sdk.history(nothing)


@pytest.mark.parametrize(
    ("steps", "kept"),
    [
        ([(1, 0), (1, 1), (2, 0), (2, 1)], [(2, 0), (2, 1)]),
        ([(1, 0), (1, 9), (2, 5), (3, 3), (3, 4)], [(1, 0), (3, 3), (3, 4)]),
        ([(1, 0), (3, 8)], [(1, 0), (3, 8)]),
        ([(1, 5), (1, 2), (2, 4)], [(1, 2), (2, 4)]),
        ([(1, None), (2, 4)], [(2, 4)]),
        ([(1, 3), (2, None)], [(2, None)]),
        ([], []),
    ],
)
def test_joined_attempts(steps, kept):
    rows = [{"attempt": attempt, "step": step} for attempt, step in steps]
    assert [(row["attempt"], row["step"]) for row in joined(rows)] == kept


class TestBest:
    @pytest.fixture
    def three(self, sweep_id, run_one):
        """The best accuracy is neither the last of its run nor that of the best loss."""
        for n, acc in enumerate((0.6, 0.9, 0.7)):
            spread = {"acc": 0.5, "acc.min": 0.1 * n, "acc.max": acc}
            run_one(sweep_id, {"loss": n, "acc": 0.5}, summary={"loss": n, **spread})
        return sweep_id

    def test_the_best_run_by_any_metric(self, three):
        assert sweep_sdk.best(three)["index"] == 0
        assert sweep_sdk.best(three, metric="acc", goal="maximize")["index"] == 1
        assert sweep_sdk.best(three, metric="acc", goal="min")["index"] == 0
        assert sweep_sdk.best(three, metric="loss")["index"] == 0
        assert sweep_sdk.best(three, goal="max")["index"] == 2

    def test_the_goal_is_not_guessed(self, three):
        with pytest.raises(UsageError, match="is a small or a large 'acc' better") as caught:
            sweep_sdk.best(three, metric="acc")
        assert "--" not in str(caught.value)
        with pytest.raises(UsageError, match="one of minimize, maximize"):
            sweep_sdk.best(three, metric="acc", goal="up")

    def test_a_metric_that_nobody_logged(self, three):
        with pytest.raises(UsageError, match="no run has a value of 'accc'; did you mean acc"):
            sweep_sdk.best(three, metric="accc", goal="max")

    def test_no_value_yet(self, sweep_id):
        assert sweep_sdk.best(sweep_id) is None
        assert sweep_sdk.best(sweep_id, metric="acc", goal="max") is None

    def test_a_sweep_without_metric(self, home, run_one):
        sweep = sweep_sdk.sweep({"method": "grid", "parameters": {"a": {"values": [1, 2]}}})
        runs = [run_one(sweep, {"acc": n}) for n in range(2)]
        with pytest.raises(NotPossible):
            sweep_sdk.best(sweep)
        with pytest.raises(UsageError, match="has no metric"):
            sweep_sdk.best(sweep, goal="max")
        assert sweep_sdk.best(sweep, "acc", "max")["id"] == runs[1]


class TestRuns:
    def test_runs_are_selected_and_sorted(self, sweep_id, run_one):
        for n in range(3):
            run_one(sweep_id, {"loss": 3.0 - n, "acc": n}, state="failed" if n == 2 else "finished")
        assert [run["index"] for run in sweep_sdk.runs(sweep_id)] == [0, 1, 2]
        assert [run["index"] for run in sweep_sdk.runs(sweep_id, sort="loss")] == [2, 1, 0]
        assert [run["index"] for run in sweep_sdk.runs(sweep_id, where="lr<0.5", top=1)] == [1]
        assert [run["index"] for run in sweep_sdk.runs(sweep_id, state="failed")] == [2]
        assert type(sweep_sdk.runs(sweep_id, sort="lr")[0]) is dict

    def test_a_wrong_condition_asks_nobody(self, home):
        with pytest.raises(UsageError, match="needs NAME"):
            sweep_sdk.runs("zzzzzzzz", where="lr")


class TestFrames:
    def test_runs(self, sweep_id, run_one):
        run_one(sweep_id, {"loss": 0.5}, attributes={"tags": ["a"], "config": {"seed": 3}})
        run_one(sweep_id, {"loss": "NaN", "norm": "Infinity"})
        run_one(sweep_id, {}, state=None)
        frame = sweep_sdk.frame(sweep_sdk.runs(sweep_id))
        assert list(frame["config.lr"]) == [0.1, 0.01, 1.0]
        assert list(frame["config.net.n"]) == [2, 2, 2]
        assert frame["summary.loss"].dtype == float
        assert frame["summary.loss"].min() == 0.5
        assert frame["summary.norm"][1] == math.inf
        assert frame["attributes.config.seed"][0] == 3
        assert str(frame["created_at"].dt.tz) == "UTC"
        assert pd.isna(frame["ended_at"][2])
        assert list(frame["id"]) == [f"{sweep_id}-{n}" for n in range(3)]

    def test_rows(self, sweep_id, run_one):
        run = run_one(sweep_id, {"loss": 0.5}, {"loss": 0.25, "acc": 1})
        frame = sweep_sdk.frame(sweep_sdk.history(run))
        assert list(frame.columns) == ["run", "attempt", "step", "time", "loss", "acc"]
        assert list(frame["loss"]) == [0.5, 0.25]
        assert frame["time"][1] == pd.Timestamp(1001, unit="s", tz="UTC")

    def test_of_one_run_and_of_nothing(self, sweep_id, run_one):
        run_one(sweep_id, {"loss": 0.5})
        assert len(sweep_sdk.frame(sweep_sdk.best(sweep_id))) == 1
        assert sweep_sdk.frame([]).empty

    def test_of_a_sweep(self, sweep_id, run_one):
        for n in range(3):
            run_one(sweep_id, {"loss": 3.0 - n})
        frame = sweep_sdk.frame(f"me/digits/{sweep_id}", where="lr<0.5", sort="loss")
        assert list(frame["index"]) == [1, 0]
        assert frame.attrs["sweep"]["metric"] == sweep_sdk.get_sweep(sweep_id).metric
        assert frame[frame["index"] == 1].attrs["sweep"]["id"] == sweep_id

    def test_of_a_sweep_without_runs(self, sweep_id):
        frame = sweep_sdk.frame(sweep_id)
        assert len(frame) == 0
        assert {"id", "state", "best", "ended_at"} <= set(frame.columns)

    def test_a_run_is_no_sweep(self, sweep_id):
        with pytest.raises(UsageError, match=r"its rows are frame\(history\("):
            sweep_sdk.frame(f"{sweep_id}-0")

    def test_runs_that_have_been_read_are_chosen_elsewhere(self, sweep_id, run_one):
        run_one(sweep_id, {"loss": 0.5})
        with pytest.raises(UsageError, match="need the id of a sweep"):
            sweep_sdk.frame(sweep_sdk.runs(sweep_id), top=1)

    def test_runs_and_rows_do_not_mix(self, sweep_id, run_one):
        run = run_one(sweep_id, {"loss": 0.5})
        with pytest.raises(UsageError, match="one data frame of each"):
            sweep_sdk.frame([*sweep_sdk.runs(sweep_id), *sweep_sdk.history(run)])

    def test_without_pandas(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pandas", None)
        with pytest.raises(UsageError, match="pip install pandas"):
            sweep_sdk.frame([])


class TestSweep:
    def test_what_it_says_of_itself(self, sweep_id, run_one):
        run_one(sweep_id, {"loss": 0.5})
        sweep = sweep_sdk.get_sweep(f"me/digits/{sweep_id}")
        assert (sweep.id, sweep.name, sweep.project) == (sweep_id, "first", "digits")
        assert (sweep.state, sweep.method, sweep.n_points, sweep.run_cap) == (
            "running", "grid", 3, None
        )  # fmt: skip
        assert (sweep.metric["name"], sweep.metric["goal"]) == ("loss", "minimize")
        assert sweep.counts == {"finished": 1}
        assert sweep.config["parameters"]["lr"]["values"] == [0.1, 0.01, 1.0]
        assert (
            repr(sweep) == f"<sweep {sweep_id} 'first' in project 'digits': running, grid, 1 run>"
        )
        assert sweep.created_at > 0

    def test_methods_change_the_sweep(self, sweep_id, run_one, client):
        sweep = sweep_sdk.get_sweep(sweep_id)
        run_one(sweep_id, {"loss": 1}, state=None)
        for verb, state in (
            (sweep.pause, "paused"), (sweep.resume, "running"),
            (sweep.stop, "finished"), (sweep.resume, "running"),
        ):  # fmt: skip
            verb()
            assert sweep.state == client.get_sweep(sweep_id)["state"] == state
        sweep.set_run_cap(2)
        assert sweep.run_cap == 2
        sweep.update({**CONFIG, "parameters": {"lr": {"values": [5.0]}}})
        assert sweep.config["parameters"]["lr"]["values"] == [5.0]
        sweep.cancel()
        assert sweep.state == "canceled"
        with pytest.raises(NotPossible, match="canceled"):
            sweep.resume()
        sweep.delete()
        with pytest.raises(NotFound):
            sweep.refresh()

    def test_what_is_odd_about_a_config_is_reported(self, home, capsys):
        odd = {**CONFIG, "run_cap_of_odd": 3, "parameters": {"odd_lr": {"values": [0.5, 0.5]}}}
        sweep = sweep_sdk.get_sweep(sweep_sdk.sweep(odd))
        reported = capsys.readouterr().err
        assert "run_cap_of_odd" in reported
        assert "2 values are listed, of which 1 differ" in reported
        sweep.update({**CONFIG, "metrics": 3, "odd_kap": 2})
        assert "odd_kap" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("change", "reported"),
        [
            (lambda sweep: sweep.resume(), "is pending already, so nothing has changed"),
            (lambda sweep: sweep.set_run_cap(None), "has this run_cap already"),
            (lambda sweep: sweep.update(CONFIG), "has this config already"),
        ],
    )
    def test_a_change_without_effect_says_why(self, home, capsys, change, reported):
        sweep = sweep_sdk.get_sweep(sweep_sdk.sweep(CONFIG))
        capsys.readouterr()
        change(sweep)
        err = capsys.readouterr().err
        assert reported in err
        assert (err.count("\n"), "--" in err) == (1, False)

    @pytest.mark.parametrize("more", [{"retry_failed": 2}, {"lease_seconds": 60}])
    def test_a_new_config_for_runs_that_have_all_ended_says_why(
        self, sweep_id, run_one, capsys, more
    ):
        for _ in range(3):
            run_one(sweep_id, {"loss": 1})
        sweep = sweep_sdk.get_sweep(sweep_id)
        sweep.update({**CONFIG, **more})
        assert sweep.state == "finished"
        assert "gives it no runs to hand out by itself" in capsys.readouterr().err

    def test_refresh_updates_the_properties(self, sweep_id, run_one):
        sweep = sweep_sdk.get_sweep(sweep_id)
        run_one(sweep_id, {"loss": 1})
        assert (sweep.state, sweep.counts) == ("pending", {})
        assert sweep.refresh() is sweep
        assert (sweep.state, sweep.counts) == ("running", {"finished": 1})

    def test_results_are_read_from_the_backend(self, sweep_id, run_one):
        sweep = sweep_sdk.get_sweep(sweep_id)
        for n in range(3):
            run_one(sweep_id, {"loss": 3 - n, "acc": n}, {"loss": 4 - n})
        assert len(sweep.runs()) == 3
        assert [run["index"] for run in sweep.runs(where="loss<=2", sort="-lr")] == [2, 1]
        assert sweep.best()["index"] == 2
        assert [row["acc"] for row in sweep.history("acc")] == [0, 1, 2]
        assert list(sweep.frame()["best"]) == [3, 2, 1]

    def test_a_run_is_stopped_by_id_or_index(self, sweep_id, run_one, client):
        sweep = sweep_sdk.get_sweep(sweep_id)
        runs = [run_one(sweep_id, {"loss": 1}, state=None) for _ in range(2)]
        assert sweep.stop_run(runs[0])["id"] == runs[0]
        assert sweep.stop_run(1)["id"] == runs[1]
        assert [client.report(run, 1, 1, []).reason for run in runs] == ["stop_run"] * 2
        with pytest.raises(UsageError, match="no run of sweep"):
            sweep.stop_run("zzzzzzzz-0")
        with pytest.raises(UsageError, match="names no run"):
            sweep.stop_run("first")

    def test_the_list(self, sweep_id, run_one):
        other = sweep_sdk.sweep(CONFIG, project="other")
        assert [sweep.id for sweep in sweep_sdk.sweeps()] == [other, sweep_id]
        assert [sweep.id for sweep in sweep_sdk.sweeps(project="digits")] == [sweep_id]
        assert sweep_sdk.sweeps(state="paused") == []
        run_one(other, {"loss": 1})
        (listed,) = sweep_sdk.sweeps(state="running")
        assert listed.counts == {"finished": 1}
        assert listed.config["method"] == "grid"

    def test_an_id_of_another_kind(self, sweep_id):
        with pytest.raises(UsageError, match=f"its sweep is {sweep_id}"):
            sweep_sdk.get_sweep(f"{sweep_id}-0")
        with pytest.raises(NotFound):
            sweep_sdk.get_sweep("zzzzzzzz")

    def test_it_can_be_pickled(self, sweep_id):
        sweep = pickle.loads(pickle.dumps(sweep_sdk.get_sweep(sweep_id)))
        assert sweep.refresh().id == sweep_id


@pytest.fixture
def sweep(sweep_id):
    return sweep_sdk.get_sweep(sweep_id)


class TestRunsThatAreRunAgain:
    def test_one_run_by_id_or_index(self, sweep, run_one, capsys):
        for index, name in enumerate((lambda run: run, lambda run: int(run.split("-")[1]))):
            run = run_one(sweep.id, state="failed")
            assert sweep.retry_run(name(run))["state"] == "pending"
            assert run_one(sweep.id) == run
            assert sweep.runs()[index]["attempt"] == 2
        assert capsys.readouterr().err == ""

    def test_all_that_failed(self, sweep, run_one, capsys):
        runs = [run_one(sweep.id, state=state) for state in ("failed", "finished", "killed")]
        assert sweep.retry_failed() == [runs[0], runs[2]]
        assert capsys.readouterr().err == ""
        assert sweep.refresh().counts == {"finished": 1, "pending": 2}

    def test_nothing_to_do_is_reported_in_a_line(self, sweep, run_one, capsys):
        run = run_one(sweep.id, state="failed")
        sweep.retry_run(run)
        sweep.retry_run(run)
        assert sweep.retry_failed() == []
        reported = capsys.readouterr().err.splitlines()
        assert "waits to be handed out again, so nothing has changed" in reported[0]
        assert f"no run of sweep {sweep.id} failed, crashed or was killed" in reported[1]

    @pytest.mark.parametrize("verb", ["retry_run", "retry_failed"])
    def test_a_message_says_that_runs_of_a_paused_sweep_wait(self, sweep, run_one, capsys, verb):
        run = run_one(sweep.id, state="failed")
        sweep.pause()
        getattr(sweep, verb)(*([run] if verb == "retry_run" else []))
        err = capsys.readouterr().err
        assert "is paused: its runs are handed out when it is resumed" in err
        assert "--" not in err

    def test_what_cannot_be(self, sweep, run_one):
        with pytest.raises(NotPossible, match="is finished") as refusal:
            sweep.retry_run(run_one(sweep.id))
        assert "--" not in str(refusal.value)
        with pytest.raises(UsageError, match="no run of sweep"):
            sweep.retry_run("zzzzzzzz-0")


class TestRunsThatAreRemoved:
    def test_a_run(self, sweep, run_one):
        run = run_one(sweep.id, {"loss": 1})
        assert sweep.delete_run(run)["state"] == "deleted"
        assert (sweep.runs(), sweep.best(), sweep.history()) == ([], None, [])

    def test_again(self, sweep, run_one):
        run = run_one(sweep.id, {"loss": 1})
        assert sweep.delete_run(run, again=True)["state"] == "pending"
        assert run_one(sweep.id, {"loss": 2}) == run
        assert sweep.best()["best"] == 2

    def test_a_second_deletion_is_reported(self, sweep, run_one, capsys):
        run = run_one(sweep.id)
        sweep.delete_run(run)
        sweep.delete_run(0)
        assert "was deleted before, so nothing has changed" in capsys.readouterr().err
