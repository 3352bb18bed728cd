"""The environment with which a program's wandb finds its agent."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sweep_sdk._capture.account import Account
from sweep_sdk._capture.variables import is_disabled, parameters_text, variables


def changes(environ, mirrored=None):
    return variables(
        environ,
        address="http://127.0.0.1:5/key",
        run="abcd1234-3",
        folder="/runs/3",
        parameters="/runs/3/wandb-parameters.yaml",
        mirrored=mirrored,
    )


def test_a_program_finds_its_agent_and_the_values_of_the_sweep():
    found = changes({})
    assert found["WANDB_BASE_URL"] == "http://127.0.0.1:5/key"
    assert found["WANDB_SWEEP_PARAM_PATH"] == "/runs/3/wandb-parameters.yaml"
    assert len(found["WANDB_API_KEY"]) >= 40
    assert (found["WANDB_NAME"], found["WANDB_DIR"]) == ("abcd1234-3", "/runs/3")


def test_ids_that_make_workers_hang_and_projects_vanish_are_taken_away():
    environ = {"WANDB_SWEEP_ID": "x", "WANDB_RUN_ID": "y", "WANDB_MODE": "offline"}
    found = changes(environ)
    assert found["WANDB_SWEEP_ID"] is None
    assert found["WANDB_RUN_ID"] is None
    assert found["WANDB_MODE"] is None


def test_a_user_without_a_netrc_file_does_not_get_one():
    made = variables(
        {}, address="", run="", folder="/r", parameters="", mirrored=None, has_netrc=False
    )
    assert made["NETRC"] == "/r/wandb-netrc"
    assert "NETRC" not in changes({})


def test_no_variable_is_empty():
    assert "" not in changes({"WANDB_NAME": ""}).values()


def test_what_the_user_has_chosen_stays():
    found = changes({"WANDB_NAME": "mine", "WANDB_DIR": "/logs", "WANDB_CONSOLE": "wrap"})
    assert not {"WANDB_NAME", "WANDB_DIR", "WANDB_CONSOLE"} & found.keys()


def test_a_mirrored_program_keeps_its_account_and_all_that_goes_there():
    found = changes({}, Account("https://api.wandb.ai", "k" * 40, "WANDB_API_KEY"))
    assert found["WANDB_API_KEY"] == "k" * 40
    assert found["WANDB_APP_URL"] == "https://wandb.ai"
    assert not [name for name in found if "CONSOLE" in name or "DISABLE" in name]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTP_PROXY": "http://p"}, "127.0.0.1"),
        ({"https_proxy": "http://p", "NO_PROXY": "intra"}, "intra,127.0.0.1"),
    ],
)
def test_no_proxy_comes_between_a_program_and_its_agent(environ, expected):
    found = changes(environ)
    assert found.get("no_proxy") == found.get("NO_PROXY") == expected


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({}, None),
        ({"WANDB_MODE": "online"}, None),
        ({"WANDB_MODE": "disabled"}, "WANDB_MODE"),
        ({"WANDB_DISABLED": "true"}, "WANDB_DISABLED"),
        ({"WANDB_DISABLED": "false"}, None),
    ],
)
def test_a_wandb_that_does_nothing_is_recognised(environ, name):
    assert is_disabled(environ) == name


texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=10,
)


@given(st.dictionaries(texts, values))
def test_the_file_of_values_says_the_same_to_a_parser_of_yaml(config):
    config.pop("wandb_version", None)
    found = yaml.safe_load(parameters_text(config))
    assert found.pop("wandb_version") == 1
    assert found == {name: {"value": value} for name, value in config.items()}
    for name, value in config.items():
        assert type(found[name]["value"]) is type(value)


def test_a_number_that_is_none_stays_one():
    found = yaml.safe_load(parameters_text({"a": math.nan}))
    assert math.isnan(found["a"]["value"])
