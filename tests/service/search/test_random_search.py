import json
import math
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep_service.model.language.sweep_config import parse_object
from sweep_service.model.space.distributions import identity
from sweep_service.search import random_search
from sweep_service.search.random_search import LARGEST_RACE


def config_of(parameters, **keys):
    return parse_object({"method": "random", "parameters": parameters, **keys}).config


def draw(config, seed, n):
    return [random_search.suggest(config, i, seed).config for i in range(n)]


CONTINUOUS = {"lr": {"min": 0.0, "max": 1.0}, "n": {"min": 1, "max": 4}}
FINITE = {"a": {"values": ["x", "y", "z"]}, "n": {"min": 1, "max": 20}}
WEIGHTED = {"w": {"values": ["x", "y"], "probabilities": [0.8, 0.2]}, "n": {"min": 1, "max": 10}}


@pytest.mark.parametrize("parameters", [CONTINUOUS, FINITE, WEIGHTED])
def test_seed_and_index_fix_the_config(parameters):
    config = config_of(parameters)
    forwards = draw(config, 3, 20)
    backwards = [random_search.suggest(config, i, 3).config for i in reversed(range(20))]
    assert forwards == backwards[::-1]
    assert forwards != draw(config, 4, 20)


def test_another_process_draws_the_same():
    code = (
        "import json\n"
        "from sweep_service.model.language.sweep_config import parse_object\n"
        "from sweep_service.search import random_search\n"
        f"config = parse_object({{'method': 'random', 'parameters': {WEIGHTED!r}}}).config\n"
        "print(json.dumps([random_search.suggest(config, i, 7).config for i in range(20)]))\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(found) == draw(config_of(WEIGHTED), 7, 20)


def test_draws_do_not_change_from_version_to_version():
    assert draw(config_of(CONTINUOUS), 7, 2) == [
        {"lr": 0.7014016190307873, "n": 1},
        {"lr": 0.9892911693150237, "n": 3},
    ]
    assert draw(config_of(WEIGHTED), 7, 3) == [
        {"n": 1, "w": "y"},
        {"n": 4, "w": "x"},
        {"n": 8, "w": "x"},
    ]


@pytest.mark.parametrize(
    "parameters",
    [
        FINITE,
        WEIGHTED,
        {"a": {"value": 1}},
        {"a": {"values": [1, 1, 2]}, "b": {"values": [True, False]}},
        {
            "q": {"distribution": "q_uniform", "min": 0, "max": 10, "q": 2},
            "n": {"min": 1, "max": 3},
        },
        {"q": {"distribution": "q_log_uniform_values", "min": 1, "max": 50}},
        {"b": {"distribution": "q_beta", "a": 2, "b": 3, "q": 0.1}, "c": {"values": [[1], None]}},
    ],
)
def test_a_finite_space_is_drawn_without_replacement(parameters):
    config = config_of(parameters)
    n_points = config.space.n_points
    for seed in (1, 2):
        found = draw(config, seed, n_points)
        assert len({identity(point) for point in found}) == n_points
        assert all(config.space.contains(point) for point in found)
    with pytest.raises(IndexError, match=f"the space has {n_points} points"):
        random_search.suggest(config, n_points, 1)


def assert_shares(found, masses, n):
    for value, mass in masses.items():
        assert abs(found[value] / n - mass) < 4.5 * math.sqrt(mass * (1 - mass) / n), value


def test_first_draws_follow_the_weights():
    config = config_of({"p": {"values": ["a", "b", "c"], "probabilities": [0.6, 0.3, 0.1]}})
    n = 3000
    orders = Counter(tuple(point["p"] for point in draw(config, seed, 2)) for seed in range(n))
    # drawing by weight without replacement: P(a, b) = 0.6 * 0.3 / (1 - 0.6)
    masses = {
        ("a", "b"): 0.6 * 0.3 / 0.4,
        ("a", "c"): 0.6 * 0.1 / 0.4,
        ("b", "a"): 0.3 * 0.6 / 0.7,
        ("b", "c"): 0.3 * 0.1 / 0.7,
        ("c", "a"): 0.1 * 0.6 / 0.9,
        ("c", "b"): 0.1 * 0.3 / 0.9,
    }
    assert_shares(orders, masses, n)


def test_the_first_round_follows_the_weights_exactly():
    parameters = {**WEIGHTED, "n": {"min": 1, "max": 2000}}
    found = Counter(point["w"] for point in draw(config_of(parameters), 5, 2000))
    assert_shares(found, {"x": 0.8, "y": 0.2}, 2000)


def test_edges_of_quantized_laws_are_half_as_likely():
    config = config_of({"q": {"distribution": "q_uniform", "min": 0, "max": 4, "q": 1}})
    n = 3000
    firsts = Counter(random_search.suggest(config, 0, seed).config["q"] for seed in range(n))
    assert_shares(firsts, {0: 0.125, 1: 0.25, 2: 0.25, 3: 0.25, 4: 0.125}, n)


def test_repeated_values_are_drawn_as_often_as_they_are_listed():
    config = config_of({"a": {"values": [1, 2, 1, 1]}, "x": {"min": 0.0, "max": 1.0}})
    found = Counter(point["a"] for point in draw(config, 1, 3000))
    assert_shares(found, {1: 0.75, 2: 0.25}, 3000)


def test_more_weighted_combinations_than_a_race_takes():
    quantized = {"distribution": "q_uniform", "min": 0, "max": 9, "q": 1}
    config = config_of({**dict.fromkeys("abcdef", quantized), "n": {"min": 0, "max": 99}})
    assert config.space.n_points == 100 * 10**6 > LARGEST_RACE
    found = draw(config, 1, 100)
    assert len({point["n"] for point in found}) == 100  # the even part still comes once a round
    edges = Counter(point["a"] in (0, 9) for point in draw(config, 1, 2000))
    assert_shares(edges, {True: 1 / 9}, 2000)


def test_a_huge_space_costs_what_a_small_one_does():
    config = config_of({name: {"min": 0, "max": 10**9} for name in "abcdefgh"})
    found = draw(config, 1, 50)
    assert len({identity(point) for point in found}) == 50


@pytest.mark.parametrize("parameters", [FINITE, WEIGHTED, CONTINUOUS])
def test_start_configs_come_first(parameters):
    first = draw(config_of(parameters), 99, 3)
    config = config_of(parameters, start=first)
    n_points = config.space.n_points or 30
    found = draw(config, 1, n_points)
    assert found[:3] == first
    assert len({identity(point) for point in found}) == n_points


def test_configs_are_the_callers_own():
    config = config_of({"a": {"values": [[1]]}}, start=[{"a": [1]}])
    random_search.suggest(config, 0, 1).config["a"].append(2)
    assert random_search.suggest(config, 0, 1).config == {"a": [1]}
    assert config.start == ({"a": [1]},)


@settings(max_examples=30)
@given(
    st.integers(1, 4),
    st.integers(1, 4),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.integers(-(2**63), 2**63 - 1),
)
def test_every_finite_space_is_exhausted(n_a, n_b, weights, seed):
    config = config_of(
        {
            "a": {"values": list(range(n_a))},
            "b": {"parameters": {"x": {"values": [str(i) for i in range(n_b)]}}},
            "w": {
                "values": list(range(len(weights))),
                "probabilities": [weight / sum(weights) for weight in weights],
            },
        }
    )
    found = draw(config, seed, config.space.n_points)
    assert len({identity(point) for point in found}) == n_a * n_b * len(weights)
