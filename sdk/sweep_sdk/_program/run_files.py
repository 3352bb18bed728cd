"""Locations of a run's configuration and files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._world import disk


class RunFolder(type(Path())):  # type: ignore[misc]  # the kind of path that this system has
    """A path to which text can be appended with ``+``, as to a string."""

    def __add__(self, text: str) -> str:
        return str(self) + text


def run_folder(path: str | None) -> RunFolder:
    """The folder of a run; outside a sweep the working directory."""
    try:
        return RunFolder(path or Path.cwd())
    except OSError:  # the working directory has been deleted
        return RunFolder()


def read_config(path: str | None) -> dict[str, Any]:
    """The run's configuration as the agent wrote it.

    Raises:
        UsageError: The file does not exist or was not written by an agent.
    """
    if path is None:
        return {}
    try:
        found = json.loads(disk.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the run's config {path}: {error}") from None
    if not isinstance(found, dict):
        raise UsageError(f"the run's config {path} is no JSON object")
    return found
