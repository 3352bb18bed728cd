"""The agent with real training programs, in this process, with a temporary database."""

from __future__ import annotations

import json
import math
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.process.launcher import run_files
from sweep_sdk._agent.session import session
from sweep_sdk._agent.view import events
from sweep_sdk._backend.client import open_client
from sweep_sdk._exceptions import BackendUnavailable, UsageError
from sweep_sdk._server.server import LocalServer
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

QUICK = AgentOptions(
    row_interval_seconds=0.02,
    report_interval_seconds=0.05,
    term_timeout_seconds=0.3,
    max_runs_without_metric=0,
)
PYTHON = ["${interpreter}", "-S", "${program}", "${args}"]


@pytest.fixture
def settings(settings, monkeypatch):
    """Those of a process that has no rank and no GPUs."""
    for name in ("RANK", "LOCAL_RANK", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return settings


@pytest.fixture
def register(client):
    """Writes a program and registers a grid over ``n`` that runs it; the sweep's id."""

    def register(script, points=3, **config):
        Path("train.py").write_text(textwrap.dedent(script))
        document = {
            "method": "grid",
            "program": "train.py",
            "command": PYTHON,
            "metric": {"name": "loss"},
            "parameters": {"n": {"values": list(range(points))}},
            **config,
        }
        return client.create_sweep(document)["id"]

    return register


class Seen(list):
    def of(self, kind):
        return [event for event in self if isinstance(event, kind)]

    def notices(self):
        return [event.message for event in self.of(events.Notice)]

    def output(self):
        return b"".join(event.data for event in self.of(events.Output))


@pytest.fixture
def seen():
    return Seen()


@pytest.fixture
def work(client, settings, seen):
    def work(sweep, options=QUICK, **more):
        return run_agent(client, sweep, replace(options, **more), seen.append, settings)

    return work


def states(client, sweep):
    return [run["state"] for run in client.list_runs(sweep)]


LOG = """
    import json, os, sys
    n = json.load(open(os.environ["SWEEP_CONFIG_FILE"]))["n"]
    def log(**row):
        with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
            file.write(json.dumps(row) + "\\n")
"""


class TestToCompletion:
    def test_every_point_once(self, client, register, work, seen, settings):
        sweep = register(
            LOG + "    log(loss=n + 0.5, step=3); log(loss=n + 0.25); print('done', sys.argv[1:])"
        )
        assert work(sweep) == 0
        assert states(client, sweep) == ["finished"] * 3
        assert [event.index for event in seen.of(events.RunStarted)] == [0, 1, 2]
        assert [event.total for event in seen.of(events.RunStarted)] == [3, 3, 3]
        assert [event.value for event in seen.of(events.RunEnded)] == [0.25, 1.25, 2.25]
        assert [event.run for event in seen.of(events.BestSoFar)] == [f"{sweep}-0"]
        assert seen[-1].reason == "the sweep has ended"
        assert seen[-1].sweep["best"]["id"] == f"{sweep}-0"
        rows = [(row["step"], row["metrics"]) for row in client.history(f"{sweep}-1")]
        assert rows == [(3, {"loss": 1.5}), (4, {"loss": 1.25})]
        log = run_files(settings.runs_dir, sweep, f"{sweep}-1", 1).log
        assert log.read_text() == "done ['--n=1']\n"
        assert b"done ['--n=2']" in seen.output()

    def test_a_program_that_uses_the_sdk(self, client, register, work):
        sweep = register(
            """
            import sweep_sdk
            with sweep_sdk.init(config={"n": 9, "epochs": 2}) as run:
                assert run.id and run.sweep_id and run.attempt == 1 and not run.resumed
                for epoch in range(run.config.epochs):
                    run.log({"loss": run.config.n / (epoch + 1), "val": {"acc": float("nan")}})
                run.summary["test"] = 0.5
            """,
            points=1,
            command=["${interpreter}", "${program}"],
        )
        assert work(sweep) == 0
        run = client.get_run(f"{sweep}-0")
        assert run["state"] == "finished"
        assert run["summary"]["test"] == 0.5
        assert math.isnan(run["summary"]["val.acc"])

    def test_several_at_once_share_the_work(self, client, register, work, seen):
        sweep = register(LOG + "    import time; time.sleep(0.2); log(loss=n)", points=4)
        started = time.monotonic()
        assert work(sweep, parallel=4) == 0
        assert states(client, sweep) == ["finished"] * 4
        assert {event.slot for event in seen.of(events.RunStarted)} == {"0", "1", "2", "3"}
        starts = [seen.index(event) for event in seen.of(events.RunStarted)]
        first_end = seen.index(seen.of(events.RunEnded)[0])
        assert sum(start < first_end for start in starts) >= 2
        assert time.monotonic() - started < 60

    def test_one_gpu_each(self, client, register, work):
        script = LOG + "    log(loss=0, gpu=int(os.environ['CUDA_VISIBLE_DEVICES']))"
        sweep = register(script + "; import time; time.sleep(0.2)", points=2)
        assert work(sweep, gpus=("5", "7")) == 0
        assert {run["summary"]["gpu"] for run in client.list_runs(sweep)} == {5, 7}

    def test_a_count(self, client, register, work, seen):
        sweep = register("", points=5)
        assert work(sweep, count=2) == 0
        assert states(client, sweep) == ["finished"] * 2
        assert seen[-1].reason == "the count of runs is reached"

    def test_two_agents_meet_in_the_file(self, client, register, work, settings, seen):
        sweep = register("", points=10)
        thread = threading.Thread(target=work, args=(sweep,))
        thread.start()
        with open_client(settings) as other:
            assert run_agent(other, sweep, QUICK, seen.append, settings) == 0
        thread.join()
        assert states(client, sweep) == ["finished"] * 10
        assert sorted(event.index for event in seen.of(events.RunStarted)) == list(range(10))

    def test_a_paused_sweep_is_waited_for(self, client, register, work, seen):
        sweep = register("", points=1)
        client.change_sweep(sweep, state="paused")
        thread = threading.Thread(target=work, args=(sweep,))
        thread.start()
        while not seen.of(events.Waiting):
            time.sleep(0.01)
        assert seen.of(events.Waiting)[0].reason == "paused"
        client.change_sweep(sweep, state="running")
        thread.join()
        assert states(client, sweep) == ["finished"]

    def test_an_ended_sweep_ends_at_once_with_0(self, client, register, work):
        sweep = register("")
        client.change_sweep(sweep, state="canceled")
        assert work(sweep) == 0


class TestFailures:
    def test_exit_code_and_last_words_are_kept(self, client, register, work, seen):
        sweep = register("import sys; sys.exit('bad learning rate')", points=1)
        assert work(sweep) == 1
        run = client.get_run(f"{sweep}-0")
        assert (run["state"], run["exit_code"]) == ("failed", 1)
        assert run["error_tail"] == "bad learning rate"
        assert seen.of(events.RunEnded)[0].error == "bad learning rate"

    def test_a_traceback(self, client, register, work, seen):
        sweep = register("def f():\n    raise ValueError('diverged')\nf()", points=1)
        work(sweep)
        assert client.get_run(f"{sweep}-0")["error_tail"].startswith("Traceback")
        assert seen.of(events.RunEnded)[0].error == "ValueError: diverged"

    def test_a_python_without_the_sdk_is_distinguished_from_that_of_the_agent(
        self, register, work, seen
    ):
        work(register("import sweep_sdk", points=1))  # -S: a Python that has only its own library
        ended = seen.of(events.RunEnded)[0]
        assert ended.error == "ModuleNotFoundError: No module named 'sweep_sdk'"
        assert sys.executable in ended.hint
        assert "activate" in ended.hint

    def test_a_missing_module_other_than_sweep_sdk_gets_no_hint(self, register, work, seen):
        work(register("import sweep_sdk_plots", points=1))
        ended = seen.of(events.RunEnded)[0]
        assert ended.error == "ModuleNotFoundError: No module named 'sweep_sdk_plots'"
        assert ended.hint == ""

    def test_a_program_that_is_killed(self, client, register, work):
        sweep = register("import os; os.kill(os.getpid(), 9)", points=1)
        work(sweep)
        run = client.get_run(f"{sweep}-0")
        assert (run["state"], run["exit_code"], run["signal"]) == ("failed", None, 9)
        assert "out of memory" in run["error_tail"]

    def test_the_agent_gives_up_after_three_failures_in_the_first_minute(
        self, client, register, work, seen
    ):
        sweep = register("raise SystemExit(1)", points=9)
        assert work(sweep) == 1
        assert states(client, sweep) == ["failed"] * 3
        assert seen[-1].option == "max_initial_failures"

    def test_the_limits_can_be_set(self, client, register, work):
        sweep = register("raise SystemExit(1)", points=9)
        assert work(sweep, max_initial_failures=0, max_failures=4) == 1
        assert states(client, sweep) == ["failed"] * 4

    def test_a_failure_is_retried(self, client, register, work):
        script = """
            import os, sys
            marker = os.path.join(os.environ["SWEEP_RUN_DIR"], "checkpoint")
            if not os.path.exists(marker):
                open(marker, "w").close()
                sys.exit(1)
            assert os.environ["SWEEP_ATTEMPT"] == "2"
        """
        sweep = register(script, points=1, retry_failed=1)
        assert work(sweep) == 0
        run = client.get_run(f"{sweep}-0")
        assert (run["state"], run["attempt"]) == ("finished", 2)

    def test_a_missing_program_is_reported(self, register, work):
        sweep = register("", program="other.py")
        with pytest.raises(UsageError, match=r"no program 'other\.py'"):
            work(sweep)

    def test_an_unknown_sweep_is_reported(self, work):
        with pytest.raises(UsageError, match="zzzzzzzz"):
            work("zzzzzzzz")

    def test_a_folder_that_cannot_be_written(self, client, register, work):
        sweep = register("", points=1)
        Path("file").write_text("")
        with pytest.raises(UsageError, match="cannot write to"):
            work(sweep, runs_dir=Path("file"))
        assert work(sweep) == 0
        assert client.get_run(f"{sweep}-0")["attempt"] == 2


class TestStops:
    SLEEP = LOG + "    import time; log(loss=n); time.sleep(30)"

    def stop_when_started(self, seen, stop):
        def wait():
            while not seen.of(events.RunStarted):
                time.sleep(0.01)
            stop(seen.of(events.RunStarted)[0].run)

        thread = threading.Thread(target=wait)
        thread.start()
        return thread

    def test_one_run(self, client, register, work, seen):
        sweep = register(self.SLEEP, points=1)
        stopper = self.stop_when_started(seen, client.stop_run)
        assert work(sweep) == 0
        stopper.join()
        assert states(client, sweep) == ["killed"]
        assert seen.of(events.RunEnded)[0].reason == "stop_run"

    def test_the_whole_sweep(self, client, register, work, seen):
        sweep = register(self.SLEEP, points=2)
        stopper = self.stop_when_started(
            seen, lambda _: client.change_sweep(sweep, state="canceled")
        )
        assert work(sweep) == 0
        stopper.join()
        assert states(client, sweep) == ["killed"]

    def test_a_deleted_sweep(self, client, register, work, seen):
        sweep = register(self.SLEEP, points=2)
        stopper = self.stop_when_started(seen, lambda _: client.delete_sweep(sweep))
        with pytest.raises(UsageError, match=sweep):
            work(sweep)
        stopper.join()
        assert [event.state for event in seen.of(events.RunEnded)] == ["lost"]

    def test_a_lost_lease_stops_the_program_and_counts_for_nothing(
        self, client, register, work, seen
    ):
        sweep = register(self.SLEEP, points=1)
        stopper = self.stop_when_started(
            seen, lambda run: client.finish(run, Ending(1, RunState.PREEMPTED))
        )
        assert work(sweep, count=1) == 1  # none of its runs succeeded
        stopper.join()
        assert [event.state for event in seen.of(events.RunEnded)] == ["lost"]

    def test_the_run_timeout(self, client, register, work, seen):
        sweep = register(self.SLEEP, points=1, run_timeout=0.2)
        assert work(sweep) == 1
        run = client.get_run(f"{sweep}-0")
        assert run["state"] == "failed"
        assert "longer than 0.2 s" in run["error_tail"]

    def test_early_termination(self, client, register, work, seen):
        script = LOG + "    import time\n    for i in range(3): log(loss=float(n))\n"
        script += "    if n: time.sleep(30)"
        sweep = register(
            script,
            points=2,
            early_terminate={"type": "hyperband", "min_iter": 3},
        )
        assert work(sweep) == 0
        second = client.get_run(f"{sweep}-1")
        assert (second["state"], second["stopped_early"]) == ("finished", True)


class TestWhatProgramsWrite:
    def test_rubbish_between_rows(self, client, register, work, seen):
        script = (
            LOG
            + """
    path = os.environ["SWEEP_METRICS_FILE"]
    log(loss=1)
    with open(path, "ab") as file:
        file.write(b"\\xff\\x00\\n" + b'{"image": "' + b"x" * 10_000_000 + b'"}\\n[1]\\n')
        file.write(b'{"loss": 2, "name": "text"}\\n{"loss": 3}')
"""
        )
        sweep = register(script, points=1)
        assert work(sweep) == 0
        losses = [row["metrics"] for row in client.history(f"{sweep}-0")]
        assert losses == [{"loss": 1}, {"loss": 2}, {"loss": 3}]
        assert states(client, sweep) == ["finished"]
        notices = [text for text in seen.notices() if "metrics file" in text or "metric '" in text]
        assert len(notices) == 4

    def test_ten_thousand_rows_and_more(self, client, register, work):
        script = (
            LOG
            + """
    with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
        for i in range(25_000):
            file.write('{"loss": %d}\\n' % i)
"""
        )
        sweep = register(script, points=1)
        assert work(sweep) == 0
        losses = [row["metrics"]["loss"] for row in client.history(f"{sweep}-0")]
        assert losses == list(range(25_000))

    def test_binary_output(self, register, work, seen, settings):
        sweep = register("import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)", points=1)
        assert work(sweep) == 0
        log = run_files(settings.runs_dir, sweep, f"{sweep}-0", 1).log
        assert log.read_bytes() == seen.output() == bytes(range(256)) * 100

    def test_a_program_that_floods_a_watcher_that_is_stuck(
        self, client, register, settings, monkeypatch
    ):
        from sweep_sdk._agent.view import event_pump as _event_pump

        monkeypatch.setattr(_event_pump, "_PATIENCE_SECONDS", 0.01)
        monkeypatch.setattr(_event_pump, "_CLOSE_SECONDS", 0.01)
        sweep = register("import sys; sys.stdout.write('x' * 20_000_000)", points=1)
        gate = threading.Event()
        try:
            assert run_agent(client, sweep, QUICK, lambda _: gate.wait(), settings) == 0
        finally:
            gate.set()
        log = run_files(settings.runs_dir, sweep, f"{sweep}-0", 1).log
        assert log.stat().st_size == 20_000_000

    def test_programs_in_other_languages_can_write_metrics(self, client, register, work):
        """A shell script that knows nothing but the file's name."""
        Path("train.sh").write_text(
            'echo "{\\"loss\\": 0.5, \\"step\\": 4}" >> "$SWEEP_METRICS_FILE"\n'
            'echo "{\\"loss\\": 0.25}" >> "$SWEEP_METRICS_FILE"\n'
        )
        sweep = register("", points=1, program="train.sh", command=["/bin/sh", "${program}"])
        assert work(sweep) == 0
        assert client.get_run(f"{sweep}-0")["summary"]["loss"] == 0.25

    def test_only_rank_0_reports(self, client, register, work):
        script = """
            import os, subprocess, sys
            if "RANK" not in os.environ:
                for rank in "01":
                    subprocess.run([sys.executable, __file__], env={**os.environ, "RANK": rank})
            else:
                import sweep_sdk
                sweep_sdk.log({"loss": 1, f"rank{os.environ['RANK']}": 1})
        """
        sweep = register(script, points=1, command=["${interpreter}", "${program}"])
        assert work(sweep) == 0
        assert "rank0" in client.get_run(f"{sweep}-0")["summary"]
        assert "rank1" not in client.get_run(f"{sweep}-0")["summary"]


class TestNetwork:
    class Flaky:
        """The real transport, cut while ``is_away``."""

        def __init__(self, transport):
            self.transport = transport
            self.is_local, self.place = transport.is_local, transport.place
            self.is_away = False

        def request(self, *request):
            if self.is_away:
                raise BackendUnavailable("no connection")
            return self.transport.request(*request)

        def close(self):
            pass

    @pytest.fixture
    def flaky(self, client):
        return self.Flaky(client.transport)

    @pytest.fixture
    def cut(self, client, flaky):
        return replace(client, transport=flaky)

    def test_training_goes_on_and_all_arrives_when_the_backend_is_back(
        self, client, cut, flaky, register, settings, seen
    ):
        script = LOG + "    import time\n"
        script += "    for i in range(20): log(loss=i); time.sleep(0.01)\n"
        sweep = register(script, points=1)

        def watch(event):
            seen.append(event)
            if isinstance(event, events.RunStarted):
                flaky.is_away = True
            if (
                isinstance(event, events.Notice)
                and "results are delivered when it is back" in event.message
            ):
                flaky.is_away = False

        assert run_agent(cut, sweep, QUICK, watch, settings) == 0
        assert states(client, sweep) == ["finished"]
        losses = [row["metrics"]["loss"] for row in client.history(f"{sweep}-0")]
        assert losses == list(range(20))

    def test_what_cannot_be_delivered_waits_on_disk_and_the_next_agent_delivers_it(
        self, client, cut, flaky, register, settings, seen, work
    ):
        sweep = register(LOG + "    log(loss=n); sys.exit(3 if n == 0 else 0)", points=2)

        def watch(event):
            seen.append(event)
            flaky.is_away = flaky.is_away or isinstance(event, events.RunStarted)

        impatient = replace(QUICK, delivery_timeout_seconds=0.1, backend_patience_seconds=0.1)
        with pytest.raises(BackendUnavailable):
            run_agent(cut, sweep, impatient, watch, settings)
        ended = seen.of(events.RunEnded)[0]
        assert (ended.state, ended.is_delivered) == ("failed", False)
        assert states(client, sweep) == ["running"]
        assert work(sweep) == 0
        assert states(client, sweep) == ["failed", "finished"]
        run = client.get_run(f"{sweep}-0")
        assert (run["attempt"], run["exit_code"]) == (1, 3)
        assert [row["metrics"] for row in client.history(run["id"])] == [{"loss": 0}]

    def test_a_backend_that_is_away_from_the_start(
        self, cut, flaky, settings, register, monkeypatch, capsys
    ):
        monkeypatch.setattr(session, "START_SECONDS", 1.0)
        sweep = register("")
        flaky.is_away = True
        with pytest.raises(BackendUnavailable):
            run_agent(cut, sweep, QUICK, lambda _: None, settings)
        assert capsys.readouterr().err.count("trying for") == 1


class TestOverHttp:
    @pytest.fixture
    def server(self, client):
        """The same backend behind a socket, with a token; counts its connections."""
        with LocalServer(client.transport, token="secret") as running:
            opened, running.n_opened = running._connections.open, 0

            def count(connection, client_address):
                running.n_opened += 1
                return opened(connection, client_address)

            running._connections.open = count
            yield running

    def test_one_connection_for_a_whole_agent(self, client, register, settings, seen, server):
        sweep = register(LOG + "    import time; log(loss=n); time.sleep(0.1)", points=3)
        remote = replace(settings, url=server.url, token="secret")
        with open_client(remote) as other:
            assert run_agent(other, sweep, QUICK, seen.append, remote) == 0
        assert states(client, sweep) == ["finished"] * 3
        assert server.n_opened == 1

    def test_a_wrong_token(self, register, settings, server):
        sweep = register("")
        remote = replace(settings, url=server.url, token="wrong")
        with open_client(remote) as other, pytest.raises(UsageError, match="sweep-sdk login"):
            run_agent(other, sweep, QUICK, print, remote)


def test_what_the_surroundings_do_is_reported(register, work, seen, monkeypatch):
    sweep = register("", points=1, command=["/bin/sh", "-c", "", "${envvar:NOT_SET}"])
    assert work(sweep, name="my-agent") == 0
    assert any("NOT_SET" in text for text in seen.notices())
    assert seen.of(events.AgentStarted)[0].agent == "my-agent"


def test_a_log_that_cannot_be_opened_is_reported(client, register, work, seen, settings):
    sweep = register("print('hello')", points=1)
    (settings.runs_dir / sweep / f"{sweep}-0" / "output.log").mkdir(parents=True)
    assert work(sweep) == 0
    assert seen.output() == b"hello\n"
    assert any("cannot write the log" in text for text in seen.notices())


def test_the_program_learns_nothing_secret(client, register, work, monkeypatch):
    monkeypatch.setenv("SWEEP_TOKEN", "secret")
    sweep = register(LOG + "    log(loss=int('SWEEP_TOKEN' in os.environ))", points=1)
    assert work(sweep) == 0
    assert client.get_run(f"{sweep}-0")["summary"]["loss"] == 0


def test_nothing_is_left_in_the_data_folder(register, work, settings):
    sweep = register("", points=2)
    work(sweep)
    assert list((settings.home / "pending").iterdir()) == []
    assert list((settings.home / "agents").iterdir()) == []
    assert json.loads((settings.runs_dir / sweep / f"{sweep}-0" / "config.json").read_text())
