from __future__ import annotations

import asyncio
import functools
import os
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest

import sweep_sdk
from sweep_sdk._agent.function_agent import run_function_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._agent.view import events
from sweep_sdk._backend.client import open_client
from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._exceptions import AgentGaveUp, NotPossible, RunStopped, UsageError
from sweep_sdk._program import current_run
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

QUICK = AgentOptions(
    row_interval_seconds=0.01, report_interval_seconds=0.02, max_runs_without_metric=0
)


@pytest.fixture
def opened(settings):
    with open_client(settings) as client:
        yield client


@pytest.fixture
def sweep_id(opened):
    return make_sweep(opened)


def make_sweep(client, **more):
    return client.create_sweep(
        {
            "method": "grid",
            "metric": {"name": "loss"},
            "parameters": {"lr": {"values": [0.3, 0.1, 0.2]}},
            **more,
        }
    )["id"]


@pytest.fixture
def network_of_work(monkeypatch):
    """Calls a function with each request that is about to be sent from this process."""

    def watch(on_request):
        send = InProcessTransport.request

        def reported(self, method, path, *rest):
            on_request(SimpleNamespace(method=method, path=path))
            return send(self, method, path, *rest)

        monkeypatch.setattr(InProcessTransport, "request", reported)

    return watch


@pytest.fixture
def seen():
    return []


@pytest.fixture
def work(opened, settings, seen):
    def work(sweep_id, function, options=QUICK, **more):
        return run_function_agent(
            opened, sweep_id, function, replace(options, **more), seen.append, settings
        )

    return work


def ended(seen):
    return [event for event in seen if isinstance(event, events.RunEnded)]


def states(client, sweep_id):
    return [run["state"] for run in client.list_runs(sweep_id)]


def test_a_coroutine_function_is_run_to_its_end(work, opened, sweep_id):
    async def train():
        await asyncio.sleep(0)
        sweep_sdk.log({"loss": 1.0})

    assert work(sweep_id, train) == 0
    assert work(sweep_id, lambda: train()) == 0  # noqa: PLW0108  no coroutine function itself
    assert [run["best"] for run in opened.list_runs(sweep_id)] == [1.0] * 3


def _generator():
    yield 1


async def _async_generator():
    yield 1


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_generator, r"_generator\(\) is a generator function"),
        (_async_generator, "is a generator function"),
        (lambda config: None, r"needs arguments \(config\)"),
        (lambda a, *, b: None, r"needs arguments \(a, b\)"),
        ("train.py", "needs a callable"),
    ],
)
def test_what_cannot_be_run_is_refused_before_the_first_run(
    work, opened, sweep_id, function, words
):
    with pytest.raises(UsageError, match=words):
        work(sweep_id, function)
    assert list(opened.list_runs(sweep_id)) == []


@pytest.mark.parametrize(
    "function",
    [lambda *words, **named: None, lambda a=1, *, b=2: None, functools.partial(print, end="")],
)
def test_what_needs_no_arguments_is_run(work, opened, sweep_id, function):
    assert work(sweep_id, function) == 0
    assert set(states(opened, sweep_id)) == {"finished"}


def test_patterns_of_printed_metrics_are_for_programs(work, opened, seen):
    sweep = make_sweep(opened, metrics_from={"stdout": {"loss": "(.)"}})
    work(sweep, lambda: sweep_sdk.log({"loss": 1}), count=1)
    (notice,) = [event for event in seen if isinstance(event, events.Notice)]
    assert "the output of a function is not searched for metrics" in notice.message
    with pytest.raises(UsageError, match="metrics_from is for programs"):
        work(sweep, lambda: None, metrics_from={"loss": "(.)"})


def test_every_point_once(work, opened, sweep_id, seen):
    configs = []

    def train():
        with sweep_sdk.init(config={"epochs": 2}) as run:
            configs.append(dict(run.config))
            for epoch in range(run.config.epochs):
                run.log({"loss": run.config.lr / (epoch + 1)})

    assert work(sweep_id, train) == 0
    assert configs == [{"lr": lr, "epochs": 2} for lr in (0.3, 0.1, 0.2)]
    assert states(opened, sweep_id) == ["finished"] * 3
    assert opened.best_run(sweep_id)["config"] == {"lr": 0.1}
    assert [event.value for event in seen if isinstance(event, events.BestSoFar)] == [0.15, 0.05]
    assert isinstance(seen[0], events.AgentStarted)
    assert seen[-1].reason == "the sweep has ended"
    assert seen[-1].sweep["state"] == "finished"


