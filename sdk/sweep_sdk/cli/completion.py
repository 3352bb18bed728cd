"""Shell completion: files, and the ids of sweeps and runs from the backend.

A user waits for the result, so an error or a slow backend yields no completions.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import click

    from sweep_sdk._backend.client import Client

    Offer = Callable[[Client, str], Iterator[CompletionItem]]

_TIMEOUT_SECONDS = 2.0
_MAX_SWEEPS = 100
_MAX_RUNS = 500


def add_completion(command: click.Command) -> None:
    """Add completion to the parameters of a command, by their names in the help."""
    for parameter in command.params:
        placeholder = parameter.metavar or (parameter.name or "").upper()
        words = placeholder.removesuffix("...").split("-")
        if "FILE" in words:
            _complete(parameter, lambda _, typed: [CompletionItem(typed, type="file")])
        elif "RUN" in words:
            _complete(parameter, lambda _, typed: _known(_runs, typed))
        elif "SWEEP" in words:
            _complete(parameter, lambda _, typed: _known(_sweeps, typed))


def _complete(
    parameter: click.Parameter, offer: Callable[[click.Context, str], list[CompletionItem]]
) -> None:
    setattr(parameter, "shell_complete", offer)  # noqa: B010  mypy rejects assignments to a method


def _known(offer: Offer, typed: str) -> list[CompletionItem]:
    """The completions from the backend, if it answers within the timeout."""
    found: list[CompletionItem] = []

    def look() -> None:
        from sweep_sdk._backend.client import open_client
        from sweep_sdk._backend.retry import ONCE
        from sweep_sdk._settings import load_settings

        with suppress(Exception):
            settings = load_settings()
            if settings.url is None and not settings.local_db.exists():
                return  # completion must not create the database
            with open_client(settings) as client:
                found.extend(offer(client.with_retries(ONCE), typed))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_TIMEOUT_SECONDS)
    return list(found)


def _sweeps(client: Client, typed: str) -> Iterator[CompletionItem]:
    for sweep in islice(client.list_sweeps(), _MAX_SWEEPS):
        if sweep["id"].startswith(typed):
            words = (sweep["name"], sweep["project"], sweep["state"])
            yield CompletionItem(sweep["id"], help=", ".join(word for word in words if word))


def _runs(client: Client, typed: str) -> Iterator[CompletionItem]:
    """Sweeps that begin with the typed text; the runs as well if there is only one sweep."""
    sweep, dash, _ = typed.rpartition("-")
    if not dash:
        sweeps = list(_sweeps(client, typed))
        yield from sweeps
        if len(sweeps) != 1:
            return
        sweep = sweeps[0].value
    for run in islice(client.list_runs(sweep), _MAX_RUNS):
        if run["id"].startswith(typed):
            yield CompletionItem(run["id"], help=run["state"])
