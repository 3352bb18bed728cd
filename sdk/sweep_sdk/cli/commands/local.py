"""``sweep-sdk local``: serve this machine's database to other machines."""

from __future__ import annotations

import gc
import json
import secrets
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk.cli.algebra import one_thread
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note, say
from sweep_sdk.cli.serving import needing_packages, stop_on_signals

if TYPE_CHECKING:
    from sweep_sdk._backend.client import Client
    from sweep_sdk._backend.transport import InProcessTransport
    from sweep_sdk._server.server import LocalServer
    from sweep_sdk._ui.server import Pages

#: What ``--token`` without a value gives, as in earlier versions: there is a token anyhow.
_NO_VALUE = "\0"
_MAX_FILES = 65_536

_EXAMPLES = examples(
    "sweep-sdk local",
    "sweep-sdk local --host 0.0.0.0 --certfile cert.pem --keyfile key.pem",
    "sweep-sdk local --port 0 --json",
)
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(epilog=_EXAMPLES, short_help="Serve this machine's sweeps over HTTP.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8787,
    show_default=True,
    help="Port to listen on; 0 chooses a free one.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 accepts other machines and requires --certfile.",
)
@click.option("--certfile", type=_FILE, help="Certificate chain in PEM format, to serve HTTPS.")
@click.option("--keyfile", type=_FILE, help="Its private key, if it is in a file of its own.")
@click.option(
    "--insecure",
    is_flag=True,
    help="Accept other machines without encryption, in a network that you trust.",
)
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Another name under which clients reach the server, such as a proxy's. Repeatable.",
)
@click.option(
    "--access-log",
    "log_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File for a line of JSON about each request.  [default: one beside the database]",
)
@click.option(
    "--token",
    "given",
    is_flag=False,
    flag_value=_NO_VALUE,
    metavar="[TOKEN]",
    help="Token of the admin. Set SWEEP_TOKEN instead: command lines are visible to others.",
)
@click.option(
    "--json",
    "is_json",
    is_flag=True,
    help="Print the URL and the token's file as one line of JSON.",
)
def command(
    port: int,
    host: str,
    certfile: Path | None,
    keyfile: Path | None,
    insecure: bool,
    allowed_hosts: tuple[str, ...],
    log_file: Path | None,
    given: str | None,
    is_json: bool,
) -> None:
    """Serve this machine's sweeps over HTTP, so that agents on other machines can share them.

    Every request needs a token: that of SWEEP_TOKEN, or one that is made at each start and kept in
    a file that only you can read, where your other commands on this machine find it. Use
    'sweep-sdk join' for other machines. Runs until Ctrl-C or SIGTERM, and then exits with code 0.
    """
    from sweep_sdk._backend.client import Client
    from sweep_sdk._backend.retry import ONCE, Retrier
    from sweep_sdk._backend.transport import InProcessTransport
    from sweep_sdk._local_servers import published
    from sweep_sdk._server.access_log import access_log
    from sweep_sdk._server.address import connects, reachable_url
    from sweep_sdk._settings import load_settings, servers_folder

    _check_options(certfile, keyfile, given)
    settings = load_settings()
    token, is_made = _token(given)
    with ExitStack() as stack:
        stack.enter_context(one_thread())
        transport = InProcessTransport(settings.local_db, settings.local_file_systems)
        stack.callback(transport.close)
        client = Client(transport, Retrier(ONCE))
        client.check_store()  # reports an unusable database before serving
        log_file = log_file or settings.local_db.with_suffix(".access.log")
        n_files = _raise_file_limit()
        server, pages = _server(
            transport,
            client,
            runs_dir=settings.runs_dir,
            token=token,
            host=host,
            port=port,
            certificate=None if certfile is None else (certfile, keyfile),
            is_insecure=insecure,
            allowed_hosts=allowed_hosts,
            log=stack.enter_context(access_log(log_file)),
            n_files=n_files,
        )
        stack.callback(server.close)
        url = reachable_url(server.url, connects)
        token_file = None
        if is_made:
            token_file = stack.enter_context(published(servers_folder(), url, token))
        stop_on_signals(server)
        gc.freeze()  # what is loaded by now stays, and need not be looked at again and again
        if is_json:
            found = None if token_file is None else str(token_file)
            say(json.dumps({"url": url, "token_file": found}))
        else:
            _say_address(url, token_file, insecure and certfile is None)
            _say_pages(pages, url)
        server.serve()
    if not is_json:
        say("stopped")


def _check_options(certfile: Path | None, keyfile: Path | None, given: str | None) -> None:
    if keyfile is not None and certfile is None:
        raise click.UsageError("--keyfile needs --certfile")
    if given not in (None, _NO_VALUE):
        note(
            "warning: other users of this machine can see the token in the list of processes; set"
            " SWEEP_TOKEN instead of --token"
        )


def _token(given: str | None) -> tuple[str, bool]:
    """The token of the admin, and whether it was made here."""
    from sweep_sdk._settings import given_token
    from sweep_service.access.tokens import TOKEN_BYTES, token_text

    if given is not None and given != _NO_VALUE:
        return given.strip(), False
    known = given_token()
    return (known, False) if known else (token_text(secrets.token_bytes(TOKEN_BYTES)), True)


def _say_address(url: str, token_file: Path | None, is_insecure: bool) -> None:
    say(f"serving the sweeps of this machine at {url} (press Ctrl-C to stop)")
    insecure = " SWEEP_INSECURE=1" if is_insecure else ""
    say(f"  export SWEEP_URL={url}{insecure}")
    if token_file is None:
        say("clients need the token that the server was given, in SWEEP_TOKEN")
    else:
        say(f"your commands on this machine find the token in {token_file}")


def _say_pages(pages: Pages, url: str) -> None:
    """Show the dashboard's address, with its secret, to a person: not to a log."""
    if sys.stdout.isatty():
        say(f"the dashboard is at {pages.open_url(url)}")


def _server(
    transport: InProcessTransport, client: Client, *, runs_dir: Path, **options: Any
) -> tuple[LocalServer, Pages]:
    """A server that is bound to its address, and the dashboard that it serves as well.

    Raises:
        UsageError: The libraries that it runs on are not installed.
    """
    with needing_packages("local"):
        from sweep_sdk._server.server import LocalServer
        from sweep_sdk._ui.server import Pages
    pages = Pages(client, runs_dir=runs_dir, allowed_hosts=options["allowed_hosts"])
    return LocalServer(transport, make_pages=pages.application, **options), pages


def _raise_file_limit() -> int:
    """Raise the limit on open files: every agent holds a connection, and 1,024 is common.

    Returns:
        The limit that is in force.
    """
    try:
        import resource
    except ImportError:  # not a POSIX system
        return _MAX_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MAX_FILES if hard == resource.RLIM_INFINITY else min(_MAX_FILES, hard)
    if soft == resource.RLIM_INFINITY or wanted <= soft:
        return _MAX_FILES if soft == resource.RLIM_INFINITY else soft
    with suppress(OSError, ValueError):  # the real limit may be lower than the reported one
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
