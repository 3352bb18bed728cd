"""The configuration of a run, with items as attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Config(dict[str, Any]):
    """A run's configuration: a dict whose items are attributes too, at every depth.

    An item that is named like a method of dict (``items``, ``keys``) is reached as an item only.
    """

    def __init__(self, values: object = None) -> None:
        super().__init__()
        self.update(values)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            known = ", ".join(self) or "nothing"
            raise AttributeError(f"the config has no '{name}'; it has {known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f"the config has no '{name}'")
        del self[name]

    def __setitem__(self, name: str, value: Any) -> None:
        is_plain = isinstance(value, Mapping) and not isinstance(value, Config)
        super().__setitem__(name, Config(value) if is_plain else value)

    def update(self, values: Any = None, /, **more: Any) -> None:
        """Take over values from a mapping, pairs or an argparse namespace.

        What is set here is this program's own: the sweep keeps the configuration it handed out.
        """
        for name, value in (as_dict(values) | more).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of ``name``, which becomes ``default`` where there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def copy(self) -> Config:
        """An independent copy of the config's own levels."""
        return Config({name: _copy(value) for name, value in self.items()})


def as_dict(values: Any) -> dict[str, Any]:
    """A mapping, pairs, an argparse namespace or None, as a dict."""
    if values is None:
        return {}
    if hasattr(values, "__dict__") and not isinstance(values, Mapping):
        return dict(vars(values))
    return dict(values)


def _copy(value: Any) -> Any:
    return value.copy() if isinstance(value, Config) else value
