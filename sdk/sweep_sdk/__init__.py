"""Hyperparameter sweeps: the client.

In a training program, started by an agent or by hand::

    run = sweep_sdk.init(config={"lr": 0.1})
    for epoch in range(10):
        run.log({"loss": train(run.config.lr)})
    run.finish()

To start sweeps: ``sweep``, ``agent``, ``ask``. To read them: ``runs``, ``best``, ``history``,
``frame``, ``plots``, ``view``; to do more with them: ``get_sweep``, ``sweeps``. What a name needs
is loaded when the name is first used: importing this package costs a training program nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sweep_sdk._version import __version__

if TYPE_CHECKING:
    from sweep_sdk import plots
    from sweep_sdk._agent.options import AgentOptions
    from sweep_sdk._exceptions import (
        AgentGaveUp,
        BackendUnavailable,
        InvalidConfig,
        InvalidRequest,
        LeaseLost,
        NotAuthorized,
        NotFound,
        NotPossible,
        RunStopped,
        SweepEnded,
        SweepError,
        UsageError,
        WrongBackend,
    )
    from sweep_sdk._program.config import Config
    from sweep_sdk._program.current_run import finish, init, log
    from sweep_sdk._program.module_config import config
    from sweep_sdk._program.run import Run
    from sweep_sdk._sweeps.adding import add
    from sweep_sdk._sweeps.asked_run import AskedRun
    from sweep_sdk._sweeps.importing import import_results
    from sweep_sdk._sweeps.reading import best, frame, history, runs
    from sweep_sdk._sweeps.starting import agent, ask, sweep
    from sweep_sdk._sweeps.sweep import Sweep, get_sweep, sweeps
    from sweep_sdk._ui.notebook import view

_MODULES = {
    "_agent.options": ("AgentOptions",),
    "_sweeps.starting": ("agent", "ask", "sweep"),
    "_sweeps.asked_run": ("AskedRun",),
    "_program.config": ("Config",),
    "_exceptions": (
        "AgentGaveUp",
        "BackendUnavailable",
        "InvalidConfig",
        "InvalidRequest",
        "LeaseLost",
        "NotAuthorized",
        "NotFound",
        "NotPossible",
        "RunStopped",
        "SweepEnded",
        "SweepError",
        "UsageError",
        "WrongBackend",
    ),
    "_sweeps.adding": ("add",),
    "_sweeps.importing": ("import_results",),
    "_program.module_config": ("config",),
    "_program.current_run": ("finish", "init", "log"),
    "_sweeps.reading": ("best", "frame", "history", "runs"),
    "_program.run": ("Run",),
    "_sweeps.sweep": ("Sweep", "get_sweep", "sweeps"),
    "_ui.notebook": ("view",),
}
#: Modules that are part of the API.
_SUBMODULES = ("plots",)
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
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
]


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return importlib.import_module(f"sweep_sdk.{name}")
    if name not in _HOME:
        return _of_moved_scripts(name)
    return getattr(importlib.import_module(f"sweep_sdk.{_HOME[name]}"), name)


def _of_moved_scripts(name: str) -> Any:
    """A name that scripts written for wandb use.

    Raises:
        AttributeError: It is not one of them.
    """
    if name.startswith("_"):
        raise AttributeError(f"module 'sweep_sdk' has no attribute '{name}'")
    return importlib.import_module("sweep_sdk._program.wandb_compat").module_attribute(name)


def __dir__() -> list[str]:
    return sorted(__all__)
