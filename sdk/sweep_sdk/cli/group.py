"""The command group: knows the names of all commands and imports only the one that is called."""

from __future__ import annotations

import difflib
from importlib import import_module

import click

from sweep_sdk._version import __version__

#: In the order of the help. Each is a module of ``commands`` that defines ``command``.
COMMANDS = (
    "sweep",
    "agent",
    "sweeps",
    "runs",
    "watch",
    "history",
    "show",
    "logs",
    "best",
    "add",
    "label",
    "import",
    "export",
    "report",
    "delete",
    "log",
    "sync",
    "ask",
    "tell",
    "ui",
    "local",
    "login",
    "token",
    "join",
    "doctor",
    "clean",
)

#: Commands whose name cannot be that of a module.
_MODULES = {"import": "import_results"}

#: Names that other tools use, with the equivalent command here.
EQUIVALENTS = {
    **dict.fromkeys(("list", "ls", "status"), "sweeps"),
    **dict.fromkeys(("ps", "top", "results", "jobs"), "runs SWEEP"),
    **dict.fromkeys(("dashboard", "gui", "web", "browse"), "ui"),
    **dict.fromkeys(("monitor", "progress"), "watch SWEEP"),
    **dict.fromkeys(("csv", "download"), "runs SWEEP --csv"),
    **dict.fromkeys(("load", "upload", "import-results"), "import SWEEP FILE"),
    **dict.fromkeys(("describe", "info", "get", "inspect", "view"), "show SWEEP"),
    **dict.fromkeys(("init", "create", "new", "register", "submit"), "sweep FILE"),
    **dict.fromkeys(("check", "validate", "dry-run", "lint"), "sweep FILE --dry-run"),
    **dict.fromkeys(("run", "start", "work", "worker", "launch", "exec"), "agent SWEEP"),
    **dict.fromkeys(("pause", "suspend"), "sweep --pause SWEEP"),
    **dict.fromkeys(("resume", "continue", "unpause"), "sweep --resume SWEEP"),
    **dict.fromkeys(("stop", "end", "finish"), "sweep --stop SWEEP"),
    **dict.fromkeys(("cancel", "abort", "kill", "terminate"), "sweep --cancel SWEEP"),
    **dict.fromkeys(("stop-run", "kill-run"), "sweep --stop-run RUN"),
    **dict.fromkeys(("update", "edit", "change"), "sweep --update SWEEP FILE"),
    **dict.fromkeys(("enqueue", "queue", "try", "point"), "add SWEEP NAME=VALUE"),
    **dict.fromkeys(("rename", "tag", "note", "annotate"), "label SWEEP --name NAME"),
    **dict.fromkeys(("rm", "remove", "del", "purge"), "delete SWEEP"),
    **dict.fromkeys(("rows", "metrics", "plot"), "history RUN"),
    **dict.fromkeys(("tail", "output", "cat"), "logs RUN"),
    **dict.fromkeys(("suggest", "next"), "ask SWEEP"),
    **dict.fromkeys(("observe", "submit-result"), "tell RUN NAME=VALUE"),
    **dict.fromkeys(("serve", "server", "up"), "local"),
    **dict.fromkeys(("auth", "config", "configure", "connect"), "login --url URL"),
    **dict.fromkeys(("diagnose", "ping", "env", "debug"), "doctor"),
    **dict.fromkeys(("tokens", "whoami", "users"), "token list"),
    "logout": "login --url local",
    "version": "--version",
    "help": "--help",
}

_HELP = """Hyperparameter sweeps without a server to maintain.

\b
  sweep-sdk sweep sweep.yaml   register a sweep and print its id
  sweep-sdk agent ID           run it, in any number of terminals
  sweep-sdk best ID            show the best run
"""

_EPILOG = """\b
Exit codes:
  0    success; the agent ended with the sweep or after --count runs
  1    too many runs failed or none succeeded, the backend was unavailable, results
       are waiting on disk for 'sync', or nothing was found
  2    invalid usage or invalid input
  130  interrupted (Ctrl-C)
  143  terminated (SIGTERM)

\b
Unless a backend is configured ('sweep-sdk login' or SWEEP_URL), sweeps are stored in
a database file on this machine: no account and no server is needed.
"""


class LazyGroup(click.Group):
    """A group that imports a command only when it is called, so that each starts quickly."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The names of all commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None if there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        module = _MODULES.get(cmd_name, cmd_name)
        command: click.Command = import_module(f"sweep_sdk.cli.commands.{module}").command
        if ctx.resilient_parsing:  # a shell is completing a command line
            from sweep_sdk.cli.completion import add_completion

            add_completion(command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader that closes the pipe early, such as head, is not an error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return 0

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command.

        Raises:
            click.UsageError: There is no such command; names the one that may have been meant.
        """
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            raise click.UsageError(f"no such command '{name}'{_suggestion(name)}", ctx)
        return super().resolve_command(ctx, args)


def _suggestion(name: str) -> str:
    """``: did you mean ...?`` with an equivalent or similarly spelled command, or nothing."""
    if name in EQUIVALENTS:
        return f": did you mean 'sweep-sdk {EQUIVALENTS[name]}'?"
    return did_you_mean(name, COMMANDS)


def did_you_mean(word: str, known: tuple[str, ...] | list[str]) -> str:
    """``: did you mean ...?`` with up to three similar words, or nothing."""
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    return f": did you mean {' or '.join(near)}?" if near else ""


def _set_color(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value:
        ctx.color = False


@click.group(
    cls=LazyGroup,
    help=_HELP,
    epilog=_EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--no-color", envvar="NO_COLOR", hidden=True, expose_value=False, callback=_set_color)
@click.version_option(__version__, prog_name="sweep-sdk", message="%(prog)s %(version)s")
@click.pass_context
def sweep_sdk(ctx: click.Context) -> None:
    """Show the help if no command is given."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
