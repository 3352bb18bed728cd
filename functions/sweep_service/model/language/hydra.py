"""Overrides of a Hydra program's configuration, in the grammar that Hydra reads (1.1 and later).

See "Grammar of Hydra overrides" in its documentation: a value is ``null``, ``true``, a number, a
text in quotes, a list in brackets or a map in braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_PLAIN_KEY = re.compile(r"[A-Za-z_][\w.-]*")
_INTERPOLATION = re.compile(r"(\\*)\$\{")
_QUOTE = re.compile(r"(\\*)'")
_LAST_BACKSLASHES = re.compile(r"(\\+)\Z")


def hydra_overrides(run_config: Mapping[str, Any], prefix: str) -> list[str]:
    """An override for every value of a run's config.

    Args:
        run_config: The config; nested maps become dotted keys, which leave what else the
            program's configuration has there as it is.
        prefix: ``+`` adds a key, ``++`` adds or replaces it.
    """
    return [f"{prefix}{key}={_value(value)}" for key, value in _leaves(run_config, "")]


def _leaves(values: Mapping[str, Any], path: str) -> list[tuple[str, Any]]:
    leaves: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value and all(map(_PLAIN_KEY.fullmatch, value)):
            leaves += _leaves(value, f"{path}{name}.")
        else:
            leaves.append((f"{path}{name}", value))
    return leaves


def _value(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_value(item)}" for key, item in value.items()) + "}"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    """A text in single quotes; backslashes count only before a quote or an interpolation."""
    text = _INTERPOLATION.sub(lambda match: match[1] * 2 + "\\${", text)
    text = _QUOTE.sub(lambda match: match[1] * 2 + "\\'", text)
    return "'" + _LAST_BACKSLASHES.sub(lambda match: match[1] * 2, text) + "'"
