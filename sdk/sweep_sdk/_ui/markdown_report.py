"""A report as Markdown with static pictures, for a wiki or a pull request. Pure."""

from __future__ import annotations

import html
import json
import math
import re
from typing import TYPE_CHECKING, Any

from sweep_sdk._results.order import NEVER_BEST
from sweep_sdk._ui.svg import Axis, Band, Line, Points, picture, value_axis
from sweep_service.model.records.numbers import decode_metric

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Json = Mapping[str, Any]

_BEST_RUNS = 10
_SLICES = 4
_CURVES = 30
_FAILURES = 3
_TAIL_LINES = 5
_MOST_COLUMNS = 8
#: Name, colour and shape of the points of runs, as in the dashboard.
_KINDS = {
    "finished": ("#00785c", "circle"),
    "stopped early": ("#d69a00", "square"),
    "failed": ("#d43d2a", "cross"),
    "other": ("#7d4fd6", "circle"),
}
_LINE = "#2f6db3"


def markdown_report(document: Json, folder: str) -> tuple[str, dict[str, str]]:
    """The text of a report, and its pictures.

    Args:
        document: Of ``report_document``.
        folder: Where the pictures will be, relative to the text.

    Returns:
        The text, and SVG texts by file name.
    """
    ((sweep_id, table),) = document["tables"].items()
    sweep, runs = table["sweep"], _runs(table)
    model = document["models"].get(sweep_id, {}).get("")
    curves = document["curves"][sweep_id]
    pictures = dict(_pictures(sweep, runs, model, curves)) if sweep["metric"] else {}
    name = sweep["name"] or sweep_id
    parts = [f"# {_plain(name)}", _facts(sweep, document["glances"][sweep_id])]
    parts += _best(sweep, runs)
    if pictures:
        titles = {file: re.sub(r"[-.].*", "", file).capitalize() for file in pictures}
        parts.append("\n".join(f"![{titles[file]}]({folder}/{file})" for file in pictures))
        parts += _notes(sweep, runs)
    parts += _importance(model, sweep)
    parts += _best_runs(sweep, runs)
    parts += _failures(runs, document["runs"].get(sweep_id, {}))
    return "\n\n".join(parts) + "\n", pictures


def _runs(table: Json) -> list[dict[str, Any]]:
    """The rows of a table: fields, ``config``, and ``value``, the finite one of the metric."""
    fields, config = table["fields"], table["config"]
    return [
        {
            **{name: column[row] for name, column in fields.items()},
            "config": {name: column[row] for name, column in config.items()},
            "value": _finite(fields.get("best", {row: None})[row]),
        }
        for row in range(len(fields.get("index", ())))
    ]


def _finite(value: Any) -> float | None:
    number = None if value is None else decode_metric(value)
    return number if number is not None and math.isfinite(number) else None


def _notes(sweep: Json, runs: Sequence[Json]) -> Iterator[str]:
    """What the pictures of values do not show as it is."""
    values = [run["value"] for run in runs if run["value"] is not None]
    y = value_axis("", values, _sign(sweep))
    n_beyond = sum(not y.low <= value <= y.high for value in values)
    if n_beyond:
        yield f"{n_beyond:,} values far from the others are drawn at the edge."
    if len(values) < len(runs):
        yield f"{len(runs) - len(values):,} of {len(runs):,} runs have no value."


def _kind(run: Json) -> str:
    if run.get("stopped_early"):
        return "stopped early"
    state = str(run["state"])
    return state if state in _KINDS else "failed" if state == "crashed" else "other"


def _sign(sweep: Json) -> int:
    return 1 if sweep["metric"]["goal"] == "minimize" else -1


def _ranked(sweep: Json, runs: Sequence[Json]) -> list[Json]:
    """The runs that can be the best, the best first."""
    if not sweep["metric"]:
        return []
    known = [run for run in runs if run["value"] is not None and run["state"] not in NEVER_BEST]
    return sorted(known, key=lambda run: float(_sign(sweep) * run["value"]))


