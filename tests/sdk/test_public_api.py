from __future__ import annotations

import subprocess
import sys

import pytest

import sweep_sdk

PUBLIC = {
    "AgentGaveUp",
    "AgentOptions",
    "AskedRun",
    "BackendUnavailable",
    "Config",
    "InvalidConfig",
    "InvalidRequest",
    "LeaseLost",
    "NotAuthorized",
    "NotFound",
    "NotPossible",
    "Run",
    "RunStopped",
    "Sweep",
    "SweepEnded",
    "SweepError",
    "UsageError",
    "WrongBackend",
    "__version__",
    "add",
    "agent",
    "ask",
    "best",
    "config",
    "finish",
    "frame",
    "get_sweep",
    "history",
    "import_results",
    "init",
    "log",
    "plots",
    "runs",
    "sweep",
    "sweeps",
    "view",
}
HEAVY = {"requests", "urllib3", "click", "rich", "yaml", "numpy", "platformdirs", "sweep_service"}


def test_public_names_are_frozen():
    assert set(sweep_sdk.__all__) == PUBLIC
    assert set(dir(sweep_sdk)) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC - {"__version__"}))
def test_every_public_name_is_there_and_documented(name):
    assert getattr(sweep_sdk, name).__doc__


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        sweep_sdk.nothing_of_the_kind  # noqa: B018


def loaded_by(code):
    script = f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.check_output([sys.executable, "-c", script], text=True).split())


@pytest.mark.parametrize(
    "code",
    [
        "import sweep_sdk",
        "import sweep_sdk; run = sweep_sdk.init(config={'a': 1}); run.log({'x': 1}); run.finish()",
        "import sweep_sdk; sweep_sdk.config.update(a=1); sweep_sdk.SweepError",
    ],
)
def test_a_training_program_loads_nothing_heavy(code):
    assert loaded_by(code) & HEAVY == set()


def test_the_network_library_is_loaded_for_a_remote_backend_alone():
    code = (
        "from sweep_sdk._backend.client import open_client\n"
        "from sweep_sdk._settings import load_settings\n"
        "open_client(load_settings({'SWEEP_HOME': '/none'}))"
    )
    assert loaded_by(code) & {"requests", "numpy", "rich", "click"} == set()
