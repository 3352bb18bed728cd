"""``sweep-sdk ui``: the dashboard in a browser."""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk.cli.options import examples
from sweep_sdk.cli.output import note, say
from sweep_sdk.cli.serving import needing_packages, stop_on_signals

if TYPE_CHECKING:
    from sweep_sdk._ui.server import UiServer

_EXAMPLES = examples(
    "sweep-sdk ui",
    "sweep-sdk ui k3v9x2ab",
    "sweep-sdk ui --no-browser --port 8900",
    "sweep-sdk ui --read-only --json",
)


@click.command(epilog=_EXAMPLES, short_help="Open the dashboard in a browser.")
@click.argument("sweep", metavar="[SWEEP]", required=False)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port to listen on.  [default: a free one]",
)
@click.option("--no-browser", is_flag=True, help="Print the URL and open no browser.")
@click.option("--read-only", is_flag=True, help="Show everything and let nobody change anything.")
@click.option(
    "--allow-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="Another name under which the browser reaches the dashboard, such as a proxy's."
    " Repeatable.",
)
@click.option(
    "--json", "is_json", is_flag=True, help="Print the URL as one line of JSON; open no browser."
)
def command(
    sweep: str | None,
    port: int,
    no_browser: bool,
    read_only: bool,
    allowed_hosts: tuple[str, ...],
    is_json: bool,
) -> None:
    """Open the dashboard: all sweeps, or one of them.

    It shows the configured backend: a database on this machine, a 'sweep-sdk local' server, or AWS.
    The URL works on this machine alone, and only until the command ends. It contains a secret:
    everybody who knows it can do what your token allows. Runs until Ctrl-C or SIGTERM.
    """
    from sweep_sdk._backend.client import open_client
    from sweep_sdk._backend.references import sweep_of
    from sweep_sdk._backend.retry import RetryPolicy
    from sweep_sdk._settings import load_settings
    from sweep_sdk._ui.opening import has_browser, open_browser, redirect_file

    settings = load_settings()
    with ExitStack() as stack:
        client = stack.enter_context(
            open_client(settings, RetryPolicy(attempts=2, deadline_seconds=4.0))
        )
        sweep = None if sweep is None else sweep_of(sweep)
        if sweep is None:
            client.check_store()
        else:
            client.get_sweep(sweep)
        server = _server(
            client,
            runs_dir=settings.runs_dir,
            port=port,
            allowed_hosts=allowed_hosts,
            is_read_only=read_only,
        )
        stack.callback(server.close)
        url = server.open_url(sweep)
        stop_on_signals(server)
        if is_json:
            say(json.dumps({"url": url}))
        elif no_browser or not has_browser():
            say(f"open {url} (press Ctrl-C to stop)")
        else:
            path = stack.enter_context(redirect_file(url))
            if not open_browser(path):
                note("no browser could be started")
            say(f"the dashboard is open in your browser; its address is {url}")
            say("press Ctrl-C to stop")
        server.serve()
    if not is_json:
        say("stopped")


def _server(client: Any, **options: Any) -> UiServer:
    """A server that is bound to its address.

    Raises:
        UsageError: The libraries that it runs on are not installed.
    """
    with needing_packages("ui"):
        from sweep_sdk._ui.server import UiServer
    return UiServer(client, **options)
