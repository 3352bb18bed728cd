"""The backend as commands use it: a few retries, and suggestions for unknown ids."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from sweep_sdk._exceptions import BackendUnavailable, NotFound
from sweep_sdk.cli.group import did_you_mean
from sweep_sdk.cli.output import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sweep_sdk._backend.client import Client
    from sweep_sdk._settings import Settings

#: Few and short: a user is waiting.
ATTEMPTS = 4
DEADLINE_SECONDS = 15.0
_N_KNOWN = 50


@contextmanager
def connected(reference: str | None = None, settings: Settings | None = None) -> Iterator[Client]:
    """The configured backend.

    Args:
        reference: Id of the sweep or run of the command. If it does not exist, the error suggests
            similar ids.
        settings: Settings, if the caller has already loaded them.
    """
    from sweep_sdk._backend.client import open_client
    from sweep_sdk._backend.retry import RetryPolicy

    policy = RetryPolicy(attempts=ATTEMPTS, deadline_seconds=DEADLINE_SECONDS)
    with open_client(settings) as client:
        patient = client.with_retries(policy, on_trouble=_note_trouble)
        with suggested_ids(patient, reference):
            yield patient


@contextmanager
def suggested_ids(client: Client, reference: str | None) -> Iterator[None]:
    """A block in which ``NotFound`` for ``reference`` is raised again with similar ids."""
    try:
        yield
    except NotFound as error:
        raise NotFound(f"{error}{_similar(client, reference)}") from None


def _note_trouble(error: BackendUnavailable) -> None:
    note(f"{error}; trying again")


def _similar(client: Client, reference: str | None) -> str:
    """A suggestion of sweeps with an id similar to ``reference``, or nothing."""
    if reference is None:
        return ""
    from sweep_sdk._backend.references import sweep_of

    known = [str(sweep["id"]) for sweep in islice(client.list_sweeps(), _N_KNOWN)]
    sweep = sweep_of(reference)
    if sweep in known:  # the sweep exists, and the run does not
        return ""
    return did_you_mean(sweep, known) or "; 'sweep-sdk sweeps' lists those that exist"
