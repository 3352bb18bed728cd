import argparse
import json
from dataclasses import replace

import pytest

from sweep_service.model.language.command import (
    DEFAULT_COMMAND,
    MACROS,
    Launch,
    asks_for_token,
    command_line,
    macro_warnings,
    passes_parameters,
    unset_variables,
)

LAUNCH = Launch(
    program="train me.py",
    environment={"HOME": "/home/ada", "GPU": "3", "TRICK": "${program}"},
    json_file="/runs/7/config.json",
)
CONFIG = {"lr": 0.1, "flag": True, "off": False, "none": None, "s": "a b", "d": {"x": 1}}


def expand(*command, config=None, launch=LAUNCH):
    return command_line(command, CONFIG if config is None else config, launch)


# What the agent of the reference client 0.31 makes of this config; but for args_argparse, our own,
# and Hydra's overrides, which follow Hydra's grammar where the reference prints Python.
EXPANSIONS = {
    "${args}": [
        "--lr=0.1",
        "--flag=True",
        "--off=False",
        "--none=None",
        "--s=a b",
        "--d={'x': 1}",
    ],
    "${args_no_equals}": [
        *("--lr", "0.1", "--flag", "True", "--off", "False"),
        *("--none", "None", "--s", "a b", "--d", "{'x': 1}"),
    ],
    "${args_no_hyphens}": ["lr=0.1", "flag=True", "off=False", "none=None", "s=a b", "d={'x': 1}"],
    "${args_no_boolean_flags}": ["--lr=0.1", "--flag", "--none=None", "--s=a b", "--d={'x': 1}"],
    "${args_argparse}": ["--lr=0.1", "--flag", "--s=a b", '--d={"x": 1}'],
    "${args_json}": [
        '{"lr": 0.1, "flag": true, "off": false, "none": null, "s": "a b", "d": {"x": 1}}'
    ],
    "${args_append_hydra}": [
        *("+lr=0.1", "+flag=true", "+off=false", "+none=null", "+s='a b'", "+d.x=1"),
    ],
    "${args_override_hydra}": [
        *("++lr=0.1", "++flag=true", "++off=false", "++none=null", "++s='a b'", "++d.x=1"),
    ],
    "${env}": ["/usr/bin/env"],
    "${interpreter}": ["python"],
    "${program}": ["train me.py"],
    "${args_json_file}": ["/runs/7/config.json"],
}


@pytest.mark.parametrize("macro", sorted(EXPANSIONS))
def test_macro(macro):
    assert expand(macro) == EXPANSIONS[macro]


def test_every_macro_is_tested():
    assert set(MACROS) == {*EXPANSIONS, "${envvar:NAME}"}


def test_default_command():
    line = expand(*DEFAULT_COMMAND, config={"lr": 1e-05})
    assert line == ["/usr/bin/env", "python", "train me.py", "--lr=1e-05"]


def test_no_env_on_windows():
    windows = replace(LAUNCH, is_windows=True, interpreter="C:\\Python\\python.exe")
    assert expand("${env}", "${interpreter}", launch=windows) == ["C:\\Python\\python.exe"]


def test_no_program_leaves_nothing():
    assert expand("a", "${program}", "b", launch=replace(LAUNCH, program=None)) == ["a", "b"]


@pytest.mark.parametrize(
    ("element", "expansion"),
    [
        ("${envvar:HOME}", ["/home/ada"]),
        ("--data=${envvar:HOME}/x/${envvar:GPU}", ["--data=/home/ada/x/3"]),
        ("${envvar:MISSING}", ["MISSING"]),
        ("a${envvar:MISSING}b", ["aMISSINGb"]),
        ("${envvar:TRICK}", ["train me.py"]),  # variables come first, as in the reference
        ("${nonsense}", []),
        ("${envvar:lower}", []),
        ("--x=${program}", ["--x=${program}"]),
        ("${env} ${program}", []),
        ("plain", ["plain"]),
        ("$HOME", ["$HOME"]),
        ("", [""]),
    ],
)
def test_elements(element, expansion):
    assert expand(element) == expansion


def test_a_command_that_asks_for_the_token():
    assert asks_for_token(["python", "x=${envvar:SWEEP_TOKEN}", "${args}"])
    assert not asks_for_token(["${envvar:SWEEP_TOKENS}", "SWEEP_TOKEN"])


def test_unset_variables_are_reported_with_their_place():
    problems = unset_variables(["x", "${envvar:A}/${envvar:HOME}", "${envvar:B}"], {"HOME": "/"})
    assert [str(problem) for problem in problems] == [
        "command[1]: the environment variable A is not set; its name is passed instead",
        "command[2]: the environment variable B is not set; its name is passed instead",
    ]


def test_odd_macros_are_reported():
    command = [
        "${progam}",
        "--x=${args}",
        "${env} ${args}",
        "${envvar:lower}",
        "${envvar:A}${args}",
    ]
    reported = dict(macro_warnings([*EXPANSIONS, "${envvar:HOME}/x", "plain", *command]))
    first = len(EXPANSIONS) + 2
    assert sorted(reported) == list(range(first, first + 5))
    assert "${progam} is not known" in reported[first]
    assert all(macro in reported[first] for macro in MACROS)
    assert "passed as it is" in reported[first + 1]
    assert "list element of its own" in reported[first + 2]
    assert "${envvar:lower} is not known" in reported[first + 3]
    assert "${args} inside a larger text" in reported[first + 4]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, []),
        (True, ["--x"]),
        (False, []),
        (0, ["--x=0"]),
        ("", ["--x="]),
        ("-v", ["--x=-v"]),
        ([64, 32], ["--x", "64", "32"]),
        ([64], ["--x=64"]),
        ([], ["--x"]),
        ([[1, 2], [3]], ["--x", "[1, 2]", "[3]"]),
        ({"a": None}, ['--x={"a": null}']),
    ],
)
def test_values_for_argparse(value, words):
    assert expand("${args_argparse}", config={"x": value}) == words


def test_argparse_gives_back_what_the_sweep_has():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dropout", type=float)
    parser.add_argument("--layers", type=int, nargs="*")
    parser.add_argument("--nesterov", action="store_true")
    parser.add_argument("--options", type=json.loads)
    for config in (
        {"dropout": None, "layers": [64, 32], "nesterov": True, "options": {"a": [None]}},
        {"dropout": 0.1, "layers": [64], "nesterov": False, "options": {}},
        {"dropout": -0.5, "layers": [-1, -2], "nesterov": False, "options": None},
    ):
        assert vars(parser.parse_args(expand("${args_argparse}", config=config))) == config


@pytest.mark.parametrize(
    ("command", "passes"),
    [
        (DEFAULT_COMMAND, True),
        (("python", "${args_json_file}"), True),
        (("python", "${args_append_hydra}"), True),
        (("python", "train.py"), False),
        (("python", "${envvar:HOME}", "--x=${args}"), False),
    ],
)
def test_whether_a_command_passes_parameters(command, passes):
    assert passes_parameters(command) is passes
