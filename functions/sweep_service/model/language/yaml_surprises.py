"""Plain scalars to which YAML 1.1 gives a meaning that their author may not expect.

See the types of YAML 1.1 (yaml.org/type): octal and sexagesimal numbers, words for booleans.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_OTHER_BASE = re.compile(r"[-+]?0(b[01_]+|x[0-9a-fA-F_]+)")
_BASES = {"b": "binary", "x": "hexadecimal"}
_HASH = re.compile(r"[0-9a-f]{6,64}")
_SWITCHES = ("on", "off")
_YES_NO = ("yes", "no")


def surprise(text: str, value: Any, neighbours: Sequence[str] = ()) -> str | None:
    """How YAML reads a plain scalar, if this may be unexpected; otherwise None.

    Args:
        text: As the author wrote it, without quotes.
        value: What YAML 1.1 reads.
        neighbours: Items of the same list that YAML reads as text.
    """
    if isinstance(value, bool):
        word = text.lower()
        if word in _SWITCHES or (word in _YES_NO and neighbours):
            return f"the boolean {str(value).lower()}"
        return None
    if isinstance(value, (int, float)) and ":" in text:
        return f"the number {value} (base 60)"
    if not isinstance(value, int):
        return None
    if _LEADING_ZERO.fullmatch(text):
        is_octal = value != int(text.replace("_", ""))
        return f"the octal number {value}" if is_octal else f"the number {value}"
    other = _OTHER_BASE.fullmatch(text)
    if other is not None:
        return f"the {_BASES[other[1][0]]} number {value}"
    return f"the number {value}" if "_" in text else None


def are_hashes(texts: Sequence[str]) -> bool:
    """Whether the plain scalars of one list are hashes, some of which look like numbers.

    They have the same length, consist of hexadecimal digits, and some are not numbers.
    """
    return (
        len(texts) > 1
        and len({len(text) for text in texts}) == 1
        and all(map(_HASH.fullmatch, texts))
        and any(set(text) & set("abcdf") for text in texts)
    )
