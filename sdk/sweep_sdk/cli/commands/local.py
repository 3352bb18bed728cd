"""``sweep-sdk local``: serve this machine's database to other machines."""

from __future__ import annotations

import json
import secrets
import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import UsageError
from sweep_sdk.cli.algebra import one_thread
from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import say

if TYPE_CHECKING:
    from types import FrameType

    from sweep_sdk._backend.transport import InProcessTransport
    from sweep_sdk._server.server import LocalServer

_GENERATE = "generate"
_MAX_FILES = 65_536

_EXAMPLES = examples(
    "sweep-sdk local",
    "sweep-sdk local --host 0.0.0.0 --port 8787 --token",
)


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
    help="Address to listen on; 0.0.0.0 accepts other machines and requires --token.",
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
    is_flag=False,
    flag_value=_GENERATE,
    metavar="[TOKEN]",
    help="Token that clients must send. Without TOKEN: SWEEP_TOKEN if set, else a new token.",
)
@click.option(
    "--json", "is_json", is_flag=True, help="Print the URL and the token as one line of JSON."
)
def command(
    port: int,
    host: str,
    allowed_hosts: tuple[str, ...],
    log_file: Path | None,
    token: str | None,
    is_json: bool,
) -> None:
    """Serve this machine's sweeps over HTTP, so that agents on other machines can share them.

    Runs until Ctrl-C or SIGTERM, and then exits with code 0. Traffic is not encrypted: on an
    untrusted network use an SSH tunnel, or the backend on AWS.
    """
    from sweep_sdk._backend.client import Client
    from sweep_sdk._backend.retry import ONCE, Retrier
    from sweep_sdk._backend.transport import InProcessTransport
    from sweep_sdk._server.access_log import access_log
    from sweep_sdk._server.address import connects, reachable_url
    from sweep_sdk._settings import load_settings

    settings = load_settings()
    if token == _GENERATE:
        token = settings.token or secrets.token_urlsafe(24)
    with ExitStack() as stack:
        stack.enter_context(one_thread())
        transport = InProcessTransport(settings.local_db, settings.local_file_systems)
        stack.callback(transport.close)
        # reports an unusable database before serving
        Client(transport, Retrier(ONCE)).check_store()
        log_file = log_file or settings.local_db.with_suffix(".access.log")
        n_files = _raise_file_limit()
        server = _server(
            transport,
            host=host,
            port=port,
            token=token,
            allowed_hosts=allowed_hosts,
            log=stack.enter_context(access_log(log_file)),
            n_files=n_files,
        )
        _stop_on_signals(server)
        url = reachable_url(server.url, connects)
        if is_json:
            say(json.dumps({"url": url, "token": token}))
        else:
            _say_address(url, token)
        server.serve()
    if not is_json:
        say("stopped")


def _server(transport: InProcessTransport, **options: Any) -> LocalServer:
    """A server that is bound to its address.

    Raises:
        UsageError: The libraries that it runs on are not installed.
    """
    try:
        from sweep_sdk._server.server import LocalServer
    except ModuleNotFoundError as error:
        from sweep_service.installation import install_hint

        raise UsageError(
            f"'sweep-sdk local' needs the package {error.name}; install it with"
            f" {install_hint('local')}"
        ) from None
    return LocalServer(transport, **options)


def _say_address(url: str, token: str | None) -> None:
    say(f"serving the sweeps of this machine at {url} (press Ctrl-C to stop)")
    say("in other terminals, and on other machines that can reach this address:")
    say(f"  export SWEEP_URL={url}")
    if token is not None:
        say(f"  export SWEEP_TOKEN={token}")


def _stop_on_signals(server: LocalServer) -> None:
    """Stop gracefully on the first signal and immediately on the second."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  required by signal.signal
        for stopping in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stopping, signal.SIG_DFL)
        server.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


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
