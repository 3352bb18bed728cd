"""Names of sweeps and runs: a run id alone finds its sweep."""

from __future__ import annotations

import re

from sweep_service.errors import NotFound

SWEEP_ID_LENGTH = 8
SWEEP_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
#: Observations of prior runs are numbered from here, above all indices of a sweep's own runs.
FIRST_PRIOR_INDEX = 10**14
SWEEP_ID = re.compile(r"[a-z0-9]{8}")
RUN_ID = re.compile(r"([a-z0-9]{8})-(0|[1-9][0-9]{0,14})")


def is_sweep_id(text: str) -> bool:
    """Whether a text has the form of a sweep's id rather than a run's."""
    return SWEEP_ID.fullmatch(text) is not None


def run_id(sweep: str, index: int) -> str:
    """The id of the run at ``index`` of a sweep, such as ``k3v9x2ab-17``."""
    return f"{sweep}-{index}"


def split_run_id(run: str) -> tuple[str, int]:
    """The sweep id and the index that a run id names.

    Raises:
        NotFound: The text is not a run id.
    """
    match = RUN_ID.fullmatch(run)
    if match is None:
        raise NotFound(f"no run '{run}': a run id looks like k3v9x2ab-17")
    return match.group(1), int(match.group(2))
