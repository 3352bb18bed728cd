"""Rejects the id of a run where a sweep is expected, and the other way round."""

from __future__ import annotations

from sweep_sdk._backend.references import is_run, is_sweep, parse_run, parse_sweep
from sweep_sdk._exceptions import UsageError


def require_sweep(reference: str, option: str, instead: str = "") -> None:
    """Reject the id of a run where a sweep is expected.

    Args:
        reference: The id or path given by the user.
        option: The command or option that expects a sweep, such as ``--pause``.
        instead: What to use for a run; ``{run}`` and ``{sweep}`` are replaced by the ids.

    Raises:
        UsageError: ``reference`` is the id of a run.
    """
    if is_run(reference):
        sweep, run = parse_run(reference)
        advice = instead and f"; {instead.format(run=run, sweep=sweep)}"
        raise UsageError(f"{run} is a run, but {option} expects a sweep: {sweep}{advice}")


def require_run(reference: str, option: str, instead: str) -> None:
    """Reject the id of a sweep where a run is expected.

    Args:
        reference: The id or path given by the user.
        option: The command or option that expects a run, such as ``--stop-run``.
        instead: What to use for a sweep; ``{sweep}`` is replaced by its id.

    Raises:
        UsageError: ``reference`` is the id of a sweep.
    """
    if is_sweep(reference):
        sweep = parse_sweep(reference)
        advice = instead.format(sweep=sweep)
        raise UsageError(
            f"{sweep} is a sweep, but {option} expects a run, such as {sweep}-0; {advice}"
        )