def test_runs_do_not_leak_into_each_other(work, opened, sweep_id):
    seen = []

    def train():
        seen.append((os.environ["SWEEP_RUN_ID"], sweep_sdk.config.get("extra"), dict(os.environ)))
        sweep_sdk.config.extra = len(seen)
        sweep_sdk.log({"loss": len(seen)})
        sweep_sdk.log({f"only{len(seen)}": 1})

    before = dict(os.environ)
    work(sweep_id, train)
    assert dict(os.environ) == before
    assert [extra for _, extra, _ in seen] == [None] * 3
    assert len({run for run, _, _ in seen}) == 3
    summaries = [set(run["summary"]) for run in opened.list_runs(sweep_id)]
    assert [names - {"loss", "loss.min", "loss.max"} for names in summaries] == [
        {"only1"},
        {"only2"},
        {"only3"},
    ]
    assert current_run._active.run is None


def test_an_exception_is_a_failed_run_with_its_traceback(work, opened, sweep_id, seen):
    def train():
        if sweep_sdk.init().config.lr == 0.1:
            raise ValueError("diverged")

    assert work(sweep_id, train) == 0
    assert states(opened, sweep_id) == ["finished", "failed", "finished"]
    tail = opened.get_run(f"{sweep_id}-1")["error_tail"]
    assert "Traceback" in tail
    assert tail.endswith("ValueError: diverged")
    assert ended(seen)[1].error == "ValueError: diverged"
    assert any(isinstance(event, events.Output) and b"diverged" in event.data for event in seen)


def test_the_block_says_failed_although_the_function_returns(work, opened, sweep_id):
    def train():
        try:
            with sweep_sdk.init():
                raise ValueError("in the block")
        except ValueError:
            pass

    work(sweep_id, train, count=1)
    assert states(opened, sweep_id) == ["failed"]


@pytest.mark.parametrize(
    ("code", "state", "exit_code"),
    [(None, "finished", 0), (0, "finished", 0), (3, "failed", 3), ("no data", "failed", 1)],
)
def test_system_exit(work, opened, sweep_id, code, state, exit_code):
    def train():
        raise SystemExit(code)

    work(sweep_id, train, count=1)
    run = opened.get_run(f"{sweep_id}-0")
    assert (run["state"], run["exit_code"]) == (state, exit_code)
    if code == "no data":
        assert run["error_tail"] == "no data"


def test_it_gives_up_when_all_fails(work, opened, sweep_id, seen):
    def train():
        raise ValueError

    assert work(sweep_id, train, max_initial_failures=2) == 1
    assert states(opened, sweep_id) == ["failed", "failed"]
    assert "gave up" in seen[-1].reason


def test_the_token_is_not_in_the_environment_of_a_function(work, opened, sweep_id, monkeypatch):
    monkeypatch.setenv("SWEEP_TOKEN", "hidden")
    found = []
    work(sweep_id, lambda: found.append(dict(os.environ)), count=1)
    assert found
    assert "hidden" not in str(found)
    assert os.environ["SWEEP_TOKEN"] == "hidden"


def test_a_count(work, opened, sweep_id, seen):
    assert work(sweep_id, lambda: None, count=2) == 0
    assert states(opened, sweep_id) == ["finished", "finished"]
    assert seen[-1].reason == "the count of runs is reached"


