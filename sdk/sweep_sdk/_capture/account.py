"""The user's W&B account, and the mode of handling what a sweep's programs log with wandb."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sweep_sdk._exceptions import UsageError
from sweep_sdk._world import disk
from sweep_service.model.language.keys import WANDB_MODES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CAPTURE, MIRROR, OFF = WANDB_MODES
#: Setting of the mode for new sweeps.
MODE_VARIABLE = "SWEEP_WANDB"
_PUBLIC_URL = "https://api.wandb.ai"


@dataclass(frozen=True)
class Account:
    """An account at a W&B server.

    Attributes:
        url: URL of the server, without a trailing slash.
        key: The API key; None if the client obtains a token by itself.
        source: Where the account was found.
    """

    url: str
    key: str | None
    source: str


def find_account(environ: Mapping[str, str]) -> Account | None:
    """The account that wandb would use in a program; None if it would ask for one."""
    url = (environ.get("WANDB_BASE_URL") or _stored_url(environ) or _PUBLIC_URL).rstrip("/")
    key = environ.get("WANDB_API_KEY")
    if key:
        return Account(url, key, "WANDB_API_KEY")
    if environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return Account(url, None, "WANDB_IDENTITY_TOKEN_FILE")
    for path in netrc_files(environ):
        key = _netrc_key(path, urlsplit(url).hostname or "")
        if key:
            return Account(url, key, str(path))
    return None


def mode_in_settings(environ: Mapping[str, str]) -> str | None:
    """The mode for new sweeps in the settings, if any.

    Raises:
        UsageError: The environment variable is not a mode.
    """
    setting = environ.get(MODE_VARIABLE) or None
    if setting not in (None, *WANDB_MODES):
        raise UsageError(f"{MODE_VARIABLE} is '{setting}'; needs one of {', '.join(WANDB_MODES)}")
    return setting


def mirror_notice(account: Account) -> str:
    """The message about a new sweep whose programs continue to send to W&B."""
    return (
        f"what programs log with wandb also goes to {account.url}, for which {account.source} has"
        " an account ('--wandb capture' or SWEEP_WANDB=capture keeps it in the sweep alone)"
    )


def _stored_url(environ: Mapping[str, str]) -> str | None:
    """The server in W&B's own settings files, first those of this folder."""
    folders = [disk.Path("wandb")]
    if environ.get("WANDB_CONFIG_DIR"):
        folders.append(disk.Path(environ["WANDB_CONFIG_DIR"]))
    elif home := _home():
        folders.append(home / ".config" / "wandb")
    for folder in folders:
        with contextlib.suppress(OSError, ValueError):
            for line in (folder / "settings").read_text(encoding="utf-8").splitlines():
                name, _, value = line.partition("=")
                if name.strip() == "base_url" and value.strip():
                    return value.strip()
    return None


def netrc_files(environ: Mapping[str, str]) -> Iterator[disk.Path]:
    """The files in which programs look for names and passwords, existing or not."""
    if environ.get("NETRC"):
        yield disk.Path(environ["NETRC"])
    elif home := _home():
        yield from (home / ".netrc", home / "_netrc")


def _netrc_key(path: disk.Path, host: str) -> str | None:
    """The password of a host in a netrc file."""
    try:
        words = path.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    found = None
    for name, value in pairwise(words):
        if name == "machine":
            found = value
        elif name == "password" and found == host:
            return value
    return None


def _home() -> disk.Path | None:
    with contextlib.suppress(RuntimeError):
        return disk.Path.home()
    return None
