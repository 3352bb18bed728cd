"""The audit of early termination: values at bands compared with final values."""

from __future__ import annotations

import pytest
from openapi_document import OPERATIONS, check_answer

from sweep_service.wire.bands import Bands


def create(backend, goal="minimize", **more):
    return backend.create(
        {
            "method": "random",
            "metric": {"name": "loss", "goal": goal},
            "parameters": {"x": {"min": 0.0, "max": 1.0}},
            **more,
        }
    )


def bands_of(backend, sweep):
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/bands")
    assert answer.status == 200, answer.body
    check_answer(OPERATIONS["GET", "/v1/sweeps/{sweep}/bands"], answer)
    return Bands.from_json(answer.body)


def play(backend, sweep, values):
    """Run a program that logs values until it is asked to stop; whether it was."""
    run = backend.ask(sweep).body["id"]
    logged = []
    for offset, value in enumerate(values):
        logged.append(value)
        if backend.report(run, 1, offset, {"loss": value}).body["command"] == "stop":
            break
    backend.finish(run, summary={"loss": logged[-1]})
    return len(logged) < len(values)


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_without_early_termination_bands_are_tried_on_the_rows(backend, goal):
    sweep = create(backend, goal)
    sign = 1 if goal == "minimize" else -1
    for n in range(9):
        play(backend, sweep, [sign * (100.0 + n - step) for step in range(10)])
    found = bands_of(backend, sweep)
    assert found.is_hypothetical
    assert (found.steps_run, found.steps_saved) == (90, 0)
    assert [band.step for band in found.bands] == [1, 3, 9]
    first = found.bands[0]
    assert (first.kept, first.stopped, first.threshold) == (4, 5, sign * 103.0)
    assert first.rank_correlation == 1.0
    assert first.best_kept == 4 / 9
    assert first.pairs == tuple((sign * (100.0 + n), sign * (91.0 + n), n) for n in range(9))


def test_bands_that_say_nothing_of_the_end_are_seen(backend):
    sweep = create(backend)
    for n in range(12):
        play(backend, sweep, [float(n)] * 9 + [float(-n)])
    first = bands_of(backend, sweep).bands[0]
    assert first.rank_correlation == -1.0
    assert first.best_kept == 0.3  # 0 to 4 go on; of the ten best in the end, 2 to 11, three do


def test_stopped_runs_are_counted_where_they_were_stopped(backend):
    sweep = create(backend, early_terminate={"type": "hyperband", "min_iter": 2, "eta": 3})
    stopped = [play(backend, sweep, [float(n)] * 10) for n in range(6)]
    assert stopped == [False, True, True, True, True, True]
    found = bands_of(backend, sweep)
    assert not found.is_hypothetical
    assert [band.step for band in found.bands] == [2, 6]
    assert (found.bands[0].kept, found.bands[0].stopped) == (1, 5)
    assert found.bands[0].pairs == ((0.0, 0.0, 0),)
    assert (found.steps_run, found.steps_saved) == (10 + 5 * 2, 5 * 8)


def test_a_sweep_without_runs_or_without_a_metric(backend):
    assert bands_of(backend, create(backend)) == Bands()
    early = {"type": "hyperband", "min_iter": 2}
    assert bands_of(backend, create(backend, early_terminate=early)) == Bands(is_hypothetical=False)
    sweep = backend.create({"method": "grid", "parameters": {"a": {"values": [1]}}})
    answer = backend.call("GET", f"/v1/sweeps/{sweep}/bands")
    assert answer.status == 409
    assert "metric" in answer.body["detail"]
