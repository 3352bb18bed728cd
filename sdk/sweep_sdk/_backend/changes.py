"""What is said when a change that was asked for had little or no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_ENDED = ("finished", "canceled")


def no_effect_text(answer: Mapping[str, Any], asked: Collection[str], state: str | None) -> str:
    """Why a change had no effect, and what would have one; empty when it did what was asked.

    Args:
        answer: What the backend said of the sweep after the change.
        asked: Which fields were to change: ``state``, ``run_cap``, ``config`` or ``yaml``.
        state: The state that was asked for, if any.
    """
    sweep, stands = f"sweep {answer['id']}", answer["state"]
    is_changed = answer.get("changed", True)
    if state == "running" and stands == "finished":
        return (
            f"{sweep} has no runs left to hand out and all of them have ended, so it is finished "
            "again; a larger run_cap or more points in its config would give it more"
        )
    if state is not None:
        return "" if is_changed else f"{sweep} is {stands} already, so nothing has changed"
    if not is_changed:
        what = "run_cap" if "run_cap" in asked else "config"
        return f"{sweep} has this {what} already, so nothing has changed"
    if stands in _ENDED:
        return (
            f"{sweep} is {stands}, and the change gives it no runs to hand out by itself; "
            "runs that were handed out before keep their configuration and their result"
        )
    return ""
