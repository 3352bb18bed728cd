"""The config of a sweep as text: method, objective, and the distribution of each parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._process.terminal import printable
from sweep_sdk._results.records import flattened
from sweep_sdk.cli.formats import (
    NOTHING,
    assignments,
    metric_text,
    shortened,
    value_text,
)
from sweep_sdk.cli.tables import display_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Config = Mapping[str, Any]

_MAX_VALUES = 60
_MAX_PARAMETERS = 8


def lined_up(pairs: Sequence[tuple[str, str]], indent: str = "") -> list[str]:
    """Lines ``name  value`` with the values aligned in one column."""
    names = [printable(name) for name, _ in pairs]
    width = max(map(display_width, names), default=0)
    return [
        f"{indent}{name}{' ' * (width - display_width(name))}  {printable(value)}".rstrip()
        for name, (_, value) in zip(names, pairs, strict=True)
    ]


def objective_pairs(sweep: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values of the method, the metric and the limits of a sweep."""
    config = sweep["config"]
    pairs = [("method", sweep["method"]), ("metric", metric_text(sweep["metric"]))]
    pairs.append(("points", _points(sweep)))
    if sweep["run_cap"] is not None:
        pairs.append(("run_cap", f"{sweep['run_cap']:,}"))
    if config.get("early_terminate"):
        pairs.append(("early_terminate", _fields(config["early_terminate"], ("type",))))
    pairs += [("zip", ", ".join(names)) for names in config.get("zip", ())]
    pairs += [("constraint", text) for text in config.get("constraints", ())]
    return pairs


def _points(sweep: Mapping[str, Any]) -> str:
    if sweep["config"].get("replacement") and sweep["grid_points"] is None:
        return "unlimited: points may repeat"
    if not sweep["grid_points"]:
        return "unlimited"
    once = "" if sweep["method"] == "grid" else ", each run once"
    return f"{sweep['grid_points']:,}{once}"


def parameter_lines(config: Config) -> list[str]:
    """One line for each parameter: dotted name, distribution, bounds or values, conditions."""
    distributions = _distributions(config["parameters"], "")
    return lined_up(
        [
            (name, f"{_distribution_text(entry)}{_condition_text(entry)}")
            for name, entry in distributions
        ],
        indent="  ",
    )


def searched_part(run_config: Config, sweep_config: Config) -> dict[str, Any]:
    """The values in a run's config of the parameters that the sweep varies, by dotted name.

    If the sweep varies no parameter, all values are returned.
    """
    distributions = dict(_distributions(sweep_config["parameters"], ""))
    values = flattened(run_config)
    varied = {name: value for name, value in values.items() if _varies(name, distributions)}
    return varied or values


def _varies(name: str, distributions: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the sweep varies a parameter, or the dict-valued parameter that contains it."""
    distribution = next(
        (distributions[prefix] for prefix in _prefixes(name) if prefix in distributions), {}
    )
    return (
        distribution.get("distribution") != "constant"
        and len(distribution.get("values", (1, 2))) > 1
    )


def _prefixes(name: str) -> Iterator[str]:
    parts = name.split(".")
    for n_parts in range(len(parts), 0, -1):
        yield ".".join(parts[:n_parts])


def best_text(run: Mapping[str, Any], sweep: Mapping[str, Any]) -> str:
    """The best run on one line: value, id, and some of the varied parameters."""
    values = list(flattened(searched_part(run["config"], sweep["config"])).items())
    shown = assignments(dict(values[:_MAX_PARAMETERS]))
    n_more = len(values) - _MAX_PARAMETERS
    more = f" and {n_more} more" if n_more > 0 else ""
    best = assignments({sweep["metric"]["name"]: run["best"]})
    return f"{best} by {run['id']} ({shown}{more})"


def _distributions(
    section: Config, prefix: str, enclosing: Config | None = None
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, entry in section.items():
        when = {**(enclosing or {}), **entry.get("when", {})}
        if "parameters" in entry:
            yield from _distributions(entry["parameters"], f"{prefix}{name}.", when)
        else:
            yield f"{prefix}{name}", {**entry, "when": when}


def _condition_text(entry: Mapping[str, Any]) -> str:
    if not entry["when"]:
        return ""
    tests = (f"{name} {_test_text(accepted)}" for name, accepted in entry["when"].items())
    otherwise = f", otherwise {value_text(entry['otherwise'])}" if "otherwise" in entry else ""
    return f", when {' and '.join(tests)}{otherwise}"


def _test_text(accepted: Any) -> str:
    if not isinstance(accepted, dict):
        return f"= {' or '.join(map(value_text, accepted))}"
    bounds = {"min": ">=", "max": "<="}
    return " and ".join(f"{bounds[name]} {value_text(bound)}" for name, bound in accepted.items())


def _distribution_text(entry: Mapping[str, Any]) -> str:
    kind = str(entry["distribution"])
    if kind == "constant":
        return f"{kind} {value_text(entry['value'])}"
    if "values" in entry:
        texts = ", ".join(value_text(value) for value in entry["values"])
        weights = entry.get("probabilities")
        chances = f" with {', '.join(map(value_text, weights))}" if weights else ""
        return f"{kind} {shortened(texts, _MAX_VALUES)}{shortened(chances, _MAX_VALUES)}"
    return f"{kind} {_fields(entry, ('distribution', 'when', 'otherwise'))}"


def _fields(entry: Mapping[str, Any], without: tuple[str, ...]) -> str:
    texts = [
        f"{name} {value_text(value)}"
        for name, value in entry.items()
        if name not in without and value is not None
    ]
    return ", ".join(texts) or NOTHING
