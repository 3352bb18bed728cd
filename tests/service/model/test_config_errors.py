"""Errors about a config: each names the place, the value found and the value expected."""

import pytest

from sweep_service.errors import InvalidConfig
from sweep_service.model.language.sweep_config import parse_object, parse_text

LR = {"lr": {"values": [0.1, 0.2]}}


def problems_of(config):
    with pytest.raises(InvalidConfig) as caught:
        parse_object(config)
    return [str(problem) for problem in caught.value.problems]


def problems_of_parameter(entry, method="random"):
    return problems_of({"method": method, "parameters": {"p": entry}})


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        (1, "p: found 1 (a whole number); needs a map; a fixed value is written {value: ...}"),
        ([1, 2], "p: found a list of 2; needs a map, such as {values: [...]}"),
        (None, "p: found nothing (null); needs a map, such as"),
        ({}, "p: found an empty map; needs value, values, min and max, or a distribution"),
        ({"valeus": [1]}, "p: found a map with valeus; needs value"),
        ({"valeus": [1]}, "did you mean 'values'?"),
        ({"mu": 1}, "needs the name of its distribution"),
        ({"min": 1}, "p: uniform lacks 'max'; needs a number"),
        ({"min": "abc", "max": 1}, "p.min: found 'abc' (text); needs a number, such as 0.001"),
        ({"min": True, "max": 2.5}, "p.min: found true (a boolean); needs a number"),
        ({"min": 3, "max": 1}, "p.min: found min 3 and max 1; min must be smaller than max"),
        ({"min": 2, "max": 2}, "min must be smaller than max"),
        ({"min": float("nan"), "max": 1}, "p.min: found nan (not a finite number); needs a number"),
        ({"min": 0, "max": float("inf")}, "p.max: found inf (not a finite number); needs a number"),
        ({"distribution": "uniform", "min": 0, "max": 10**400}, "p.max: found a number of 1329 bi"),
        ({"min": 0, "max": 2**63}, "p.max: found 9223372036854775808 (a whole number); needs a w"),
        ({"min": -1.7e308, "max": 1.7e308}, "p: max - min is beyond the range of floats"),
        (
            {"distribution": "int_uniform", "min": 1.5, "max": 3},
            "p.min: found 1.5 (a number); needs a whole number of 64 bits, such as 3",
        ),
        ({"values": []}, "p.values: found an empty list; needs a list with at least one value"),
        ({"values": 3}, "p.values: found 3 (a whole number); needs a list"),
        ({"values": {"a": 1}}, "p.values: found a map with a; needs a list"),
        ({"values": [1], "value": 1}, "p.value: 'value' does not belong to categorical"),
        ({"min": 1, "max": 2, "q": 1}, "p.q: 'q' does not belong to int_uniform, but to q_uniform"),
        ({"values": [1], "unit": "m"}, "p.unit: the key 'unit' is not known in a parameter"),
        (
            {"values": [1], "batch": {"values": [2]}},
            "p.batch: looks like a parameter of its own; indent 'batch' one level less",
        ),
        ({"distribution": "loguniform", "min": 1, "max": 2}, "did you mean 'log_uniform_values'?"),
        ({"distribution": "Q_Unifrom", "min": 1, "max": 2}, "did you mean 'q_uniform'?"),
        ({"distribution": ["uniform"]}, "p.distribution: found a list of 1; needs one of constant"),
        ({"distribution": "uniform", "values": [1]}, "p.values: 'values' does not belong to unif"),
        ({"distribution": "normal", "sigma": 0}, "p.sigma: found 0 (a whole number); needs a num"),
        ({"distribution": "beta", "a": 0}, "p.a: found 0 (a whole number); needs a number above 0"),
        ({"distribution": "q_normal", "q": -1}, "p.q: found -1 (a whole number); needs a number a"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "p.min: found 0"),
        ({"distribution": "log_uniform", "min": 0, "max": 1e4}, "natural-log exponents"),
        ({"distribution": "q_uniform", "min": 0, "max": 1e300, "q": 1e-300}, "too small for these"),
        (
            {"values": [1, 2], "probabilities": [1]},
            "p.probabilities: found 1 for 2 values; needs one for each",
        ),
        (
            {"values": [1, 2], "probabilities": [0.5, 0.6]},
            "p.probabilities: found a sum of 1.1; they must sum to 1",
        ),
        ({"values": [1, 2], "probabilities": [-0.5, 1.5]}, "negative or not finite"),
        ({"values": [1, 2], "probabilities": [0.5, "x"]}, "needs a list of numbers"),
        ({"values": [1], "probabilities": {}}, "p.probabilities: found an empty map; needs a list"),
        ({"parameters": {}}, "p.parameters: found an empty map; needs a map with at least one"),
        ({"parameters": {"x": 3}}, "p.parameters.x: found 3"),
        (
            {"parameters": {"x": {"value": 1}}, "value": 3},
            "p.value: a nested parameter has the key",
        ),
        ({"value": object()}, "p.value: found a value of type object; needs a number, text"),
        ({"value": b"x"}, "p.value: found a value of type bytes"),
        ({"value": 2**5000}, "p.value: found a number of 5001 bits"),
    ],
)
def test_parameters(entry, problem):
    problems = problems_of_parameter(entry)
    assert any(problem in found for found in problems), problems
    assert all(found.startswith("parameters.p") for found in problems)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ({"min": 0.0, "max": 1.0}, "uniform"),
        ({"distribution": "normal"}, "normal"),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 9}, "q_log_uniform_values"),
        ({"values": [1, 2], "probabilities": [0.5, 0.5]}, "categorical_w_probabilities"),
    ],
)
def test_a_grid_says_what_it_takes(entry, found):
    assert problems_of_parameter(entry, "grid") == [
        f"parameters.p: found {found}; a grid takes constant, categorical, int_uniform, "
        "q_uniform: list the values, or use method random or bayes"
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"method": None}, "method: is missing; needs one of grid, random, bayes"),
        ({"method": "Grid"}, "method: found 'Grid' (text); needs one of grid, random, bayes; did"),
        ({"method": "custom"}, "method: custom schedulers do not run here"),
        ({"method": ["grid"]}, "method: found a list of 1"),
        ({"parameters": None}, "parameters: is missing; needs at least one"),
        ({"parameters": None, "paramters": LR}, "is 'paramters' a misspelling of it?"),
        ({"parameters": {}}, "parameters: found an empty map; needs a map with at least one"),
        ({"parameters": [LR]}, "parameters: found a list of 1"),
        ({"method": "bayes"}, "metric: is missing; bayes needs it, such as"),
        ({"method": "bayes", "metrics_": {"name": "x"}}, "is 'metrics_' a misspelling of it?"),
        ({"method": "bayes", "metric": {"goal": "maximize"}}, "metric: found a map with goal; ne"),
        ({"method": "bayes", "metric": {"name": "x", "target": "?"}}, "metric.target: found '?'"),
        ({"method": "bayes", "metric": {"name": []}}, "metric.name: found an empty list; needs te"),
        (
            {"method": "bayes", "metric": "x", "parameters": {"p": {"value": 1}}},
            "parameters: all have one value; bayes needs at least one to search",
        ),
        ({"early_terminate": {"max_iter": 9, "s": 2.0}}, "early_terminate.s: found 2.0"),
        ({"run_cap": 0}, "run_cap: found 0 (a whole number); needs a whole number above 0"),
        ({"run_cap": "many"}, "run_cap: found 'many' (text)"),
        ({"run_cap": 2.5}, "run_cap: found 2.5"),
        ({"run_cap": 10**20}, "run_cap: found 100000000000000000000"),
        ({"retry_failed": -1}, "retry_failed: found -1"),
        ({"seed": "x"}, "seed: found 'x' (text)"),
        ({"seed": 2**64}, "seed: found 18446744073709551616"),
        ({"lease_seconds": 0}, "lease_seconds: found 0"),
        ({"run_timeout": 0}, "run_timeout: found 0 (a whole number); needs a number above 0"),
        ({"start": {"lr": 0.1}}, "start: found a map with lr; needs a list"),
        ({"start": [3]}, "start[0]: found 3 (a whole number); needs a map"),
        ({"start": [{"lr": 0.3}]}, "start[0].lr: found 0.3 (a number), which the parameter cannot"),
        ({"start": [{"lrr": 0.1}]}, "start[0].lrr: 'lrr' is no parameter of this sweep; did you"),
    ],
)
def test_sweeps(keys, problem):
    problems = problems_of({"method": "random", "parameters": LR, **keys})
    assert any(found.startswith(problem) or problem in found for found in problems), problems
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "is empty"),
        ({}, "is empty"),
        ([1], "found a list of 1"),
        ("grid", "found 'grid' (text)"),
        (3, "found 3"),
    ],
)
def test_what_is_no_map(config, words):
    (problem,) = problems_of(config)
    assert words in problem
    assert "a sweep is a map with the keys method and parameters" in problem


