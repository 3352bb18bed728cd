"""Conditional parameters, zipped parameters and constraints in a sweep file."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.errors import InvalidConfig
from sweep_service.model.language.sweep_config import from_document, parse_object, parse_text
from sweep_service.search import registry

OPTIMIZERS = {
    "optimizer": {"values": ["sgd", "adam"]},
    "momentum": {"values": [0.0, 0.9], "when": {"optimizer": "sgd"}},
}
LAYERS = {
    "layers": {"min": 1, "max": 3},
    "width_2": {"values": [32, 64], "when": {"layers": {"min": 2}}},
    "width_3": {"values": [32, 64], "when": {"layers": {"min": 3}}},
}
ZIPPED = {
    "model": {"values": ["small", "large"]},
    "batch_size": {"values": [64, 16]},
    "lr": {"values": [1, 2]},
}
SIZES = {"batch": {"values": [16, 32, 64]}, "length": {"values": [512, 1024, 2048]}}


def parse(parameters, method="grid", **more):
    return parse_object({"method": method, "parameters": parameters, **more})


def walk(parameters, **more):
    """Every config of a grid, in order."""
    config = parse(parameters, **more).config
    n_points = registry.n_points(config)
    return [registry.suggest(config, index, 0).config for index in range(n_points)]


def problems(parameters, **more):
    """Errors by their place in the config."""
    with pytest.raises(InvalidConfig) as caught:
        parse(parameters, **more)
    return {problem.path: problem.message for problem in caught.value.problems}


class TestConditions:
    def test_a_config_lacks_inactive_parameters(self):
        assert walk(OPTIMIZERS) == [
            {"momentum": 0.0, "optimizer": "sgd"},
            {"momentum": 0.9, "optimizer": "sgd"},
            {"optimizer": "adam"},
        ]

    def test_an_inactive_parameter_has_its_constant(self):
        parameters = {
            "optimizer": OPTIMIZERS["optimizer"],
            "momentum": {**OPTIMIZERS["momentum"], "otherwise": 0},
        }
        assert walk(parameters)[2:] == [{"momentum": 0, "optimizer": "adam"}]

    def test_ranges(self):
        assert [config["layers"] for config in walk(LAYERS)] == [1, 2, 2, 3, 3, 3, 3]

    @pytest.mark.parametrize(
        ("when", "expected"),
        [
            ({"optimizer": ["sgd", "adam"]}, 4),
            ({"optimizer": "sgd", "momentum": 0.9}, 4),
            ({"momentum": {"max": 0.5}}, 4),
            ({"momentum": {"min": 0.5, "max": 1}}, 4),
        ],
    )
    def test_the_number_of_points(self, when, expected):
        extra = {"warmup": {"values": [1, 2], "when": when}}
        found = walk(OPTIMIZERS | extra)
        assert len(found) == expected + 2 * (when == {"optimizer": ["sgd", "adam"]})

    def test_a_condition_on_an_inactive_parameter_is_not_met(self):
        nested = {"nesterov": {"values": [True, False], "when": {"momentum": 0.9}}}
        found = walk(OPTIMIZERS | nested)
        assert [config for config in found if "nesterov" in config] == [
            {"momentum": 0.9, "nesterov": True, "optimizer": "sgd"},
            {"momentum": 0.9, "nesterov": False, "optimizer": "sgd"},
        ]
        assert len(found) == 4

    def test_a_group_of_parameters(self):
        parameters = {
            "model": {"values": ["cnn", "mlp"]},
            "cnn": {
                "parameters": {"kernel": {"values": [3, 5]}, "pool": {"value": 2}},
                "when": {"model": "cnn"},
            },
            "head": {
                "parameters": {"width": {"values": [8, 16], "when": {"cnn.kernel": 5}}},
            },
        }
        assert walk(parameters) == [
            {"model": "cnn", "cnn": {"kernel": 3, "pool": 2}},
            {"model": "cnn", "cnn": {"kernel": 5, "pool": 2}, "head": {"width": 8}},
            {"model": "cnn", "cnn": {"kernel": 5, "pool": 2}, "head": {"width": 16}},
            {"model": "mlp"},
        ]

    def test_numbers_that_yaml_takes_for_text(self):
        text = "method: random\nparameters:\n  a: {values: [1e-4, 1e-3]}\n"
        text += "  b: {min: 0.0, max: 1.0, when: {a: 1e-4}}\n"
        parsed = parse_text(text)
        assert parsed.config.document["parameters"]["b"]["when"] == {"a": [0.0001]}

    @pytest.mark.parametrize(
        ("entry", "path", "message"),
        [
            ({"when": {}}, "when", "found an empty map; needs a map"),
            ({"when": "sgd"}, "when", "needs a map of a parameter's name"),
            ({"when": {"optimiser": "sgd"}}, "when.optimiser", "did you mean 'optimizer'?"),
            ({"when": {"x": 1}}, "when.x", "'x' is not another parameter"),
            ({"when": {"optimizer": "sgdd"}}, "when.optimizer", "did you mean 'sgd'?"),
            ({"when": {"optimizer": []}}, "when.optimizer", "found an empty list"),
            ({"when": {"optimizer": {"least": 3}}}, "when.optimizer", "a range has min, max"),
            ({"when": {"momentum": {"min": 2, "max": 1}}}, "when.momentum", "min is not above"),
            ({"when": {"momentum": {"min": 2}}}, "when.momentum", "no value in this range"),
            ({"otherwise": 1}, "otherwise", "has no effect without 'when'"),
        ],
    )
    def test_what_cannot_be_meant(self, entry, path, message):
        found = problems(OPTIMIZERS | {"x": {"values": [1, 2], **entry}})
        assert list(found) == [f"parameters.x.{path}"]
        assert message in found[f"parameters.x.{path}"]

    def test_a_circle(self):
        found = problems(
            {
                "a": {"values": [1, 2], "when": {"b": 1}},
                "b": {"values": [1, 2], "when": {"a": 1}},
                "c": {"values": [1, 2]},
            }
        )
        assert found == {"parameters": "the conditions of a, b depend on each other in a circle"}

    def test_a_grid_beyond_what_can_be_walked(self):
        switches = {f"s{i}": {"min": 1, "max": 200} for i in range(3)}
        when = {name: {"max": 5} for name in switches}
        parameters = {**switches, "x": {"values": [1, 2], "when": when}}
        assert "8,000,000 combinations" in problems(parameters)["parameters"]
        assert parse(parameters, "random").config.space.n_points is None

    def test_parameters_that_nothing_depends_on_may_have_any_number_of_values(self):
        wide = {"wide": {"min": 1, "max": 10**9, "when": {"optimizer": "adam"}}}
        config = parse(OPTIMIZERS | wide).config
        assert registry.n_points(config) == 2 + 10**9
        last = registry.suggest(config, 10**9 + 1, 0).config
        assert last == {"optimizer": "adam", "wide": 10**9}


class TestZip:
    @pytest.mark.parametrize("zips", [[["model", "batch_size"]], ["batch_size", "model"]])
    def test_lists_walk_together(self, zips):
        found = walk(ZIPPED, zip=zips)
        assert [(c["batch_size"], c["model"], c["lr"]) for c in found] == [
            (64, "small", 1),
            (64, "small", 2),
            (16, "large", 1),
            (16, "large", 2),
        ]

    def test_a_condition_on_a_zipped_parameter_and_of_zipped_parameters(self):
        tied = {"depth": {"values": [1, 2], "when": {"model": "large"}}}
        assert len(walk(ZIPPED | tied, zip=["model", "batch_size"])) == 2 + 4
        own = {
            "a": {"values": [1, 2], "when": {"lr": 1}},
            "b": {"values": [3, 4], "when": {"lr": 1}},
        }
        found = walk({"lr": ZIPPED["lr"]} | own, zip=["a", "b"])
        assert found == [{"a": 1, "b": 3, "lr": 1}, {"a": 2, "b": 4, "lr": 1}, {"lr": 2}]

    @pytest.mark.parametrize(
        ("zips", "path", "message"),
        [
            ("model", "zip", "needs lists of names"),
            ([], "zip", "needs lists of names"),
            ([["model", 3]], "zip[0]", "needs lists of names"),
            ([["model", "model"]], "zip[0]", "needs at least two parameters"),
            ([["model", "batch"]], "zip[0]", "did you mean 'batch_size'?"),
            ([["model", "range"]], "zip[0]", "'range' has no plain list of values"),
            ([["model", "weighted"]], "zip[0]", "'weighted' has no plain list of values"),
            ([["model", "three"]], "zip[0]", "model has 2, three has 3"),
            ([["model", "sometimes"]], "zip[0]", "need the same 'when'"),
            ([["model", "lr"], ["lr", "batch_size"]], "zip", "'lr' is listed 2 times"),
        ],
    )
    def test_what_cannot_be_meant(self, zips, path, message):
        more = {
            "range": {"min": 1, "max": 2},
            "weighted": {"values": [1, 2], "probabilities": [0.5, 0.5]},
            "three": {"values": [1, 2, 3]},
            "sometimes": {"values": [1, 2], "when": {"lr": 1}},
        }
        found = problems(ZIPPED | more, method="random", zip=zips)
        assert list(found) == [path]
        assert message in found[path]


class TestConstraints:
    def test_a_grid_has_the_points_that_meet_them(self):
        found = walk(SIZES, constraints=["batch * length <= 32768"])
        expected = [(b, n) for b, n in product((16, 32, 64), (512, 1024, 2048)) if b * n <= 32768]
        assert [(config["batch"], config["length"]) for config in found] == expected

    def test_one_that_mentions_an_inactive_parameter_is_met(self):
        found = walk(OPTIMIZERS, constraints=["momentum > 0.5"])
        assert found == [{"momentum": 0.9, "optimizer": "sgd"}, {"optimizer": "adam"}]

    @pytest.mark.parametrize("method", ["random", "bayes"])
    def test_other_methods_respect_the_constraints(self, method):
        ends = {"low": {"min": 0.0, "max": 1.0}, "high": {"min": 0.0, "max": 1.0}}
        config = parse(ends, method, metric={"name": "loss"}, constraints="low < high - 0.5").config
        for index in range(30):
            drawn = registry.suggest(config, index, 7).config
            assert drawn["low"] < drawn["high"] - 0.5

    @pytest.mark.parametrize(
        ("constraints", "path", "message"),
        [
            ([], "constraints", "needs a list of expressions"),
            ([True], "constraints[0]", "needs an expression in quotes"),
            (["batch <"], "constraints[0]", "invalid syntax"),
            (["batchs < 3"], "constraints[0]", "did you mean 'batch'?"),
            (["batch > 16", "batch * length < 1"], "constraints[1]", "meets it"),
            (["batch > 32", "batch < 64"], "constraints", "meets all of them"),
            (["batch < 'a'"], "constraints[0]", "not supported between"),
            (["batch > 1"] * 51, "constraints", "needs at most 50"),
        ],
    )
    @pytest.mark.parametrize("method", ["grid", "random"])
    def test_what_cannot_be_meant(self, constraints, path, message, method):
        found = problems(SIZES, method=method, constraints=constraints)
        assert list(found) == [path]
        assert message in found[path]

    def test_constraints_that_hardly_any_config_meets_are_rejected(self):
        found = problems(
            {"x": {"min": 0.0, "max": 1.0}}, method="random", constraints=["x < 0.00001"]
        )
        assert found["constraints[0]"].startswith("hardly any configuration of 10,000 tried")


class TestStart:
    def test_what_is_left_out_and_what_is_completed(self):
        parsed = parse(
            OPTIMIZERS, "random", start=[{"optimizer": "adam", "momentum": 0.9}, {"momentum": 0.9}]
        )
        assert parsed.config.start == (
            {"optimizer": "adam"},
            {"momentum": 0.9, "optimizer": "sgd"},
        )
        messages = {problem.path: problem.message for problem in parsed.warnings}
        assert "is left out" in messages["start[0].momentum"]

    def test_zipped_values_are_completed(self):
        parsed = parse(ZIPPED, zip=["model", "batch_size"], start=[{"batch_size": 16}])
        assert parsed.config.start[0]["model"] == "large"
        found = problems(
            ZIPPED,
            zip=["model", "batch_size"],
            start=[{"batch_size": 16, "model": "small"}],
        )
        assert "cannot take" in found["start[0].batch_size"]

    def test_constraints(self):
        found = problems(OPTIMIZERS, constraints=["momentum < 0.5"], start=[{"momentum": 0.9}])
        assert found == {"start[0]": "does not meet the constraint 'momentum < 0.5'"}


@st.composite
def spaces(draw):
    """Sections of parameters and constraints, each parameter with up to three values."""
    names = [f"p{i}" for i in range(draw(st.integers(1, 5)))]
    order = draw(st.permutations(names))
    parameters = {}
    for place, name in enumerate(order):
        entry = {"values": draw(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True))}
        if place and draw(st.booleans()):
            controllers = draw(st.lists(st.sampled_from(order[:place]), max_size=2, unique=True))
            when = {
                other: draw(st.sampled_from([parameters[other]["values"][:1], {"min": 0}]))
                for other in controllers
            }
            if when:
                entry["when"] = when
                if draw(st.booleans()):
                    entry["otherwise"] = -1
        parameters[name] = entry
    constraints = []
    if draw(st.booleans()):
        a, b = draw(st.sampled_from(names)), draw(st.sampled_from(names))
        constraints = [draw(st.sampled_from([f"{a} + {b} < 6", f"{a} != {b} - 1"]))]
    return parameters, constraints


def every_config(parameters, constraints):
    """All configs, worked out one by one from the combinations of all values."""
    found = {}
    for values in product(*(entry["values"] for entry in parameters.values())):
        given, config = dict(zip(parameters, values, strict=True)), {}
        active = set()
        for name, entry in parameters.items():  # controllers come first
            accepted = entry.get("when", {})
            is_active = all(
                other in active
                and (given[other] >= 0 if isinstance(test, dict) else given[other] in test)
                for other, test in accepted.items()
            )
            if is_active:
                active.add(name)
                config[name] = given[name]
            elif "otherwise" in entry:
                config[name] = entry["otherwise"]
        known = {name: config.get(name) for name in parameters}
        if all(
            None in [known[name] for name in parameters if name in text] or eval(text, {}, known)
            for text in constraints
        ):
            found[json.dumps(config, sort_keys=True)] = config
    return found


@given(spaces())
def test_the_points_of_a_space_are_its_configs_each_once(space):
    parameters, constraints = space
    expected = every_config(parameters, constraints)
    more = {"constraints": constraints} if constraints else {}
    try:
        config = parse(parameters, "random", **more).config
    except InvalidConfig:
        assert not expected
        return
    points = config.space.points
    found = [points.config_at(number) for number in range(points.n_points)]
    assert sorted(json.dumps(one, sort_keys=True) for one in found) == sorted(expected)
    assert [points.number_of(one) for one in found] == list(range(points.n_points))
    assert from_document(config.document).space == config.space
    for one in found:
        assert config.space.contains(one)
        unit = config.space.to_unit(one)
        assert config.space.from_unit(unit) == one


@given(spaces(), st.integers(0, 50))
def test_what_is_drawn_is_a_config(space, index):
    parameters, constraints = space
    more = {"constraints": constraints} if constraints else {}
    try:
        config = parse(parameters, "random", replacement=True, **more).config
    except InvalidConfig:
        return
    drawn = registry.suggest(config, index, 1).config
    assert config.space.contains(drawn)
    assert json.dumps(drawn, sort_keys=True) in every_config(parameters, constraints)
