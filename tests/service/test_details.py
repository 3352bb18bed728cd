"""Fields of an ended attempt that the backend only stores and shows."""

from __future__ import annotations

import pytest

from sweep_service.model.records.records import EarlyStop, Outcome
from sweep_service.model.records.states import RunState
from sweep_service.storage.codec import decode_outcome, encode_outcome
from sweep_service.wire import runs

SWEEP = {"method": "grid", "parameters": {"a": {"values": [1, 2]}}}


@pytest.fixture(autouse=True)
def details(monkeypatch):
    monkeypatch.setitem(runs.DETAILS, "cpu_seconds", float)
    monkeypatch.setitem(runs.DETAILS, "output", str)


def test_they_are_shown_as_they_were_reported(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    ended = backend.finish(run, cpu_seconds=2.5, output="/data/run.log", attributes={"notes": "n"})
    assert ended.status == 200
    found = backend.run(run)
    assert (found["cpu_seconds"], found["output"]) == (2.5, "/data/run.log")
    assert found["attributes"] == {"notes": "n"}
    assert backend.runs(sweep)[0]["cpu_seconds"] == 2.5


def test_a_run_without_them_has_none(backend):
    sweep = backend.create(SWEEP)
    run = backend.ask(sweep).body["id"]
    assert backend.run(run)["cpu_seconds"] is None
    backend.finish(run, cpu_seconds=None)
    assert backend.run(run)["cpu_seconds"] is None


@pytest.mark.parametrize("found", ["2.5", True, [1]])
def test_one_of_another_type_is_refused_by_name(backend, found):
    run = backend.ask(backend.create(SWEEP)).body["id"]
    refused = backend.finish(run, cpu_seconds=found)
    assert (refused.status, refused.body["code"]) == (400, "invalid-request")
    assert "field 'cpu_seconds'" in refused.body["detail"]
    assert "needs a number" in refused.body["detail"]


def test_one_that_is_not_finite_is_refused(backend):
    run = backend.ask(backend.create(SWEEP)).body["id"]
    assert backend.finish(run, cpu_seconds=float("nan")).status == 400


@pytest.mark.parametrize("stop", [None, EarlyStop(3, 1.0, 0.5)])
def test_they_are_stored_so_that_earlier_versions_read_the_rest(stop):
    outcome = Outcome(
        RunState.FINISHED, 5.0, attributes={"notes": "n"}, early_stop=stop, details={"x": 1}
    )
    text = encode_outcome(outcome)
    assert decode_outcome(text) == outcome
    assert text.count("[") == (1 if stop is None else 2), "no further element"


def test_without_any_nothing_else_is_stored():
    outcome = Outcome(RunState.FINISHED, 5.0, attributes={"notes": "n"})
    assert "details" not in encode_outcome(outcome)
