"""What is wrong, or odd, about a sweep config: errors and warnings have the same shape."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing to tell the author of a sweep config.

    Attributes:
        path: Dotted place in the config, such as ``parameters.lr.min``; empty for the whole.
        message: What was found and what is needed, one sentence without the path.
        line: 1-based line of the file's text, when the text is known.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"
