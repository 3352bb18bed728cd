"""Reports as Markdown: pictures that show every run, and words that are no markup."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from sweep_sdk._backend.client import open_client
from sweep_sdk._ui.markdown_report import markdown_report
from sweep_sdk._ui.report_document import report_document
from sweep_sdk._ui.svg import Axis, Band, Line, Points, picture, value_axis
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

HOSTILE = "</script><img src=x onerror=alert(1)>|`*"
CONFIG = {
    "method": "random",
    "name": HOSTILE,
    "metric": {"name": HOSTILE, "goal": "maximize"},
    "parameters": {
        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
        HOSTILE: {"values": [HOSTILE, 3, {"a": 1}]},
        "n": {"min": 1, "max": 4},
    },
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def client(home):
    with open_client() as opened:
        yield opened


@pytest.fixture
def sweep(client):
    """Twenty runs; one has no value, one has diverged, one has failed."""
    created = client.create_sweep(CONFIG)["id"]
    for n in range(20):
        run = client.ask(created, f"key-of-run-{n}", "a", host="h")
        value = "NaN" if n == 3 else -1e12 if n == 4 else n / 10
        rows = [{"step": step, "at": 1e3, "metrics": {HOSTILE: value}} for step in range(4)]
        client.report(run.id, run.attempt, 0, rows)
        state = RunState.FAILED if n == 7 else RunState.FINISHED
        tail = f"``` {HOSTILE}\nlast words" if n == 7 else None
        client.finish(run.id, Ending(run.attempt, state, summary={HOSTILE: value}, error_tail=tail))
    return created


@pytest.fixture
def written(client, sweep):
    return markdown_report(report_document(client, sweep), "pictures")


def marks(text):
    """The number of points in a picture, without those of its legend."""
    found = ET.fromstring(text)
    crosses = [p for p in found.iter(f"{SVG}path") if p.get("stroke-width") == "1.6"]
    squares = [r for r in found.iter(f"{SVG}rect") if r.get("fill-opacity")]
    n_marks = len([*found.iter(f"{SVG}circle"), *crosses, *squares])
    kinds = {"finished", "stopped early", "failed", "other"}
    return n_marks - len([t for t in found.iter(f"{SVG}text") if t.text in kinds])


def test_every_run_with_a_value_is_in_the_pictures(written):
    text, pictures = written
    assert list(pictures) == [
        "history.svg",
        "slice-1.svg",
        "slice-2.svg",
        "slice-3.svg",
        "curves.svg",
    ]
    assert [marks(pictures[name]) for name in list(pictures)[:-1]] == [19] * 4
    assert re.findall(r"!\[\w+\]\(pictures/([\w.-]+)\)", text) == list(pictures)
    assert "1 values far from the others are drawn at the edge" in text
    assert "1 of 20 runs have no value" in text


def test_what_the_text_says(written, sweep):
    text, _ = written
    assert f"| sweep | {sweep} |" in text
    assert "| runs | 1 failed, 19 finished |" in text
    assert "is **1.9**, of run 19:" in text
    assert "## What matters for" in text
    best = re.search(r"## The best runs\n\n(.*?)\n\n", text, re.DOTALL).group(1).splitlines()
    assert [line.split(" | ")[0] for line in best[2:]] == [f"| {n}" for n in range(19, 9, -1)]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in best} == {7}
    assert "1 of 20 runs failed." in text
    assert "Run 7 ended with:\n\n````text\n``` " in text


def test_words_of_others_are_no_markup(written):
    text, pictures = written
    outside = re.sub(r"(`{3,})\w+\n.*?\n\1", "", text, flags=re.DOTALL)
    assert "<img" not in outside
    assert not re.search(r"(?<!\\)[`*]{1}(?!\*)alert", outside)
    assert all("<img" not in picture for picture in pictures.values())


def test_a_sweep_without_runs_or_metric(client):
    for metric in ({}, {"metric": {"name": "loss"}}):
        config = {"method": "grid", "parameters": {"a": {"values": [1, 2]}}, **metric}
        sweep = client.create_sweep(config)["id"]
        text, pictures = markdown_report(report_document(client, sweep), "pictures")
        assert pictures == {}
        assert "| runs | none |" in text


class TestPictures:
    def test_a_log_axis(self):
        axis = Axis("lr", 1e-4, 1.0, is_log=True)
        assert [axis.place(value) for value in (1e-4, 1e-2, 1.0, 10.0)] == [0, 0.5, 1, 1]
        assert [text for _, text in axis.ticks()] == ["0.0001", "0.001", "0.01", "0.1", "1"]

    def test_a_linear_axis_has_round_ticks_within_it(self):
        assert [text for _, text in Axis("x", 0.13, 0.61).ticks()] == [
            "0.2",
            "0.3",
            "0.4",
            "0.5",
            "0.6",
        ]
        assert len(Axis("x", 1.0, 1.0).ticks()) == 1

    def test_an_axis_of_values_ends_before_those_that_diverged(self):
        axis = value_axis("loss", [*range(100), 1e9], 1)
        assert 95 < axis.high < 110
        assert axis.low < 0
        assert value_axis("acc", [*range(100), -1e9], -1).low > -10
        assert value_axis("loss", [], 1).high == 1.0
        assert value_axis("loss", [3.0], 1).low < 3.0 < value_axis("loss", [3.0], 1).high

    def test_a_picture_is_well_formed(self):
        x, y = Axis(HOSTILE, 0, 3, texts=("a", HOSTILE, "b")), Axis("\x26", 0, 1)
        kinds = [
            Points(HOSTILE, [(0, 0.5)], "#000", shape) for shape in ("cross", "square", "circle")
        ]
        line = Line([(0, 0), (1, 1)], "#000", is_stepped=True)
        text = picture(HOSTILE, x, y, kinds, [line, Line([], "#000")], [Band([(0, 0)], [(1, 1)])])
        assert ET.fromstring(text).find(f"{SVG}title").text == HOSTILE
