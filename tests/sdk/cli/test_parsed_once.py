"""Registering a sweep parses its file once and builds each distribution once."""

from collections import Counter
from dataclasses import replace

import pytest
import yaml

from sweep_service.model.language.distribution_specs import DISTRIBUTIONS

#: One parameter for each distribution, so that every one of them is counted.
FIELDS = {
    "constant": "value: 1",
    "categorical": "values: [1, 2]",
    "categorical_w_probabilities": "values: [1, 2], probabilities: [0.5, 0.5]",
    "normal": "mu: 0",
    "q_normal": "mu: 0",
    "log_normal": "mu: 0",
    "q_log_normal": "mu: 0",
    "beta": "a: 2",
    "q_beta": "a: 2",
}
ENTRIES = "".join(
    f"  p_{name}: {{distribution: {name}, {FIELDS.get(name, 'min: 1, max: 5')}}}\n"
    for name in DISTRIBUTIONS
)
SWEEP = f"method: random\nprogram: train.py\nparameters:\n{ENTRIES}"
NESTED = SWEEP + "  group:\n    parameters:\n      lr: {min: 0.1, max: 0.9}\n"


@pytest.fixture
def built(monkeypatch):
    """How often each distribution has been built, by name."""
    counts = Counter()

    def counting(spec):
        def build(fields):
            counts[spec.name] += 1
            return spec.build(fields)

        return build

    for spec in list(DISTRIBUTIONS.values()):
        monkeypatch.setitem(DISTRIBUTIONS, spec.name, replace(spec, build=counting(spec)))
    return counts


@pytest.mark.parametrize(
    "words",
    [
        ("--dry-run",),
        ("--json",),
        ("--json", "--program", "other.py"),
        ("--json", "--project", "p", "--name", "n"),
    ],
)
def test_registration_builds_each_distribution_once(cli, home, built, words):
    assert cli("sweep", "-", *words, stdin=SWEEP.encode()).code == 0
    assert built == dict.fromkeys(DISTRIBUTIONS, 1)


def test_a_nested_parameter_is_built_once(cli, home, built):
    assert cli("sweep", "-", "--json", stdin=NESTED.encode()).code == 0
    assert built == {**dict.fromkeys(DISTRIBUTIONS, 1), "uniform": 2}


def test_start_configs_and_another_program_build_nothing_more(cli, home, built):
    text = SWEEP + "start: [{p_uniform: 2.5}]\n"
    assert cli("sweep", "-", "--json", "--program", "x.py", stdin=text.encode()).code == 0
    assert built == dict.fromkeys(DISTRIBUTIONS, 1)


def test_a_sweep_given_as_object_is_parsed_once_too(client, built):
    first = client.create_sweep(yaml.safe_load(SWEEP))["id"]
    assert built == dict.fromkeys(DISTRIBUTIONS, 1)
    assert client.get_sweep(first)["config"]["parameters"].keys() == {
        f"p_{name}" for name in DISTRIBUTIONS
    }


def test_an_update_builds_each_distribution_once(client, built):
    sweep = client.create_sweep(yaml.safe_load(SWEEP))["id"]
    built.clear()
    changed = yaml.safe_load(SWEEP.replace("train.py", "other.py"))
    assert client.change_sweep(sweep, config=changed)["config"]["program"] == "other.py"
    assert built == dict.fromkeys(DISTRIBUTIONS, 1)
