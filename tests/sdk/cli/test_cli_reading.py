"""``sweeps``, ``runs``, ``show``, ``best``, ``logs``, ``delete``."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import shlex
import threading
from datetime import datetime, timedelta

import pytest
import yaml

from sweep_sdk._agent.process.launcher import run_files
from sweep_sdk._settings import load_settings
from sweep_sdk.cli import main
from sweep_sdk.cli.board import Listing
from sweep_sdk.cli.commands.sweeps import sweep_columns
from sweep_sdk.cli.run_columns import run_columns
from sweep_sdk.cli.tables import fitting
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

UNKNOWN = "zzzzzzzz"


def cells(text):
    """A printed table as rows of a dict by title."""
    header, *rows = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    return [dict(zip(header, row, strict=False)) for row in rows]


class TestSweeps:
    def test_newest_first(self, cli, client, grid):
        other = client.create_sweep(
            {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
        )
        rows = cells(cli("sweeps").out)
        assert [row["SWEEP"] for row in rows] == [other["id"], grid]
        assert [row["RUNS"] for row in rows] == ["0", "0/4"]
        assert [row["METRIC"] for row in rows] == ["-", "minimize loss"]

    def test_sweeps_are_filtered_by_project_and_state(self, cli, client, grid):
        client.change_sweep(grid, state="paused")
        assert [s["id"] for s in cli("sweeps", "--state", "paused", "--json").json] == [grid]
        assert cli("sweeps", "--state", "running", "--json").json == []
        assert cli("sweeps", "--project", "other", "--json").json == []

    def test_the_limit_is_reported(self, cli, client, grid):
        for _ in range(3):
            client.create_sweep({"method": "grid", "parameters": {"x": {"values": [1]}}})
        result = cli("sweeps", "--limit", 2, "--json")
        assert len(result.json) == 2
        assert "only the newest 2" in result.err
        assert cli("sweeps", "--limit", 4).err == ""

    def test_no_sweeps_exist_yet(self, cli):
        result = cli("sweeps")
        assert (result.code, result.out) == (0, "")
        assert "sweep-sdk sweep FILE" in result.err

    def test_eighty_columns_hold_what_matters(self, client, grid):
        long = client.create_sweep(
            {"method": "grid", "parameters": {"x": {"values": [1]}}, "metric": {"name": "m" * 30}},
            project="a project with a long name",
            name="a sweep with a very long name of its own",
        )
        found = [client.get_sweep(grid), client.get_sweep(long["id"])]
        shown = fitting(sweep_columns(found, 1e9), 80)
        assert [c.title for c in shown][:2] == ["SWEEP", "NAME"]
        assert {"STATE", "RUNS", "CREATED"} <= {c.title for c in shown}
        assert sum(c.width + 2 for c in shown) - 2 <= 80


class TestRuns:
    def test_a_table_of_what_varies(self, cli, grid, run_one):
        run_one(grid, loss=0.5)
        run_one(grid, "failed", exit_code=3)
        rows = cells(cli("runs", grid).out)
        assert rows[0]["RUN"] == f"{grid}-0"
        assert rows[0]["STATE"] == "finished"
        assert rows[0]["loss"] == "0.5"
        assert rows[1]["loss"] == "-"
        assert rows[1]["lr"] == "0.01"
        assert "layers" not in rows[0]
        assert rows[1]["EXIT"] == "3"

    def test_says_how_the_sweep_is(self, cli, grid, run_one):
        run_one(grid, loss=0.5)
        best = run_one(grid, loss=0.25)
        lines = cli("runs", grid).lines
        assert lines[-2] == f"sweep {grid} is running: 2 runs (2 finished)"
        assert lines[-1] == f"best: loss=0.25 by {best} (layers=1 lr=0.01)"

    def test_json_has_what_programs_need(self, cli, grid, run_one):
        run_one(grid, loss="NaN", exit_code=0)
        (run,) = cli("runs", grid, "--json").json
        assert run["id"] == f"{grid}-0"
        assert (run["index"], run["state"], run["attempt"]) == (0, "finished", 1)
        assert (run["exit_code"], run["agent"]) == (0, "a1")
        assert run["config"] == {"layers": 1, "lr": 0.1}
        assert run["summary"] == {"loss": "NaN"}

    def test_no_runs_yet(self, cli, grid):
        result = cli("runs", grid)
        assert (result.code, result.out) == (0, "")
        assert f"sweep-sdk agent {grid}" in result.err
        assert cli("runs", grid, "--json").json == []

    def test_csv(self, cli, client):
        sweep = client.create_sweep(
            {
                "method": "grid",
                "metric": {"name": "loss"},
                "parameters": {
                    "a": {"parameters": {"b": {"values": [1, 2]}}},
                    "text": {"value": 'quote " and, comma'},
                    "list": {"value": [1, None]},
                },
            }
        )["id"]
        for number, more in enumerate([{}, {"extra": True}]):
            taken = client.ask(sweep, f"key-number-{number}", "a1")
            row = {"step": 0, "at": 1.0, "metrics": {"loss": 0.1 + 0.2, **more}}
            client.report(taken.id, 1, 0, [row])
            ending = Ending(1, RunState.FINISHED, summary=row["metrics"])
            client.finish(taken.id, ending)
        rows = list(csv.DictReader(io.StringIO(cli("runs", sweep, "--csv").out)))
        assert [row["config.a.b"] for row in rows] == ["1", "2"]
        assert rows[0]["config.text"] == 'quote " and, comma'
        assert json.loads(rows[0]["config.list"]) == [1, None]
        assert [float(row["summary.loss"]) for row in rows] == [0.1 + 0.2] * 2
        assert [row["summary.extra"] for row in rows] == ["", "True"]
        assert rows[0]["exit_code"] == ""

    def test_csv_of_numbers_that_are_not_finite(self, cli, client, run_one):
        config = {"method": "grid", "metric": {"name": "loss"}}
        values = {"a": {"values": [math.inf]}, "b": {"values": [[math.nan, 1]]}}
        sweep = client.create_sweep({**config, "parameters": values})["id"]
        run_one(sweep, loss="NaN", more={"norm": "-Infinity"})
        (row,) = csv.DictReader(io.StringIO(cli("runs", sweep, "--csv").out))
        found = {name: row[name] for name in ("config.a", "config.b", "summary.loss")}
        assert found == {"config.a": "Infinity", "config.b": '["NaN", 1]', "summary.loss": "NaN"}
        assert row["summary.norm"] == "-Infinity"
        (run,) = cli("runs", sweep, "--json").json
        assert run["config"] == {"a": "Infinity", "b": ["NaN", 1]}
        assert run["summary"] == {"loss": "NaN", "norm": "-Infinity"}

    def test_csv_without_runs_has_its_header(self, cli, grid):
        assert cli("runs", grid, "--csv").out.startswith("id,index,state,")

    def test_csv_has_iso_times(self, cli, grid, run_one):
        run_one(grid, loss=0.5)
        run_one(grid, state=None)
        ended, open_ = csv.DictReader(io.StringIO(cli("runs", grid, "--csv").out))
        for name in ("created_at", "started_at", "ended_at"):
            assert datetime.fromisoformat(ended[name]).utcoffset() == timedelta(0)
        assert open_["ended_at"] == ""
        (first, _) = cli("runs", grid, "--json").json
        parsed = datetime.fromisoformat(ended["created_at"]).timestamp()
        assert parsed == pytest.approx(first["created_at"], abs=0.001)

    def test_chosen_runs_in_every_form(self, cli, grid, run_one):
        for loss, acc in ((0.5, 1), (0.25, 2), (0.75, 3)):
            run_one(grid, loss=loss, more={"acc": acc})
        options = ["--where", "loss<0.7", "--where", "acc>0", "--sort", "-loss"]
        assert [row["RUN"][-1] for row in cells(cli("runs", grid, *options).out)[:2]] == ["0", "1"]
        assert [run["index"] for run in cli("runs", grid, *options, "--json").json] == [0, 1]
        rows = csv.DictReader(io.StringIO(cli("runs", grid, *options, "--csv").out))
        assert [row["index"] for row in rows] == ["0", "1"]

    def test_how_many_were_chosen_is_said(self, cli, grid, run_one):
        for loss in (0.5, 0.25, 0.75):
            run_one(grid, loss=loss)
        assert "2 of 3 runs shown" in cli("runs", grid, "--top", 2).lines
        assert "shown" not in cli("runs", grid).out
        result = cli("runs", grid, "--where", "loss>1")
        assert (result.code, result.out, result.err) == (0, "", "none of 3 runs matches\n")

    def test_columns_in_every_form(self, cli, grid, run_one):
        run_one(grid, loss=0.5)
        run_one(grid, "failed")
        wanted = ["--columns", "id,lr", "--columns", "loss,ended_at"]
        first, second = cells(cli("runs", grid, *wanted).out)[:2]
        assert list(first) == ["id", "lr", "loss", "ended_at"]
        assert (first["id"], first["loss"], second["loss"]) == (f"{grid}-0", "0.5", "-")
        printed = list(csv.reader(io.StringIO(cli("runs", grid, *wanted, "--csv").out)))
        assert printed[0] == ["id", "lr", "loss", "ended_at"]
        assert printed[2][:3] == [f"{grid}-1", "0.01", ""]
        assert datetime.fromisoformat(printed[1][3])
        (found, _) = cli("runs", grid, *wanted, "--json").json
        assert (found["lr"], found["loss"]) == (0.1, 0.5)

    @pytest.mark.parametrize(
        "words", [["--sort", "accu"], ["--where", "accu>1"], ["--columns", "id,accu"]]
    )
    def test_a_name_that_no_run_has(self, cli, grid, run_one, words):
        assert cli("runs", grid, *words, "--csv").code == 0  # of no runs nothing is known yet
        run_one(grid, more={"acc": 1})
        result = cli("runs", grid, *words)
        assert (result.code, result.out) == (2, "")
        assert result.err == "error: no run has 'accu'; did you mean acc?\n"

    def test_why_a_run_was_stopped(self, cli, client):
        sweep = client.create_sweep(
            {
                "method": "random",
                "metric": {"name": "loss"},
                "early_terminate": {"type": "hyperband", "min_iter": 2},
                "parameters": {"x": {"min": 0.0, "max": 1.0}},
            }
        )["id"]
        for key, losses in (("key-of-good-one", (0.5, 0.61)), ("key-of-the-bad1", (0.7, 0.83))):
            taken = client.ask(sweep, key=key, agent="a1", host="far")
            rows = [{"step": 0, "at": 1.0, "metrics": {"loss": loss}} for loss in losses]
            client.report(taken.id, taken.attempt, 0, rows)
        client.finish(taken.id, Ending(1, RunState.FINISHED))
        words = "finished, stopped early at value 2 of the metric: 0.83 is worse than the threshold"
        assert f"{words}, 0.61" in cli("show", taken.id).out
        (run,) = cli("runs", sweep, "--state", "finished", "--json").json
        assert run["early_stop"] == {"band": 2, "value": 0.83, "threshold": 0.61}

    def test_what_programs_noted_is_searchable(self, cli, grid, run_one):
        run_one(grid, attributes={"name": "base-1", "tags": ["a", "b"]})
        run_one(grid, attributes={"name": "other", "tags": ["a"]})
        run_one(grid)

        def found(*words):
            return [run["index"] for run in cli("runs", grid, *words, "--json").json]

        assert found("--tag", "a") == [0, 1]
        assert found("--tag", "a", "--tag", "b") == [0]
        assert found("--name", "base*") == [0]
        assert found("--where", "name=other") == [1]

    def test_several_sweeps(self, cli, client, grid, run_one):
        other = client.create_sweep(
            {
                "method": "grid",
                "name": "wider",
                "metric": {"name": "acc", "goal": "maximize"},
                "parameters": {"width": {"values": [8, 9]}},
            }
        )["id"]
        run_one(grid, loss=0.5)
        run_one(other, more={"acc": 0.9})
        result = cli("runs", grid, other, grid)
        first, second = cells(result.out)[:2]
        assert (first["RUN"], first["SWEEP"], first["loss"], first["acc"]) == (
            f"{grid}-0", grid, "0.5", "-"
        )  # fmt: skip
        assert (second["RUN"], second["SWEEP"], second["acc"], second["width"]) == (
            f"{other}-0", "wider", "0.9", "8"
        )  # fmt: skip
        assert f"sweep {grid} is running: 1 run (1 finished)" in result.lines
        assert f"best: acc=0.9 by {other}-0 (width=8)" in result.lines
        rows = list(csv.DictReader(io.StringIO(cli("runs", grid, other, "--csv").out)))
        assert [row["sweep"] for row in rows] == [grid, other]
        assert [run["sweep"] for run in cli("runs", other, grid, "--json").json] == [other, grid]
        assert cli("runs", grid, other, "--top", 1).code == 2  # there is no common goal
        wrong = cli("runs", grid, UNKNOWN)
        assert (wrong.code, wrong.out) == (2, "")
        assert UNKNOWN in wrong.err

    def test_the_duration_counts_while_an_agent_works(self, client, grid, run_one):
        ended, preempted, running = (
            run_one(grid), run_one(grid, "preempted"), run_one(grid, state=None)
        )  # fmt: skip
        assert preempted == running  # it is handed out again at once
        run_one(grid, "preempted")
        runs = list(client.list_runs(grid))
        now = max(run["started_at"] for run in runs) + 60
        (column,) = [
            c for c in run_columns(runs, [client.get_sweep(grid)], now) if c.title == "TIME"
        ]
        states = {run["id"]: run["state"] for run in runs}
        times = dict(zip(states, column.cells, strict=True))
        assert states[running] == "running"
        assert times[running] in ("1.0 min", "60 s")
        assert times[ended].endswith(" s")
        assert [times[run] for run, state in states.items() if state == "pending"] == ["-"]

    def test_a_run_that_diverged_shows_it(self, cli, grid, run_one):
        run_one(grid, loss="NaN")
        run_one(grid, loss=0.5)
        assert [row["loss"] for row in cells(cli("runs", grid).out)[:2]] == ["NaN", "0.5"]

    def test_least_and_greatest_values_take_no_columns(self, cli, grid, run_one):
        spread = {
            "loss.min": 0.1,
            "loss.max": 0.9,
            "acc": 1,
            "acc.min": 0,
            "acc.max": 2,
            "t.max": 5,
        }
        run_one(grid, loss=0.5, more=spread)
        titles = list(cells(cli("runs", grid).out)[0])
        assert {"loss", "acc", "t.max"} <= set(titles)
        assert not {"loss.min", "acc.min", "acc.max"} & set(titles)
        (row,) = csv.DictReader(io.StringIO(cli("runs", grid, "--csv").out))
        assert (row["summary.acc.max"], row["summary.loss.min"]) == ("2", "0.1")

    def test_watch_ends_with_the_sweep(self, cli, grid, run_one, client):
        for _ in range(3):
            run_one(grid, loss=0.5)
        last = run_one(grid, state=None)

        def end():
            client.finish(last, Ending(1, RunState.FINISHED, exit_code=0))

        timer = threading.Timer(0.3, end)
        timer.start()
        result = cli("runs", grid, "--watch", "--interval", "0.1")
        timer.join()
        assert f"sweep {grid} is finished: 4 runs (4 finished)" in result.out
        assert len([line for line in result.lines if line.startswith(grid)]) == 4

    def test_watching_does_not_read_ended_runs_again(self, client, grid, run_one):
        run_one(grid, loss=0.5)
        run_one(grid, state=None)
        run_one(grid, loss=0.5)
        asked = []

        class Watched:
            def get_sweep(self, sweep, *, survey):
                assert not survey
                return client.get_sweep(sweep, survey=survey)

            def list_runs(self, sweep, since, indices):
                asked.append((since, indices))
                return client.list_runs(sweep, since, indices)

        listing = Listing(Watched(), grid)
        listing.refresh()
        listing.refresh()
        assert asked == [(0, []), (3, [1])]
        assert [run["index"] for run in listing.runs] == [0, 1, 2]
        described = client.get_sweep(grid)
        assert listing.sweep["counts"] == described["counts"]
        assert listing.sweep["best"]["id"] == described["best"]["id"]

    @pytest.mark.parametrize("words", [["--csv", "--json"], ["--watch", "--json"]])
    def test_one_form_at_a_time(self, cli, grid, words):
        assert cli("runs", grid, *words).code == 2

    def test_many_parameters_in_eighty_columns(self, client):
        parameters = {f"parameter_{n}": {"min": 0.0, "max": 1.0} for n in range(20)}
        config = {"method": "random", "parameters": parameters, "metric": {"name": "loss"}}
        sweep = client.create_sweep(config)
        for number in range(2):
            client.ask(sweep["id"], f"key-number-{number}", "a1")
        runs = list(client.list_runs(sweep["id"]))
        shown = fitting(run_columns(runs, [sweep], 0.0), 80)
        titles = [c.title for c in shown]
        assert titles[:3] == ["RUN", "STATE", "loss"]
        assert "TIME" in titles
        assert "parameter_0" in titles
        assert sum(c.width + 2 for c in shown) - 2 <= 80


class TestHistory:
    @pytest.fixture
    def curve(self, client, grid):
        """A run with two metrics, one of them sparse, and one value that is no number."""
        taken = client.ask(grid, "key-of-the-curve", "a1")
        rows = [{"step": n, "at": 1000.0 + n, "metrics": {"loss": 1 / (n + 1)}} for n in range(100)]
        rows[99]["metrics"] = {"loss": "NaN", "val": 0.5}
        client.report(taken.id, 1, 0, rows)
        client.finish(taken.id, Ending(1, RunState.FINISHED))
        return taken.id

    def test_csv_has_all_rows(self, cli, curve):
        result = cli("history", curve, "--csv")
        rows = list(csv.DictReader(io.StringIO(result.out)))
        assert list(rows[0]) == ["run", "attempt", "step", "time", "loss", "val"]
        assert [row["step"] for row in rows] == [str(n) for n in range(100)]
        assert rows[0] == {
            "run": curve, "attempt": "1", "step": "0", "loss": "1.0", "val": "",
            "time": "1970-01-01T00:16:40.000+00:00",
        }  # fmt: skip
        assert (rows[99]["loss"], rows[99]["val"]) == ("NaN", "0.5")
        assert result.err == ""

    def test_json_has_all_rows(self, cli, curve):
        rows = cli("history", curve, "--json").json
        assert len(rows) == 100
        assert rows[0] == {"run": curve, "attempt": 1, "step": 0, "time": 1000.0, "loss": 1.0}
        assert rows[99]["loss"] == "NaN"

    def test_a_table_of_some_rows(self, cli, curve):
        result = cli("history", curve)
        rows = cells(result.out)
        assert 30 <= len(rows) <= 61
        assert list(rows[0]) == ["STEP", "TIME", "loss", "val"]
        assert (rows[0]["STEP"], rows[-1]["STEP"]) == ("0", "99")
        assert (rows[-1]["loss"], rows[-1]["val"]) == ("NaN", "0.5")
        assert f"{len(rows)} of 100 rows are shown" in result.err

    @pytest.mark.parametrize("form", [[], ["--csv"], ["--json"]])
    def test_some_metrics_and_rows(self, cli, curve, form):
        one = cli("history", curve, "--metric", "val", *form)
        assert one.code == 0
        assert "loss" not in one.out
        assert "0.5" in one.out
        few = cli("history", curve, "--rows", 5, *form)
        assert 6 <= len(few.lines) <= 14
        assert few.err == ""
        none = cli("history", curve, "--metric", "vall", *form)
        assert none.code == 1
        assert f"no row of {curve} has 'vall'" in none.err

    @pytest.mark.parametrize("form", ["--csv", "--json"])
    def test_all_runs_of_a_sweep(self, cli, grid, curve, run_one, form):
        other = run_one(grid, more={"extra": 3})
        result = cli("history", grid, form)
        if form == "--csv":
            rows = list(csv.DictReader(io.StringIO(result.out)))
            assert list(rows[0])[-1] == "extra"
        else:
            rows = result.json
        assert [row["run"] for row in rows] == [curve] * 100 + [other]

    def test_a_table_of_a_sweep(self, cli, grid, curve, run_one):
        other = run_one(grid, loss=0.5)
        rows = cells(cli("history", grid).out)
        assert list(rows[0])[:2] == ["RUN", "STEP"]
        assert {row["RUN"] for row in rows} == {curve, other}

    def test_attempts(self, cli, client, grid):
        for attempt, first in ((1, 0), (2, 3)):
            taken = client.ask(grid, f"key-of-attempt-{attempt}", "a1")
            rows = [{"step": first + n, "at": 1.0, "metrics": {"loss": n}} for n in range(5)]
            client.report(taken.id, attempt, 0, rows)
            state = "preempted" if attempt == 1 else "finished"
            client.finish(taken.id, Ending(attempt, RunState(state)))
        assert [row["ATTEMPT"] for row in cells(cli("history", taken.id).out)] == ["1"] * 5 + [
            "2"
        ] * 5
        joined = cli("history", taken.id, "--joined", "--json").json
        assert [(row["attempt"], row["step"]) for row in joined] == [
            (1, 0), (1, 1), (1, 2), (2, 3), (2, 4), (2, 5), (2, 6), (2, 7)
        ]  # fmt: skip

    def test_more_rows_than_stay_in_memory(self, cli, curve, monkeypatch):
        monkeypatch.setattr("sweep_sdk.cli.row_views._IN_MEMORY_BYTES", 100)
        assert len(cli("history", curve, "--csv").lines) == 101

    @pytest.mark.parametrize("form", [[], ["--csv"], ["--json"]])
    def test_no_rows_yet(self, cli, grid, run_one, form):
        run = run_one(grid)
        for what in (run, grid):
            result = cli("history", what, *form)
            assert result.code == 1
            assert result.err == f"{what} has no rows yet\n"
        assert cli("history", run, "--json").json == []

    def test_one_form_at_a_time(self, cli, curve):
        assert cli("history", curve, "--csv", "--json").code == 2


class TestShow:
    def test_a_sweep(self, cli, grid, run_one):
        run_one(grid, loss=0.5)
        result = cli("show", f"me/digits/{grid}")
        text = " ".join(result.out.split())
        assert result.code == 0
        for part in (
            f"sweep {grid} in project default",
            "state running",
            "runs 1 run (1 finished)",
            "method grid",
            "points 4",
            "layers categorical 1, 2",
            f"best: loss=0.5 by {grid}-0 (layers=1 lr=0.1)",
        ):
            assert part in text

    def test_a_run_is_shown_with_its_attempts(self, cli, grid, run_one, client):
        run = run_one(grid, "preempted", loss=0.5, signal=15)
        again = run_one(
            grid,
            "failed",
            loss=0.7,
            more={"deep.acc": 1.0},
            exit_code=3,
            host="gpu7",
            error_tail="Traceback\nValueError: \x1b[31mbad\n",
        )
        assert again == run
        text = " ".join(cli("show", run).out.split())
        for part in (
            f"run {run} (index 0 of sweep {grid})",
            "state failed",
            "output on host gpu7",
            "layers 1",
            "1: agent a1 on far, started",
            "preempted after",
            "killed by SIGTERM",
            "2: agent a1 on gpu7, started",
            "failed after",
            "exit code 3",
            "loss 0.7",
            "ValueError: \\x1b[31mbad",
        ):
            assert part in text
        for row in ("attempt 1, step 0, [0-9]+ d ago: loss=0.5", "attempt 2, step 0, .*: loss=0.7"):
            assert re.search(row, text)

    def test_a_waiting_run_shows_its_last_attempt(self, cli, grid, run_one):
        run = run_one(grid, "preempted", loss=0.5, signal=15)
        text = " ".join(cli("show", run).out.split())
        assert re.search(
            r"1: agent a1 on far, started .* preempted after .* killed by SIGTERM", text
        )
        assert "waiting to be handed out" in text
        assert "pending for" not in text

    def test_a_running_run_shows_its_lease(self, cli, grid, run_one):
        run = run_one(grid, state=None)
        assert "running, lease expires in" in cli("show", run).out

    def test_bayes_explains_itself(self, cli, client, run_one):
        space = {"x": {"min": -1.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}
        config = {"method": "bayes", "metric": {"name": "loss"}, "seed": 1, "parameters": space}
        sweep = client.create_sweep(config)["id"]
        for number in range(12):
            run = run_one(sweep, loss=float((number - 6) ** 2))
        text = " ".join(cli("show", sweep).out.split())
        assert f"{run}: expected improvement" in text
        assert "from 11 values" in text
        assert (
            "importance: share of the variation of loss explained by each parameter (12 runs)"
            in text
        )
        assert re.search(r"\bx \d+%", text)
        assert re.search(r"\by \d+%", text)
        assert "predicted" in cli("show", run).out

    def test_json(self, cli, grid, run_one):
        run = run_one(grid, loss=0.5)
        assert cli("show", grid, "--json").json["counts"] == {"finished": 1}
        assert cli("show", run, "--json").json["attempts"] == []


class TestBest:
    def test_for_people(self, cli, grid, run_one):
        run_one(grid, loss=0.5)
        best = run_one(grid, loss=0.25)
        assert cli("best", grid).out == (
            f"loss=0.25 by run {best} (minimize loss)\n  layers  1\n  lr      0.01\n"
        )

    def test_forms_for_programs(self, cli, client, run_one):
        values = {"flag": True, "s": "it's a b", "d": {"x": [1, None]}, "lr": 1e-5}
        parameters = {name: {"values": [value]} for name, value in values.items()}
        config = {"method": "grid", "metric": {"name": "loss"}, "parameters": parameters}
        sweep = client.create_sweep(config)["id"]
        run_one(sweep, loss=0.5)
        assert yaml.safe_load(cli("best", sweep, "--format", "yaml").out) == values
        assert cli("best", sweep, "--format", "json").json == values
        assert sorted(shlex.split(cli("best", sweep, "--format", "args").out)) == [
            "--d={'x': [1, None]}",
            "--flag=True",
            "--lr=1e-05",
            "--s=it's a b",
        ]

    def test_json_is_the_whole_run(self, cli, grid, run_one):
        best = run_one(grid, loss=0.5)
        assert cli("best", grid, "--json").json["id"] == best
        assert cli("best", grid, "--json", "--format", "json").code == 2

    def test_the_best_run_by_another_metric(self, cli, grid, run_one):
        for acc in (0.1, 0.3, 0.2):
            run_one(grid, loss=acc, more={"acc": acc / 2, "acc.max": acc})
        assert cli("best", grid, "--metric", "acc", "--goal", "max").lines[0] == (
            f"acc=0.3 by run {grid}-1 (maximize acc)"
        )
        assert cli("best", grid, "--metric", "acc", "--goal", "minimize").lines[0] == (
            f"acc=0.05 by run {grid}-0 (minimize acc)"
        )
        assert cli("best", grid, "--metric", "loss", "--json").json["index"] == 0
        assert cli("best", grid, "--goal", "max", "--json").json["index"] == 1
        unclear = cli("best", grid, "--metric", "acc")
        assert unclear.code == 2
        assert "use --goal minimize or --goal maximize" in unclear.err
        unknown = cli("best", grid, "--metric", "accc", "--goal", "max")
        assert (unknown.code, unknown.out) == (2, "")
        assert "did you mean acc" in unknown.err

    def test_no_value_yet(self, cli, grid, run_one):
        run_one(grid, "failed", loss=0.1)
        result = cli("best", grid)
        assert (result.code, result.out) == (1, "")
        assert "loss" in result.err

    def test_a_sweep_without_metric(self, cli, client):
        sweep = client.create_sweep({"method": "grid", "parameters": {"x": {"values": [1]}}})["id"]
        result = cli("best", sweep)
        assert result.code == 2
        assert "no metric" in result.err


class TestLogs:
    def log_file(self, run):
        path = run_files(load_settings().runs_dir, run.split("-")[0], run, 1).log
        path.parent.mkdir(parents=True)
        return path

    def test_logs_are_printed_byte_for_byte(self, grid, run_one, capfdbinary):
        run = run_one(grid)
        content = bytes(range(256)) * 1000
        self.log_file(run).write_bytes(content)
        assert main(["logs", run]) == 0
        assert capfdbinary.readouterr().out == content

    def test_path(self, cli, grid, run_one):
        run = run_one(grid)
        path = self.log_file(run)
        path.write_bytes(b"x")
        assert cli("logs", run, "--path").out == f"{path}\n"

    def test_follow_ends_with_the_run_and_misses_nothing(self, cli, grid, run_one, client):
        run = run_one(grid, state=None)
        path = self.log_file(run)
        path.write_text("first\n")

        def go_on():
            with path.open("a") as file:
                file.write("last\n")
            client.finish(run, Ending(1, RunState.FINISHED))

        timer = threading.Timer(0.2, go_on)
        timer.start()
        result = cli("logs", run, "-f")
        timer.join()
        assert result.out == "first\nlast\n"

    def test_a_run_on_another_machine(self, cli, grid, run_one):
        run = run_one(grid, host="gpu7")
        result = cli("logs", run)
        assert (result.code, result.out) == (1, "")
        assert "gpu7" in result.err


class TestDelete:
    def test_removes_the_sweep(self, cli, grid, run_one, client):
        run_one(grid)
        result = cli("delete", grid, "--yes")
        assert (result.code, result.out) == (0, f"sweep {grid} with 1 run was deleted\n")
        assert list(client.list_sweeps()) == []

    def test_removes_one_run_and_nothing_else(self, cli, grid, run_one, client):
        kept, doomed = run_one(grid, loss=2.0), run_one(grid, loss=1.0)
        result = cli("delete", f"entity/project/{doomed}", "--yes")
        assert result.code == 0
        assert result.lines == [
            f"run {doomed} was deleted; to hand out its configuration again: "
            f"sweep-sdk delete {doomed} --again"
        ]
        assert [run["id"] for run in client.list_runs(grid)] == [kept]
        assert client.best_run(grid)["id"] == kept
        assert list(client.history(doomed)) == []
        shown = cli("show", doomed)
        assert "state    deleted" in shown.out
        assert "attempts" not in shown.out
        again = cli("delete", doomed, "--yes")
        assert (again.code, again.out) == (0, "")
        assert again.err == f"run {doomed} was deleted before, so nothing has changed\n"

    def test_again_hands_the_configuration_out(self, cli, grid, run_one, client):
        doomed = run_one(grid)
        config = client.get_run(doomed)["config"]
        assert cli("delete", doomed, "--again", "--yes").code == 0
        handed_out = client.ask(grid, "key-of-the-test", "agent")
        assert (handed_out.id, handed_out.config, handed_out.attempt) == (doomed, config, 2)

    def test_a_run_that_has_not_ended_stays(self, cli, grid, client):
        run = client.ask(grid, "key-of-the-test", "agent").id
        result = cli("delete", run, "--yes")
        assert (result.code, result.out) == (2, "")
        assert "has not ended: an agent works on it; stop it first" in result.err
        assert client.get_run(run)["state"] == "running"

    def test_again_is_for_runs(self, cli, grid, client):
        result = cli("delete", grid, "--again", "--yes")
        assert result.code == 2
        assert "--again applies to a run" in result.err
        assert client.get_sweep(grid)["id"] == grid

    def test_a_run_needs_yes_too(self, cli, grid, run_one, client):
        run = run_one(grid)
        result = cli("delete", run, stdin=b"y\n")
        assert result.code == 2
        assert f"delete run {run} (finished) with everything it logged?" in result.err
        assert client.get_run(run)["state"] == "finished"

    def test_without_a_terminal_it_needs_yes(self, cli, grid, client):
        result = cli("delete", grid, stdin=b"y\n")
        assert result.code == 2
        assert "--yes" in result.err
        assert client.get_sweep(grid)["id"] == grid


@pytest.mark.parametrize(
    "words",
    [
        ["runs"],
        ["history"],
        ["show"],
        ["best"],
        ["delete", "--yes"],
        ["agent"],
        ["ask"],
        ["sweep", "--stop"],
    ],
    ids=lambda words: words[0],
)
class TestUnknownIds:
    def test_names_the_nearest(self, cli, grid, words):
        wrong = ("a" if grid[0] != "a" else "b") + grid[1:]
        result = cli(*words, wrong)
        assert result.code == 2
        assert result.out == ""
        assert result.err == f"error: no sweep '{wrong}': did you mean {grid}?\n"

    def test_or_says_where_to_look(self, cli, words):
        result = cli(*words, UNKNOWN)
        assert result.code == 2
        assert "'sweep-sdk sweeps' lists those that exist" in result.err

    @pytest.mark.parametrize("bad", ["", "UPPER123", "a/b/c d", "../../etc/passwd", "é" * 8])
    def test_or_what_an_id_looks_like(self, cli, words, bad):
        result = cli(*words, bad)
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert "names no sweep" in result.err or "names no run" in result.err


@pytest.mark.parametrize(
    "words", [["show"], ["history"], ["logs"], ["tell"], ["sweep", "--stop-run"]]
)
def test_a_run_that_does_not_exist(cli, grid, words):
    result = cli(*words, f"{grid}-99")
    assert result.code == 2
    assert f"{grid}-99" in result.err
    assert "did you mean" not in result.err


ODD = "odd\x1b[2J\nname"


def test_names_cannot_move_the_cursor(cli, client):
    created = client.create_sweep(
        {"method": "grid", "metric": {"name": ODD}, "parameters": {ODD: {"values": [1, 2]}}},
        project=ODD,
        name=ODD,
    )
    sweep = created["id"]
    for key in ("key-one-of-the-test", "key-two-of-the-test"):
        run = client.ask(sweep, key, f"agent {ODD}", host=ODD)
        row = {"step": 0, "at": 1.0, "metrics": {ODD: 1, f"{ODD} too": 2}}
        client.report(run.id, 1, 0, [row])
        client.finish(run.id, Ending(1, RunState.FINISHED, summary=row["metrics"]))
    for words in (
        ["sweeps"],
        ["runs", sweep],
        ["runs", sweep, "--columns", f"id,config.{ODD}"],
        ["history", sweep],
        ["show", sweep],
        ["show", run.id],
        ["best", sweep],
    ):
        result = cli(*words)
        assert result.code == 0
        assert "odd" in result.out
        assert all(line.isprintable() for line in result.lines)
        assert not any(line.startswith("name") for line in result.lines)
