"""Figures of a sweep as Plotly's, under the names that users of Optuna know: extra ``plots``.

Each takes the id of a sweep, or runs chosen from ``sweep_sdk.frame(ID)``, and returns a
``plotly.graph_objects.Figure`` to show, change or save. Parameters are on the scale on which they
are searched. Where a few values would flatten a picture, the axis of the values ends at their 95%
quantile; the subtitle says so, and how many runs have no value. All values remain in the figure.

All of them raise ``UsageError`` if Plotly or pandas is not installed, or if the sweep has no metric
and the figure needs one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_sdk._exceptions import UsageError
from sweep_sdk.plots import _figures as draw
from sweep_sdk.plots._axes import ValueAxis
from sweep_sdk.plots._data import Data

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    import pandas as pd
    from plotly.graph_objects import Figure

    Source: TypeAlias = str | pd.DataFrame

__all__ = [
    "contour",
    "edf",
    "intermediate_values",
    "optimization_history",
    "parallel_coordinate",
    "param_importances",
    "pareto_front",
    "slice",
    "timeline",
]

_COLUMNS = 4


def optimization_history(source: Source) -> Figure:
    """The value of each run in the order of the runs, and the best so far."""
    data = Data.of(source)
    best = data.best_so_far
    figure = draw.new_figure("Optimization history", data.label, data.notes)
    draw.add_points(figure, data.runs, data.runs["index"], data.runs["value"])
    figure.add_scatter(
        x=best["index"].tolist(), y=best["value"].tolist(), mode="lines", name="best so far",
        line={"shape": "hv", "color": "#333333"},
    )  # fmt: skip
    return figure.update_xaxes(title="run").update_yaxes(draw.value_layout(data.value))


def parallel_coordinate(source: Source) -> Figure:
    """A line for each run over its parameters and its value, coloured by rank."""
    data = Data.of(source)
    runs = data.runs.sort_values("rank", ascending=False)  # the best one is drawn last
    axes = [draw.dimension(axis, runs) for axis in data.axes.values()]
    values = data.value.clipped.loc[runs.index].tolist()
    axes.append({"label": draw.literal(data.value.name), "values": values})
    figure = draw.new_figure("Parallel coordinates", data.label, data.notes)
    figure.update_layout(margin={"t": 140})  # names of the axes are above them
    return figure.add_parcoords(dimensions=axes, line=draw.rank_marker(runs))


def param_importances(source: Source) -> Figure:
    """The share of the metric's variation that each parameter explains alone."""
    data = Data.of(source)
    found = data.importance()[::-1]
    unclear = {True: "", False: "may be due to chance"}
    figure = draw.new_figure("Importance of the parameters", data.label)
    figure.add_bar(
        x=[each["share"] or 0.0 for each in found],
        y=[draw.literal(each["name"]) for each in found],
        text=["too few runs" if p["share"] is None else unclear[p["clear"]] for p in found],
        orientation="h",
    )
    title = f"share of the variation of {draw.literal(data.value.name)}"
    return figure.update_xaxes(title=title, tickformat=".0%", rangemode="tozero")


