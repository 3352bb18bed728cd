"""The configuration of a run, with items as attributes."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._process.notices import notify

if TYPE_CHECKING:
    from collections.abc import Callable


class Config(dict[str, Any]):
    """A run's configuration: a dict whose items are also attributes, at every depth.

    Its values are plain: ``dict(config)`` has no class of this package at any depth, and can be
    saved
    as YAML or in a checkpoint. An item with the name of a dict method (``items``, ``keys``) can
    only
    be accessed as an item.
    """

    _on_change: Callable[[str], None] | None = None

    def __init__(self, values: object = None) -> None:
        super().__init__()
        self.update(values)

    def notify(self, on_change: Callable[[str], None]) -> None:
        """Call ``on_change`` from now on with the name of each top-level item that is set."""
        object.__setattr__(self, "_on_change", on_change)

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

    def __getitem__(self, name: str) -> Any:
        """The value of an item; a nested map as a ``Config`` that writes through to it."""
        value = super().__getitem__(name)
        return _Section(value, self, name) if type(value) is dict else value

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, _plain(value))
        self._changed(name)

    def update(
        self,
        values: Any = None,
        /,
        allow_val_change: object = None,  # noqa: ARG002  of moved scripts; values may change
        **more: Any,
    ) -> None:
        """Set values from a mapping, pairs or an argparse namespace.

        The values are recorded as this program's own; the sweep's configuration is not changed.

        Args:
            values: The values.
            allow_val_change: Has no effect: values may always change.
            more: Further values by name.

        Raises:
            UsageError: ``values`` is not a mapping or the like.
        """
        for name, value in (_readable(values) | more).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """The value of ``name``, which is first set to ``default`` if it is missing."""
        if name not in self:
            self[name] = default
        return self[name]

    def setdefaults(self, values: Any) -> None:
        """Set the values that are not set yet."""
        for name, value in _readable(values).items():
            self.setdefault(name, value)

    def as_dict(self) -> dict[str, Any]:
        """A deep copy as a plain dict."""
        return {name: _plain(value) for name, value in self.items()}

    def copy(self) -> Config:
        """An independent copy of the config's own levels."""
        return Config(self.as_dict())

    pop = MutableMapping.pop  # dict's methods would bypass the ones above
    popitem = MutableMapping.popitem
    clear = MutableMapping.clear

    def __ior__(self, values: Any) -> Config:  # type: ignore[override,misc]  # dict's takes more
        self.update(values)
        return self

    def __reduce__(self) -> tuple[type[Config], tuple[dict[str, Any]]]:
        return Config, (dict(self),)

    def _changed(self, name: str) -> None:
        if self._on_change is not None:
            self._on_change(name)


class _Section(Config):
    """A nested map of a config, which writes through to the map itself."""

    def __init__(self, values: dict[str, Any], parent: Config, name: str) -> None:
        dict.__init__(self, values)
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_on_change", lambda _: parent._changed(name))

    def __setitem__(self, name: str, value: Any) -> None:
        self.__dict__["_values"][name] = _plain(value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        del self.__dict__["_values"][name]
        super().__delitem__(name)


def as_dict(values: Any) -> dict[str, Any]:
    """Convert a mapping, pairs, an argparse namespace or None to a dict.

    Raises:
        UsageError: It has another type.
    """
    if values is None:
        return {}
    if hasattr(values, "__dict__") and not isinstance(values, Mapping):
        return dict(vars(values))
    try:
        return dict(values)
    except (TypeError, ValueError):
        raise UsageError(
            f"found {type(values).__name__}, needs a dict or an argparse namespace"
        ) from None


def _readable(values: Any) -> dict[str, Any]:
    """``as_dict``; an empty dict and a notice if the mapping cannot be read.

    Raises:
        UsageError: It is not a mapping or the like.
    """
    try:
        return as_dict(values)
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001  foreign classes raise what they like
        kind = type(values).__name__
        notify(f"config values are left out: a {kind} cannot be read ({type(error).__name__})")
        return {}


def _plain(value: Any, above: tuple[int, ...] = ()) -> Any:
    """Convert maps to dicts at every depth; other values, and unreadable maps, are unchanged.

    Args:
        value: The value.
        above: Ids of the maps that it is nested in, which stop the recursion of cyclic maps.
    """
    try:
        if isinstance(value, Mapping) and id(value) not in above:
            above = (*above, id(value))
            return {name: _plain(item, above) for name, item in value.items()}
    except Exception as error:  # noqa: BLE001  foreign classes raise what they like
        notify(f"a {type(value).__name__} in the config is kept unread: {type(error).__name__}")
    return value