def _pictures(
    sweep: Json, runs: Sequence[Json], model: Json | None, curves: Json
) -> Iterator[tuple[str, str]]:
    metric, known = sweep["metric"]["name"], [run for run in runs if run["value"] is not None]
    if not known:
        return
    y = value_axis(metric, (run["value"] for run in known), _sign(sweep))
    yield "history.svg", _history(sweep, known, y)
    for place, found in enumerate(model["slices"][:_SLICES] if model else (), start=1):
        yield f"slice-{place}.svg", _slice(found, known, y)
    own = {curve["index"]: curve for curve in curves.get(metric, ())}
    best = [own[run["index"]] for run in _ranked(sweep, runs)[:_CURVES] if run["index"] in own]
    if any(len(curve["step"]) > 1 for curve in best):
        yield "curves.svg", _curves(metric, best, _sign(sweep))


def _points(runs: Sequence[Json], x: Mapping[int, float]) -> list[Points]:
    """The runs as points, by kind; those that have no place are left out."""
    kinds = {run["index"]: _kind(run) for run in runs}
    return [
        Points(
            kind,
            [
                (x[run["index"]], run["value"])
                for run in runs
                if kinds[run["index"]] == kind and run["index"] in x
            ],
            color,
            shape,
        )
        for kind, (color, shape) in _KINDS.items()
    ]


def _history(sweep: Json, runs: Sequence[Json], y: Axis) -> str:
    x = Axis("run", 0, max(runs[-1]["index"], 1))
    better = min if _sign(sweep) > 0 else max
    best: list[tuple[float, float]] = []
    for run in runs:
        if run["state"] not in NEVER_BEST:
            value = better(run["value"], best[-1][1]) if best else run["value"]
            best.append((run["index"], value))
    places = {run["index"]: float(run["index"]) for run in runs}
    line = Line(best, _LINE, 2.0, is_stepped=True)
    return picture(
        f"{y.label} of each run, and the best so far", x, y, _points(runs, places), [line]
    )


def _slice(found: Json, runs: Sequence[Json], y: Axis) -> str:
    """The values over a parameter, with what the model expects."""
    name, known = (
        found["name"],
        {run["index"]: _value(run["config"], found["name"]) for run in runs},
    )
    if found["scale"] == "categorical":
        texts = [_word(value) for value in found["x"]]
        places = {
            index: float(texts.index(_word(value)))
            for index, value in known.items()
            if _word(value) in texts
        }
        x = Axis(name, -0.5, len(texts) - 0.5, texts=tuple(texts))
        spots = [float(n) for n in range(len(texts))]
    else:
        places = {n: float(v) for n, v in known.items() if isinstance(v, (int, float))}
        spots = [float(value) for value in found["x"]]
        everywhere = [*spots, *places.values()]
        is_log = found["scale"] == "log" and min(everywhere) > 0
        x = Axis(name, min(everywhere), max(everywhere), is_log=is_log)
    low, mean, high = (
        list(zip(spots, found[name], strict=True)) for name in ("low", "mean", "high")
    )
    lines, bands = [Line(mean, _LINE, 2.0)], [Band(low, high)]
    if x.texts:  # nothing is between two categories
        lines = [Line(_level(point), _LINE, 2.0) for point in mean]
        bands = [Band(_level(a), _level(b)) for a, b in zip(low, high, strict=True)]
    title = f"{y.label} over {name}, and what a model expects"
    return picture(title, x, y, _points(runs, places), lines, bands)


def _level(point: tuple[float, float]) -> list[tuple[float, float]]:
    """A short level line at a category."""
    return [(point[0] - 0.3, point[1]), (point[0] + 0.3, point[1])]


