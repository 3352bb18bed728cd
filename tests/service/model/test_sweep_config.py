"""The meaning of a valid sweep config; see ``test_config_errors`` for invalid ones."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.errors import InvalidConfig
from sweep_service.model.language.command import DEFAULT_COMMAND
from sweep_service.model.language.sweep_config import (
    Hyperband,
    Metric,
    from_document,
    parse_object,
    parse_text,
)

LR = {"lr": {"values": [0.1, 0.2]}}


def parse(**keys):
    return parse_object({"method": "random", "parameters": LR, **keys})


def reported(parsed):
    return [str(problem) for problem in parsed.warnings]


def parameter(entry, method="random"):
    """The normalised form of one parameter, and what was reported about it."""
    parsed = parse_object({"method": method, "parameters": {"p": entry}})
    return parsed.config.document["parameters"]["p"], reported(parsed)


FULL = """\
method: bayes
name: first try
description: all of it
project: demo
entity: ada
program: train.py
run_cap: 20
retry_failed: 2
seed: 7
lease_seconds: 60
run_timeout: 3600
metric: {name: loss, goal: maximize, target: 0.9, impute: best, impute_while_running: latest}
early_terminate: {type: hyperband, max_iter: 27, s: 2, eta: 3.5, strict: false}
command: [python, "${program}", "${args}"]
parameters:
  lr: {min: 0.0, max: 1.0}
  opt:
    parameters:
      name: {values: [adam, sgd]}
start:
  - lr: 0.25
    opt: {name: sgd}
