"""Contract of all search methods."""

import json

import pytest

from sweep_service.model.language.keys import METHODS
from sweep_service.model.language.sweep_config import from_document, parse_object
from sweep_service.model.records.records import Observation
from sweep_service.model.records.states import RunState
from sweep_service.model.space.distributions import identity
from sweep_service.search import registry
from sweep_service.search.suggestion import Evidence, Pending

FINITE = {
    "layers": {"min": 1, "max": 3},
    "opt": {"parameters": {"name": {"values": ["adam", "sgd"]}, "nesterov": {"value": True}}},
    "flag": {"values": [True, [1, {"a": None}]]},
}
ENDLESS = {**FINITE, "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1}}
#: Parameters that depend on each other, and what connects them.
CONNECTED = {
    **FINITE,
    "momentum": {"values": [0.0, 0.5, 0.9], "when": {"opt.name": "sgd"}},
    "width": {"min": 1, "max": 4, "when": {"layers": {"min": 2}}},
    "model": {"values": ["small", "large"]},
    "batch": {"values": [64, 16]},
}
CONNECTIONS = {
    "zip": [["model", "batch"]],
    "constraints": ["batch * layers < 150", "width != layers"],
}
CONNECTED_ENDLESS = {
    **CONNECTED,
    "momentum": {"min": 0.0, "max": 0.99, "when": {"opt.name": "sgd"}},
}
CASES = [
    *((method, FINITE, {}) for method in METHODS),
    *((method, ENDLESS, {}) for method in METHODS if method != "grid"),
    *((method, CONNECTED, CONNECTIONS) for method in METHODS),
    *((method, CONNECTED_ENDLESS, CONNECTIONS) for method in METHODS if method != "grid"),
]
SEED = 11


def config_of(method, parameters, **keys):
    sweep = {"method": method, "parameters": parameters, "metric": {"name": "loss"}, **keys}
    return parse_object(sweep).config


def observed(config, n):
    """Evidence of n ended runs, and one that is being worked on."""
    if not registry.needs_evidence(config.method):
        return None
    units = [config.space.to_unit(random_config(config, i)) for i in range(n + 1)]
    return Evidence(
        observations=tuple(
            Observation(
                index=index,
                config_version=1,
                unit=unit,
                value=float(index % 5),
                state=RunState.FINISHED,
                is_stopped_early=False,
                written_at=1000.0 + index,
            )
            for index, unit in enumerate(units[:n])
        ),
        pending=(Pending(n, units[n]),),
    )


def random_config(config, index):
    document = {**config.document, "method": "random", "replacement": True}
    return registry.suggest(from_document(document), index, 5).config


@pytest.fixture(params=CASES, ids=lambda case: f"{case[0]}-{len(case[1])}-{len(case[2])}")
def config(request):
    method, parameters, connections = request.param
    return config_of(method, parameters, **connections)


def test_the_config_lies_in_the_space(config):
    for index in range(4):
        suggestion = registry.suggest(config, index, SEED, observed(config, 6))
        assert config.space.contains(suggestion.config)
        assert suggestion.config["opt"]["nesterov"] is True


def test_the_same_arguments_give_the_same_suggestion(config):
    first = registry.suggest(config, 2, SEED, observed(config, 6))
    again = registry.suggest(from_document(config.document), 2, SEED, observed(config, 6))
    assert first == again


def test_arguments_are_not_changed(config):
    evidence = observed(config, 6)
    document = json.dumps(config.document)
    registry.suggest(config, 3, SEED, evidence)
    assert json.dumps(config.document) == document
    assert evidence == observed(config, 6)


def test_configs_are_the_callers_own(config):
    for suggestion in (registry.suggest(config, 1, SEED, observed(config, 2)) for _ in range(2)):
        assert "mine" not in suggestion.config
        assert "mine" not in suggestion.config["opt"]
        suggestion.config["mine"] = suggestion.config["opt"]["mine"] = 1
        if isinstance(suggestion.config["flag"], list):
            suggestion.config["flag"].clear()
    assert config.space.contains(registry.suggest(config, 1, SEED, observed(config, 2)).config)


def test_suggestions_are_plain_json(config):
    suggestion = registry.suggest(config, 1, SEED, observed(config, 6))
    for part in (suggestion.config, dict(suggestion.record)):
        assert json.loads(json.dumps(part, allow_nan=False)) == part
    assert len(json.dumps(dict(suggestion.record))) < 1024


def test_the_unit_vector_is_that_of_the_config(config):
    suggestion = registry.suggest(config, 1, SEED, observed(config, 6))
    if registry.needs_evidence(config.method):
        assert suggestion.unit == pytest.approx(config.space.to_unit(suggestion.config))
        assert all(0.0 <= coordinate <= 1.0 for coordinate in suggestion.unit)
    else:
        assert suggestion.unit is None


@pytest.mark.parametrize(
    ("method", "parameters", "connections", "expected"),
    [
        *((method, FINITE, {}, 12) for method in METHODS),
        # a random search of connected parameters is kept apart by claims, not by the index
        *((method, CONNECTED, CONNECTIONS, 88) for method in ("grid", "bayes")),
    ],
)
def test_a_finite_space_is_exhausted_without_repetition(method, parameters, connections, expected):
    config = config_of(method, parameters, **connections)
    n_points = registry.n_points(config)
    assert n_points == expected
    found, observations = [], []
    for index in range(n_points):
        evidence = Evidence(tuple(observations))
        suggestion = registry.suggest(config, index, SEED, evidence)
        found.append(identity(suggestion.config))
        unit = suggestion.unit or ()
        observations.append(
            Observation(index, 1, unit, float(index), RunState.FINISHED, False, 1000.0 + index)
        )
    assert len(set(found)) == n_points


@pytest.mark.parametrize("method", METHODS)
def test_start_configs_come_first(method):
    start = [
        {"layers": 2, "opt": {"name": "sgd"}, "flag": [1, {"a": None}]},
        {"layers": 1, "opt": {"name": "adam"}, "flag": True},
    ]
    config = config_of(method, FINITE, start=start)
    for index, entry in enumerate(start):
        suggestion = registry.suggest(config, index, SEED, observed(config, 2))
        assert suggestion.config == {**entry, "opt": {**entry["opt"], "nesterov": True}}
