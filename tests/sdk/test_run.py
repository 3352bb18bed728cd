from __future__ import annotations

import argparse
import copy
import json
import multiprocessing
import pickle
import subprocess
import sys

import pytest
import yaml

import sweep_sdk
from sweep_sdk._exceptions import RunStopped, UsageError
from sweep_sdk._program import current_run
from sweep_sdk._program.config import Config


@pytest.fixture(autouse=True)
def no_run(home):
    """Every test begins and ends without a run."""
    current_run.activate(None)
    yield
    current_run.activate(None)


@pytest.fixture
def in_sweep(tmp_path, monkeypatch):
    """What an agent sets up; the metrics file's lines so far."""
    config = tmp_path / "config.json"
    config.write_text('{"lr": 0.1, "model": {"depth": 3}}')
    path = tmp_path / "metrics.jsonl"
    variables = {
        "SWEEP_METRICS_FILE": path,
        "SWEEP_CONFIG_FILE": config,
        "SWEEP_RUN_DIR": tmp_path / "run",
        "SWEEP_ID": "k3v9x2ab",
        "SWEEP_RUN_ID": "k3v9x2ab-4",
        "SWEEP_PROJECT": "mnist",
        "SWEEP_ATTEMPT": "2",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))
    return lambda: [json.loads(line) for line in path.read_text().splitlines()]


