"""``sweep-sdk join``: the lines that make another machine work on a sweep."""

from __future__ import annotations

import secrets
import shlex

import click

from sweep_sdk._exceptions import UsageError
from sweep_sdk._settings import load_settings
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note, say
from sweep_sdk.cli.token_files import make_token, read_token

_EXAMPLES = examples("sweep-sdk join k3v9x2ab --for 12h > user-data.sh")


@click.command(epilog=_EXAMPLES, short_help="Print the lines that start agents elsewhere.")
@click.argument("sweep")
@click.option(
    "--for",
    "lifetime",
    metavar="TIME",
    default="24h",
    show_default=True,
    help="How long the machines may work on the sweep, such as 12h or 30d.",
)
def command(sweep: str, lifetime: str) -> None:
    """Create a token for the agents of one sweep, and print the lines that start an agent.

    The lines are a shell script, such as for the user data of a virtual machine. They contain the
    token. Everyone who can read them can work on this sweep until the token expires, and do nothing
    else. The agent runs only the command that the sweep has now.
    """
    from sweep_sdk._backend.proxies import is_loopback_url
    from sweep_sdk._backend.references import parse_sweep
    from sweep_service.model.language.command import command_sha256

    settings = load_settings()
    if settings.url is None:
        raise UsageError(
            "sweeps are stored on this machine, which other machines cannot reach: start"
            " 'sweep-sdk local --host 0.0.0.0', or deploy a backend, and use 'sweep-sdk login'"
        )
    sweep = parse_sweep(sweep)
    name = f"join-{sweep}-{secrets.token_hex(3)}"
    with connected(sweep, settings) as client:
        config = client.get_sweep(sweep)["config"]
        created, path = make_token(client, settings, name, "agent", sweep, lifetime)
    say("#!/bin/sh")
    say(f"export SWEEP_URL={shlex.quote(settings.url)}")
    say(f"export SWEEP_TOKEN={shlex.quote(read_token(path))}")
    say(f"exec sweep-sdk agent {sweep} --pin {command_sha256(config)}")
    note(f"the token is also in {path}; 'sweep-sdk token revoke {created['id']}' revokes it")
    if is_loopback_url(settings.url):
        note(f"warning: {settings.url} is an address of this machine: others cannot reach it")
