"""Ids of the wrong kind are refused by name, with what the command takes and what would work."""

from __future__ import annotations

from sweep_sdk._backend.references import is_run, is_sweep, parse_run, parse_sweep
from sweep_sdk._exceptions import UsageError


def require_sweep(reference: str, taker: str, instead: str = "") -> None:
    """Refuse the id of a run where a sweep is taken.

    Args:
        reference: What was given.
        taker: What takes a sweep, such as ``--pause``.
        instead: What would work for a run; ``{run}`` and ``{sweep}`` stand for the ids.

    Raises:
        UsageError: It names a run.
    """
    if is_run(reference):
        sweep, run = parse_run(reference)
        advice = instead and f"; {instead.format(run=run, sweep=sweep)}"
        raise UsageError(f"{run} is a run; {taker} takes a sweep: {sweep}{advice}")


def require_run(reference: str, taker: str, instead: str) -> None:
    """Refuse the id of a sweep where a run is taken.

    Args:
        reference: What was given.
        taker: What takes a run, such as ``--stop-run``.
        instead: What would work for a sweep; ``{sweep}`` stands for its id.

    Raises:
        UsageError: It names a sweep.
    """
    if is_sweep(reference):
        sweep = parse_sweep(reference)
        advice = instead.format(sweep=sweep)
        raise UsageError(f"{sweep} is a sweep; {taker} takes a run, such as {sweep}-0; {advice}")