class TestOutsideASweep:
    def test_the_same_script_runs_and_writes_nothing(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with sweep_sdk.init(project="p", config={"lr": 0.5}) as run:
            run.log({"loss": 1})
            run.summary["x"] = 1
            run.mark_preempting()
        assert (run.id, run.sweep_id, run.attempt, run.resumed) == (None, None, 1, False)
        assert run.project == "p"
        assert run.config.lr == 0.5
        assert run.dir == tmp_path
        assert list(tmp_path.iterdir()) == []

    def test_log_without_init(self):
        sweep_sdk.log({"loss": 1})
        sweep_sdk.finish()

    def test_finish_without_a_run(self):
        sweep_sdk.finish()


class TestInASweep:
    def test_the_run_has_its_id_and_sweep(self, in_sweep, tmp_path):
        run = sweep_sdk.init()
        assert (run.id, run.sweep_id, run.project) == ("k3v9x2ab-4", "k3v9x2ab", "mnist")
        assert (run.attempt, run.resumed, run.dir) == (2, True, tmp_path / "run")

    def test_the_sweeps_values_go_before_the_defaults(self, in_sweep):
        run = sweep_sdk.init(config={"lr": 9, "epochs": 5})
        assert dict(run.config) == {"lr": 0.1, "model": {"depth": 3}, "epochs": 5}

    def test_an_argparse_namespace(self, in_sweep):
        run = sweep_sdk.init(config=argparse.Namespace(lr=9, epochs=5))
        assert (run.config.lr, run.config.epochs) == (0.1, 5)

    def test_rows(self, in_sweep):
        run = sweep_sdk.init()
        run.log({"loss": 0.5, "val": {"acc": float("nan")}})
        run.log({"loss": 0.25}, step=7)
        first, second = in_sweep()
        assert first["metrics"] == {"loss": 0.5, "val.acc": "NaN"}
        assert first["step"] is None
        assert second["step"] == 7
        assert second["at"] >= first["at"] > 1e9

    def test_finish_is_reported_once(self, in_sweep):
        run = sweep_sdk.init()
        run.finish()
        run.finish(1)
        assert in_sweep() == [{"event": "finish", "exit_code": 0}]

    def test_summary_and_preempting(self, in_sweep):
        run = sweep_sdk.init()
        run.summary["test"] = 0.5
        run.summary.update({"a": {"b": 1}}, c=2)
        run.summary |= {"d": 3}
        assert (run.summary.setdefault("d", 4), run.summary.setdefault("e", 5)) == (3, 5)
        run.mark_preempting()
        assert run.summary == {"test": 0.5, "a": {"b": 1}, "c": 2, "d": 3, "e": 5}
        assert in_sweep() == [
            {"event": "summary", "metrics": {"test": 0.5}},
            {"event": "summary", "metrics": {"a.b": 1}},
            {"event": "summary", "metrics": {"c": 2}},
            {"event": "summary", "metrics": {"d": 3}},
            {"event": "summary", "metrics": {"e": 5}},
            {"event": "preempting"},
        ]

    def test_one_run_until_it_is_finished(self, in_sweep):
        run = sweep_sdk.init()
        assert sweep_sdk.init(config={"more": 1}) is run
        assert run.config.more == 1
        run.finish()
        assert sweep_sdk.init() is not run

    def test_module_level_functions_mean_the_same_run(self, in_sweep):
        run = sweep_sdk.init()
        sweep_sdk.log({"loss": 1})
        sweep_sdk.finish(3)
        assert run.is_finished
        assert in_sweep()[-1] == {"event": "finish", "exit_code": 3}

    def test_a_config_that_cannot_be_read(self, in_sweep, monkeypatch):
        monkeypatch.setenv("SWEEP_CONFIG_FILE", "/nowhere/config.json")
        with pytest.raises(UsageError, match="nowhere"):
            sweep_sdk.init()

    def test_stop(self, in_sweep):
        run = sweep_sdk.init()
        run.request_stop("early_terminate")
        with pytest.raises(RunStopped) as caught:
            run.log({"loss": 1})
        assert caught.value.reason == "early_terminate"
        assert run.is_stopped


class TestTheBlock:
    def test_without_an_error(self, in_sweep):
        with sweep_sdk.init():
            pass
        assert in_sweep() == [{"event": "finish", "exit_code": 0}]

    def test_an_exception_is_a_failed_run_and_goes_on(self, in_sweep):
        with pytest.raises(ZeroDivisionError), sweep_sdk.init():
            raise ZeroDivisionError
        assert in_sweep() == [{"event": "finish", "exit_code": 1}]

    @pytest.mark.parametrize("error", [SystemExit(0), KeyboardInterrupt()])
    def test_an_interrupt_says_nothing_itself(self, in_sweep, error):
        sweep_sdk.init().log({"a": 1})
        with pytest.raises(type(error)), sweep_sdk.init():
            raise error
        assert len(in_sweep()) == 1


class TestBadValues:
    def test_texts_and_images_are_named_once_and_the_run_goes_on(self, in_sweep, capsys):
        run = sweep_sdk.init()
        for _ in range(3):
            run.log({"loss": 1, "sample": {"image": b"png"}})
        assert [row["metrics"] for row in in_sweep()] == [{"loss": 1}] * 3
        printed = capsys.readouterr().err
        assert printed.count("\n") == 1
        assert "'sample.image'" in printed

    def test_a_bad_step_is_counted(self, in_sweep, capsys):
        run = sweep_sdk.init()
        run.log({"loss": 1}, step="four")
        assert in_sweep()[0]["step"] is None
        assert "four" in capsys.readouterr().err

    def test_messages_are_bounded(self, in_sweep, capsys):
        run = sweep_sdk.init()
        for number in range(300):
            run.log({f"text{number}": "x"})
        assert capsys.readouterr().err.count("\n") == 100

    @pytest.mark.parametrize("metrics", ["loss", 3, [("loss", 1)], None])
    def test_what_is_no_dict(self, in_sweep, metrics):
        with pytest.raises(UsageError, match="takes a dict"):
            sweep_sdk.init().log(metrics)

    def test_log_after_finish(self, in_sweep):
        run = sweep_sdk.init()
        run.finish()
        with pytest.raises(UsageError, match="after finish"):
            run.log({"loss": 1})

    def test_a_metrics_file_that_cannot_be_written(self, in_sweep, monkeypatch, capsys):
        monkeypatch.setenv("SWEEP_METRICS_FILE", "/proc/nowhere/metrics.jsonl")
        run = sweep_sdk.init()
        run.log({"loss": 1})
        run.log({"loss": 2})
        assert capsys.readouterr().err.count("/proc/nowhere/metrics.jsonl") == 1

    def test_a_process_without_stderr(self, in_sweep, monkeypatch):
        monkeypatch.setattr("sys.stderr", None)
        sweep_sdk.init().log({"text": "x"})


class TestRanks:
    @pytest.mark.parametrize(
        ("variables", "report", "does_report"),
        [
            ({}, None, True),
            ({"RANK": "0"}, None, True),
            ({"RANK": "1"}, None, False),
            ({"RANK": "1"}, True, True),
            ({"RANK": "0"}, False, False),
            ({"LOCAL_RANK": "1"}, None, False),
            ({"RANK": "1", "LOCAL_RANK": "0"}, None, False),
        ],
    )
    def test_which_ranks_report(
        self, in_sweep, monkeypatch, tmp_path, variables, report, does_report
    ):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        run = sweep_sdk.init(report=report)
        run.log({"loss": 1})
        assert (tmp_path / "metrics.jsonl").exists() == does_report
        assert run.config.lr == 0.1


class TestConfig:
    def test_attributes_and_items_at_every_depth(self):
        config = Config({"lr": 1, "model": {"depth": 3}})
        assert config.model.depth == config["model"]["depth"] == 3
        config.model.depth = 4
        config["new"] = {"x": 1}
        assert (config.model["depth"], config.new.x) == (4, 1)
        del config.new
        assert "new" not in config

    def test_a_missing_name_says_what_there_is(self):
        with pytest.raises(AttributeError, match="it has lr"):
            print(Config({"lr": 1}).learning_rate)
        with pytest.raises(AttributeError, match="nope"):
            del Config().nope

    def test_update_takes_mappings_pairs_and_namespaces(self):
        config = Config()
        config.update({"a": 1}, b=2)
        config.update([("c", 3)])
        config.update(argparse.Namespace(d=4))
        config.update()
        assert config == {"a": 1, "b": 2, "c": 3, "d": 4}
        assert config.setdefault("a", 9) == 1
        assert config.setdefault("e", {"f": 1}).f == 1

    def test_it_is_a_dict_to_others(self):
        config = Config({"a": {"b": 1}})
        assert json.loads(json.dumps(config)) == {"a": {"b": 1}}
        assert dict(**config) == config
        assert pickle.loads(pickle.dumps(config)) == config
        assert pickle.loads(pickle.dumps(config)).a.b == 1

    def test_a_copy_is_independent(self):
        config = Config({"a": {"b": 1}})
        other = config.copy()
        other.a.b = 2
        assert config.a.b == 1

    def test_names_like_methods_are_items(self):
        config = Config({"items": 3, "update": 4})
        assert config["items"] == 3
        assert list(config.items()) == [("items", 3), ("update", 4)]


class TestModuleConfig:
    def test_it_is_that_of_the_present_run(self, in_sweep):
        from sweep_sdk import config

        assert config.lr == 0.1
        assert config["model"]["depth"] == 3
        config.epochs = 5
        config["x"] = 1
        config.update(argparse.Namespace(y=2))
        del config["x"]
        assert dict(config) == {"lr": 0.1, "model": {"depth": 3}, "epochs": 5, "y": 2}
        assert len(config) == 4
        assert "epochs" in repr(config)
        sweep_sdk.finish()
        assert sweep_sdk.init().config == {"lr": 0.1, "model": {"depth": 3}}


class Hostile:
    """Raises whatever is done with it."""

    def __float__(self):
        raise AssertionError("no")

    def __str__(self):
        raise AssertionError("no")

    __repr__ = __index__ = item = __eq__ = __float__
    __hash__ = object.__hash__


CIRCULAR: dict = {}
CIRCULAR["self"] = CIRCULAR


class TestNothingEndsATraining:
    @pytest.mark.parametrize(
        "value",
        ["out/best.pt", [[1, 2], [3, 4]], None, b"x", object(), Hostile(), CIRCULAR, 10**400, {1}],
    )
    def test_whatever_a_summary_is_given(self, in_sweep, value):
        run = sweep_sdk.init()
        run.summary["x"] = value
        run.summary["loss"] = 0.5
        assert {"event": "summary", "metrics": {"loss": 0.5}} in in_sweep()

    @pytest.mark.parametrize("value", ["text", None, [1, 2], Hostile(), CIRCULAR, 10**400, {}])
    @pytest.mark.parametrize("step", [None, "three", 1.5, Hostile(), 10**30])
    def test_whatever_is_logged(self, in_sweep, value, step, capsys):
        run = sweep_sdk.init()
        run.log({"loss": 0.5, "x": value, 3: 1, None: 2}, step=step)
        (row,) = (line for line in in_sweep() if "metrics" in line)
        assert row["metrics"]["loss"] == 0.5
        assert row["metrics"]["3"] == 1

    def test_whatever_init_is_given(self, in_sweep, capsys):
        run = sweep_sdk.init(config="config.yaml", magic=True, anonymous="allow", dir="x")
        run.config.update({"x": Hostile()}, allow_val_change=True)
        run.describe(name=Hostile(), tags="one", notes=Hostile())
        run.log({"loss": 1}, sync=True)
        reported = capsys.readouterr().err
        assert "init(config=...) is left out: found str" in reported
        assert "init() ignores anonymous, magic" in reported
        assert "dir" not in reported
        assert run.tags == ("one",)

    def test_each_thing_is_reported_once(self, in_sweep, capsys):
        run = sweep_sdk.init()
        for _ in range(3):
            run.log({"loss": 1, "image": "text"})
        assert capsys.readouterr().err.count("\n") == 1


class TestWhatAProgramNotes:
    def facts(self, lines):
        return [
            {name: value for name, value in line.items() if name != "event"}
            for line in lines
            if line.get("event") == "describe"
        ]

    def test_its_own_configuration_apart_from_the_sweeps(self, in_sweep):
        run = sweep_sdk.init(config=argparse.Namespace(lr=9, epochs=5))
        run.config.update({"data": {"name": "digits"}}, allow_val_change=True)
        run.config.data.name = "mnist"
        run.config.lr = 0.1
        run.config.lr = 0.2
        assert self.facts(in_sweep()) == [
            {"config": {"epochs": 5}},
            {"config": {"data": {"name": "digits"}}},
            {"config": {"data": {"name": "mnist"}}},
            {"config": {"lr": 0.2}},
        ]
        assert "allow_val_change" not in run.config

    def test_names_tags_and_texts(self, in_sweep):
        run = sweep_sdk.init(name="a", tags=("x", "y"), group="g", job_type="train", notes="n")
        run.name = "b"
        run.tags += ("z",)
        run.summary["checkpoint"] = "best.pt"
        assert (run.name, run.tags, run.group, run.job_type) == ("b", ("x", "y", "z"), "g", "train")
        assert self.facts(in_sweep()) == [
            {"name": "a", "tags": ["x", "y"], "group": "g", "notes": "n", "job_type": "train"},
            {"name": "b"},
            {"tags": ["x", "y", "z"]},
            {"summary": {"checkpoint": "best.pt"}},
        ]

    def test_definitions(self, in_sweep, capsys):
        run = sweep_sdk.init()
        run.define_metric("acc", summary="max,mean", step_metric="epoch")
        run.define_metric("loss", summary="best", goal="minimize")
        run.define_metric("epoch", hidden=True)
        run.define_metric("x", summary="median")
        assert [line for line in in_sweep() if line["event"] == "define"] == [
            {"event": "define", "metric": "acc", "summary": "max"},
            {"event": "define", "metric": "acc", "summary": "mean"},
            {"event": "define", "metric": "loss", "summary": "min"},
        ]
        assert "median" in capsys.readouterr().err


class TestRowsInParts:
    def test_what_is_not_committed_joins_the_next_row(self, in_sweep):
        run = sweep_sdk.init()
        run.log({"a": 1}, commit=False)
        run.log({"b": 2}, commit=False)
        run.log({"c": 3})
        assert [line["metrics"] for line in in_sweep()] == [{"a": 1, "b": 2, "c": 3}]
        assert run.step == 1

    def test_at_the_end_it_is_kept_too(self, in_sweep):
        run = sweep_sdk.init()
        run.log({"a": 1}, commit=False)
        run.finish()
        assert [line.get("metrics") for line in in_sweep()] == [{"a": 1}, None]

    def test_at_the_exit_of_a_program_it_is_kept_too(self, in_sweep):
        code = "import sweep_sdk; sweep_sdk.log({'a': 1}, commit=False)"
        subprocess.run([sys.executable, "-c", code], check=True)
        assert [line["metrics"] for line in in_sweep()] == [{"a": 1}]


def _log_in_worker(run, number):
    run.log({"part": number, "lr": run.config.lr})
    run.finish()


class TestInOtherProcesses:
    @pytest.mark.parametrize("again", [pickle.dumps, copy.deepcopy, copy.copy])
    def test_a_copy_logs_into_the_same_run_and_does_not_end_it(self, in_sweep, again):
        run = sweep_sdk.init(config={"epochs": 3})
        other = again(run)
        other = pickle.loads(other) if isinstance(other, bytes) else other
        assert (other.id, other.attempt, dict(other.config)) == (run.id, 2, dict(run.config))
        other.log({"a": 1})
        other.finish()
        run.log({"a": 2})
        run.finish()
        kinds = [line.get("event") or line["metrics"]["a"] for line in in_sweep()]
        assert kinds == ["describe", 1, 2, "finish"]

    @pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
    @pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork beside threads of the suite
    def test_workers_of_every_kind(self, in_sweep, method):
        run = sweep_sdk.init()
        context = multiprocessing.get_context(method)
        workers = [context.Process(target=_log_in_worker, args=(run, n)) for n in range(3)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        run.finish()
        lines = in_sweep()
        assert sorted(line["metrics"]["part"] for line in lines[:-1]) == [0, 1, 2]
        assert lines[-1]["event"] == "finish"

    def test_a_config_is_plain_inside(self, in_sweep):
        run = sweep_sdk.init(config={"deep": {"er": Config({"a": 1})}})
        plain = dict(run.config)
        assert yaml.safe_load(yaml.safe_dump(plain)) == plain
        assert type(plain["model"]) is type(plain["deep"]["er"]) is dict
        assert type(run.config.as_dict()["model"]) is dict

    def test_what_one_sees(self, in_sweep):
        assert "run k3v9x2ab-4, attempt 2, running" in repr(sweep_sdk.init())
        assert run_folder_text(sweep_sdk.init()).endswith("run/best.pt")


def run_folder_text(run):
    return run.dir + "/best.pt"
