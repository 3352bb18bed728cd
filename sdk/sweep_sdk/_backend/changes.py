"""Messages for changes that had little or no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_ENDED = ("finished", "canceled")


def amended_text(answer: Mapping[str, Any], seen: Mapping[str, Any], *, is_deletion: bool) -> str:
    """Why a retry or a deletion of a run had no effect; empty if it had.

    Args:
        answer: The backend's answer.
        seen: The run before the request.
        is_deletion: Whether the request was a deletion.
    """
    run = answer["run"]
    if answer["changed"]:
        return ""
    if run["attempt"] != seen["attempt"]:
        was = f"run {run['id']} has been handed out again meanwhile and is {run['state']}"
    elif run["state"] == "deleted":
        was = f"run {run['id']} was deleted before"
    elif is_deletion or run["state"] == "pending":
        was = f"run {run['id']} waits to be handed out again"
    else:
        was = f"run {run['id']} is {run['state']}"
    return f"{was}, so nothing has changed"


def held_back_text(sweep: str, state: str) -> str:
    """Why runs that are to be handed out again have to wait; empty if they do not."""
    if state == "paused":
        return f"sweep {sweep} is paused: its runs are handed out when it is resumed"
    if state == "finished":
        return f"sweep {sweep} was stopped: its runs are handed out when it is resumed"
    return ""


def no_effect_text(answer: Mapping[str, Any], asked: Collection[str], state: str | None) -> str:
    """Why a change of a sweep had no effect, and what to do; empty if it had an effect.

    Args:
        answer: The sweep in the backend's answer.
        asked: The fields to change: ``state``, ``run_cap``, ``config`` or ``yaml``.
        state: The requested state, if any.
    """
    sweep, now = f"sweep {answer['id']}", answer["state"]
    is_changed = answer.get("changed", True)
    if state == "running" and now == "finished":
        return (
            f"{sweep} has no runs left to hand out and all of them have ended, so it is finished "
            "again; a larger run_cap or more points in its config would give it more"
        )
    if state is not None:
        return "" if is_changed else f"{sweep} is {now} already, so nothing has changed"
    if not is_changed:
        what = "run_cap" if "run_cap" in asked else "config"
        return f"{sweep} has this {what} already, so nothing has changed"
    if now in _ENDED:
        return (
            f"{sweep} is {now}, and the change gives it no runs to hand out by itself; "
            "runs that were handed out before keep their configuration and their result"
        )
    return ""
