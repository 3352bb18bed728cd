"""The run limit of a sweep, and messages about sweeps without points left."""

from __future__ import annotations

import pytest

from sweep_sdk._results.run_limit import points_text, run_limit

FINISHED = {
    "state": "finished",
    "method": "random",
    "grid_points": 6,
    "run_cap": 100,
    "limit": 6,
    "n_handed_out": 6,
}


def test_a_sweep_without_points_left():
    text = points_text(FINISHED)
    assert text is not None
    assert text.startswith("every point has been run, below run_cap 100; 'replacement: true'")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"run_cap": None}, "every point has been run; 'replacement: true' lets points come again"),
        ({"method": "grid", "run_cap": None}, "every point has been run"),
        ({"state": "running"}, None),
        ({"n_handed_out": 5}, None),
        ({"run_cap": 6}, None),
        ({"grid_points": None, "limit": None, "run_cap": None}, None),
        ({"grid_points": None, "limit": 6, "run_cap": 6}, None),
    ],
)
def test_other_sweeps(changes, expected):
    assert points_text(FINISHED | changes) == expected


@pytest.mark.parametrize(
    ("points", "cap", "limit"), [(6, None, 6), (6, 4, 4), (None, 4, 4), (None, None, None)]
)
def test_an_older_backend_says_no_limit(points, cap, limit):
    assert run_limit({"grid_points": points, "run_cap": cap}) == limit
