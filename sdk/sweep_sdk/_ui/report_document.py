"""Everything that a report holds about a sweep: the documents that the page would ask a server for.

``page/source/embedded.js`` describes their form.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import NotFound, NotPossible
from sweep_sdk._results.order import best_first
from sweep_sdk._ui.backend_reader import BackendReader
from sweep_sdk._ui.keeper import Keeper
from sweep_service.model.records.numbers import decode_metric, encode_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sweep_sdk._backend.client import Client

    Json = dict[str, Any]

N_CURVES = 300
_CURVES_OF_OTHERS = 30
_OTHER_METRICS = 8
_POINTS = 100
_EXPLAINED = 100
_PAIRED = 3
_AT_ONCE = 8
_FAILED = ("failed", "crashed")


def report_document(client: Client, sweep: str, n_curves: int = N_CURVES) -> Json:
    """Read a sweep from the backend.

    Args:
        client: Of the backend.
        sweep: A reference to the sweep.
        n_curves: Of how many runs, the best ones, the metric's values over the steps are held. Of
            other metrics, up to eight, it is a tenth as many.
    """
    found = client.get_sweep(sweep)
    sweep_id = found["id"]
    keeper = Keeper(BackendReader(client), interval_seconds=60.0)
    table = keeper.table(sweep_id)
    runs = list(client.list_runs(sweep_id))
    head = {name: value for name, value in table["sweep"].items() if name != "config"}
    return {
        "now": table["now"],
        "sweeps": [head],
        "glances": keeper.glances([sweep_id]),
        "tables": {sweep_id: table},
        "curves": {sweep_id: _curves(keeper, found, runs, n_curves)},
        "models": {sweep_id: _models(keeper, found)},
        "bands": {sweep_id: bands} if (bands := _bands(keeper, sweep_id)) else {},
        "runs": {sweep_id: _explained(keeper, sweep_id, runs)},
    }


def _curves(
    keeper: Keeper, sweep: Mapping[str, Any], runs: Sequence[Json], n_curves: int
) -> dict[str, list[Json]]:
    """The curves of each metric, of the best runs."""
    own = sweep["metric"]["name"] if sweep["metric"] else None
    ordered = best_first(runs, {sweep["id"]: sweep["metric"]["goal"]}) if own else runs
    indices = [run["index"] for run in ordered]
    wanted = {own: n_curves} if own else {}
    for name in [name for name in _metrics(runs) if name != own][:_OTHER_METRICS]:
        wanted[name] = -(-n_curves // 10)
    return {
        name: [_rounded(curve) for curve in found]
        for name, count in wanted.items()
        if (found := keeper.curves(sweep["id"], name, indices[:count], _POINTS)["runs"])
    }


def _metrics(runs: Iterable[Json]) -> list[str]:
    """The names of all metrics, without the extremes in the summaries."""
    names = dict.fromkeys(name for run in runs for name in run["summary"])
    return [
        name
        for name in names
        if name.rpartition(".")[2] not in ("min", "max") or name.rpartition(".")[0] not in names
    ]


def _rounded(curve: Json) -> Json:
    """A curve to six digits, in half the space; a picture shows no more."""
    values = (decode_metric(value) for value in curve["value"])
    return {
        **curve,
        "at": [None if at is None else round(at, 2) for at in curve["at"]],
        "value": [encode_number(float(f"{value:.6g}")) for value in values],
    }


def _models(keeper: Keeper, sweep: Mapping[str, Any]) -> dict[str, Json]:
    """The model, and its contours over each two of the most important parameters, both ways."""
    if sweep["metric"] is None:
        return {}
    model = keeper.model(sweep["id"], None, None)
    names = [entry["name"] for entry in model["importance"][:_PAIRED]]
    contours = {
        f"{x}|{y}": {"contour": keeper.model(sweep["id"], x, y)["contour"]}
        for x, y in permutations(names, 2)
    }
    return {"": model, **contours}


def _bands(keeper: Keeper, sweep: str) -> Json | None:
    try:
        return keeper.bands(sweep)
    except (NotPossible, NotFound):
        return None


def _explained(keeper: Keeper, sweep: str, runs: Sequence[Json]) -> dict[str, Json]:
    """What only a run by itself says: the last lines that the latest failures wrote to stderr."""
    indices = [run["index"] for run in runs if run["state"] in _FAILED][-_EXPLAINED:]

    def explained(index: int) -> Json:
        return {**keeper.run(sweep, index), "log": None}

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(map(str, indices), pool.map(explained, indices), strict=True))
