import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweep_service.model.language.sweep_config import from_document, parse_object

PARAMETERS = {
    "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
    "a-b": {"values": ["x", [1, 2]]},
    "a": {"parameters": {"z": {"value": 7}, "b": {"parameters": {"n": {"min": 1, "max": 4}}}}},
    "a.b": {"value": None},
    "one": {"values": [3]},
}


def space_of(parameters):
    return parse_object({"method": "random", "parameters": parameters}).config.space


@pytest.fixture
def space():
    return space_of(PARAMETERS)


def test_parameters_are_sorted_level_by_level(space):
    assert [p.path for p in space.parameters] == [
        ("a", "b", "n"),
        ("a", "z"),
        ("a-b",),
        ("a.b",),
        ("lr",),
        ("one",),
    ]
    assert space.parameters[0].name == "a.b.n"


def test_parameters_with_one_value_are_not_searched(space):
    assert [p.name for p in space.searched] == ["a.b.n", "a-b", "lr"]


def test_configs_nest_and_hold_the_constants(space):
    config = space.sample([0.99, 0.0, 0.5])
    assert config == {
        "a": {"b": {"n": 4}, "z": 7},
        "a-b": "x",
        "a.b": None,
        "lr": pytest.approx(0.01),
        "one": 3,
    }
    assert list(config) == ["a", "a-b", "a.b", "lr", "one"]


def test_configs_are_fresh_objects(space):
    space.from_unit([0.1, 0.9, 0.5])["a-b"].append(3)
    assert space.from_unit([0.1, 0.9, 0.5])["a-b"] == [1, 2]


@given(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)))
def test_unit_vectors_lead_there_and_back(unit):
    space = space_of(PARAMETERS)
    config = space.from_unit(unit)
    assert space.contains(config)
    again = space.from_unit(space.to_unit(config))
    assert again["lr"] == pytest.approx(config["lr"], rel=1e-12)
    assert {**again, "lr": 0} == {**config, "lr": 0}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"lr": 2.0}, "'lr'"),
        ({"lr": "0.1"}, "'lr'"),
        ({"a": {"b": {}, "z": 7}}, "'a.b.n' is missing"),
        ({"a": 3}, "'a.b.n' is missing"),
        ({"a-b": "y"}, "'a-b'"),
    ],
)
def test_what_is_outside_is_named(space, change, name):
    config = {**space.sample([0.5, 0.5, 0.5]), **change}
    assert not space.contains(config)
    with pytest.raises(ValueError, match=name):
        space.to_unit(config)


def test_other_keys_do_not_matter(space):
    config = {**space.sample([0.5, 0.5, 0.5]), "extra": 1}
    assert space.contains(config)
    assert len(space.to_unit(config)) == 3


def test_a_missing_null_is_not_null(space):
    config = space.sample([0.5, 0.5, 0.5])
    del config["a.b"]
    assert not space.contains(config)


@pytest.mark.parametrize(
    ("parameters", "n_points"),
    [
        ({"a": {"value": 1}}, 1),
        ({"a": {"values": [1, 1.0, True]}, "b": {"min": 0, "max": 9}}, 20),
        ({"a": {"min": 0, "max": 10**12}, "b": {"min": 0, "max": 10**12}}, (10**12 + 1) ** 2),
        ({"a": {"values": [1, 2]}, "b": {"min": 0.0, "max": 1.0}}, None),
        ({"a": {"distribution": "q_normal"}}, None),
    ],
)
def test_n_points(parameters, n_points):
    assert space_of(parameters).n_points == n_points


def test_grids_take_no_continuous_distribution(space):
    with pytest.raises(ValueError, match="'lr' cannot be part of a grid"):
        space.grid  # noqa: B018  # the attribute itself raises


def test_equal_documents_give_equal_spaces(space):
    document = parse_object({"method": "random", "parameters": PARAMETERS}).config.document
    assert from_document(document).space == space
