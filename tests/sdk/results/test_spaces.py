"""The search space of a sweep as a backend describes it, and configs that no backend has."""

from __future__ import annotations

import pytest

from sweep_sdk._exceptions import WrongBackend
from sweep_sdk._results.spaces import space_of
from sweep_service.model.language.sweep_config import from_document, parse_object

CONFIG = {
    "method": "bayes",
    "metric": {"name": "loss"},
    "command": ["python", "train.py", "${args_json_file}"],
    "parameters": {
        "optimizer": {"values": ["sgd", "adam"]},
        "momentum": {"min": 0.0, "max": 0.9, "when": {"optimizer": "sgd"}, "otherwise": 0},
        "deep": {"parameters": {"width": {"values": [1, 2]}, "depth": {"values": [3, 4]}}},
    },
    "zip": [["deep.width", "deep.depth"]],
    "start": [{"optimizer": "adam"}],
}


def test_it_is_the_space_of_the_backend():
    document = parse_object(CONFIG).config.document
    assert space_of({"id": "abcd1234", "config": document}) == from_document(document).space


@pytest.mark.parametrize(
    "entry",
    [
        {"distribution": "int_uniform", "min": None, "max": 9},
        {"distribution": "int_uniform", "min": "a", "max": 9},
        {"distribution": "of a newer version", "width": 3},
        {"values": []},
        None,
        {"parameters": {}},
        {"values": [1, 2], "when": {"nobody": 1}},
    ],
)
def test_a_config_that_is_not_understood(entry):
    config = {"method": "random", "parameters": {"x": entry}}
    with pytest.raises(WrongBackend, match=r"^the config of sweep abcd1234 .*parameters\.x"):
        space_of({"id": "abcd1234", "config": config})


def test_what_it_says_cannot_steer_the_terminal():
    config = {"method": "\x1b[2J", "parameters": {"x": {"values": [1]}}}
    with pytest.raises(WrongBackend) as caught:
        space_of({"id": "abcd1234", "config": config})
    assert "\x1b" not in str(caught.value)
