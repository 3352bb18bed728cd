"""The details of a sweep as text: search space, progress, and what bayes has learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._process.terminal import printable
from sweep_sdk._results.run_limit import points_text
from sweep_sdk.cli.formats import age_text, command_text, counts_text
from sweep_sdk.cli.importance_view import importance_lines
from sweep_sdk.cli.space_view import best_text, lined_up, objective_pairs, parameter_lines
from sweep_sdk.cli.suggestion_view import suggestion_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Json = Mapping[str, Any]

_N_REASONS = 5


def first_run_to_explain(sweep: Json) -> int:
    """Index of the first run that ``sweep_lines`` needs, to explain the latest suggestions."""
    return max(int(sweep["n_handed_out"]) - _N_REASONS, 0)


def sweep_lines(
    sweep: Json, newest: Sequence[Json], importance: Json | None, now: float
) -> Iterator[str]:
    """Lines about a sweep.

    Args:
        sweep: The backend's answer about the sweep.
        newest: Its latest runs, in the order of their index.
        importance: The backend's answer about the importance of its parameters, if there is one.
        now: The current time, in seconds since the epoch.
    """
    yield from lined_up(_overview(sweep, now))
    yield ""
    yield "parameters"
    yield from parameter_lines(sweep["config"])
    yield from _suggestions(newest)
    if importance is not None:
        yield ""
        yield from importance_lines(importance, sweep["metric"]["name"])
    if sweep["best"] is not None:
        yield ""
        yield f"best: {best_text(sweep['best'], sweep)}"


def _overview(sweep: Json, now: float) -> list[tuple[str, str]]:
    name = f" '{sweep['name']}'" if sweep["name"] else ""
    return [
        ("sweep", f"{sweep['id']}{name} in project {sweep['project']}"),
        ("state", ": ".join(filter(None, (sweep["state"], points_text(sweep))))),
        ("runs", counts_text(sweep["counts"])),
        *objective_pairs(sweep),
        ("seed", str(sweep["seed"])),
        ("created", age_text(sweep["created_at"], now)),
        *_command_pairs(sweep, now),
    ]


def _command_pairs(sweep: Json, now: float) -> Iterator[tuple[str, str]]:
    """What agents of the sweep run, and who is responsible for it."""
    config = sweep["config"]
    from sweep_service.model.language.command import DEFAULT_COMMAND, command_sha256

    yield "command", command_text(config.get("command") or DEFAULT_COMMAND)
    if config.get("program"):
        yield "program", printable(config["program"])
    yield "command hash", command_sha256(config)
    if config.get("wandb"):
        yield "wandb", printable(config["wandb"])
    changed_at, author = sweep.get("command_changed_at"), sweep.get("command_changed_by")
    if changed_at is not None:
        by = f" by {printable(author)}" if author else ""
        yield "command set", f"{age_text(changed_at, now)}{by}"


def _suggestions(newest: Sequence[Json]) -> Iterator[str]:
    """Why the latest runs got their configurations; grid and random give no reasons."""
    reasoned = [run for run in newest if run.get("suggestion")]
    if not reasoned:
        return
    yield from ("", "why the latest runs were suggested")
    for run in reasoned:
        yield f"  {run['id']}: {suggestion_text(run['suggestion'])}"
