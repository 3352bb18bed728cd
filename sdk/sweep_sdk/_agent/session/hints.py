"""What an agent can add to the last words of a program that failed. Pure."""

from __future__ import annotations

import re

_NO_SDK = re.compile(r"^\w+Error: No module named '?sweep_sdk(\.[\w.]*)?'?$", re.MULTILINE)


def hint_at(last_words: str, agents_python: str) -> str:
    """One line about what happened and its mend; empty where the program's words say it all.

    Args:
        last_words: The end of its stderr.
        agents_python: The interpreter that runs the agent, and so has ``sweep_sdk``.
    """
    if not _NO_SDK.search(last_words):
        return ""
    return (
        f"it ran in another Python than the agent, which runs in {agents_python}: activate that"
        " environment before you start the agent, or name its python in the sweep's 'command'"
    )
