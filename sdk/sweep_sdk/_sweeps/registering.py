"""Registers a sweep, with one mode of handling wandb for all of its agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._capture.account import MIRROR, find_account, mirror_notice, mode_in_settings
from sweep_sdk._exceptions import InvalidConfig, InvalidRequest
from sweep_sdk._settings import environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._backend.client import Client


def create_sweep(
    client: Client, *, say: Callable[[str], None], wandb: str | None = None, **request: Any
) -> dict[str, Any]:
    """Register a sweep as ``Client.create_sweep`` does.

    Args:
        client: The backend.
        say: Called with a line where the user's own W&B gets a copy without being named.
        wandb: What becomes of what programs log with wandb. By default, as the settings or the
            config say; else users with an account at W&B lose nothing.
        **request: As for ``Client.create_sweep``.

    Raises:
        SweepError: As ``Client.create_sweep``.
        UsageError: The settings name no mode.
    """
    environ = environment()
    mode = wandb or mode_in_settings(environ)
    account = find_account(environ) if mode is None else None
    if account is None:
        return client.create_sweep(wandb=mode, **request)
    try:
        checked = client.create_sweep(**{**request, "dry_run": True})
        if checked["config"].get("wandb"):
            return client.create_sweep(**request)
        created = client.create_sweep(wandb=MIRROR, **request)
    except InvalidConfig:
        raise
    except InvalidRequest:  # of a backend that does not know modes
        return client.create_sweep(**request)
    say(mirror_notice(account))
    return created