def _value(config: Json, name: str) -> Any:
    """The value of a parameter; one that is a map has a column for each of its names."""
    nested = {
        column.removeprefix(f"{name}."): value
        for column, value in config.items()
        if column.startswith(f"{name}.") and value is not None
    }
    return nested or config.get(name)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _curves(metric: str, curves: Sequence[Json], sign: int) -> str:
    """Curves, the best first: dark and on top."""
    drawn = [
        [
            (float(step), number)
            for step, value in zip(curve["step"], curve["value"], strict=True)
            if (number := _finite(value)) is not None
        ]
        for curve in curves
    ]
    every = [point for points in drawn for point in points]
    x = Axis("step", min(p[0] for p in every), max(p[0] for p in every))
    y = value_axis(metric, (value for _, value in every), sign)
    lines = [
        Line(points, _shade(place / max(len(drawn) - 1, 1)), 1.2)
        for place, points in enumerate(drawn)
        if points
    ]
    return picture(f"{metric} over the steps of the best {len(lines)} runs", x, y, (), lines[::-1])


def _shade(rank: float) -> str:
    """From dark blue, the best, to light grey."""
    return "#" + "".join(
        f"{round(a + (b - a) * rank):02x}" for a, b in ((31, 205), (58, 210), (122, 220))
    )


def _plain(words: object) -> str:
    """Words of others as Markdown shows them literally, on one line."""
    line = " ".join(str(words).split())
    return re.sub(r"([\\`*_{}\[\]()#!|~@])", r"\\\1", html.escape(line, quote=False))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"


def _grid(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _facts(sweep: Json, glance: Json) -> str:
    metric = sweep["metric"]
    counts = ", ".join(f"{n:,} {state}" for state, n in glance["counts"].items() if n)
    aim = f"{metric['goal']} {_plain(metric['name'])}" if metric else "-"
    rows = [
        ["sweep", _plain(sweep["id"])],
        ["state", sweep["state"]],
        ["method", sweep["method"]],
        ["metric", aim],
        ["runs", counts or "none"],
    ]
    return _grid(["", ""], rows)


def _best(sweep: Json, runs: Sequence[Json]) -> Iterator[str]:
    for run in _ranked(sweep, runs)[:1]:
        name, value = _plain(sweep["metric"]["name"]), _number(run["value"])
        yield f"The best {name} is **{value}**, of run {run['index']}:"
        known = {k: v for k, v in run["config"].items() if v is not None}
        yield _fenced("\n".join(f"{name}: {json.dumps(v)}" for name, v in known.items()), "yaml")


def _importance(model: Json | None, sweep: Json) -> Iterator[str]:
    if model and model["importance"]:
        yield f"## What matters for {_plain(sweep['metric']['name'])}"
        rows = [[_plain(e["name"]), f"{e['importance']:.0%}"] for e in model["importance"]]
        yield _grid(["parameter", "share of the variation that a model explains"], rows)


def _best_runs(sweep: Json, runs: Sequence[Json]) -> Iterator[str]:
    ranked = _ranked(sweep, runs)[:_BEST_RUNS]
    names = [
        name
        for name in (ranked[0]["config"] if ranked else ())
        if len({json.dumps(run["config"][name]) for run in runs}) > 1
    ][:_MOST_COLUMNS]
    if ranked:
        yield "## The best runs"
        rows = [
            [str(run["index"]), _number(run["value"]),
             *(_plain(_short(run["config"][name])) for name in names)]
            for run in ranked
        ]  # fmt: skip
        yield _grid(["run", _plain(sweep["metric"]["name"]), *map(_plain, names)], rows)


def _short(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else _word(value)


def _failures(runs: Sequence[Json], in_full: Json) -> Iterator[str]:
    failed = [run for run in runs if run["state"] in ("failed", "crashed")]
    if failed:
        yield "## Failures"
        yield f"{len(failed):,} of {len(runs):,} runs failed."
        for run in failed[-_FAILURES:]:
            tail = (in_full.get(str(run["index"])) or {}).get("error_tail")
            if tail:
                yield f"Run {run['index']} ended with:"
                yield _fenced("\n".join(tail.splitlines()[-_TAIL_LINES:]))


def _fenced(text: str, language: str = "text") -> str:
    """A block of code, with a fence that does not occur in it."""
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(longest + 1, 3)
    return f"{fence}{language}\n{text}\n{fence}"
