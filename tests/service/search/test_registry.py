import subprocess
import sys

import pytest

from sweep_service.installation import install_hint
from sweep_service.model.language.sweep_config import parse_object
from sweep_service.search import registry

PARAMETERS = {"a": {"values": [1, 2, 3]}, "q": {"distribution": "q_uniform", "min": 0, "max": 2}}


def config_of(method, parameters=None, **keys):
    config = {"method": method, "parameters": parameters or PARAMETERS, **keys}
    return parse_object({"metric": {"name": "loss"}, **config}).config


@pytest.mark.parametrize(("method", "n_points"), [("grid", 6), ("random", 9), ("bayes", 9)])
def test_n_points(method, n_points):
    assert registry.n_points(config_of(method)) == n_points


def test_a_continuous_space_has_no_number_of_points():
    config = config_of("random", {"x": {"min": 0.0, "max": 1.0}})
    assert registry.n_points(config) is None


def test_only_bayes_needs_evidence():
    assert [registry.needs_evidence(method) for method in ("grid", "random", "bayes")] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("method", ["grid", "random"])
def test_grid_and_random_record_nothing(method):
    suggestion = registry.suggest(config_of(method), 1, 5, None)
    assert suggestion.unit is None
    assert suggestion.record == {}
    registry.check_available(method)


def test_grid_and_random_load_no_numpy_and_no_yaml():
    code = (
        "import sys\n"
        "from sweep_service.model.language.sweep_config import from_document\n"
        "from sweep_service.search import registry\n"
        "for method in ('grid', 'random'):\n"
        "    parameters = {'a': {'distribution': 'constant', 'value': 1}}\n"
        "    config = from_document({'method': method, 'parameters': parameters})\n"
        "    registry.suggest(config, 0, 0)\n"
        "print([name for name in ('numpy', 'yaml', 'boto3') if name in sys.modules])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_start_configs_of_bayes_come_first_with_their_unit_vector():
    config = config_of("bayes", start=[{"a": 2, "q": 1.0}])
    suggestion = registry.suggest(config, 0, 5, None)
    assert suggestion.config == {"a": 2, "q": 1.0}
    assert suggestion.unit == config.space.to_unit(suggestion.config)
    assert suggestion.record == {"start": 0}


def test_bayes_of_one_config_needs_no_model():
    config = config_of("bayes", {"a": {"values": [3]}})
    assert registry.n_points(config) == 1
    suggestion = registry.suggest(config, 0, 5, None)
    assert (suggestion.config, suggestion.unit) == ({"a": 3}, ())


WITHOUT = """
import sys

from sweep_service.errors import InvalidConfig
from sweep_service.model.language.sweep_config import parse_object
from sweep_service.search import registry
from sweep_service.search.suggestion import Evidence

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
config = parse_object({"method": "bayes", "metric": "x", "parameters": {"a": {"values": [1, 2]}}})
for ask in (lambda: registry.check_available("bayes"),
            lambda: registry.suggest(config.config, 0, 0)):
    try:
        ask()
    except InvalidConfig as error:
        print(error)
for method in ("grid", "random"):
    registry.check_available(method)
print(registry.explain(config.config, 0, Evidence(), None).reason_missing)
"""


def test_bayes_says_what_it_lacks():
    # in a process of its own: modules that are hidden here would be missed by other tests
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT, "numpy"], capture_output=True, text=True, check=True
    )
    words = f"method: bayes needs numpy: {install_hint('local')} installs it"
    missing = f"a model needs numpy: {install_hint('local')} installs it"
    assert found.stdout.splitlines() == [words, words, missing]
