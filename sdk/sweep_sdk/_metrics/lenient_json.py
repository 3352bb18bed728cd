"""Parses lines that other languages write as approximate JSON, if their meaning is unambiguous.

``nan``, ``inf`` and ``-Inf`` (C, R), ``NA`` (R), ``1.5d-3`` (Fortran), ``.5`` and ``5.``, single
quotes, ``True`` and ``None`` (Python), names without quotes (a shell takes them away), a comma
after the last value, a byte order mark, and Latin-1 for what is not UTF-8.
"""

from __future__ import annotations

import json
import re
from typing import Any

from sweep_sdk._metrics.values import as_non_finite

#: A text in quotes, a comma before a closing bracket, or a word: anything between the
#: punctuation of JSON.
_TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|,(?=\s*[}\]])|[^\s"'{}\[\],:]+""")
_COLON = re.compile(r"\s*:")
_FORTRAN_EXPONENT = re.compile(r"(?<=[\d.])[dD](?=[+-]?\d)")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WORDS = {"true": "true", "false": "false", "none": "null", "null": "null", "na": "null"}


def parse_leniently(line: bytes) -> Any:
    """Parse a line.

    Raises:
        ValueError: The line has no meaning or is ambiguous; the message says why.
    """
    if b"\x00" in line:
        raise ValueError("UTF-16 text or binary data; write UTF-8")
    text = _decode(line)
    if not text.lstrip().startswith("{"):
        raise ValueError("not JSON")
    try:
        return json.loads(_TOKEN.sub(_as_json, text))
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None


def _decode(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _as_json(match: re.Match[str]) -> str:
    """A text or word as JSON; unknown words are unchanged."""
    token = match.group()
    if token.startswith('"'):
        return token
    if token.startswith(","):
        return ""
    if token.startswith("'"):
        return json.dumps(re.sub(r"\\(.)", r"\1", token[1:-1]))
    if _COLON.match(match.string, match.end()):
        return json.dumps(token)
    non_finite = as_non_finite(token.partition("(")[0])  # -nan(ind)
    if non_finite is not None:
        return non_finite
    if token.lower() in _WORDS:
        return _WORDS[token.lower()]
    number = _FORTRAN_EXPONENT.sub("e", token)
    if not _NUMBER.fullmatch(number):
        return token
    return number if _is_json_number(number) else repr(float(number))


def _is_json_number(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
