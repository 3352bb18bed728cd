"""Tokens that this user has created: made here, and kept in files that only this user can read."""

from __future__ import annotations

import os
import re
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import SweepError, UsageError
from sweep_sdk._settings import parse_age

if TYPE_CHECKING:
    from pathlib import Path

    from sweep_sdk._backend.client import Client
    from sweep_sdk._settings import Settings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700
NEVER = "never"


def token_file(settings: Settings, name: str) -> Path:
    """Where the token of a name is kept.

    Raises:
        UsageError: The name cannot be that of a file.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(
            f"'{name}' cannot be the name of a token: it needs 1 to 64 letters, digits, dots,"
            " hyphens and underscores, the first a letter or a digit"
        )
    return settings.credentials_file.parent / "tokens" / name


def make_token(
    client: Client,
    settings: Settings,
    name: str,
    scope: str,
    sweep: str | None,
    lifetime: str,
) -> tuple[dict[str, Any], Path]:
    """Make a token, keep it in a file, and have the backend accept it.

    Args:
        client: The backend.
        settings: Say where files of this user go.
        name: Of the token and its file.
        scope: What it allows.
        sweep: The only sweep that it is for.
        lifetime: Such as ``12h``, or ``never``.

    Returns:
        What the backend says of it, and the file.

    Raises:
        UsageError: There is a file of this name already, or it cannot be written.
        SweepError: The backend refuses; the file is removed.
    """
    from sweep_service.access.tokens import TOKEN_BYTES, sha256_of, token_text

    expires_at = None if lifetime == NEVER else int(time.time() + parse_age(lifetime, "--for"))
    path = token_file(settings, name)
    text = token_text(secrets.token_bytes(TOKEN_BYTES))
    _write_new(path, text)
    try:
        return client.create_token(sha256_of(text), name, scope, sweep, expires_at), path
    except SweepError:
        path.unlink()
        raise


def read_token(path: Path) -> str:
    """The token in a file.

    Raises:
        UsageError: There is no such file, or it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror}; a token is kept on the machine on which it was"
            " created"
        ) from None


def forget_token(settings: Settings, name: str, revoked_id: str) -> None:
    """Remove the file of a revoked token, if it is here."""
    from sweep_service.access.tokens import sha256_of, token_id

    with suppress(UsageError, OSError):
        path = token_file(settings, name)
        if token_id(sha256_of(read_token(path))) == revoked_id:
            path.unlink()


def _write_new(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(path, flags, _PRIVATE_FILE), "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except FileExistsError:
        raise UsageError(
            f"{path} exists: choose another name, or revoke that token with"
            f" 'sweep-sdk token revoke {path.name}'"
        ) from None
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
