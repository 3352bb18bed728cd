"""Requests to the backend on behalf of pages, and what pages receive."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sweep_sdk._exceptions import BackendUnavailable, NotFound
from sweep_sdk._ui.keeper import Keeper


@dataclass
class FakeReader:
    """A backend with one sweep, which counts what it is asked."""

    runs_by_index: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    trouble: Exception | None = None

    def sweep(self, sweep):
        self.asked.append(("sweep", sweep))
        if self.trouble:
            raise self.trouble
        return {"id": sweep, "state": "running", "config": {"a": float("inf")}}

    def runs(self, sweep, since, indices):
        self.asked.append(("runs", since, tuple(indices)))
        wanted = [i for i in self.runs_by_index if i >= since or i in indices]
        return [self.runs_by_index[i] for i in wanted]

    def glance(self, sweep):
        self.asked.append(("glance", sweep))
        if self.trouble:
            raise self.trouble
        return {"state": "running", "counts": {"running": 1}, "best": None}

    def curves(self, sweep, metric, indices, points):
        self.asked.append(("curves", tuple(indices)))
        return [{"index": i, "attempt": 1, "step": [0], "at": [0], "value": [1]} for i in indices]

    def model(self, sweep, x, y):
        self.asked.append(("model", x, y))
        return {"runs": 3}

    def put(self, index, state, **more):
        run = {"index": index, "state": state, "attempt": 1, "config": {}, "summary": {}, **more}
        self.runs_by_index[index] = run


@pytest.fixture
def reader():
    found = FakeReader()
    found.put(0, "finished")
    found.put(1, "running")
    return found


@pytest.fixture
def keeper(reader, clock):
    return Keeper(reader, 10.0, clock)


def test_a_page_gets_all_runs_first_and_then_what_has_changed(keeper, reader, clock):
    first = keeper.table("s")
    assert (first["whole"], first["fields"]["index"]) == (True, [0, 1])
    reader.put(1, "finished")
    reader.put(2, "running")
    clock.advance(11)
    second = keeper.table("s", first["revision"])
    assert (second["whole"], second["fields"]["index"]) == (False, [1, 2])
    third = keeper.table("s", second["revision"])
    assert third["fields"] == {}


def test_the_backend_is_asked_once_for_all_pages_within_an_interval(keeper, reader, clock):
    for _ in range(7):
        keeper.table("s")
        clock.advance(1)
    assert reader.asked == [("sweep", "s"), ("runs", 0, ())]


def test_a_poll_asks_for_open_runs_and_new_ones_alone(keeper, reader, clock):
    keeper.table("s")
    clock.advance(11)
    keeper.table("s")
    assert reader.asked[-1] == ("runs", 2, (1,))


def test_everything_is_read_again_once_in_a_while_and_after_an_action(keeper, reader, clock):
    keeper.table("s")
    clock.advance(301)
    keeper.table("s")
    assert reader.asked[-1] == ("runs", 0, ())
    reader.put(0, "pending")
    keeper.forget("s")
    assert keeper.table("s")["fields"]["state"] == ["pending", "running"]


def test_pages_begin_again_after_a_run_was_deleted(keeper, reader):
    first = keeper.table("s")
    del reader.runs_by_index[0]
    keeper.forget("s")
    second = keeper.table("s", first["revision"])
    assert (second["whole"], second["fields"]["index"]) == (True, [1])


def test_pages_of_an_earlier_server_begin_again(keeper):
    assert keeper.table("s", "abcd.7")["whole"]


def test_a_backend_that_is_away_leaves_the_old_data_and_says_since_when(keeper, reader, clock):
    keeper.table("s")
    reader.trouble = BackendUnavailable("no connection")
    clock.advance(11)
    began = clock.now
    assert keeper.table("s")["trouble"] == {"since": began, "text": "no connection"}
    clock.advance(11)
    found = keeper.table("s")
    assert found["trouble"]["since"] == began
    assert found["fields"]["index"] == [0, 1]
    reader.trouble = None
    clock.advance(11)
    assert keeper.table("s")["trouble"] is None


def test_a_backend_that_was_never_there_is_an_error(keeper, reader):
    reader.trouble = BackendUnavailable("no connection")
    with pytest.raises(BackendUnavailable):
        keeper.table("s")


def test_glances_are_kept_for_a_while(keeper, reader, clock):
    keeper.glances(["s"])
    clock.advance(29)
    keeper.glances(["s"])
    assert reader.asked == [("glance", "s")]
    clock.advance(2)
    keeper.glances(["s"])
    assert len(reader.asked) == 2


def test_a_sweep_that_is_gone_has_no_glance(keeper, reader):
    reader.trouble = NotFound("no such sweep")
    assert keeper.glances(["s"]) == {}


def test_curves_of_ended_runs_are_read_once(keeper, reader, clock):
    keeper.table("s")
    for _ in range(2):
        found = keeper.curves("s", "loss", [0, 1], 100)
        assert [curve["index"] for curve in found["runs"]] == [0, 1]
        clock.advance(1)
    assert [entry for entry in reader.asked if entry[0] == "curves"] == [
        ("curves", (0, 1)),
        ("curves", (1,)),
    ]


def test_the_model_is_worked_out_again_once_another_run_has_ended(keeper, reader, clock):
    keeper.table("s")
    keeper.model("s", None, None)
    keeper.model("s", None, None)
    keeper.model("s", "lr", "layers")
    reader.put(1, "finished")
    clock.advance(11)
    keeper.table("s")
    keeper.model("s", None, None)
    models = [entry for entry in reader.asked if entry[0] == "model"]
    assert models == [("model", None, None), ("model", "lr", "layers"), ("model", None, None)]
