"""Names of wandb's API, so that scripts work with ``import sweep_sdk as wandb``.

Functions without a counterpart are accepted, reported once on stderr, and do nothing. Only loaded
if such a name is used.
"""

from __future__ import annotations

import os
import secrets
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.notices import notify
from sweep_sdk._program.attributes import as_text
from sweep_sdk._program.current_run import active_run, present_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sweep_sdk._program.run import Run
    from sweep_sdk._program.summary import Summary

#: Names of a run and of the module, each with the reason why it has no effect.
_WITHOUT_EFFECT = {
    "watch": "gradients and weights are not logged",
    "unwatch": "gradients and weights are not logged",
    "save": "files stay on this machine",
    "log_code": "code is not kept",
    "log_artifact": "files stay on this machine",
    "upsert_artifact": "files stay on this machine",
    "finish_artifact": "files stay on this machine",
    "link_artifact": "files stay on this machine",
    "use_artifact": "there are no stored files",
    "log_model": "files stay on this machine",
    "link_model": "files stay on this machine",
    "use_model": "there are no stored files",
    "status": "there is no service to ask",
    "display": "there is no page to show",
    "to_html": "there is no page to show",
    "write_logs": "the agent keeps what a program prints",
}
#: Of the module alone.
_MODULE_WITHOUT_EFFECT = {
    "login": "programs need no account: their agent talks to the backend",
    "setup": "there is nothing to set up",
    "teardown": "there is nothing to tear down",
    "require": "there is nothing to require",
    "ensure_configured": "there is nothing to configure",
    "attach": "a run is reached with init() in every process",
}
_MEDIA = (
    "Image",
    "Table",
    "Histogram",
    "Audio",
    "Video",
    "Object3D",
    "Html",
    "Plotly",
    "Molecule",
    "Graph",
    "Classes",
    "JoinedTable",
    "PartitionedTable",
    "Bokeh",
    "Markdown",
    "WBTraceTree",
)
#: Modules of wandb with callbacks for other libraries.
_INTEGRATIONS = (
    "integration",
    "keras",
    "xgboost",
    "lightgbm",
    "catboost",
    "fastai",
    "tensorflow",
    "tensorboard",
    "gym",
)
_NO_PAGE = ("url", "project_url", "sweep_url")
_NO_PAGE_CALLS = ("get_url", "get_project_url", "get_sweep_url")


class Nothing:
    """An empty object that accepts every call, attribute and item, in place of missing ones."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __call__(self, *_: Any, **__: Any) -> Nothing:
        return self

    def __enter__(self) -> Nothing:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getitem__(self, _: object) -> Nothing:
        return Nothing()

    def __setitem__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Nothing]:
        return iter(())

    def __len__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return True

    def __fspath__(self) -> str:
        """The folder of the run, where a script would look for downloaded files."""
        return os.fspath(active_run().dir)


class Media(Nothing):
    """An image, a table or the like, which is not stored; metrics in the same row are."""


class Artifact(Nothing):
    """A named collection of files, which stay on this machine."""

    def __init__(self, name: str = "", type: str = "", *_: Any, **__: Any) -> None:  # noqa: A002
        notify("Artifact: files stay on this machine; 'run.dir' is the run's own folder")
        super().__init__()
        self.name, self.type = name, type

    def new_file(self, *_: Any, **__: Any) -> Any:
        """A file to write to, whose content is discarded."""
        return open(os.devnull, "w", encoding="utf-8")


class Settings(Nothing):
    """Settings of a run; they have no effect here."""


class AlertLevel(Enum):
    """Urgency of an alert."""

    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"


class _Plots(Nothing):
    """``plot.line(...)``, ``sklearn.plot_roc(...)`` and the like: charts are not stored."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        notify(f"{name}(): charts are not kept")
        return Nothing


def run_attribute(run: Run, name: str) -> Any:
    """An attribute of a run that only wandb's runs have.

    Raises:
        AttributeError: There is none.
    """
    if name in _NO_PAGE:
        return None
    if name in _NO_PAGE_CALLS:
        return _none
    if name in _RUN_VALUES:
        return _RUN_VALUES[name](run)
    if name in _WITHOUT_EFFECT:
        return _ignoring(name, _WITHOUT_EFFECT[name])
    if name == "alert":
        return _alert
    if name == "restore":
        return lambda *words, **named: _restore(run, *words, **named)
    raise AttributeError(f"a run has no '{name}'")


