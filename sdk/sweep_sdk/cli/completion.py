"""What a shell offers for a half-typed word: files, and the ids that the backend knows.

A person waits for every keystroke here: whatever goes wrong, or takes long, offers nothing.
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

_PATIENCE_SECONDS = 2.0
_MOST_SWEEPS = 100
_MOST_RUNS = 500


def add_completion(command: click.Command) -> None:
    """Have the parameters of a command offer what their names in the help stand for."""
    for parameter in command.params:
        stands_for = parameter.metavar or (parameter.name or "").upper()
        words = stands_for.removesuffix("...").split("-")
        if "FILE" in words:
            _complete(parameter, lambda _, typed: [CompletionItem(typed, type="file")])
        elif "RUN" in words:
            _complete(parameter, lambda _, typed: _known(_runs, typed))
        elif "SWEEP" in words:
            _complete(parameter, lambda _, typed: _known(_sweeps, typed))


def _complete(
    parameter: click.Parameter, offer: Callable[[click.Context, str], list[CompletionItem]]
) -> None:
    setattr(parameter, "shell_complete", offer)  # noqa: B010  mypy: it is a method


def _known(offer: Offer, typed: str) -> list[CompletionItem]:
    """What the backend offers within a moment; nothing where it does not."""
    found: list[CompletionItem] = []

    def look() -> None:
        from sweep_sdk._backend.client import open_client
        from sweep_sdk._backend.retry import ONCE
        from sweep_sdk._settings import load_settings

        with suppress(Exception):
            settings = load_settings()
            if settings.url is None and not settings.local_db.exists():
                return  # looking for ids makes no database
            with open_client(settings) as client:
                found.extend(offer(client.with_retries(ONCE), typed))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    thread.join(_PATIENCE_SECONDS)
    return list(found)


def _sweeps(client: Client, typed: str) -> Iterator[CompletionItem]:
    for sweep in islice(client.list_sweeps(), _MOST_SWEEPS):
        if sweep["id"].startswith(typed):
            words = (sweep["name"], sweep["project"], sweep["state"])
            yield CompletionItem(sweep["id"], help=", ".join(word for word in words if word))


def _runs(client: Client, typed: str) -> Iterator[CompletionItem]:
    """Sweeps, as long as more than one begins with what is typed; then its runs as well."""
    sweep, dash, _ = typed.rpartition("-")
    if not dash:
        sweeps = list(_sweeps(client, typed))
        yield from sweeps
        if len(sweeps) != 1:
            return
        sweep = sweeps[0].value
    for run in islice(client.list_runs(sweep), _MOST_RUNS):
        if run["id"].startswith(typed):
            yield CompletionItem(run["id"], help=run["state"])
