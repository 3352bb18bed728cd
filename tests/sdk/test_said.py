from __future__ import annotations

import json

import pytest

from sweep_sdk._agent.outbox.said import MAX_FACT_BYTES, MAX_FACTS, Said
from sweep_sdk._metrics.line_format import Define, Describe, Summary


@pytest.fixture
def said():
    return Said("loss")


def test_every_metric_has_its_extremes(said):
    for loss, acc in ((3, 0.1), (1, 0.3), (2, 0.2)):
        said.hear({"loss": loss, "acc": acc})
    said.hear({"once": 7, "bad": "NaN"})
    assert said.summary == {"loss": 2, "acc": 0.2, "once": 7, "bad": "NaN"}
    assert said.extremes() == {"loss.min": 1, "loss.max": 3, "acc.min": 0.1, "acc.max": 0.3}


def test_what_the_program_sets_is_the_result(said):
    said.hear({"loss": 0.1})
    said.take(Summary({"loss": 0.5}))
    said.hear({"loss": 0.9})
    assert said.result == 0.5
    assert (said.lowest, said.highest) == (0.5, 0.5)
    assert said.summary["loss"] == 0.5
    assert said.extremes() == {"loss.min": 0.1, "loss.max": 0.9}


def test_a_result_that_is_not_finite_leaves_the_rows_to_count(said):
    said.hear({"loss": 0.1})
    said.take(Summary({"loss": "NaN"}))
    assert (said.lowest, said.highest) == (0.1, 0.1)


def test_definitions(said):
    said.take(Define("acc", "mean"))
    said.take(Define("val/*", "first"))
    said.take(Define("val/*", "last"))
    said.take(Define("noise", "none"))
    said.take(Define("loss", "none"))
    for value in (1, 2, 6):
        said.hear({"loss": value, "acc": value, "val/x": value, "noise": value})
    assert said.defined() == {"acc.mean": 3, "val/x.first": 1, "val/x.last": 6}
    assert said.hidden() == {"noise"}


def test_facts_add_up(said):
    said.take(Describe({"name": "a", "tags": ["x"], "config": {"epochs": 5}, "unknown": 1}))
    said.take(Describe({"name": "b", "config": {"data": {"v": 3}}, "summary": {"path": "a.pt"}}))
    assert said.facts == {
        "name": "b",
        "tags": ["x"],
        "config": {"epochs": 5, "data": {"v": 3}},
        "summary": {"path": "a.pt"},
    }
    assert said.n_facts_left_out == 0


@pytest.mark.parametrize(
    "config", [{f"k{n}": n for n in range(300)}, {f"k{n}": "x" * 900 for n in range(40)}]
)
def test_facts_are_bounded_and_the_rest_counted(said, config):
    said.take(Describe({"name": "a", "config": config}))
    kept = said.facts["config"]
    assert len(kept) < MAX_FACTS
    assert len(json.dumps(said.facts)) <= MAX_FACT_BYTES
    assert said.n_facts_left_out == len(config) - len(kept)
    assert list(kept) == list(config)[: len(kept)]
