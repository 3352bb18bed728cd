from __future__ import annotations

import json

import pytest

from sweep_sdk._agent.outbox.logged import MAX_FACT_BYTES, MAX_FACTS, Logged
from sweep_sdk._metrics.line_format import DefineLine, DescribeLine, SummaryLine


@pytest.fixture
def logged():
    return Logged("loss")


def test_every_metric_has_its_extremes(logged):
    for loss, acc in ((3, 0.1), (1, 0.3), (2, 0.2)):
        logged.add_metrics({"loss": loss, "acc": acc})
    logged.add_metrics({"once": 7, "bad": "NaN"})
    assert logged.summary == {"loss": 2, "acc": 0.2, "once": 7, "bad": "NaN"}
    assert logged.extremes() == {"loss.min": 1, "loss.max": 3, "acc.min": 0.1, "acc.max": 0.3}


def test_what_the_program_sets_is_the_result(logged):
    logged.add_metrics({"loss": 0.1})
    logged.add_line(SummaryLine({"loss": 0.5}))
    logged.add_metrics({"loss": 0.9})
    assert logged.result == 0.5
    assert (logged.lowest, logged.highest) == (0.5, 0.5)
    assert logged.summary["loss"] == 0.5
    assert logged.extremes() == {"loss.min": 0.1, "loss.max": 0.9}


def test_a_result_that_is_not_finite_leaves_the_rows_to_count(logged):
    logged.add_metrics({"loss": 0.1})
    logged.add_line(SummaryLine({"loss": "NaN"}))
    assert (logged.lowest, logged.highest) == (0.1, 0.1)


def test_definitions(logged):
    logged.add_line(DefineLine("acc", "mean"))
    logged.add_line(DefineLine("val/*", "first"))
    logged.add_line(DefineLine("val/*", "last"))
    logged.add_line(DefineLine("noise", "none"))
    logged.add_line(DefineLine("loss", "none"))
    for value in (1, 2, 6):
        logged.add_metrics({"loss": value, "acc": value, "val/x": value, "noise": value})
    assert logged.defined() == {"acc.mean": 3, "val/x.first": 1, "val/x.last": 6}
    assert logged.hidden() == {"noise"}


def test_facts_add_up(logged):
    logged.add_line(
        DescribeLine({"name": "a", "tags": ["x"], "config": {"epochs": 5}, "unknown": 1})
    )
    logged.add_line(
        DescribeLine({"name": "b", "config": {"data": {"v": 3}}, "summary": {"path": "a.pt"}})
    )
    assert logged.facts == {
        "name": "b",
        "tags": ["x"],
        "config": {"epochs": 5, "data": {"v": 3}},
        "summary": {"path": "a.pt"},
    }
    assert logged.n_facts_left_out == 0


@pytest.mark.parametrize(
    "config", [{f"k{n}": n for n in range(600)}, {f"k{n}": "x" * 900 for n in range(40)}]
)
def test_facts_are_bounded_and_the_rest_counted(logged, config):
    logged.add_line(DescribeLine({"name": "a", "config": config}))
    kept = logged.facts["config"]
    assert len(kept) < MAX_FACTS
    assert len(json.dumps(logged.facts)) <= MAX_FACT_BYTES
    assert logged.n_facts_left_out == len(config) - len(kept)
    assert list(kept) == list(config)[: len(kept)]