def slice(source: Source, params: Sequence[str] | None = None) -> Figure:  # noqa: A001  as Optuna
    """The value of each run over each parameter, or over those that are named."""
    data = Data.of(source)
    axes = [data.axis(name) for name in (data.axes if params is None else params)]
    figure = draw.new_figure("Slices", data.label, data.notes)
    n_columns = min(max(len(axes), 1), _COLUMNS)
    n_rows = max(-(-len(axes) // n_columns), 1)
    figure.set_subplots(rows=n_rows, cols=n_columns, shared_yaxes=True)
    for place, axis in enumerate(axes):
        where = {"row": place // n_columns + 1, "col": place % n_columns + 1}
        x = draw.places(axis, data.runs)
        draw.add_points(figure, data.runs, x, data.runs["value"], **where)
        figure.update_xaxes(draw.parameter_layout(axis, data.runs), **where)
    figure.update_yaxes(range=data.value.range).update_layout(height=max(450, 300 * n_rows))
    return figure.update_yaxes(title=draw.literal(data.value.name), col=1)


def contour(source: Source, x: str | None = None, y: str | None = None) -> Figure:
    """The runs over two parameters, coloured by rank, and what a model of them expects.

    The lines are of equal expected values, where the other parameters are as in the best run.

    Args:
        source: A sweep or some of its runs; the model is of all of them.
        x: A parameter; by default the most important one.
        y: Another; by default the next important one.
    """
    data = Data.of(source)
    others = [p["name"] for p in data.importance() if p["name"] not in (x, y)]
    across, up = (data.axis(name or others.pop(0)) for name in (x, y))
    figure = draw.new_figure("Contour", data.label, data.missing(len(data.runs)))
    figure.add_scatter(
        x=draw.places(across, data.runs), y=draw.places(up, data.runs), mode="markers",
        marker=draw.rank_marker(data.runs), hovertext=draw.hover_texts(data.runs),
    )  # fmt: skip
    if (expected := data.expected(across.name, up.name)) is not None:
        draw.add_contours(figure, expected, across, up)
    figure.update_xaxes(draw.parameter_layout(across, data.runs))
    return figure.update_yaxes(draw.parameter_layout(up, data.runs))


def intermediate_values(source: Source, metric: str | None = None, points: int = 200) -> Figure:
    """The curve of each run over its steps, coloured by rank.

    Args:
        source: A sweep or some of its runs.
        metric: By default the sweep's.
        points: About how many of each curve, its least and greatest values among them.
    """
    data = Data.of(source)
    name = data.value.name if metric is None else metric
    rows = data.rows(name, points)
    ranks = dict(zip(data.runs["id"], data.runs["rank"], strict=True))
    axis = ValueAxis(name, rows["value"], data.sign if name == data.value.name else 1)
    figure = draw.new_figure("Intermediate values", data.label, axis.notes)
    for run, part in rows.groupby("run", sort=False):
        x, y = part["step"].tolist(), part["value"].tolist()
        line = draw.rank_line(ranks.get(run, 1.0))
        figure.add_scatter(x=x, y=y, mode="lines", name=run, line=line, showlegend=False)
    return figure.update_xaxes(title="step").update_yaxes(draw.value_layout(axis))


def timeline(source: Source) -> Figure:
    """Every attempt at a run on the lane of its agent."""
    data = Data.of(source)
    figure = draw.new_figure("Timeline", data.label).update_layout(barmode="overlay")
    for kind, part in data.attempts().groupby("kind", sort=False):
        figure.add_bar(
            base=part["started_at"].tolist(), x=(part["ended_at"] - part["started_at"]).tolist(),
            y=[draw.literal(agent) for agent in part["agent"]], orientation="h", name=str(kind),
            hovertext=part["run"].tolist(), marker=draw.bar_marker(str(kind)),
        )  # fmt: skip
    return figure.update_xaxes(type="date", title="time (UTC)").update_yaxes(
        type="category", categoryorder="category descending"
    )


def pareto_front(source: Source, metrics: Mapping[str, str]) -> Figure:
    """Each run by two metrics, and those that no other run is better than.

    Args:
        source: A sweep or some of its runs.
        metrics: The goal of each, such as ``{"loss": "minimize", "seconds": "minimize"}``.

    Raises:
        UsageError: They are not two, or a goal is neither minimize nor maximize.
    """
    data = Data.of(source)
    runs, x, y = data.objectives(metrics)
    front = runs[runs["is_front"]].sort_values(["x", "y"])
    figure = draw.new_figure(
        "Pareto front", data.label, [*data.missing(len(runs)), *x.notes, *y.notes]
    )
    draw.add_points(figure, runs, runs["x"], runs["y"])
    figure.add_scatter(
        x=front["x"].tolist(), y=front["y"].tolist(), mode="lines", name="front",
        line={"color": "#333333"},
    )  # fmt: skip
    return figure.update_xaxes(draw.value_layout(x)).update_yaxes(draw.value_layout(y))


def edf(*sources: Source) -> Figure:
    """The share of each sweep's runs that reached a value.

    Raises:
        UsageError: The sweeps do not have the same metric and goal.
    """
    import pandas as pd

    all_data = [Data.of(source) for source in sources]
    if len({(data.value.name, data.sign) for data in all_data}) != 1:
        raise UsageError("edf needs sweeps with the same metric and goal")
    values = pd.concat([data.runs["value"] for data in all_data])
    axis = ValueAxis(all_data[0].value.name, values, all_data[0].sign)
    title = ", ".join(data.label for data in all_data)
    figure = draw.new_figure("Distribution of the values", title, axis.notes)
    for data in all_data:
        ordered = data.runs["value"].sort_values()
        share = [(place + 1) / len(ordered) for place in range(len(ordered))]
        name = draw.literal(data.label)
        figure.add_scatter(x=ordered.tolist(), y=share, mode="lines", line_shape="hv", name=name)
    return figure.update_xaxes(draw.value_layout(axis)).update_yaxes(title="share of the runs")
