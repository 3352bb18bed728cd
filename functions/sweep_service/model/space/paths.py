"""Values at the paths of nested run configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: Represents the absence of a value; null is a value.
MISSING = object()


def look_up(config: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at a path of a config, or ``MISSING``, which no distribution contains."""
    node: Any = config
    for name in path:
        if not isinstance(node, Mapping) or name not in node:
            return MISSING
        node = node[name]
    return node


def put(config: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set the value at a path of a config."""
    node = config
    for name in path[:-1]:
        node = node.setdefault(name, {})
    node[path[-1]] = value
