"""``metrics_from``: accepted sections, and errors with their places."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from sweep_service.errors import InvalidConfig
from sweep_service.model.language.json_schema import sweep_schema
from sweep_service.model.language.printed import LONGEST_PATTERN, MOST_PATTERNS
from sweep_service.model.language.sweep_config import parse_object, parse_text

BASE = {"method": "grid", "metric": {"name": "loss"}, "parameters": {"lr": {"values": [1, 2]}}}
LOSS = "loss: ([0-9.]+)"


def parsed(section):
    return parse_object({**BASE, "metrics_from": section})


def problems_of(section):
    with pytest.raises(InvalidConfig) as caught:
        parsed(section)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    "section",
    [
        {"stdout": {"loss": LOSS}},
        {"stderr": {"loss": LOSS, "step": r"epoch (\d+)"}},
        {"tensorboard": "logs"},
        {"mlflow": "${run_dir}/mlruns", "stdout": {"loss": LOSS}},
        {"tensorboard": "${envvar:LOGS}/${run_id}"},
        {"stdout": {"loss": "(?P<value>.)|(x)"}, "stderr": {"val/acc": "[[a](.)"}},
    ],
)
def test_what_is_kept(section):
    found = parsed(section)
    assert found.config.document["metrics_from"] == section
    assert found.warnings == ()
    assert Draft202012Validator(sweep_schema()).is_valid({**BASE, "metrics_from": section})
    again = parse_object(found.config.document)
    assert again.config.document == found.config.document


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("loss", "metrics_from: found 'loss' (text); needs a map, such as {stdout: {loss:"),
        ({}, "metrics_from: found an empty map; needs a map, such as"),
        ({"stdot": {"loss": LOSS}}, "metrics_from.stdot: 'stdot' is no source of metrics; needs"),
        ({"stdot": {"loss": LOSS}}, "did you mean 'stdout'?"),
        ({"loss": LOSS}, "metrics_from.loss: 'loss' is no source of metrics; needs stdout, "),
        ({"stdout": LOSS}, "metrics_from.stdout: found 'loss: ([0-9.]+)' (text); needs a pattern"),
        (
            {"tensorboard": ""},
            "metrics_from.tensorboard: found '' (text); needs the path",
        ),
        ({"mlflow": {"a": "b"}}, "metrics_from.mlflow: found a map with a; needs the path"),
        ({"mlflow": "${run}"}, "the macro ${run} is not known; there are ${run_dir}, ${run_id}, "),
        ({"stdout": {}}, "metrics_from.stdout: found an empty map; needs a pattern for each"),
        (
            {"stdout": {"loss": 3}},
            "metrics_from.stdout.loss: found 3 (a whole number); needs a reg",
        ),
        ({"stdout": {"loss": "x"}}, "metrics_from.stdout.loss: found 'x' (text); it has no group"),
        ({"stdout": {"loss": "(?:x)"}}, "it has no group; needs a regular expression with a group"),
        ({"stdout": {"loss": "(x"}}, "it is no regular expression: missing ), unterminated subp"),
        ({"stdout": {"loss": "(a){9999999999}"}}, "it is no regular expression: the repetition n"),
        ({"stdout": {"loss": f"({'a' * LONGEST_PATTERN})"}}, "it is longer than 1,000 characters"),
        ({"stderr": {str(n): "(x)" for n in range(MOST_PATTERNS + 1)}}, "has more than 100 patt"),
    ],
)
def test_what_is_refused(section, problem):
    assert any(problem in found for found in problems_of(section)), problems_of(section)


def test_every_problem_is_reported_with_its_line():
    text = (
        "method: grid\nparameters: {lr: {values: [1]}}\nmetrics_from:\n  stdout:\n"
        "    loss: 'x'\n    acc: 'acc (\\d+'\n  stdin: {a: (b)}\n"
    )
    with pytest.raises(InvalidConfig) as caught:
        parse_text(text)
    assert [problem.line for problem in caught.value.problems] == [5, 6, 7]


@pytest.mark.parametrize(
    ("section", "warning"),
    [
        ({"stdout": {"acc": "(.)"}}, "has no pattern for the sweep's metric, loss"),
        ({"stdout": {"losss": "(.)"}}, "loss; is 'losss' a misspelling of it?"),
        ({"stdout": {"step": "(.)"}}, "has no pattern for the sweep's metric, loss"),
        ({"stdout": {"loss": "\bloss (.)"}}, "metrics_from.stdout.loss: holds a backspace, which"),
        (None, "metrics_from: is empty and is ignored"),
        ({"values": [1, 2]}, "metrics_from: looks like a parameter: indent it under parameters"),
    ],
)
def test_what_is_odd(section, warning):
    (found,) = parsed(section).warnings
    assert warning in str(found)


def test_a_backslash_between_double_quotes():
    text = 'method: grid\nparameters: {lr: {values: [1]}}\nmetrics_from: {stdout: {a: "(\\d)"}}\n'
    with pytest.raises(InvalidConfig) as caught:
        parse_text(text)
    assert [str(problem) for problem in caught.value.problems] == [
        "line 3: is not valid YAML: found \\d between double quotes; use single quotes, in which a"
        " backslash is literal"
    ]


def test_a_misspelt_key():
    (warning,) = parse_object({**BASE, "metric_from": {"stdout": {"loss": LOSS}}}).warnings
    assert "did you mean 'metrics_from'?" in str(warning)
