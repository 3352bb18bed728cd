"""Ids of sweeps and runs; the id of a run contains that of its sweep."""

from __future__ import annotations

import re

from sweep_service.errors import NotFound

SWEEP_ID_LENGTH = 8
SWEEP_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
#: Lowest index for observations of prior runs, above all indices of a sweep's own runs.
FIRST_PRIOR_INDEX = 10**14
SWEEP_ID = re.compile(r"[a-z0-9]{8}")
RUN_ID = re.compile(r"([a-z0-9]{8})-(0|[1-9][0-9]{0,14})")


def is_sweep_id(text: str) -> bool:
    """Whether a text has the form of a sweep id."""
    return SWEEP_ID.fullmatch(text) is not None


def run_id(sweep: str, index: int) -> str:
    """The id of the run at ``index`` of a sweep, such as ``k3v9x2ab-17``."""
    return f"{sweep}-{index}"


def split_run_id(run: str) -> tuple[str, int]:
    """Split a run id into the sweep id and the index.

    Raises:
        NotFound: The text is not a run id.
    """
    match = RUN_ID.fullmatch(run)
    if match is None:
        raise NotFound(f"no run '{run}': a run id looks like k3v9x2ab-17")
    return match.group(1), int(match.group(2))
