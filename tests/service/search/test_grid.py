import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.model.language.sweep_config import parse_object
from sweep_service.model.space.enumeration import from_digits, to_digits
from sweep_service.search import grid
from sweep_service.search.ordinals import nth_outside, with_first


def config_of(parameters, **keys):
    return parse_object({"method": "grid", "parameters": parameters, **keys}).config


def points(config):
    return [grid.suggest(config, i).config for i in range(config.space.grid.n_points)]


def test_the_last_name_varies_fastest():
    config = config_of({"b": {"values": [1, 2]}, "c": {"value": 0}, "a": {"values": ["x", "y"]}})
    assert points(config) == [{"a": a, "b": b, "c": 0} for a, b in product(["x", "y"], [1, 2])]


def test_nested_names_are_sorted_level_by_level():
    # "a.x" sorts after "a-b" as text, but the reference sorts each level by itself
    config = config_of({"a-b": {"values": [1, 2]}, "a": {"parameters": {"x": {"values": [1, 2]}}}})
    assert points(config) == [{"a": {"x": x}, "a-b": b} for x, b in product([1, 2], [1, 2])]


@pytest.mark.parametrize(
    ("entry", "values"),
    [
        ({"values": [1, 1.0, True, "1", 1]}, [1, True, "1"]),
        (
            {"values": [{"a": 1, "b": 2}, {"b": 2, "a": 1}, [1], [1.0]]},
            [{"a": 1, "b": 2}, [1], [1.0]],
        ),
        (
            {"values": [math.inf, "Infinity", -math.inf, math.inf]},
            [math.inf, "Infinity", -math.inf],
        ),
        ({"values": [None]}, [None]),
        ({"min": -1, "max": 2}, [-1, 0, 1, 2]),
        ({"distribution": "q_uniform", "min": 1, "max": 7, "q": 2}, [1, 3, 5]),
        ({"distribution": "q_uniform", "min": 1, "max": 4}, [1.0, 2.0, 3.0]),
        ({"distribution": "q_uniform", "min": 0.5, "max": 3, "q": 1}, [0.5, 1.5, 2.5]),
        ({"distribution": "q_uniform", "min": 1, "max": 2, "q": 5}, [1]),
        ({"distribution": "q_uniform", "min": 0.1, "max": 0.5, "q": 0.1}, [0.1, 0.2, 0.3, 0.4]),
        ({"distribution": "q_uniform", "min": -0.2, "max": 0.2, "q": 0.1}, [-0.2, -0.1, 0.0, 0.1]),
        ({"value": [1, 2]}, [[1, 2]]),
    ],
)
def test_values_of_one_parameter(entry, values):
    found = [point["p"] for point in points(config_of({"p": entry}))]
    assert [(value, type(value)) for value in found] == [(value, type(value)) for value in values]


def test_not_a_number_is_one_value():
    config = config_of({"p": {"values": [math.nan, math.nan, "NaN", 0, -0.0]}})
    number, text, zero = [point["p"] for point in points(config)]
    assert math.isnan(number)
    assert (text, zero) == ("NaN", 0)


def test_all_constants_make_one_point():
    config = config_of({"a": {"value": 1}, "b": {"parameters": {"c": {"value": [2]}}}})
    assert points(config) == [{"a": 1, "b": {"c": [2]}}]


def test_a_huge_grid_costs_what_a_small_one_does():
    config = config_of({name: {"min": 0, "max": 10**9 - 1} for name in "abcd"})
    assert config.space.grid.n_points == 10**36
    assert grid.suggest(config, 10**36 - 1).config == dict.fromkeys("abcd", 10**9 - 1)
    index = 123456789 * 10**18 + 7
    assert grid.suggest(config, index).config == {"a": 0, "b": 123456789, "c": 0, "d": 7}


@pytest.mark.parametrize("index", [-1, 4, 10**20])
def test_there_is_nothing_beyond_the_end(index):
    config = config_of({"a": {"min": 1, "max": 4}})
    with pytest.raises(IndexError, match="there are 4 points"):
        grid.suggest(config, index)


entries = st.one_of(
    st.lists(st.integers(-2, 2) | st.booleans() | st.none(), min_size=1, max_size=4).map(
        lambda values: {"values": values}
    ),
    st.integers(-3, 3).map(lambda low: {"min": low, "max": low + 2}),
    st.sampled_from([0.3, 1, 0.5]).map(
        lambda q: {"distribution": "q_uniform", "min": 0, "max": 2, "q": q}
    ),
    st.just({"parameters": {"x": {"values": ["a", "b"]}, "y": {"value": 1}}}),
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c-d", "c.d"]), entries, min_size=1))
def test_every_point_once(parameters):
    config = config_of(parameters)
    found = points(config)
    assert [config.space.grid.number_of(point) for point in found] == list(range(len(found)))


def test_what_is_no_point_has_no_ordinal():
    space = config_of({"a": {"values": [1, 2]}, "b": {"min": 1, "max": 3}}).space
    assert space.grid.number_of({"a": 2, "b": 3, "extra": 0}) == 5
    assert space.grid.number_of({"a": 3, "b": 3}) is None
    assert space.grid.number_of({"a": 1}) is None


def test_start_configs_come_first_and_once():
    parameters = {"a": {"min": 0, "max": 4}, "k": {"value": 1}}
    config = config_of(parameters, start=[{"a": 3}, {"a": 1}])
    assert [point["a"] for point in points(config)] == [3, 1, 0, 2, 4]


@given(st.lists(st.integers(0, 30), unique=True, max_size=8))
def test_moving_to_the_front_keeps_every_number(first):
    n = 31
    order = [with_first(first, i) for i in range(n)]
    assert order[: len(first)] == first
    assert order[len(first) :] == sorted(set(range(n)) - set(first))


@given(st.sets(st.integers(0, 50)), st.integers(0, 60))
def test_nth_outside(taken, n):
    assert nth_outside(sorted(taken), n) == [i for i in range(200) if i not in taken][n]


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=6), st.integers(0))
def test_digits_lead_there_and_back(radices, number):
    number %= math.prod(radices)
    digits = to_digits(number, radices)
    assert all(0 <= digit < radix for digit, radix in zip(digits, radices, strict=True))
    assert from_digits(digits, radices) == number
