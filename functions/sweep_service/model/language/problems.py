"""Errors and warnings about a sweep config, which have the same shape."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One message to the author of a sweep config.

    Attributes:
        path: Dotted place in the config, such as ``parameters.lr.min``; empty for the whole config.
        message: What was found and what is needed, in one sentence that does not repeat the path.
        line: 1-based line of the file, if the config was parsed from a file.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"
