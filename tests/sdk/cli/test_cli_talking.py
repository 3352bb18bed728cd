"""``log``, ``ask``, ``tell``, ``sync``: programs that use the backend without an agent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sweep_sdk._agent.outbox.pending import Outbox, PendingDelivery
from sweep_sdk._metrics.line_format import RowLine, SummaryLine, decode_line
from sweep_sdk._settings import load_settings
from sweep_sdk.cli.commands import ask
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending


class TestLog:
    @pytest.fixture
    def metrics_file(self, home, monkeypatch):
        path = home.parent / "metrics.jsonl"
        monkeypatch.setenv("SWEEP_METRICS_FILE", str(path))
        return path

    def lines(self, path):
        return [decode_line(line) for line in path.read_bytes().splitlines()]

    def test_appends_a_row(self, cli, metrics_file):
        assert cli("log", "loss=0.3", "step=4", "n=7", "ok=true").code == 0
        assert cli("log", "loss=-1e-3").code == 0
        first, second = self.lines(metrics_file)
        assert (first.step, first.metrics) == (4, {"loss": 0.3, "n": 7, "ok": True})
        assert (second.step, second.metrics) == (None, {"loss": -0.001})
        assert isinstance(first, RowLine)
        assert first.at is not None

    def test_values_that_are_no_finite_number(self, cli, metrics_file):
        assert cli("log", "a=nan", "b=-inf", "c=1e999").code == 0
        assert self.lines(metrics_file)[0].metrics == {
            "a": "NaN",
            "b": "-Infinity",
            "c": "Infinity",
        }

    def test_a_name_may_hold_the_sign(self, cli, metrics_file):
        assert cli("log", "huber[delta=1.3]=0.25", "a==1").code == 0
        assert self.lines(metrics_file)[0].metrics == {"huber[delta=1.3]": 0.25, "a=": 1}

    def test_summary(self, cli, metrics_file):
        assert cli("log", "--summary", "acc=0.9").code == 0
        assert self.lines(metrics_file) == [SummaryLine({"acc": 0.9})]

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["loss"], "found 'loss'; expected NAME=VALUE"),
            (["=3"], "found '=3'; expected NAME=VALUE"),
            (["loss=low"], "loss: found 'low'; expected a number"),
            (["loss="], "loss: found ''"),
            (["loss=1", "step=1.5"], "step: expected a whole number"),
            (["loss=1", "step=nan"], "step: expected a whole number"),
            ([], "Missing argument"),
        ],
    )
    def test_bad_values_are_named_and_nothing_is_logged(self, cli, metrics_file, words, message):
        result = cli("log", *words)
        assert result.code == 2
        assert message in result.err
        assert result.err.count("\n") == 1
        assert not metrics_file.exists()

    def test_outside_a_run_nothing_is_kept(self, cli, home):
        result = cli("log", "loss=0.3")
        assert (result.code, result.out) == (0, "")
        assert "nothing was stored" in result.err
        assert not home.exists()

    def test_a_file_that_cannot_be_written(self, cli, metrics_file):
        metrics_file.mkdir()
        result = cli("log", "loss=0.3")
        assert result.code == 2
        assert str(metrics_file) in result.err


class TestAskAndTell:
    def test_optimise_without_an_agent(self, cli, grid, client):
        for number in range(4):
            run = cli("ask", grid, "--json").json
            assert run["index"] == number
            assert run["lease_seconds"] == 300
            reported = cli(
                "tell", run["id"], "--attempt", "1", f"loss={run['config']['lr']}", f"n={number}"
            )
            assert (reported.code, reported.out) == (0, f"run {run['id']} is finished\n")
        assert client.best_run(grid)["config"]["lr"] == 0.01
        assert client.get_run(f"{grid}-3")["summary"] == {"loss": 0.01, "n": 3}
        ended = cli("ask", grid, "--json")
        assert (ended.code, ended.out) == (1, "null\n")

    def test_for_people(self, cli, grid):
        result = cli("ask", grid)
        assert result.lines[0] == f"{grid}-0: layers=1 lr=0.1"
        assert f"sweep-sdk tell {grid}-0 --attempt 1 NAME=VALUE" in result.lines[1]

    def test_failed_runs(self, cli, grid):
        run = cli("ask", grid, "--json").json["id"]
        assert cli("tell", run, "--attempt", "1", "--state", "failed").out == (
            f"run {run} is failed\n"
        )

    def test_a_result_is_reported_once(self, cli, grid):
        run = cli("ask", grid, "--json").json["id"]
        cli("tell", run, "--attempt", "1", "loss=1")
        result = cli("tell", run, "--attempt", "1", "loss=2")
        assert result.code == 2
        assert "has ended already: it is finished; a run is told once" in result.err

    def test_a_bad_value_ends_nothing(self, cli, grid, client):
        run = cli("ask", grid, "--json").json["id"]
        assert cli("tell", run, "--attempt", "1", "loss=low").code == 2
        assert client.get_run(run)["state"] == "running"

    def test_without_an_attempt_nothing_is_reported(self, cli, grid, client):
        run = cli("ask", grid, "--json").json["id"]
        result = cli("tell", run, "loss=1")
        assert result.code == 2
        assert "if that was you, add '--attempt 1'" in result.err
        assert client.get_run(run)["state"] == "running"

    def test_the_holder_of_a_later_attempt_is_left_alone(self, cli, grid, client):
        run = cli("ask", grid, "--json").json["id"]
        client.finish(run, Ending(1, RunState.PREEMPTED))
        other = client.ask(grid, "key-of-another", "other")
        client.report(run, other.attempt, 0, [{"metrics": {"loss": 5}}], key=other.key)
        result = cli("tell", run, "--attempt", "1", "loss=1")
        assert result.code == 2
        assert "attempt 2 was handed out to 'other'" in result.err
        assert client.get_run(run)["state"] == "running"
        assert [row["metrics"]["loss"] for row in client.history(run)] == [5]

    def test_the_result_is_appended_to_earlier_rows(self, cli, grid, client):
        run = cli("ask", grid, "--json").json
        for number in range(3):
            client.report(run["id"], 1, number, [{"metrics": {"loss": number}}], key=run["key"])
        assert cli("tell", run["id"], "--attempt", "1", "loss=9").code == 0
        rows = [row["metrics"]["loss"] for row in client.history(run["id"])]
        assert rows == [0, 1, 2, 9]

    def test_waits_for_a_paused_sweep(self, cli, grid, client, monkeypatch):
        client.change_sweep(grid, state="paused")
        waits = []

        def resume(seconds):
            waits.append(seconds)
            client.change_sweep(grid, state="running")

        monkeypatch.setattr(ask.time, "sleep", resume)
        result = cli("ask", grid, "--json")
        assert result.json["index"] == 0
        assert "paused" in result.err
        assert len(waits) == 1


class TestSync:
    def test_nothing_to_deliver(self, cli):
        assert cli("sync").out == "there was nothing to deliver\n"

    def test_delivers_what_a_dead_agent_left(self, cli, grid, run_one, client):
        run = run_one(grid, state=None)
        metrics = Path("metrics.jsonl").absolute()
        said = [{"loss": 1 / n} for n in (1, 2, 4)] + [{"event": "finish", "exit_code": 0}]
        metrics.write_text("".join(json.dumps(line) + "\n" for line in said))
        settings = load_settings()
        Outbox(settings.home).save(
            PendingDelivery(str(settings.local_db), run, 1, str(metrics), "loss")
        )
        result = cli("sync")
        assert result.code == 0
        assert result.lines == [f"{run} (attempt 1): finished", "1 attempt delivered"]
        rows = list(client.history(run))
        assert [row["metrics"]["loss"] for row in rows] == [1.0, 0.5, 0.25]
        assert client.get_run(run)["best"] == 0.25
        assert cli("sync").out == "there was nothing to deliver\n"

    def test_reports_what_is_left_for_other_backends(self, cli, home):
        pending = PendingDelivery(
            "http://backend.invalid", "k3v9x2ab-0", 1, "metrics.jsonl", "loss"
        )
        Outbox(load_settings().home).save(pending)
        result = cli("sync")
        assert result.out == "there was nothing to deliver to this backend\n"
        assert "http://backend.invalid" in result.err