def test_all_problems_come_at_once_with_their_lines():
    text = (
        "method: gird\n"
        "run_cap: none\n"
        "parameters:\n"
        "  a: {min: x, max: 1}\n"
        "  b:\n"
        "    parameters:\n"
        "      c:\n"
        "        min: 2\n"
        "        max: 1\n"
        "  d: {values: [1, 2], probabilities: [1]}\n"
        "  e: 3\n"
    )
    with pytest.raises(InvalidConfig) as caught:
        parse_text(text)
    assert [(p.line, p.path) for p in caught.value.problems] == [
        (1, "method"),
        (2, "run_cap"),
        (4, "parameters.a.min"),
        (8, "parameters.b.parameters.c.min"),
        (10, "parameters.d.probabilities"),
        (11, "parameters.e"),
    ]
    assert "line 4: parameters.a.min: found 'x' (text)" in str(caught.value)


def test_deep_and_cyclic_objects_are_refused():
    cyclic = []
    cyclic.append(cyclic)
    deep = {}
    for _ in range(5000):
        deep = {"a": deep}
    wide = [0]
    for _ in range(60):
        wide = [wide, wide]
    for value, words in ((cyclic, "deep"), (deep, "deep"), (wide, "more than 200000 values")):
        (problem,) = problems_of({"method": "random", "parameters": {"p": {"value": value}}})
        assert words in problem


