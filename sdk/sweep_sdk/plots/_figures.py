"""Figures of Plotly, which is loaded only here: points, axes and notes in one style."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk.plots._axes import category_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from sweep_sdk.plots._axes import ParameterAxis, ValueAxis
    from sweep_service.wire.model import Contour

_OTHER = ("#7f7f7f", "square-open", ".")
#: Colour, symbol and hatching of each kind of run; colour alone does not distinguish all of them.
_KINDS: Mapping[str, tuple[str, str, str]] = {
    "finished": ("#2f6db3", "circle", ""),
    "stopped early": ("#b8860b", "triangle-down", "/"),
    "failed": ("#c0392b", "x", "x"),
    "crashed": ("#8e2a7d", "cross", "+"),
    "killed": ("#7f7f7f", "square", "-"),
    "running": ("#1a8f5a", "circle-open", "|"),
    "preempted": ("#7f7f7f", "diamond", "\\"),
}
_COLORS = "Viridis"


def literal(words: object) -> str:
    """The words of others, which Plotly would otherwise take for HTML."""
    return html.escape(str(words), quote=False)


def _plotly() -> Any:
    try:
        import plotly.colors
        import plotly.graph_objects
    except ImportError:
        raise UsageError("figures need Plotly: pip install plotly") from None
    return plotly


def new_figure(title: str, label: str, notes: Iterable[str] = ()) -> Any:
    """A figure without traces; the notes say what it does not show."""
    caption = {"text": f"{title} of {literal(label)}", "subtitle": {"text": "; ".join(notes)}}
    layout = {"template": "plotly_white", "title": caption, "hovermode": "closest"}
    return _plotly().graph_objects.Figure(layout=layout)


def value_layout(axis: ValueAxis) -> dict[str, Any]:
    """The layout of the axis of a metric."""
    return {"title": literal(axis.name), "range": axis.range}


def parameter_layout(axis: ParameterAxis, runs: pd.DataFrame) -> dict[str, Any]:
    """The layout of the axis of a parameter."""
    if axis.scale != "category":
        return {"title": literal(axis.name), "type": axis.scale}
    order = [literal(value) for value in axis.categories(runs)]
    by_order = {"type": "category", "categoryorder": "array", "categoryarray": order}
    return {"title": literal(axis.name), **by_order}


def places(axis: ParameterAxis, runs: pd.DataFrame) -> list[Any]:
    """The place of each run on the axis of a parameter."""
    found = axis.values(runs)
    return [literal(value) for value in found] if axis.scale == "category" else found.tolist()


def add_points(
    figure: Any, runs: pd.DataFrame, x: Iterable[Any], y: Iterable[Any], **where: Any
) -> None:
    """Add a point for each run, in the colour and with the symbol of its kind.

    Args:
        figure: The figure.
        runs: With the column ``kind``.
        x: For each run.
        y: For each run.
        **where: ``row`` and ``col`` of the subplot, if there are several.
    """
    shown = runs.assign(x=list(x), y=list(y), hover=hover_texts(runs))
    known = {trace.name for trace in figure.data}
    for kind, part in shown.groupby("kind", sort=False):
        color, symbol, _ = _KINDS.get(str(kind), _OTHER)
        figure.add_scatter(
            x=part["x"].tolist(), y=part["y"].tolist(), hovertext=part["hover"].tolist(),
            mode="markers", marker={"color": color, "symbol": symbol, "opacity": 0.7},
            name=str(kind), legendgroup=str(kind), showlegend=str(kind) not in known, **where,
        )  # fmt: skip


def add_contours(figure: Any, expected: Contour, across: ParameterAxis, up: ParameterAxis) -> None:
    """Add grey lines of equal expected values."""
    values = {
        name: [literal(category_text(v)) for v in found] if axis.scale == "category" else found
        for name, axis, found in (("x", across, expected.x), ("y", up, expected.y))
    }
    figure.add_contour(
        **values, z=expected.mean, showscale=False, ncontours=12, hoverinfo="skip",
        colorscale=[[0, "#888888"], [1, "#888888"]],
        contours={"coloring": "lines", "showlabels": True},
    )  # fmt: skip


def hover_texts(runs: pd.DataFrame) -> list[str]:
    """For each run its id and configuration."""
    columns = [name for name in runs if name.startswith("config.")]
    names = [literal(column.removeprefix("config.")) for column in columns]
    return [
        "<br>".join(
            [run, *(f"{n}={literal(v)}" for n, v in zip(names, row, strict=True) if v == v)]
        )
        for run, *row in runs[["id", *columns]].itertuples(index=False)
    ]


def rank_marker(runs: pd.DataFrame) -> dict[str, Any]:
    """The colours of runs by the rank of their values: a few diverged ones do not take them all."""
    bar = {"title": "rank", "tickvals": [0, 1], "ticktext": ["best", "worst"]}
    colors = {"color": runs["rank"].tolist(), "colorscale": _COLORS, "cmin": 0, "cmax": 1}
    return {**colors, "colorbar": bar, "showscale": True}


def rank_line(rank: float) -> dict[str, Any]:
    """A thin line in the colour of a rank."""
    color = _plotly().colors.sample_colorscale(_COLORS, [rank])[0]
    return {"width": 1, "color": color}


def bar_marker(kind: str) -> dict[str, Any]:
    """The colour and hatching of a kind of run."""
    color, _, shape = _KINDS.get(kind, _OTHER)
    return {"color": color, "pattern": {"shape": shape, "size": 4}}


def dimension(axis: ParameterAxis, runs: pd.DataFrame) -> dict[str, Any]:
    """A parameter among parallel coordinates, which take numbers and have no logarithmic scale."""
    found, label = axis.values(runs).tolist(), literal(axis.name)
    if axis.scale == "linear":
        return {"label": label, "values": found}
    if axis.scale == "category":
        order = axis.categories(runs)
        ticks = dict(enumerate(map(literal, order)))
        found = [order.index(value) for value in found]
    else:
        found = [math.log10(value) for value in found]
        known = [value for value in found if math.isfinite(value)]
        decades = range(math.floor(min(known, default=0)), math.ceil(max(known, default=0)) + 1)
        ticks = {decade: f"{10.0**decade:g}" for decade in decades}
    return {"label": label, "values": found, "tickvals": [*ticks], "ticktext": [*ticks.values()]}
