"""``sweep-sdk login``: which backend later commands and agents talk to."""

from __future__ import annotations

import sys
from contextlib import suppress
from itertools import islice

import click

from sweep_sdk._exceptions import NotAuthorized, UsageError
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note, say

_EXAMPLES = examples(
    "sweep-sdk login --url https://abc123.execute-api.eu-west-1.amazonaws.com",
    "sweep-sdk login --url http://127.0.0.1:8787 --stdin < token.txt",
)


@click.command(epilog=_EXAMPLES, short_help="Keep the URL and token of a backend.")
@click.option(
    "--url", required=True, help="The backend's URL; 'local' for this machine's database."
)
@click.option("--token", help="The token; better not on a command line: see --stdin.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the token from standard input.")
def command(url: str, token: str | None, from_stdin: bool) -> None:
    """Check a backend and keep its URL and token for later commands.

    They go to a file that only you can read. Without --token and --stdin the token is asked
    for. SWEEP_URL and SWEEP_TOKEN in the environment go before what is kept.
    """
    from sweep_sdk._settings import normalise_url, save_credentials

    if token is not None and from_stdin:
        raise click.UsageError("give one of --token, --stdin")
    address = normalise_url(url)
    if address is None:
        say(f"sweeps are kept on this machine from now on ({save_credentials('local', None)})")
        return
    token = _token(token, from_stdin=from_stdin)
    version = _check(address, token)
    path = save_credentials(address, token)
    say(f"{address} answers (version {version}); kept in {path}")
    _warn_of_environment(address)


def _token(given: str | None, *, from_stdin: bool) -> str | None:
    """The token; None where the backend wants none."""
    if from_stdin:
        given = sys.stdin.readline()
    elif given is None and sys.stdin.isatty():
        given = click.prompt(
            "token (empty for none)", default="", hide_input=True, show_default=False, err=True
        )
    token = (given or "").strip()
    if not token.isascii() or not token.isprintable():
        raise UsageError("the token has characters that cannot be sent; check what was pasted")
    return token or None


def _check(url: str, token: str | None) -> str:
    """The backend's version, once it has accepted the token.

    Raises:
        SweepError: It is not there, is no backend, or refuses the token.
    """
    from sweep_sdk._backend.client import Client
    from sweep_sdk._backend.retry import ONCE, Retrier
    from sweep_sdk._backend.transport import HttpTransport

    transport = HttpTransport(url, token, _ca_bundle(), url_setting="the URL that you gave")
    try:
        with Client(transport, Retrier(ONCE)) as client:
            version = str(client.health()["version"])
            list(islice(client.list_sweeps(), 1))  # health is open to all, this is not
    except NotAuthorized:
        reason = ": none was given" if token is None else ""
        raise NotAuthorized(f"{url} does not accept this token{reason}; nothing was kept") from None
    return version


def _ca_bundle() -> str | None:
    from sweep_sdk._settings import load_settings

    with suppress(UsageError):  # a broken credentials file is what login mends
        return load_settings().ca_bundle
    return None


def _warn_of_environment(url: str) -> None:
    from sweep_sdk._settings import load_settings

    in_force = load_settings().url
    if in_force != url:
        note(f"warning: SWEEP_URL is set and goes before this: {in_force or 'local'} is used")