"""


def test_every_key_is_read():
    parsed = parse_text(FULL)
    config = parsed.config
    assert parsed.warnings == ()
    assert (config.method, config.name, config.description) == ("bayes", "first try", "all of it")
    assert (config.project, config.entity, config.program) == ("demo", "ada", "train.py")
    assert (config.run_cap, config.retry_failed, config.seed) == (20, 2, 7)
    assert (config.lease_seconds, config.run_timeout) == (60, 3600)
    assert config.metric == Metric("loss", "maximize", 0.9, "best", "latest")
    assert config.early_terminate == Hyperband(None, 27, 2, 3.5, strict=False)
    assert config.command == ("python", "${program}", "${args}")
    assert config.start == ({"lr": 0.25, "opt": {"name": "sgd"}},)
    assert [p.name for p in config.space.parameters] == ["lr", "opt.name"]


def test_what_is_absent_has_its_default():
    config = parse().config
    assert config.command == DEFAULT_COMMAND
    assert (config.metric, config.early_terminate, config.run_cap) == (None, None, None)
    assert (config.retry_failed, config.lease_seconds, config.run_timeout) == (0, 300, None)
    assert (config.seed, config.program, config.start) == (None, None, ())


def test_sections_are_filled_in():
    document = parse(metric={"name": "x"}, early_terminate={"type": "hyperband", "min_iter": 3})
    assert document.config.document["metric"] == {
        "name": "x",
        "goal": "minimize",
        "impute": "worst",
        "impute_while_running": "false",
    }
    assert document.config.early_terminate == Hyperband(min_iter=3)


@pytest.mark.parametrize("value", [1.5, -2.0, math.inf])
def test_the_sign_is_flipped_once(value):
    assert Metric("x", "maximize").minimised(value) == -value
    assert Metric("x").minimised(value) == value
    assert Metric("x", "maximize").minimised(Metric("x", "maximize").minimised(value)) == value


@pytest.mark.parametrize(
    ("entry", "normalised"),
    [
        ({"value": None}, {"distribution": "constant", "value": None}),
        ({"value": [1, {"a": 2}]}, {"distribution": "constant", "value": [1, {"a": 2}]}),
        ({"values": [1, "a"]}, {"distribution": "categorical", "values": [1, "a"]}),
        ({"min": 1, "max": 3}, {"distribution": "int_uniform", "min": 1, "max": 3}),
        ({"min": 1, "max": 3.5}, {"distribution": "uniform", "min": 1, "max": 3.5}),
        ({"min": 1.0, "max": 3}, {"distribution": "uniform", "min": 1.0, "max": 3}),
        (
            {"values": [1, 2], "probabilities": [0.25, 0.75]},
            {
                "distribution": "categorical_w_probabilities",
                "values": [1, 2],
                "probabilities": [0.25, 0.75],
            },
        ),
        (
            {"distribution": "categorical", "values": [1, 2], "probabilities": [0.25, 0.75]},
            {
                "distribution": "categorical_w_probabilities",
                "values": [1, 2],
                "probabilities": [0.25, 0.75],
            },
        ),
        (
            {"distribution": "normal", "mu": 2},
            {"distribution": "normal", "mu": 2, "sigma": 1.0},
        ),
        (
            {"distribution": "q_uniform", "min": 1, "max": 9},
            {"distribution": "q_uniform", "min": 1, "max": 9, "q": 1.0},
        ),
        ({"distribution": "beta"}, {"distribution": "beta", "a": 1.0, "b": 1.0}),
        (
            {"parameters": {"x": {"value": 1}}},
            {"parameters": {"x": {"distribution": "constant", "value": 1}}},
        ),
    ],
)
def test_parameters_are_written_out(entry, normalised):
    assert parameter(entry) == (normalised, [])


@pytest.mark.parametrize(
    ("entry", "normalised", "words"),
    [
        ({"min": "1e-4", "max": "1"}, {"min": 0.0001, "max": 1}, "found '1e-4' (text); read as"),
        (
            {"distribution": "int_uniform", "min": 1.0, "max": 3},
            {"min": 1, "max": 3},
            "found 1.0 (a number); read as 1",
        ),
        (
            {"values": ["a", "b"], "probabilities": ["0.5", 0.5]},
            {"probabilities": [0.5, 0.5]},
            "found a list of 2; read as [0.5, 0.5]",
        ),
        (
            {"values": [1, 1.0, 2]},
            {"values": [1, 1.0, 2]},
            "3 values are listed, of which 2 differ",
        ),
        (
            {"values": [1, 2], "probabilities": [0, 1]},
            {},
            "values with probability 0 are never drawn",
        ),
        (
            {"distribution": "log_uniform", "min": -4, "max": 0},
            {},
            "values lie between 0.0183156 and 1; log_uniform_values takes the limits",
        ),
        (
            {"distribution": "inv_log_uniform", "min": 0, "max": 4},
            {},
            "values lie between 0.0183156 and 1; inv_log_uniform_values takes the limits",
        ),
        (
            {"distribution": "q_uniform", "min": 1, "max": 2, "q": 5},
            {},
            "no multiple of q = 5 lies between the bounds",
        ),
        ({"value": {1, 2}}, {"value": [1, 2]}, "found a set"),
    ],
)
def test_oddities_are_reported_and_repaired(entry, normalised, words):
    found, warnings = parameter(entry)
    assert normalised.items() <= found.items()
    assert words in warnings[0]


def test_unquoted_numbers_of_a_file_become_numbers():
    parsed = parse_text(
        "method: grid\n"
        "parameters:\n"
        "  lr:\n"
        "    values: [1e-4, '1e-4', 5e-3, [1e-2, {x: 1e5}], None, 2**-21]\n"
        "  wd: {value: 1e-3}\n"
        "  tag: {value: '1e-3'}\n"
        "name: 1e5\n"
    )
    parameters = parsed.config.document["parameters"]
    assert parameters["lr"]["values"] == [
        0.0001,
        "1e-4",
        0.005,
        [0.01, {"x": 100000.0}],
        "None",
        "2**-21",
    ]
    assert parameters["wd"]["value"] == 0.001
    assert parameters["tag"]["value"] == "1e-3"
    assert parsed.config.name == "1e5"
    assert reported(parsed) == [
        "line 4: parameters.lr.values: YAML reads 1e-4, 5e-3, 1e-2, 1e5 as text; "
        "read as 0.0001, 0.005, 0.01, 100000.0",
        "line 5: parameters.wd.value: YAML reads 1e-3 as text; read as 0.001",
    ]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        (
            {"program": "train.py", "command": ["python", "train.py"]},
            "the command passes no parameters",
        ),
        ({"command": ["./solver", "--x=${args}"]}, "command: the command passes no parameters"),
    ],
)
def test_a_command_that_passes_no_parameter_is_reported(keys, words):
    parsed = parse_object({"method": "grid", "parameters": {"a": {"values": [1, 2]}}, **keys})
    assert any(words in warning for warning in reported(parsed))


NULLS = {"dropout": {"values": [None, 0.1]}, "net": {"parameters": {"sizes": {"value": [64, 32]}}}}


@pytest.mark.parametrize(
    ("keys", "macro"),
    [
        ({"program": "train.py"}, "${args}"),
        ({"command": ["python", "t.py", "${args_no_equals}"]}, "${args_no_equals}"),
        ({"command": ["python", "t.py", "${args_argparse}"]}, None),
        ({"command": ["python", "t.py", "${args_json}"]}, None),
        ({}, None),  # an agent with a function passes no arguments
    ],
)
def test_nulls_and_lists_as_python_prints_them_are_reported(keys, macro):
    warnings = reported(parse_object({"method": "grid", "parameters": NULLS, **keys}))
    if macro is None:
        assert warnings == []
        return
    (warning,) = warnings
    assert warning.startswith(f"parameters.dropout: {macro} passes nulls and lists")
    assert "dropout=None, net.sizes=[64, 32]" in warning
    assert "${args_argparse}" in warning


def test_numbers_and_texts_are_not_reported():
    parameters = {"lr": {"values": [0.1, "a", True]}}
    assert (
        reported(parse_object({"program": "t.py", "method": "grid", "parameters": parameters}))
        == []
    )


def test_numbers_in_the_text_of_an_object_stay_text():
    assert parameter({"values": ["1e-4", 1]})[0]["values"] == ["1e-4", 1]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"foo": 1}, "foo: the key 'foo' is not known"),
        ({"metrc": {"name": "x"}}, "did you mean 'metric'?"),
        ({"batch": {"values": [1]}}, "'batch' looks like a parameter: indent it"),
        ({"seed": {"values": [1, 2]}}, "seed: looks like a parameter: indent it"),
        ({"start": {"min": 1, "max": 2}}, "start: looks like a parameter: indent it"),
        ({"controller": {"type": "local"}}, "controller: is kept but does nothing"),
        ({"metrics": [{"name": "x"}]}, "metrics: is kept but does nothing"),
        ({"metric": None}, "metric: is empty"),
        ({"run_cap": None}, "run_cap: is empty"),
        ({"run_cap": "10"}, "run_cap: found '10' (text); read as 10"),
        ({"name": 3}, "name: found 3 (a whole number); read as '3'"),
        ({"name": [3]}, "name: found a list of 1; needs text"),
        ({"metric": "loss"}, "metric: found 'loss' (text); read as {name: loss}, minimized"),
        ({"metric": {"goal": "maximize"}}, "metric: found a map with goal; needs a map with a"),
        ({"metric": {"name": "x", "goal": "max"}}, "metric.goal: found 'max' (text); read as max"),
        ({"metric": {"name": "x", "goal": "up"}}, "minimize is taken"),
        ({"metric": {"name": "x", "traget": 1}}, "did you mean 'target'?"),
        ({"metric": {"name": "x", "target": "high"}}, "metric.target: found 'high' (text)"),
        ({"command": "python 'x.py"}, "command: found 'python 'x.py' (text); needs a list"),
        ({"command": " "}, "(text); needs a list, such as"),
        (
            {"command": "python x.py"},
            "command: found 'python x.py' (text); read as ['python', 'x.py']",
        ),
        ({"command": []}, "command: found an empty list"),
        ({"command": ["python", None]}, "command[1]: found nothing (null); passed as 'None'"),
        ({"command": ["${wrong}"]}, "command[0]: the macro ${wrong} is not known"),
        ({"early_terminate": "hyperband"}, "early_terminate: found 'hyperband' (text)"),
        ({"early_terminate": {"type": "envelope"}}, "type: found 'envelope' (text)"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3}}, "it needs a metric"),
        ({"parameters": {"ä": {"value": 1}}}, "parameters.ä: the name 'ä' is unusual"),
        ({"parameters": {"": {"value": 1}}}, "the name '' is unusual"),
        ({"parameters": {3: {"value": 1}}}, "parameters.3: the key 3 is not text"),
        ({"parameters": {True: {"value": 1}}}, "parameters.true: the key True is not text"),
        (
            {"parameters": {"a.b": {"value": 1}, "a": {"parameters": {"b": {"value": 2}}}}},
            "parameters.a.b: 'a.b' is also what a nested parameter is shown as",
        ),
    ],
)
def test_what_runs_elsewhere_runs_here_with_a_warning(keys, words):
    warnings = reported(parse(**keys))
    assert any(words in warning for warning in warnings), warnings
    assert len(warnings) <= 2


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"min_iter": 3, "eta": 1}, "eta: found 1 (a whole number); needs a number above 1"),
        ({"min_iter": 0}, "min_iter: found 0"),
        ({"max_iter": 27}, "it needs min_iter, or max_iter and s"),
        ({"type": "hyperband"}, "it needs min_iter, or max_iter and s"),
        ({"min_iter": 3, "strict": "maybe"}, "strict: found 'maybe'"),
    ],
)
def test_unusable_early_termination_is_off_with_a_warning(settings, complaint):
    parsed = parse(metric={"name": "x"}, early_terminate={"type": "hyperband", **settings})
    assert parsed.config.early_terminate is None
    (warning,) = reported(parsed)
    assert complaint in warning
    assert "no run will be stopped early" in warning


@pytest.mark.parametrize(
    ("settings", "hyperband"),
    [
        ({"type": "hyperband", "min_iter": 3}, Hyperband(min_iter=3)),
        ({"min_iter": 3}, Hyperband(min_iter=3)),
        ({"type": "hyperband", "max_iter": 9, "s": 2}, Hyperband(max_iter=9, s=2)),
        ({"type": "hyperband", "max_iter": 9, "s": 2, "min_iter": 1}, Hyperband(max_iter=9, s=2)),
        ({"type": "hyperband", "max_iter": 9, "min_iter": 1}, Hyperband(min_iter=1)),
        ({"min_iter": 3, "strict": False, "eta": 2}, Hyperband(min_iter=3, eta=2, strict=False)),
    ],
)
def test_forms_of_early_termination(settings, hyperband):
    parsed = parse(metric={"name": "x"}, early_terminate=settings)
    assert parsed.config.early_terminate == hyperband


def test_a_command_in_one_text_is_split_as_a_shell_does():
    command = "accelerate launch '${program}' --tag \"a b\" ${args}"
    words = ("accelerate", "launch", "${program}", "--tag", "a b", "${args}")
    assert parse(command=command).config.command == words


def test_command_elements_are_texts():
    command = ["python", 3, 0.5, True, "--x"]
    assert parse(command=command).config.command == ("python", "3", "0.5", "True", "--x")


def test_an_unquoted_false_means_no_imputation_while_running():
    metric = {"name": "x", "impute_while_running": False}
    parsed = parse(metric=metric)
    assert parsed.config.metric == Metric("x")
    assert parsed.warnings == ()


def test_unknown_keys_are_kept():
    document = parse(foo={"bar": [1]}, controller={"type": "local"}).config.document
    assert document["foo"] == {"bar": [1]}
    assert document["controller"] == {"type": "local"}


START_PARAMETERS = {
    "n": {"min": 1, "max": 5},
    "x": {"min": 0.0, "max": 2.0},
    "c": {"values": ["a", "b"]},
    "k": {"value": 9},
    "in": {"parameters": {"m": {"values": [1, 2, 3]}}},
}


def test_start_configs_are_completed():
    parsed = parse(
        parameters=START_PARAMETERS,
        start=[{"n": 3.0, "x": 1, "c": "b", "in": {"m": 1}}, {"n": 2}, {"n": 2}],
    )
    assert parsed.config.start == (
        {"n": 3, "x": 1.0, "c": "b", "k": 9, "in": {"m": 1}},
        {"n": 2, "x": 1.0, "c": "a", "k": 9, "in": {"m": 2}},
    )
    first = parsed.config.start[0]
    assert isinstance(first["n"], int)
    assert isinstance(first["x"], float)
    assert "start[1]: gives no x; 1.0 is taken" in reported(parsed)
    assert "start[2]: is the same as an earlier one; it is run once" in reported(parsed)


def test_start_of_a_grid_is_a_grid_point():
    parameters = {"q": {"distribution": "q_uniform", "min": 0.5, "max": 3, "q": 1}}
    parsed = parse_object({"method": "grid", "parameters": parameters, "start": [{"q": 1.5}]})
    assert parsed.config.start == ({"q": 1.5},)
    with pytest.raises(InvalidConfig, match=r"start\[0\]\.q: found 1 "):
        parse_object({"method": "grid", "parameters": parameters, "start": [{"q": 1}]})


DOCUMENTS = [
    FULL,
    "method: grid\nparameters: {a: {values: [.nan, 1, .inf, 1.0, NaN]}, b: {min: 1, max: 3}}",
    "method: random\nparameters: {a: {min: 1e-4, max: 1}}\nfoo: {bar: [2020-01-01, 1e5]}\nname: 3",
    "method: random\nparameters: {off: {values: [on, {yes: 1}]}}\nmetric: loss\ncommand: [a, 1]",
]


@pytest.mark.parametrize("text", DOCUMENTS)
def test_a_stored_document_gives_the_same_config(text):
    config = parse_text(text).config
    stored = json.loads(json.dumps(config.document))
    again = from_document(stored)
    assert repr(again) == repr(config)  # as texts: not a number equals nothing, itself included
    assert again.space.n_points == config.space.n_points


@pytest.mark.parametrize("text", DOCUMENTS)
def test_normalising_again_changes_nothing(text):
    document = parse_text(text).config.document
    assert repr(parse_object(document).config.document) == repr(document)


def test_what_is_given_is_not_changed():
    given_config = {"method": "random", "parameters": {"a": {"values": ["1", {"b": [1]}]}}}
    before = json.dumps(given_config)
    document = parse_object(given_config).config.document
    document["parameters"]["a"]["values"][1]["b"].append(2)
    assert json.dumps(given_config) == before


def test_arrays_and_tuples_become_lists():
    class Array:
        def tolist(self):
            return [0.5, 1.5]

    assert parameter({"values": Array()})[0]["values"] == [0.5, 1.5]
    assert parameter({"values": (1, range(2))})[0]["values"] == [1, [0, 1]]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "method",
                    "parameters",
                    "metric",
                    "value",
                    "values",
                    "min",
                    "max",
                    "distribution",
                    "probabilities",
                    "q",
                    "start",
                    "run_cap",
                    "command",
                    "early_terminate",
                    "type",
                    "min_iter",
                    "s",
                    "name",
                    "goal",
                    "seed",
                ]
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["grid", "random", "bayes"]),
            "parameters": st.dictionaries(st.text(max_size=3), anything, max_size=4),
        },
        optional=dict.fromkeys(("metric", "early_terminate", "command", "start", "x"), anything),
    )
)
def test_no_object_ends_in_a_traceback(config):
    assert builds_or_explains(config)


def builds_or_explains(config):
    try:
        parsed = parse_object(config)
    except InvalidConfig as error:
        return all(problem.message for problem in error.problems)
    return from_document(parsed.config.document) == parsed.config
