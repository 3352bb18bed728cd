"""What ``sweep --dry-run`` says: how a sweep file was understood."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_sdk.cli.formats import assignments, command_text
from sweep_sdk.cli.space_view import aim_lines, lined_up, parameter_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def dry_run_lines(sweep: Mapping[str, Any]) -> Iterator[str]:
    """Lines about a sweep that was checked and not registered.

    Args:
        sweep: The backend's answer, with the normalised config and sample configs.
    """
    from sweep_sdk._agent.process.launcher import Launcher
    from sweep_sdk._settings import environment

    launcher = Launcher(sweep["config"], environment())
    samples = sweep["samples"]
    yield from lined_up(aim_lines(sweep))
    yield ""
    yield "parameters"
    yield from parameter_lines(sweep["config"])
    yield ""
    yield "the first runs"
    yield from (f"  {assignments(sample)}" for sample in samples)
    yield ""
    yield "command of the first"
    yield f"  {command_text(launcher.command_line(dict(samples[0]), Path('arguments.json')))}"
    yield from (f"  warning: {warning}" for warning in launcher.warnings())
    yield ""
    yield "this was a dry run: nothing is registered"