def test_of_thousands_of_problems_the_first_are_listed():
    parameters = {f"p{i}": {"min": 1, "max": 0} for i in range(2000)}
    *listed, last = problems_of({"method": "random", "parameters": parameters})
    assert len(listed) == 200
    assert last == "there are 1,800 more errors, which are left out"


def test_long_values_are_cut_in_messages():
    (problem,) = problems_of_parameter({"min": "x" * 5000, "max": 1})
    assert len(problem) < 250


@pytest.mark.parametrize(
    ("settings", "is_taken"),
    [
        ({"max_iter": 66_124_098, "s": 66_124_098, "eta": 1.0000001}, False),
        ({"max_iter": 10**300, "s": 101, "eta": 2}, False),
        ({"max_iter": 10**300, "s": 100, "eta": 2}, True),
        ({"max_iter": 81, "s": 10**9, "eta": 3}, True),
        ({"min_iter": 1, "eta": 1.0000001}, True),
    ],
)
def test_more_bands_than_a_report_can_judge_are_refused(settings, is_taken):
    early = {"type": "hyperband", **settings}
    config = {"method": "random", "metric": {"name": "a"}, "parameters": LR}
    if is_taken:
        parse_object({**config, "early_terminate": early})
    else:
        problem = problems_of({**config, "early_terminate": early})[0]
        assert f"early_terminate.s: found {settings['s']}, which makes more than 100" in problem


def test_a_command_with_the_token_of_the_backend():
    command = ["python", "train.py", "--key=${envvar:SWEEP_TOKEN}", "${args}"]
    (problem,) = problems_of({"method": "random", "parameters": LR, "command": command})
    assert problem.startswith("command[2]: found '--key=${envvar:SWEEP_TOKEN}'; ")
    assert "remove it from the command" in problem