def module_attribute(name: str) -> Any:
    """A name of the package that only wandb's has.

    Raises:
        AttributeError: There is none.
    """
    if name in _PRESENT:
        return _PRESENT[name]()
    if name in _MEDIA:
        return _media(name)
    if name in _MODULE_WITHOUT_EFFECT:
        return _ignoring(name, _MODULE_WITHOUT_EFFECT[name])
    if name in _WITHOUT_EFFECT or name in ("alert", "restore"):
        return run_attribute(active_run(), name)
    if name in ("define_metric", "mark_preempting"):
        return getattr(active_run(), name)
    if name in _OBJECTS:
        return _OBJECTS[name]
    if name in _INTEGRATIONS:
        raise AttributeError(
            f"sweep_sdk has no '{name}': use a callback of sweep_sdk.integrations, or call"
            " sweep_sdk.log() in one of your own"
        )
    raise AttributeError(f"module 'sweep_sdk' has no attribute '{name}'")


def _none(*_: Any, **__: Any) -> None:
    """A method that returns the URL of a page: None, as there is no page."""


def _path(run: Run) -> str:
    return "/".join(part for part in (run.entity, run.project, run.id) if part)


_RUN_VALUES: dict[str, Callable[[Run], Any]] = {
    "path": _path,
    "mode": lambda run: "online" if run.is_reporting and run.id else "disabled",
    "disabled": lambda run: not run.is_reporting,
    "offline": lambda run: run.id is None,
    "settings": lambda _: Settings(),
    "config_static": lambda run: run.config,
    "project_name": lambda run: lambda: run.project,
    "join": lambda run: run.finish,
}


def _summary() -> Summary:
    return active_run().summary


_PRESENT: dict[str, Callable[[], Any]] = {
    "run": present_run,
    "summary": _summary,
    "plot": _Plots,
    "sklearn": _Plots,
}


def _ignoring(name: str, why: str) -> Callable[..., Any]:
    """A function that only reports that it has no effect."""

    def ignore(*_: Any, **__: Any) -> Any:
        notify(f"{name}() has no effect: {why}")
        return Nothing()

    return ignore


@cache
def _media(name: str) -> type[Media]:
    def init(*_: Any, **__: Any) -> None:
        notify(f"{name}: images, tables and other media are not kept; numbers are")

    return type(name, (Media,), {"__init__": init, "__doc__": Media.__doc__})


def _alert(title: str = "", text: str = "", *_: Any, **__: Any) -> None:
    notify(f"alert: {as_text(title)}: {as_text(text)} (shown here alone; nobody is notified)")


def _restore(run: Run, name: str = "", *_: Any, **__: Any) -> Any:
    """A file of the run's folder, open for reading; None if it does not exist."""
    path = run.dir / name
    if path.is_file():
        return path.open("r", encoding="utf-8", errors="replace")
    notify(f"restore(): there is no file '{name}' in {run.dir}")
    return None


def _say(text: object = "", *_: Any, **__: Any) -> None:
    notify(as_text(text))


def _no_api(*_: Any, **__: Any) -> NoReturn:
    raise UsageError(
        "there is no Api() here: sweep_sdk.runs(), best() and get_sweep() read what came out"
    )


class _Names:
    """``data_types.Image``, ``errors.CommError``: names that wandb has in modules too."""

    def __getattr__(self, name: str) -> Any:
        if name.endswith("Error"):  # in an 'except': a name of wandb's must not raise there
            return _OBJECTS.get(name, UsageError)
        return module_attribute(name)


class _Util:
    """``util.generate_id()``."""

    @staticmethod
    def generate_id(length: int = 8) -> str:
        """A random string of lower-case letters and digits."""
        return secrets.token_hex(length)[:length]


_OBJECTS: dict[str, Any] = {
    "Artifact": Artifact,
    "Settings": Settings,
    "AlertLevel": AlertLevel,
    "Api": _no_api,
    "util": _Util,
    "data_types": _Names(),
    "errors": _Names(),
    "termlog": _say,
    "termwarn": _say,
    "termerror": _say,
    "Error": UsageError,
    "CommError": UsageError,
}
