"""``sweep-sdk sync``: deliver what agents could not."""

from __future__ import annotations

import click

from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import count_text
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note, say

_EXAMPLES = examples(
    "sweep-sdk sync",
)


@click.command(epilog=_EXAMPLES, short_help="Deliver what agents on this machine could not.")
def command() -> None:
    """Deliver the rows and results that agents on this machine could not, or left behind.

    They wait on disk when the backend stays away for too long, or an agent is killed. The next
    agent on this machine delivers them too.
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
        say(f"nothing was left to deliver{' here' if elsewhere else ''}")
    for place in elsewhere:
        note(f"what is left for {place} waits until SWEEP_URL or SWEEP_LOCAL_DB names it")