class TestStops:
    def test_log_raises_when_the_run_is_stopped(self, work, opened, sweep_id):
        reasons = []

        def train():
            run = sweep_sdk.init()
            opened.stop_run(run.id)
            try:
                for _ in range(10_000):
                    run.log({"loss": 1})
                    threading.Event().wait(0.002)
            except RunStopped as stopped:
                reasons.append(stopped.reason)
                raise

        work(sweep_id, train, count=1)
        assert reasons == ["stop_run"]
        assert states(opened, sweep_id) == ["killed"]

    def test_a_framework_may_wrap_the_exception(self, work, opened, sweep_id):
        def train():
            run = sweep_sdk.init()
            opened.change_sweep(sweep_id, state="canceled")
            try:
                for _ in range(10_000):
                    run.log({"loss": 1})
                    threading.Event().wait(0.002)
            except RunStopped as stopped:
                raise RuntimeError("the trainer failed") from stopped

        assert work(sweep_id, train) == 0
        assert states(opened, sweep_id) == ["killed"]

    def test_one_that_completed_before_it_noticed_is_finished(self, work, opened, sweep_id):
        def train():
            run = sweep_sdk.init()
            run.log({"loss": 1})
            opened.stop_run(run.id)
            threading.Event().wait(0.1)

        work(sweep_id, train, count=1)
        assert states(opened, sweep_id) == ["finished"]

    def test_a_run_that_others_have_by_now(self, work, opened, sweep_id, seen):
        def train():
            run = sweep_sdk.init()
            opened.finish(run.id, Ending(run.attempt, RunState.PREEMPTED))
            while True:
                run.log({"loss": 1})
                threading.Event().wait(0.002)

        work(sweep_id, train, count=1)
        assert [(event.state, event.is_requeued) for event in ended(seen)] == [("lost", False)]
        assert opened.get_run(f"{sweep_id}-0")["attempts"][0]["state"] == "preempted"

    def test_the_run_timeout(self, work, opened, sweep_id):
        def train():
            while True:
                sweep_sdk.log({"loss": 1})
                threading.Event().wait(0.002)

        work(sweep_id, train, count=1, run_timeout_seconds=0.05)
        assert states(opened, sweep_id) == ["failed"]


class TestInterruptions:
    def test_ctrl_c_gives_the_run_back_and_ends_the_agent(self, work, opened, sweep_id, seen):
        def train():
            sweep_sdk.init().log({"loss": 1})
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            work(sweep_id, train)
        assert [event.state for event in ended(seen)] == ["preempted"]
        assert seen[-1].exit_code == 130
        again = []
        assert work(sweep_id, lambda: again.append(sweep_sdk.init().attempt)) == 0
        assert again == [2, 1, 1]

    def test_a_real_ctrl_c(self, work, opened, sweep_id, seen):
        def train():
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(10)

        with pytest.raises(KeyboardInterrupt):
            work(sweep_id, train)
        assert [event.state for event in ended(seen)] == ["preempted"]

    def test_sigterm(self, work, opened, sweep_id, seen):
        def train():
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(10)

        with pytest.raises(SystemExit) as caught:
            work(sweep_id, train)
        assert caught.value.code == 143
        assert [event.state for event in ended(seen)] == ["preempted"]
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
    def test_a_signal_that_is_repeated_does_not_interrupt_the_giving_back(
        self, work, opened, sweep_id, seen, network_of_work, number
    ):
        def hit_again(request):
            if request.path.endswith("/finish"):
                os.kill(os.getpid(), signal.SIGTERM)
                os.kill(os.getpid(), number)

        def train():
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Event().wait(10)

        network_of_work(hit_again)
        with pytest.raises(SystemExit) as caught:
            work(sweep_id, train)
        assert caught.value.code == 143
        assert [event.state for event in ended(seen)] == ["preempted"]

    def test_results_are_delivered_before_a_signal_counts(
        self, work, opened, sweep_id, seen, network_of_work
    ):
        """It arrives when the function has returned and its end is on the way."""

        def hit(request):
            if request.path.endswith("/finish"):
                os.kill(os.getpid(), signal.SIGTERM)

        network_of_work(hit)
        with pytest.raises(SystemExit):
            work(sweep_id, lambda: sweep_sdk.log({"loss": 1}))
        assert [event.state for event in ended(seen)] == ["finished"]
        assert [run["state"] for run in opened.list_runs(sweep_id)] == ["finished"]

    def test_the_backend_learns_of_the_end_while_the_function_cleans_up(
        self, work, opened, sweep_id
    ):
        seen_states = []

        def train():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Event().wait(10)
            finally:
                for _ in range(500):
                    seen_states.append(opened.get_run(f"{sweep_id}-0")["state"])
                    if seen_states[-1] == "preempting":
                        break
                    threading.Event().wait(0.02)

        with pytest.raises(SystemExit):
            work(sweep_id, train)
        assert seen_states[-1] == "preempting"

    def test_an_own_handler_of_sigterm_is_left_alone(self, work, sweep_id):
        caught = []
        before = signal.signal(signal.SIGTERM, lambda *_: caught.append(1))
        try:
            work(sweep_id, lambda: os.kill(os.getpid(), signal.SIGTERM), count=1)
        finally:
            signal.signal(signal.SIGTERM, before)
        assert caught == [1]

    def test_mark_preempting(self, work, opened, sweep_id):
        def train():
            run = sweep_sdk.init()
            if run.attempt == 1:
                run.mark_preempting()
                raise RuntimeError("the machine goes away")

        work(sweep_id, train, count=2)
        assert opened.get_run(f"{sweep_id}-0")["attempts"][0]["state"] == "preempted"


