"""``sweep-sdk login``: choose the backend of later commands and agents."""

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


@click.command(epilog=_EXAMPLES, short_help="Store the URL and token of a backend.")
@click.option(
    "--url", required=True, help="URL of the backend; 'local' selects this machine's database."
)
@click.option("--token", help="Token; prefer --stdin, since command lines are visible to others.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the token from standard input.")
def command(url: str, token: str | None, from_stdin: bool) -> None:
    """Check a backend and store its URL and token for later commands.

    They are stored in a file that only you can read. Without --token and --stdin, you are asked
    for the token. The environment variables SWEEP_URL and SWEEP_TOKEN take precedence over the
    stored values.
    """
    from sweep_sdk._addresses import check_encryption, normalise_url
    from sweep_sdk._settings import allows_insecure, save_credentials, served_token

    if token is not None and from_stdin:
        raise click.UsageError("use only one of --token and --stdin")
    address = normalise_url(url)
    if address is None:
        say(f"sweeps will be stored on this machine (saved in {save_credentials('local', None)})")
        return
    if token is not None:
        note(
            "warning: other users of this machine can see the token in the list of processes; use"
            " --stdin instead of --token"
        )
    check_encryption(address, "the URL", allows_insecure())
    served = None if token is not None or from_stdin else served_token(address)
    if served is None:
        token = _token(token, from_stdin=from_stdin)
    version = _check(address, token or served)
    path = save_credentials(address, token)  # a server on this machine has another at each start
    say(f"connected to {address} (version {version}); saved in {path}")
    _warn_of_environment(address)


def _token(given: str | None, *, from_stdin: bool) -> str | None:
    """The token; None if the backend requires none."""
    from sweep_sdk._settings import can_be_sent

    if from_stdin:
        given = sys.stdin.readline()
    if given is not None and not given.strip():
        raise UsageError("the token is empty; was a variable not set?")
    if given is None and sys.stdin.isatty():
        given = click.prompt(
            "token (empty for none)", default="", hide_input=True, show_default=False, err=True
        )
    token = (given or "").strip()
    if not can_be_sent(token):
        raise UsageError(
            "the token contains characters that cannot be sent in a header; check what you pasted"
        )
    return token or None


def _check(url: str, token: str | None) -> str:
    """The version of the backend, which has accepted the token.

    Raises:
        SweepError: The backend is unreachable, is not a sweep backend, or rejects the token.
    """
    from sweep_sdk._backend.client import Client
    from sweep_sdk._backend.retry import ONCE, Retrier
    from sweep_sdk._backend.signing import signer_of
    from sweep_sdk._backend.transport import HttpTransport

    signer = signer_of(url, token, _auth())
    transport = HttpTransport(url, token, _ca_bundle(), url_setting="the given URL", signer=signer)
    try:
        with Client(transport, Retrier(ONCE)) as client:
            version = str(client.health()["version"])
            if client.identity() is None:  # unlike /health, both need the token
                list(islice(client.list_sweeps(), 1))
    except NotAuthorized:
        problem = "requires a token" if token is None else "does not accept this token"
        raise NotAuthorized(f"{url} {problem}; nothing was stored") from None
    return version


def _ca_bundle() -> str | None:
    from sweep_sdk._settings import load_settings

    with suppress(UsageError):  # login replaces an unreadable credentials file
        return load_settings().ca_bundle
    return None


def _auth() -> str | None:
    from sweep_sdk._settings import load_settings

    with suppress(UsageError):
        return load_settings().auth
    return None


def _warn_of_environment(url: str) -> None:
    from sweep_sdk._settings import load_settings

    try:
        in_force = load_settings().url
    except UsageError as error:
        note(f"warning: {error}")
        return
    if in_force != url:
        note(f"warning: SWEEP_URL is set and takes precedence: {in_force or 'local'} will be used")
