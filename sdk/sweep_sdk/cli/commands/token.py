"""``sweep-sdk token``: who else may use the backend."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._exceptions import NotFound, UsageError
from sweep_sdk._process.terminal import printable
from sweep_sdk._settings import load_settings
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.formats import NOTHING, age_text, duration_text
from sweep_sdk.cli.options import examples, json_option
from sweep_sdk.cli.output import note, say, say_json
from sweep_sdk.cli.tables import Column, print_columns
from sweep_sdk.cli.token_files import (
    forget_token,
    make_token,
    read_token,
    token_file,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

SCOPES = ("reader", "agent", "admin")
_EXAMPLES = examples(
    "sweep-sdk token create slurm --scope agent --for 30d",
    "sweep-sdk token list",
    "sweep-sdk token revoke slurm",
)


@click.group(epilog=_EXAMPLES, short_help="Create, list and revoke tokens of the backend.")
def command() -> None:
    """Create, list and revoke tokens, which let others use the backend.

    A reader can look at sweeps and runs. An agent can also work on runs. An admin can also decide
    what agents run, and create tokens. The backend stores only the SHA-256 of a token.
    """


@command.command("create", epilog=examples("sweep-sdk token create slurm --scope agent"))
@click.argument("name")
@click.option("--scope", type=click.Choice(SCOPES), required=True, help="What the token allows.")
@click.option("--sweep", metavar="SWEEP", help="Restrict the token to this sweep.")
@click.option(
    "--for",
    "lifetime",
    metavar="TIME",
    default="90d",
    show_default=True,
    help="How long it is valid, such as 12h or 30d; 'never' means that it does not expire.",
)
@json_option
def create(name: str, scope: str, sweep: str | None, lifetime: str, is_json: bool) -> None:
    """Create a token and print the path of the file that contains it.

    Only you can read the file. 'sweep-sdk token print NAME' prints the token itself.
    """
    from sweep_sdk._backend.references import parse_sweep

    settings = load_settings()
    sweep = None if sweep is None else parse_sweep(sweep)
    with connected(sweep, settings) as client:
        created, path = make_token(client, settings, name, scope, sweep, lifetime)
    if is_json:
        say_json({**created, "file": str(path)})
    else:
        say(str(path))
        note(f"the token '{name}' ({created['id']}) {_validity(created, time.time())}")


@command.command("list", epilog=examples("sweep-sdk token list --json"))
@json_option
def list_tokens(is_json: bool) -> None:
    """List the tokens that were created, newest first."""
    with connected() as client:
        found = client.list_tokens()
    if is_json:
        say_json(found)
    elif found:
        print_columns(_columns(found, time.time()))
    else:
        note("no tokens: use 'sweep-sdk token create NAME --scope SCOPE' to create one")


@command.command(epilog=examples("sweep-sdk token revoke slurm"))
@click.argument("token")
@json_option
def revoke(token: str, is_json: bool) -> None:
    """Revoke a token, named by its id or its name.

    A backend on AWS may accept it for another 5 minutes.
    """
    with connected() as client:
        known = client.list_tokens()
        revoked = client.revoke_token(_id_of(token, known))
    forget_token(load_settings(), revoked["name"], revoked["id"])
    if is_json:
        say_json(revoked)
    else:
        say(printable(f"revoked the token '{revoked['name']}' ({revoked['id']})"))


@command.command("print", epilog=examples("sweep-sdk token print slurm"))
@click.argument("name")
def print_token(name: str) -> None:
    """Print a token that was created on this machine."""
    say(read_token(token_file(load_settings(), name)))


def _id_of(token: str, known: Sequence[dict[str, Any]]) -> str:
    """The id of the token with this id or name.

    Raises:
        NotFound: There is none.
        UsageError: There are several.
    """
    ids = [item["id"] for item in known if item["id"] == token]
    valid = [item["id"] for item in known if item["name"] == token and not item["revoked_at"]]
    found = ids or valid
    if not found:
        raise NotFound(f"no token '{token}'; 'sweep-sdk token list' lists them")
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} tokens are named '{token}': use an id, one of {', '.join(found)}"
        )
    return str(found[0])


def _columns(tokens: Sequence[dict[str, Any]], now: float) -> list[Column]:
    return [
        Column("TOKEN", [item["id"] for item in tokens]),
        Column("NAME", [item["name"] for item in tokens]),
        Column("SCOPE", [item["scope"] for item in tokens]),
        Column("SWEEP", [item["sweep"] or "all" for item in tokens], 1),
        Column("CREATED", [age_text(item["created_at"], now) for item in tokens], 2),
        Column("BY", [item["created_by"] or NOTHING for item in tokens], 3),
        Column("LAST USED", [age_text(item["last_used_at"], now) for item in tokens], 2),
        Column("VALIDITY", [_validity(item, now) for item in tokens], 0),
    ]


def _validity(token: dict[str, Any], now: float) -> str:
    if token["revoked_at"] is not None:
        return "revoked"
    expires_at = token["expires_at"]
    if expires_at is None:
        return "does not expire"
    left = expires_at - now
    return "expired" if left <= 0 else f"expires in {duration_text(left)}"
