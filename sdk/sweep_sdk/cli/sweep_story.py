"""A sweep in words: what it searches, how far it is, and for bayes what the model has learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._results.run_limit import points_text
from sweep_sdk.cli.formats import age_text, counts_text
from sweep_sdk.cli.importance_view import importance_lines
from sweep_sdk.cli.space_view import aim_lines, best_text, lined_up, parameter_lines
from sweep_sdk.cli.suggestion_view import suggestion_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Json = Mapping[str, Any]

_N_REASONS = 5


def last_runs_from(sweep: Json) -> int:
    """Index from which ``sweep_story`` wants the runs: it shows why the newest were suggested."""
    return max(int(sweep["n_handed_out"]) - _N_REASONS, 0)


def sweep_story(
    sweep: Json, newest: Sequence[Json], importance: Json | None, now: float
) -> Iterator[str]:
    """Lines about a sweep.

    Args:
        sweep: As the backend tells it.
        newest: Its last runs, by index.
        importance: Of its parameters; None where nothing can be said.
        now: Seconds since the epoch.
    """
    yield from lined_up(_facts(sweep, now))
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


def _facts(sweep: Json, now: float) -> list[tuple[str, str]]:
    name = f" '{sweep['name']}'" if sweep["name"] else ""
    return [
        ("sweep", f"{sweep['id']}{name} in project {sweep['project']}"),
        ("state", ": ".join(filter(None, (sweep["state"], points_text(sweep))))),
        ("runs", counts_text(sweep["counts"])),
        *aim_lines(sweep),
        ("seed", str(sweep["seed"])),
        ("created", age_text(sweep["created_at"], now)),
    ]


def _suggestions(newest: Sequence[Json]) -> Iterator[str]:
    """Why the newest runs got their configurations; grid and random give no reasons."""
    reasoned = [run for run in newest if run.get("suggestion")]
    if not reasoned:
        return
    yield from ("", "why the newest runs were suggested")
    for run in reasoned:
        yield f"  {run['id']}: {suggestion_text(run['suggestion'])}"
