"""Early termination: bands and decisions compared with tables computed by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.model.language.sweep_config import Hyperband, Metric
from sweep_service.search.hyperband import Crossing, bands, crossings, last_band, stop_decision

LOSS = Metric("loss")
ACCURACY = Metric("accuracy", goal="maximize")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Hyperband(max_iter=27, s=2, eta=3), (3, 9)),
        (Hyperband(max_iter=18, s=2, eta=3), (2, 6)),
        (Hyperband(max_iter=27, s=10, eta=3), (1, 3, 9)),
        (Hyperband(max_iter=5, s=2, eta=2), (1, 2)),
        (Hyperband(max_iter=10, s=3, eta=1.5), (2, 4, 6)),
        (Hyperband(max_iter=1, s=3, eta=2), ()),
        (Hyperband(min_iter=3, eta=3), (3, 9, 27, 81)),
        (Hyperband(min_iter=1, eta=2), (1, 2, 4, 8, 16, 32, 64)),
        (Hyperband(min_iter=2, eta=1.5), (2, 3, 4, 6, 10, 15, 22, 34, 51, 76)),
        (Hyperband(min_iter=500, eta=3), ()),
    ],
)
def test_bands_up_to_a_hundred_iterations(settings: Hyperband, expected: tuple[int, ...]) -> None:
    assert bands(settings, 100) == expected


def test_an_eta_just_above_one_and_endless_training_are_no_trouble() -> None:
    assert bands(Hyperband(min_iter=1, eta=1 + 1e-12), 10**9) == (1,)
    assert len(bands(Hyperband(min_iter=1, eta=2), 2**200)) <= 100


@pytest.mark.parametrize(
    ("n_values", "expected"), [(0, None), (2, None), (3, 3), (8, 3), (9, 9), (26, 9), (27, 27)]
)
def test_a_run_is_judged_at_the_last_band_it_passed(n_values: int, expected: int | None) -> None:
    assert last_band(Hyperband(min_iter=3, eta=3), n_values) == expected


def test_a_report_has_the_value_at_each_band_it_crosses() -> None:
    settings = Hyperband(min_iter=1, eta=2)
    assert crossings(settings, 0, [10.0, 11.0, 12.0, 13.0, 14.0]) == (
        Crossing(1, 10.0),
        Crossing(2, 11.0),
        Crossing(4, 13.0),
    )
    assert crossings(settings, 3, [13.0]) == (Crossing(4, 13.0),)
    assert crossings(settings, 4, [14.0, 15.0]) == ()
    assert crossings(settings, 4, []) == ()


@given(
    values=st.lists(st.floats(-10, 10), max_size=60),
    cuts=st.lists(st.integers(0, 60), max_size=5),
)
def test_crossings_do_not_depend_on_how_values_are_batched(
    values: list[float], cuts: list[int]
) -> None:
    settings = Hyperband(min_iter=2, eta=1.7)
    edges = sorted({0, len(values), *(cut for cut in cuts if cut < len(values))})
    pieces = [
        crossing
        for left, right in pairwise(edges)
        for crossing in crossings(settings, left, values[left:right])
    ]
    assert tuple(pieces) == crossings(settings, 0, values)


def stops(at_band: dict[int, float], metric: Metric = LOSS, eta: float = 3) -> set[int]:
    settings = Hyperband(min_iter=1, eta=eta)
    return {
        index
        for index, value in at_band.items()
        if stop_decision(settings, metric, at_band, index, 1, value).is_stop
    }


@pytest.mark.parametrize(
    ("values", "eta", "stopped"),
    [
        ([5.0], 3, set()),  # int(1/3) = 0: its own value
        ([5.0, 4.0], 3, {0}),  # int(2/3) = 0: the best
        ([1.0, 2.0, 3.0], 3, {2}),  # int(3/3) = 1: 2.0
        ([3.0, 1.0, 2.0, 4.0], 2, {3}),  # int(4/2) = 2: 3.0
        ([1.0, 1.0, 1.0, 1.0], 2, set()),  # equal values are not worse
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, {3, 4, 5}),  # int(6/3) = 2: 3.0
        ([1.0, 2.0], 1.0000000001, set()),  # place 1: the worst
    ],
)
def test_runs_worse_than_the_threshold_are_stopped(
    values: list[float], eta: float, stopped: set[int]
) -> None:
    assert stops(dict(enumerate(values)), eta=eta) == stopped


def test_the_published_example_of_the_reference_engine() -> None:
    """Histories [10, 9], [10, 10]*, [10, 8, 8]*, [10, 7, 7]*, [10, 6, 6]; * = running.

    Bands 1 and 2 of max_iter 5, s 2, eta 2. At band 2 the third best of 6, 7, 8, 9, 10 is 8.
    """
    at_band = {0: 9.0, 1: 10.0, 2: 8.0, 3: 7.0, 4: 6.0}
    settings = Hyperband(max_iter=5, s=2, eta=2)
    decisions = {
        index: stop_decision(settings, LOSS, at_band, index, 2, best)
        for index, best in ((1, 10.0), (2, 8.0), (3, 7.0))
    }
    assert {index for index, decision in decisions.items() if decision.is_stop} == {1}
    assert {decision.threshold for decision in decisions.values()} == {8.0}


def test_a_larger_metric_is_better_when_maximising() -> None:
    at_band = {0: 0.9, 1: 0.8, 2: 0.7}
    assert stops(at_band, ACCURACY) == {2}
    decision = stop_decision(Hyperband(min_iter=1), ACCURACY, at_band, 2, 1, 0.7)
    assert (decision.value, decision.threshold, decision.band) == (0.7, 0.8, 1)


def test_strict_judges_the_value_at_the_band_and_lenient_the_best_so_far() -> None:
    at_band = {0: 1.0, 1: 2.0, 2: 3.0}
    strict = stop_decision(Hyperband(min_iter=1), LOSS, at_band, 2, 1, best=0.5)
    lenient = stop_decision(Hyperband(min_iter=1, strict=False), LOSS, at_band, 2, 1, best=0.5)
    assert (strict.is_stop, strict.value) == (True, 3.0)
    assert (lenient.is_stop, lenient.value) == (False, 0.5)


def test_a_run_whose_entry_is_not_there_yet_goes_on() -> None:
    assert not stop_decision(Hyperband(min_iter=1), LOSS, {0: 1.0}, 7, 1, math.inf).is_stop


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(1.01, 20))
def test_the_best_is_never_stopped_and_the_input_is_left_alone(
    values: list[float], eta: float
) -> None:
    at_band = dict(enumerate(values))
    stopped = stops(at_band, eta=eta)
    assert values.index(min(values)) not in stopped
    assert at_band == dict(enumerate(values))
    assert len(stopped) <= len(values) - int(len(values) / eta)


@pytest.mark.parametrize("min_iter", [1, 10, 10**300])
def test_bands_beyond_the_floats_are_never_reached(min_iter: int) -> None:
    settings = Hyperband(min_iter=min_iter, eta=1e308)
    assert last_band(settings, 100) == (min_iter if min_iter <= 100 else None)
