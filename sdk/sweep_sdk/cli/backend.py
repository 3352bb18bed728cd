"""How commands reach the backend: a little patience, and help with ids that do not exist."""

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

#: A person is waiting: say soon that nobody answers.
ATTEMPTS = 4
DEADLINE_SECONDS = 15.0
_N_KNOWN = 50


@contextmanager
def connected(reference: str | None = None, settings: Settings | None = None) -> Iterator[Client]:
    """The configured backend.

    Args:
        reference: The sweep or run that the command is about; when there is no such, the error
            names those that look like it.
        settings: What the caller has read already.
    """
    from sweep_sdk._backend.client import open_client
    from sweep_sdk._backend.retry import RetryPolicy

    policy = RetryPolicy(attempts=ATTEMPTS, deadline_seconds=DEADLINE_SECONDS)
    with open_client(settings) as client:
        patient = client.with_retries(policy, on_trouble=_tell_trouble)
        with similar_named(patient, reference):
            yield patient


@contextmanager
def similar_named(client: Client, reference: str | None) -> Iterator[None]:
    """When there is no such sweep or run, have the error name those that look like it."""
    try:
        yield
    except NotFound as error:
        raise NotFound(f"{error}{_similar(client, reference)}") from None


def _tell_trouble(error: BackendUnavailable) -> None:
    note(f"{error}; trying again")


def _similar(client: Client, reference: str | None) -> str:
    """Known sweeps whose id looks like the one that was not found."""
    if reference is None:
        return ""
    from sweep_sdk._backend.references import sweep_of

    known = [str(sweep["id"]) for sweep in islice(client.list_sweeps(), _N_KNOWN)]
    sweep = sweep_of(reference)
    if sweep in known:  # it is the run that does not exist
        return ""
    return did_you_mean(sweep, known) or "; 'sweep-sdk sweeps' lists those that exist"