def test_in_another_thread(work, opened, sweep_id):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(work(sweep_id, lambda: None)))
    thread.start()
    thread.join()
    assert codes == [0]


class TestTheApi:
    """As a user's script calls it, with lines on stderr."""

    def test_a_sweep_from_end_to_end(self, home, capsys):
        sweep_id = sweep_sdk.sweep(
            {
                "method": "grid",
                "metric": {"name": "loss"},
                "parameters": {"lr": {"values": [3, 1, 2]}},
            },
            project="mnist",
        )
        sweep_sdk.agent(
            f"mnist/{sweep_id}", lambda: sweep_sdk.log({"loss": sweep_sdk.config.lr}), count=2
        )
        assert [run["state"] for run in sweep_sdk.runs(sweep_id)] == ["finished"] * 2
        assert sweep_sdk.best(sweep_id)["config"] == {"lr": 1}
        printed = capsys.readouterr().err
        assert "best so far: loss = 1" in printed
        assert printed.count("\n") >= 7

    def test_giving_up_raises(self, home):
        sweep_id = sweep_sdk.sweep({"method": "grid", "parameters": {"lr": {"values": [3, 1, 2]}}})
        with pytest.raises(AgentGaveUp):
            sweep_sdk.agent(sweep_id, lambda: 1 / 0, options=AgentOptions(max_initial_failures=1))

    def test_ctrl_c(self, home):
        def train():
            raise KeyboardInterrupt

        sweep_id = sweep_sdk.sweep({"method": "grid", "parameters": {"lr": {"values": [3]}}})
        with pytest.raises(KeyboardInterrupt):
            sweep_sdk.agent(sweep_id, train)

    def test_an_agent_that_starts_programs(self, home, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "train.sh").write_text("echo hello; exit 3\n")
        config = {"method": "grid", "parameters": {"lr": {"values": [3, 4]}}}
        command = {"command": ["/bin/sh", "${program}"], "program": "train.sh"}
        sweep_id = sweep_sdk.sweep(config | command)
        with pytest.raises(AgentGaveUp):
            sweep_sdk.agent(sweep_id, options=AgentOptions(max_initial_failures=1))
        printed = capsys.readouterr()
        assert printed.out == "hello\n"
        assert "failed" in printed.err
        with pytest.raises(AgentGaveUp, match="none succeeded"):
            sweep_sdk.agent(sweep_id, count=1)
        assert [run["exit_code"] for run in sweep_sdk.runs(sweep_id)] == [3, 3]

    @pytest.mark.parametrize(
        ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
    )
    def test_a_signal_to_one_that_starts_programs(self, home, tmp_path, monkeypatch, number, error):
        monkeypatch.chdir(tmp_path)
        script = f"kill -{int(number)} {os.getpid()}; exec sleep 60\n"
        (tmp_path / "train.sh").write_text(script)
        config = {"method": "grid", "parameters": {"lr": {"values": [3, 4]}}}
        command = {"command": ["/bin/sh", "${program}"], "program": "train.sh"}
        sweep_id = sweep_sdk.sweep(config | command)
        with pytest.raises(error):
            sweep_sdk.agent(sweep_id)
        assert [run["attempt"] for run in sweep_sdk.runs(sweep_id)] == [1]

    def test_a_data_folder_that_cannot_be_written(self, home, monkeypatch, tmp_path):
        sweep_id = sweep_sdk.sweep({"method": "grid", "parameters": {"lr": {"values": [3]}}})
        monkeypatch.setenv("SWEEP_LOCAL_DB", str(home / "sweeps.db"))
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("SWEEP_HOME", str(tmp_path / "file"))
        with pytest.raises(UsageError, match="SWEEP_HOME"):
            sweep_sdk.agent(sweep_id, lambda: None)

    def test_the_project_of_the_environment(self, home, monkeypatch):
        monkeypatch.setenv("SWEEP_PROJECT", "fromenv")
        config = {"method": "grid", "parameters": {"lr": {"values": [3]}}}
        with open_client() as client:
            assert client.get_sweep(sweep_sdk.sweep(config))["project"] == "fromenv"
            own = sweep_sdk.sweep({**config, "project": "own"})
            assert client.get_sweep(own)["project"] == "own"

    def test_no_best_yet(self, home):
        config = {"method": "grid", "parameters": {"lr": {"values": [3]}}}
        assert sweep_sdk.best(sweep_sdk.sweep({**config, "metric": {"name": "loss"}})) is None
        with pytest.raises(NotPossible):
            sweep_sdk.best(sweep_sdk.sweep(config))

    def test_an_invalid_config(self, home):
        for config in (None, [], "method: grid"):
            with pytest.raises(UsageError):
                sweep_sdk.sweep(config)


