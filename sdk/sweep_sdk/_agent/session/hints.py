"""Hints about the failure of a program, from the last lines of its stderr. Pure."""

from __future__ import annotations

import re

_NO_SDK = re.compile(r"^\w+Error: No module named '?sweep_sdk(\.[\w.]*)?'?$", re.MULTILINE)


def hint_at(last_words: str, agents_python: str) -> str:
    """One line about the cause and the fix; empty if there is nothing to add.

    Args:
        last_words: The last lines of the program's stderr.
        agents_python: The interpreter that runs the agent, which therefore has ``sweep_sdk``.
    """
    if not _NO_SDK.search(last_words):
        return ""
    return (
        f"it ran in a different Python than the agent, which runs in {agents_python}: activate that"
        " environment before you start the agent, or name its python in the sweep's 'command'"
    )
