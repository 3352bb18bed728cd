"""Overrides as Hydra itself reads them."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from sweep_service.model.hydra import hydra_overrides

PARSER = OverridesParser.create()


def read_back(config):
    """The config that a Hydra program without a configuration of its own gets."""
    got = OmegaConf.create({})
    for text in hydra_overrides(config, "++"):
        override = PARSER.parse_override(text)
        assert override.is_force_add()
        OmegaConf.update(got, override.key_or_group, override.value(), merge=True, force_add=True)
    return OmegaConf.to_container(got, resolve=True)


TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False),
    TEXTS,
    st.text("'\\\"${}ab,[]=: ", max_size=12),
)
VALUES = st.one_of(LEAVES, st.lists(LEAVES, max_size=3))
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)


@given(
    st.dictionaries(
        NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES, min_size=1, max_size=2))
    )
)
def test_every_value_arrives(config):
    assert read_back(config) == config


@pytest.mark.parametrize(
    "value",
    [
        None, "", "null", "true", "1e-3", "a,b", "it's (v2)", "a=b", "${oc.env:HOME}", "\\${x}",
        "C:\\data\\", "\\'", "a\nb", "{a: 1}", "[1, 2]", " padded ", "Güte", 1e-05, float("inf"),
        [1, [2, None]], [], {}, {"a b": 1}, [{"x": "y"}], "1_000", "0x10", "nan", "~", "@x",
    ],
)  # fmt: skip
def test_texts_and_shapes_that_are_easily_misread(value):
    assert read_back({"k": value}) == {"k": value}


def test_nested_values_leave_their_neighbours(tmp_path):
    assert hydra_overrides({"opt": {"lr": 0.3, "kind": {"name": "sgd"}}}, "+") == [
        "+opt.lr=0.3",
        "+opt.kind.name='sgd'",
    ]
