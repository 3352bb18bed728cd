"""Training continues and results are kept, whatever values a program logs."""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping

import numpy as np
import pytest

import sweep_sdk
from sweep_sdk._agent.outbox.tail import Tail
from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.notices import Notifier
from sweep_sdk._program import current_run
from sweep_sdk._program.attributes import as_attribute
from sweep_sdk._program.config import Config


class NoFloat:
    def __float__(self):
        raise RuntimeError("no value yet")


class NoAttributes:
    @property
    def item(self):
        raise KeyError("item")

    @property
    def shape(self):
        raise OSError("the device is gone")


class NoItem:
    shape = ()

    def item(self):
        raise RuntimeError("out of memory")


class NoMapping(Mapping):
    def __getitem__(self, key):
        raise OSError("closed")

    def __iter__(self):
        raise OSError("closed")

    def __len__(self):
        return 1


class NoText:
    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


class NoEquality:
    def __eq__(self, other):
        raise RuntimeError("ambiguous")

    __hash__ = None


def loop(n_ways):
    found = {}
    found.update({f"way{number}": found for number in range(n_ways)})
    return found


def list_loop():
    found = []
    found.append(found)
    return found


ODD = {
    "no float": NoFloat(),
    "no attributes": NoAttributes(),
    "no item": NoItem(),
    "no mapping": NoMapping(),
    "no text": NoText(),
    "no equality": NoEquality(),
    "a map that holds itself": loop(1),
    "a map that holds itself many times": loop(50),
    "a list that holds itself": list_loop(),
    "a huge number": 10**5000,
    "a huge negative number": -(10**400),
    "complex": 1j,
    "array": np.zeros((3, 3)),
    "nothing": None,
    "text": "best.pt",
    "bytes": b"\xff",
    "half a character": "\ud800",
    "control characters": "a\x1b[2J\nb",
    "function": len,
    "enumeration": enum.Enum("Colour", "RED").RED,
    "odd keys": {1: {None: 2, (3, 4): 5}},
}

CALLS = {
    "log": lambda run, value: run.log({"odd": value, "loss": 0.5}),
    "log nested": lambda run, value: run.log({"odd": {"inner": value}, "loss": 0.5}),
    "step": lambda run, value: run.log({"loss": 0.5}, step=value),
    "keyword": lambda run, value: run.log({"loss": 0.5}, sync=value),
    "summary": lambda run, value: run.summary.update({"odd": value, "kept": 1}),
    "config": lambda run, value: run.config.update({"odd": value}, allow_val_change=value),
    "config item": lambda run, value: setattr(run.config, "odd", value),
    "config of the module": lambda _, value: sweep_sdk.config.update({"odd": value}),
    "config as dict": lambda run, value: (run.config.update({"odd": value}), run.config.as_dict()),
    "config of init": lambda _, value: sweep_sdk.init(config={"odd": value}),
    "keywords of init": lambda _, value: sweep_sdk.init(
        name=value, tags=value, notes=value, group=value, job_type=value, unknown=value
    ),
    "name": lambda run, value: setattr(run, "name", value),
    "tags": lambda run, value: setattr(run, "tags", value),
    "notes": lambda run, value: setattr(run, "notes", value),
    "group": lambda run, value: setattr(run, "group", value),
    "job_type": lambda run, value: setattr(run, "job_type", value),
    "define_metric": lambda run, value: run.define_metric(value, summary=value, goal=value),
    "alert": lambda run, value: run.alert(title=value, text=value),
    "termlog": lambda _, value: sweep_sdk.termlog(value),
    "repr": lambda run, value: (run.config.update({"odd": value}), repr(run)),
    "media": lambda run, value: run.log({"odd": sweep_sdk.Image(value), "loss": 0.5}),
}


@pytest.fixture
def run(tmp_path, monkeypatch, home):
    """A run of a sweep."""
    current_run.activate(None)
    monkeypatch.setenv("SWEEP_METRICS_FILE", str(tmp_path / "metrics.jsonl"))
    monkeypatch.setenv("SWEEP_RUN_ID", "k3v9x2ab-4")
    yield sweep_sdk.init()
    current_run.activate(None)


