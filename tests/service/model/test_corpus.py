"""Sweep files of real authors give the same results as in the reference engine.

A few are here; where the shared corpus of real files lies beside the repository, all of it is
held against the reference's answers too.
"""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from sweep_service.errors import InvalidConfig
from sweep_service.model.language.fields import text_to_number
from sweep_service.model.language.json_schema import sweep_schema
from sweep_service.model.language.sweep_config import from_document, parse_text
from sweep_service.search import registry

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"
RUNS = ("accepted+runs", "violations+runs")
validator = Draft202012Validator(sweep_schema())

OWN = {
    "scientific-grid.yaml": (
        "method: grid\n"
        "parameters:\n"
        "  seed: {values: [1, 2]}\n"
        "  optimizer:\n"
        "    parameters:\n"
        "      lr: {values: [1e-3, 5e-4]}\n"
        "      name: {value: adam}\n",
        {
            "reference_outcome": "accepted+runs",
            "grid_size": 4,
            "grid_first": [
                {"optimizer": {"lr": "1e-3", "name": "adam"}, "seed": 1},
                {"optimizer": {"lr": "1e-3", "name": "adam"}, "seed": 2},
                {"optimizer": {"lr": "5e-4", "name": "adam"}, "seed": 1},
            ],
            "grid_last": {"optimizer": {"lr": "5e-4", "name": "adam"}, "seed": 2},
            "sample_types": None,
        },
    ),
    "quantized-grid.yaml": (
        "method: grid\n"
        "early_terminate: {type: hyperband, min_iter: 3, eta: 1}\n"
        "parameters:\n"
        "  a-b: {values: [true, 1, 1.0, null]}\n"
        "  a: {parameters: {x: {distribution: q_uniform, min: 0, max: 1, q: 0.5}}}\n",
        {
            "reference_outcome": "violations+runs",
            "grid_size": 6,
            "grid_first": [
                {"a": {"x": 0.0}, "a-b": True},
                {"a": {"x": 0.0}, "a-b": 1},
                {"a": {"x": 0.0}, "a-b": None},
            ],
            "grid_last": {"a": {"x": 0.5}, "a-b": None},
            "sample_types": None,
        },
    ),
    "bounds-as-text.yaml": (
        "method: bayes\n"
        "metric: {name: loss}\n"
        "parameters:\n"
        "  lr: {distribution: log_uniform_values, min: 1e-5, max: 1e-2}\n"
        "  layers: {distribution: q_uniform, min: 1, max: 4, q: 1}\n"
        "  width: {min: 8, max: 64}\n"
        "  deep: {parameters: {flag: {values: [true, false]}}}\n",
        {
            "reference_outcome": "violations+engine_error",
            "reasons": ["1e-4-style bound is a YAML string"],
            "grid_size": None,
            "sample_types": {
                "lr": "float",
                "layers": "int",
                "width": "int",
                "deep": {"flag": "bool"},
            },
        },
    ),
    "indent-slip.yaml": (
        "method: random\nparameters:\n  kind:\n    values: [a, b]\n    depth: {min: 1, max: 3}\n",
        {"reference_outcome": "violations+engine_error", "reasons": ["indent slip"]},
    ),
}


def real_files():
    if not CORPUS.is_dir():
        return {}
    answers = [json.loads(line) for line in (CORPUS / "expected.jsonl").read_text().splitlines()]
    return {
        answer["file"]: ((CORPUS / "files" / answer["file"]).read_text(), answer)
        for answer in answers
    }


FILES = {**OWN, **real_files()}


def is_ours_to_run(answer):
    """Whether the file runs on the reference, or fails there only for numbers read as text."""
    reasons = set(answer.get("reasons", ()))
    return answer["reference_outcome"] in RUNS or reasons == {"1e-4-style bound is a YAML string"}


RUNNING = sorted(name for name, (_, answer) in FILES.items() if is_ours_to_run(answer))
REFUSED = sorted(set(FILES) - set(RUNNING))
GRIDS = sorted(name for name in RUNNING if FILES[name][1]["grid_size"] is not None)
DRAWN = sorted(name for name in RUNNING if FILES[name][1]["sample_types"])


def same(ours, theirs):
    """Equal, but for unquoted texts of the reference that are numbers here."""
    if isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, str) and isinstance(ours, float):
        return text_to_number(theirs) == ours
    return type(ours) is type(theirs) and ours == theirs


@pytest.mark.parametrize("name", RUNNING)
def test_what_runs_there_runs_here(name):
    config = parse_text(FILES[name][0]).config
    assert from_document(json.loads(json.dumps(config.document))) == config
    assert validator.is_valid(yaml.safe_load(FILES[name][0]))
    assert validator.is_valid(config.document)


@pytest.mark.parametrize("name", GRIDS)
def test_grids_have_the_same_points_in_the_same_order(name):
    text, answer = FILES[name]
    config = parse_text(text).config
    n_points = registry.n_points(config)
    assert n_points == answer["grid_size"]
    for index, point in enumerate(answer["grid_first"]):
        assert same(registry.suggest(config, index, 0).config, point)
    assert same(registry.suggest(config, n_points - 1, 0).config, answer["grid_last"])


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_values_have_the_same_types(name):
    text, answer = FILES[name]
    space = parse_text(text).config.space
    listed = {p.path: p.distribution for p in space.parameters if hasattr(p.distribution, "values")}
    config = space.sample([0.3] * len(space.searched))
    assert_types(config, answer["sample_types"], listed, ())


def assert_types(config, types, listed, path):
    for name, expected in types.items():
        here = (*path, name)
        if isinstance(expected, dict) and here not in listed:
            assert_types(config[name], expected, listed, here)
        elif isinstance(expected, str):
            # of listed values the reference may have drawn another one than we did
            drawable = listed[here].values if here in listed else [config[name]]
            assert any(type_agrees(value, expected) for value in drawable), here


def type_agrees(value, expected):
    is_number_in_text = expected == "str" and isinstance(value, float)
    name = type(value).__name__
    return is_number_in_text or name == expected.removesuffix("64")


@pytest.mark.parametrize("name", REFUSED)
def test_each_problem_of_the_rest_has_a_line_and_a_message(name):
    with pytest.raises(InvalidConfig) as caught:
        parse_text(FILES[name][0])
    for problem in caught.value.problems:
        assert problem.line is not None
        assert len(problem.message) > 20


def test_the_reference_runs_most_of_what_is_tested():
    assert len(RUNNING) > len(REFUSED) > 0
