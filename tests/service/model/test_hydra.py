"""Overrides are read by Hydra itself."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from sweep_service.model.language.hydra import hydra_overrides

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


PROGRAM = """
import json
import hydra
from omegaconf import OmegaConf

@hydra.main(version_base=None, config_path=None)
def main(config):
    with open(OUTPUT, "w", encoding="utf-8") as file:
        json.dump(OmegaConf.to_container(config, resolve=True), file)

main()
"""


@pytest.mark.parametrize("prefix", ["+", "++"])
def test_a_hydra_program_gets_every_value(tmp_path, prefix):
    config = {
        "lr": 1e-05,
        "momentum": None,
        "layers": [64, [32, None]],
        "is_nested": True,
        "name": "it's, \\'so\\' = ${x} {a: [1]}",
        "empty": "",
        "flag": "true",
        "path": "C:\\data\\",
        "optimizer": {"name": "sgd", "schedule": {"gamma": 0.5, "steps": []}},
        "odd": {"a b": 1},
    }
    output = tmp_path / "got.json"
    program = tmp_path / "train.py"
    program.write_text(f"OUTPUT = {str(output)!r}\n{PROGRAM}")
    words = [sys.executable, "train.py", *hydra_overrides(config, prefix)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(output.read_text()) == config


def test_nested_values_leave_their_neighbours(tmp_path):
    assert hydra_overrides({"opt": {"lr": 0.3, "kind": {"name": "sgd"}}}, "+") == [
        "+opt.lr=0.3",
        "+opt.kind.name='sgd'",
    ]