def lines(tmp_path):
    return [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_training_goes_on(run, call, value, tmp_path, capsys):
    call(run, value)
    call(run, value)
    run.log({"loss": 0.25})
    run.finish()
    rows = [line["metrics"] for line in lines(tmp_path) if "event" not in line]
    assert all(row["loss"] == 0.5 for row in rows if "odd" in row)
    assert rows[-1] == {"loss": 0.25}
    reported = capsys.readouterr().err.splitlines()
    assert len(reported) == len(set(reported)), "everything is reported once"
    assert all(line.startswith("sweep-sdk: ") for line in reported)


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_the_rest_of_a_row_is_kept(run, value, tmp_path):
    run.log({"first": 1, "odd": value, "last": 2})
    row = lines(tmp_path)[-1]["metrics"]
    assert (row["first"], row["last"]) == (1, 2)


@pytest.mark.parametrize("position", ["first", "middle", "last"])
def test_the_metric_of_a_row_of_any_width_arrives(run, position, tmp_path):
    run.log({"loss": 0.75})
    wide = [f"{'layer.' * 20}{number}" for number in range(70_000)]
    place = {"first": 0, "middle": 35_000, "last": 70_000}[position]
    wide.insert(place, "loss")
    run.log(dict.fromkeys(wide, 0.5))
    run.log({"loss": 0.25})
    notices = []
    tail = Tail(tmp_path / "metrics.jsonl", "loss", lambda: 0.0, notices.append)
    rows = []
    while batch := tail.read(is_final=True):
        rows += [row for row in batch.rows if "loss" in row["metrics"]]
    assert [(row["step"], row["metrics"]["loss"]) for row in rows] == [
        (0, 0.75),
        (1, 0.5),
        (2, 0.25),
    ]
    assert all("values are left out" in notice for notice in notices)


@pytest.mark.parametrize("value", ODD.values(), ids=ODD)
def test_facts_are_short_json(value):
    assert len(json.dumps(as_attribute(value), allow_nan=False)) < 100_000


def test_what_is_cut_from_a_fact_shows():
    assert as_attribute("a" * 5000).endswith("...")
    assert as_attribute(list(range(500)))[-1] == "..."
    assert "..." in as_attribute({f"key{number}": number for number in range(500)})
    assert as_attribute([1, 2]) == [1, 2]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (0, 0),
        (None, 0),
        (False, 0),
        (3, 3),
        (np.int64(3), 3),
        (True, 1),
        ("lost", 1),
        (NoText(), 1),
    ],
)
def test_every_exit_code_is_understood(run, given, code, tmp_path):
    run.finish(given)
    assert lines(tmp_path)[-1] == {"event": "finish", "exit_code": code}


def test_a_summary_can_be_read(run):
    run.log({"acc": 0.5, "loss": float("nan")})
    assert run.summary["acc"] == 0.5
    assert np.isnan(run.summary["loss"])
    run.summary["acc"] = 0.9
    run.log({"acc": 0.1})
    assert run.summary["acc"] == 0.9, "what the program has set stays"


def test_reading_a_summary_writes_nothing(run, tmp_path):
    run.log({"acc": 0.5})
    assert run.summary.get("acc") == 0.5
    assert [line["metrics"] for line in lines(tmp_path)] == [{"acc": 0.5}]


@pytest.mark.parametrize("value", [5, "text", [1, 2]])
def test_plain_misuse_of_a_config_is_named(value):
    with pytest.raises(UsageError, match=f"{type(value).__name__}, needs a dict"):
        Config().update(value)


def test_messages_end(capsys):
    notify = Notifier()
    for number in range(500):
        notify(f"metric {number} is left out")
    reported = capsys.readouterr().err.splitlines()
    assert len(reported) == 100
    assert reported[-1].endswith("further messages are left out")


def test_a_deleted_working_directory_ends_nothing(tmp_path, monkeypatch, home):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    current_run.activate(None)
    try:
        sweep_sdk.init().log({"loss": 1})
    finally:
        current_run.activate(None)
        monkeypatch.chdir(tmp_path)


class TestSteps:
    """The rows that come of ``log(step=, commit=)``, as (step, metrics)."""

    @pytest.mark.parametrize(
        ("calls", "rows"),
        [
            ([({"a": 1}, None, False), ({"b": 2}, None, None)], [(None, {"a": 1, "b": 2})]),
            ([({"a": 1}, 5, False), ({"b": 2}, 5, None)], [(5, {"a": 1, "b": 2})]),
            ([({"a": 1}, 5, False), ({"b": 2}, 6, None)], [(5, {"a": 1}), (6, {"b": 2})]),
            ([({"a": 1}, None, False), ({"b": 2}, 6, None)], [(None, {"a": 1}), (6, {"b": 2})]),
            ([({"a": 1}, 5, None), ({"b": 2}, None, None)], [(5, {"a": 1}), (5, {"b": 2})]),
            ([({"a": 1}, 5, True), ({"b": 2}, None, None)], [(5, {"a": 1}), (None, {"b": 2})]),
            ([({"a": 1}, 5, False), ({"a": 2}, 5, True)], [(5, {"a": 2})]),
            ([({"a": 1}, 5, False)], [(5, {"a": 1})]),
            ([({"a": 1}, "5th", None)], [(None, {"a": 1})]),
        ],
    )
    def test_rows(self, run, calls, rows, tmp_path):
        for data, step, commit in calls:
            run.log(data, step=step, commit=commit)
        run.finish()
        found = [(line["step"], line["metrics"]) for line in lines(tmp_path) if "metrics" in line]
        assert found == rows

    def test_the_step_is_that_of_the_next_row(self, run):
        run.log({"a": 1})
        assert run.step == 1
        run.log({"a": 1}, commit=False)
        assert run.step == 1
        run.log({"a": 1}, step=7)
        assert run.step == 7
        run.log({"b": 1})
        assert run.step == 8
