"""References to sweeps and runs: ``entity/project/id``, ``project/id`` or ``id``."""

from __future__ import annotations

import re

from sweep_sdk._exceptions import UsageError

_SWEEP_ID = re.compile(r"[a-z0-9]{8}")
_RUN_ID = re.compile(r"([a-z0-9]{8})-(?:0|[1-9][0-9]{0,14})")


def parse_sweep(reference: str) -> str:
    """The sweep id in a reference to a sweep.

    Raises:
        UsageError: It is not a reference to a sweep; references to runs are not accepted.
    """
    name = _last_part(reference)
    if _SWEEP_ID.fullmatch(name):
        return name
    run = _RUN_ID.fullmatch(name)
    if run:
        raise UsageError(
            f"'{name}' is a run, and this takes a sweep; the run's sweep is {run.group(1)}"
        )
    raise UsageError(
        f"'{reference}' names no sweep: an id has 8 small letters and digits, such as k3v9x2ab"
        " ('sweep-sdk sweeps' lists them)"
    )


def sweep_of(reference: str) -> str:
    """The sweep id in a reference to a sweep or a run.

    Raises:
        UsageError: It is a reference to neither.
    """
    return parse_run(reference)[0] if is_run(reference) else parse_sweep(reference)


def parse_run(reference: str) -> tuple[str, str]:
    """The sweep id and the run id in a reference to a run.

    Raises:
        UsageError: It is not a reference to a run.
    """
    name = _last_part(reference)
    run = _RUN_ID.fullmatch(name)
    if run is None and _SWEEP_ID.fullmatch(name):
        raise UsageError(
            f"'{name}' is a sweep, and this takes a run, such as {name}-0 ('sweep-sdk runs {name}'"
            " lists them)"
        )
    if run is None:
        raise UsageError(f"'{reference}' names no run: a run's id looks like k3v9x2ab-17")
    return run.group(1), run.group(0)


def is_run(reference: str) -> bool:
    """Whether a reference has the form of a reference to a run."""
    return _RUN_ID.fullmatch(_last_part(reference)) is not None


def is_sweep(reference: str) -> bool:
    """Whether a reference has the form of a reference to a sweep."""
    return _SWEEP_ID.fullmatch(_last_part(reference)) is not None


def _last_part(reference: str) -> str:
    return reference.strip().rstrip("/").rpartition("/")[2]
