"""Reading logged rows."""

from __future__ import annotations

import pytest

from sweep_sdk._backend.answers import Thinned
from sweep_sdk._results.rows import by_step, sampled


def row(step, attempt=1, **metrics):
    return {"run": "k3v9x2ab-0", "attempt": attempt, "step": step, "time": 7.0, **metrics}


@pytest.mark.parametrize(
    ("logged", "found"),
    [
        ([], []),
        ([row(0, a=1), row(0, b=2)], [row(0, a=1, b=2)]),
        (
            [row(0, a=1), row(0, b=2), row(0, c=3), row(1, a=4)],
            [row(0, a=1, b=2, c=3), row(1, a=4)],
        ),
        ([row(0, a=1), row(1, b=2)], [row(0, a=1), row(1, b=2)]),
        ([row(0, a=1), row(0, a=2)], [row(0, a=1), row(0, a=2)]),
        ([row(0, a=1), row(0, attempt=2, b=2)], [row(0, a=1), row(0, attempt=2, b=2)]),
        ([row(None, a=1), row(None, b=2)], [row(None, a=1), row(None, b=2)]),
    ],
)
def test_what_was_logged_for_one_step_is_one_row(logged, found):
    assert list(by_step(logged)) == found


def test_a_row_has_the_time_of_its_last_values():
    first, second = row(0, a=1) | {"time": 1.0}, row(0, b=2) | {"time": 2.0}
    assert [merged["time"] for merged in by_step([first, second])] == [2.0]
    assert first["time"] == 1.0, "what was given is left as it is"


@pytest.mark.parametrize(("n_logged", "n_rows"), [(4, 2), (100, 98)])
def test_the_count_of_rows_is_that_of_what_comes_out(n_logged, n_rows):
    class Client:
        def thinned_history(self, run, samples, keys):
            names = ("loss", "acc") * 2
            rows = [
                {"attempt": 1, "step": number // 2, "at": 0.0, "metrics": {name: 1}}
                for number, name in enumerate(names)
            ]
            return Thinned(rows, n_logged)

    found = sampled(Client(), "k3v9x2ab-0", (), 4)
    assert (len(found.rows), found.n_rows) == (2, n_rows)
