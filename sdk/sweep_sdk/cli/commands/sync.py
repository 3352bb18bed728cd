"""``sweep-sdk sync``: deliver results that agents could not deliver."""

from __future__ import annotations

import click

from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note, say

_EXAMPLES = examples(
    "sweep-sdk sync",
)


@click.command(epilog=_EXAMPLES, short_help="Deliver results that wait on this machine.")
def command() -> None:
    """Deliver the rows and results that agents on this machine could not deliver.

    Results wait on disk if the backend was unavailable for too long or an agent was killed. The
    next agent on this machine delivers them as well.
    """
    from sweep_sdk._agent.outbox.pending import Outbox
    from sweep_sdk._agent.outbox.sync import sync
    from sweep_sdk._settings import load_settings

    settings = load_settings()
    outbox = Outbox(settings.home)
    n_attempts = 0
    with connected(settings=settings) as client:
        elsewhere = sorted(outbox.backends() - {client.transport.place})
        for synced in sync(client, outbox, note):
            n_attempts += 1
            say(f"{synced.run} (attempt {synced.attempt}): {synced.state}")
    if n_attempts:
        say(f"{count_text(n_attempts, 'attempt')} delivered")
    else:
        say(f"there was nothing to deliver{' to this backend' if elsewhere else ''}")
    for place in elsewhere:
        note(f"results for {place} are waiting: set SWEEP_URL or SWEEP_LOCAL_DB to deliver them")