def test_one_function_at_a_time(work, sweep_id, opened):
    """There is one present run: what two functions logged at once would be mixed."""
    other = make_sweep(opened)

    def train():
        with pytest.raises(UsageError, match="one agent per process"):
            work(other, lambda: None)
        sweep_sdk.log({"loss": 1})

    assert work(sweep_id, train, count=1) == 0
    assert work(other, lambda: None, count=1) == 0
    assert states(opened, sweep_id) == states(opened, other) == ["finished"]


def test_last_words_with_an_odd_file_name(work, opened, sweep_id):
    def train():
        raise FileNotFoundError("caf\udce9.csv")

    work(sweep_id, train, count=1)
    run = opened.get_run(f"{sweep_id}-0")
    assert run["state"] == "failed"
    assert run["error_tail"].endswith("FileNotFoundError: caf\\udce9.csv")


def test_a_function_that_returns_its_loss_is_reported(work, opened, sweep_id, seen):
    assert work(sweep_id, lambda: 0.25, max_runs_without_metric=3) == 1
    reported = [event.message for event in seen if isinstance(event, events.Notice)]
    (words,) = (message for message in reported if "returned 0.25" in message)
    assert "sweep_sdk.log({'loss': ...})" in words
    assert states(opened, sweep_id) == ["finished"] * 3


@pytest.mark.parametrize("returned", [True, "0.25", 10**400, None])
def test_what_is_no_value_is_not_taken_for_a_loss(work, opened, sweep_id, seen, returned):
    assert work(sweep_id, lambda: returned, count=1) == 0
    reported = [event.message for event in seen if isinstance(event, events.Notice)]
    assert [message for message in reported if "nothing was logged" in message]
    assert not [message for message in reported if "returned" in message]
    assert states(opened, sweep_id) == ["finished"]


def test_values_that_are_all_nan_are_reported_once(work, opened, sweep_id, seen):
    def diverge():
        with sweep_sdk.init() as run:
            run.log({"loss": float("nan")})

    assert work(sweep_id, diverge, max_runs_without_metric=1) == 0
    reported = [event.message for event in seen if isinstance(event, events.Notice)]
    assert len([words for words in reported if "every value of loss was NaN" in words]) == 1
    assert set(states(opened, sweep_id)) == {"finished"}
