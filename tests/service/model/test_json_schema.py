import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from sweep_service.model.language.distribution_specs import DISTRIBUTIONS
from sweep_service.model.language.json_schema import schema_text, sweep_schema
from sweep_service.model.language.sweep_config import parse_object

SCHEMA_FILE = Path(__file__).parents[3] / "infra" / "sweep.schema.json"
EXAMPLES = {
    "value": {"a": [1]},
    "values": [1, "a", None],
    "probabilities": [0.2, 0.3, 0.5],
    "min": 1,
    "max": 3,
    "q": 0.5,
    "mu": 0,
    "sigma": "1e-3",
    "a": 2,
    "b": 0.5,
}
validator = Draft202012Validator(sweep_schema())


def is_valid(config):
    return validator.is_valid(config)


def with_parameter(entry):
    return {"method": "random", "parameters": {"p": entry}}


def test_the_file_for_editors_is_current():
    assert SCHEMA_FILE.read_text() == schema_text(), (
        "write sweep_service.model.language.json_schema.schema_text() to infra/sweep.schema.json"
    )


def test_it_is_a_schema():
    Draft202012Validator.check_schema(json.loads(schema_text()))


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_every_distribution_is_described(name):
    fields = {key: EXAMPLES[key] for key in DISTRIBUTIONS[name].keys}
    entry = {"distribution": name, **fields}
    assert is_valid(with_parameter(entry))
    assert parse_object(with_parameter(entry)).config.space.parameters
    assert not is_valid(with_parameter({**entry, "unknown": 1}))
    assert is_valid(with_parameter({"parameters": {"nested": entry}}))


@pytest.mark.parametrize(
    "entry",
    [
        1,
        {},
        {"values": []},
        {"min": 1},
        {"mu": 1},
        {"distribution": "normal", "sigma": 0},
        {"distribution": "loguniform", "min": 1, "max": 2},
        {"min": "abc", "max": 1},
        {"parameters": {}},
    ],
)
def test_what_parsing_refuses_is_marked(entry):
    assert not is_valid(with_parameter(entry))


@pytest.mark.parametrize(
    "keys",
    [
        {"metric": {"name": "x", "goal": "maximize", "impute_while_running": False}},
        {"early_terminate": {"type": "hyperband", "min_iter": 3}},
        {"early_terminate": "hyperband"},
        {"command": ["python", 3], "program": "x.py", "run_cap": 3, "name": None},
        {"start": [{"p": 1}], "seed": 1, "run_timeout": 1.5, "unknown": {}},
    ],
)
def test_sections_that_parse_are_valid(keys):
    config = {**with_parameter({"values": [1, 2]}), **keys}
    assert is_valid(config)
    assert is_valid(parse_object(config).config.document)


@pytest.mark.parametrize(
    "keys", [{"method": "x"}, {"run_cap": 0}, {"metric": {"goal": "maximize"}}, {"start": [1]}]
)
def test_sections_that_are_wrong_are_marked(keys):
    assert not is_valid({**with_parameter({"values": [1, 2]}), **keys})
