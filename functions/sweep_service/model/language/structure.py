"""Checks what connects parameters: ``when``, ``otherwise``, ``zip`` and ``constraints``.

All of them are sweep-sdk keys.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.parameters import suggestion
from sweep_service.model.language.report import Place, Report, describe, excerpt
from sweep_service.model.language.spaces import build_space, test_of
from sweep_service.model.space.distributions import Categorical, Continuous, Distribution, Finite
from sweep_service.model.space.expressions import Expression, NotAnExpression
from sweep_service.model.space.search_space import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.language.parameters import ParsedParameters
    from sweep_service.model.language.spaces import Entry

#: Maximum number of constraints of a sweep.
_MOST_CONSTRAINTS = 50
#: Draws that estimate the share of valid configs, and the smallest share that is accepted.
_N_DRAWS, _SMALLEST_SHARE = 10_000, 1e-3
#: Values of a finite parameter that are tried to find one that a condition accepts.
_MOST_TRIED = 10_000


def read_space(
    parameters: ParsedParameters,
    zips: object,
    constraints: object,
    method: str | None,
    report: Report,
) -> tuple[SearchSpace, dict[str, Any]]:
    """The search space, and the normalised keys ``zip`` and ``constraints`` of the document.

    Args:
        parameters: The checked parameters; their conditions are checked here.
        zips: What the file has under ``zip``; None if it has nothing.
        constraints: The same for ``constraints``.
        method: The search method, if it is valid.
        report: Receives the problems.
    """
    entries = {entry.name: entry for entry in parameters.entries}
    known = {".".join(path) for path in parameters.paths}
    for place, name, when in parameters.conditions:
        _check_conditions(place, name, when, entries, known, report)
    document: dict[str, Any] = {}
    if zips is not None:
        document["zip"] = _read_zips(zips, entries, known, report)
    if constraints is not None:
        document["constraints"] = _read_constraints(constraints, known, report)
    if report.has_errors:
        return SearchSpace(()), document
    space = build_space(
        parameters.entries, document.get("zip", ()), document.get("constraints", ())
    )
    if not space.is_plain:
        _check_space(space, method, report)
    return space, document


def _check_conditions(
    place: Place,
    name: str,
    when: Mapping[str, Any],
    entries: Mapping[str, Entry],
    known: set[str],
    report: Report,
) -> None:
    for controller, accepted in when.items():
        here = (*place, controller)
        if controller == name or controller not in known:
            found = f"'{excerpt(controller)}' is not another parameter of this sweep"
            report.error(here, f"{found}{suggestion(controller, known - {name})}")
        elif controller in entries:  # otherwise it has an error of its own
            _check_condition(here, controller, accepted, entries[controller].distribution, report)


def _check_condition(
    place: Place, controller: str, accepted: Any, distribution: Distribution, report: Report
) -> None:
    if isinstance(accepted, dict):
        if not _has_value_between(distribution, accepted):
            report.error(place, f"{controller} has no value in this range")
        return
    for value in accepted:
        if not distribution.contains(value):
            options = distribution.values if isinstance(distribution, Categorical) else ()
            texts = [option for option in options if isinstance(option, str)]
            hint = suggestion(value, texts) if isinstance(value, str) else ""
            report.error(place, f"{describe(value)} is not a value of {controller}{hint}")


def _has_value_between(distribution: Distribution, bounds: Mapping[str, Any]) -> bool:
    test = test_of(bounds)
    if isinstance(distribution, Continuous):
        low, high = bounds.get("min", distribution.low), bounds.get("max", distribution.high)
        return bool(low <= distribution.high and high >= distribution.low)
    if isinstance(distribution, Finite) and distribution.n_values <= _MOST_TRIED:
        return any(test.accepts(distribution.value_at(i)) for i in range(distribution.n_values))
    units = (i / _MOST_TRIED for i in range(_MOST_TRIED + 1))
    return any(test.accepts(distribution.from_unit(unit)) for unit in units)


def _read_zips(
    section: object, entries: Mapping[str, Entry], known: set[str], report: Report
) -> list[list[str]]:
    place: Place = ("zip",)
    needs = "needs lists of names of parameters, such as [[model, batch_size]]"
    if isinstance(section, list) and section and all(isinstance(item, str) for item in section):
        section = [section]
    if not isinstance(section, list) or not section:
        report.error(place, f"found {describe(section)}; {needs}")
        return []
    zips: list[list[str]] = []
    for number, names in enumerate(section):
        here = (*place, number)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            report.error(here, f"found {describe(names)}; {needs}")
        elif len(set(names)) < 2:
            report.error(here, f"found {describe(names)}; needs at least two parameters")
        elif all(_can_be_zipped(name, here, entries, known, report) for name in names):
            _check_together([entries[name] for name in names], here, report)
            zips.append(list(names))
    counts = Counter(name for names in zips for name in names)
    for name, count in counts.items():
        if count > 1:
            report.error(place, f"'{name}' is listed {count} times; a parameter is zipped once")
    return zips


def _can_be_zipped(
    name: str, place: Place, entries: Mapping[str, Entry], known: set[str], report: Report
) -> bool:
    if name not in known:
        what = f"'{excerpt(name)}' is not a parameter of this sweep{suggestion(name, known)}"
        report.error(place, what)
        return False
    entry = entries.get(name)
    if entry is None:  # it has an error of its own
        return False
    distribution = entry.distribution
    if (
        entry.values is None
        or not isinstance(distribution, Categorical)
        or distribution.is_weighted
    ):
        report.error(place, f"'{name}' has no plain list of values; zipped parameters need one")
        return False
    if entry.has_otherwise:
        report.error(place, f"'{name}' has 'otherwise', which zipped parameters cannot have")
        return False
    return True


def _check_together(entries: Sequence[Entry], place: Place, report: Report) -> None:
    lengths = {entry.name: len(entry.values or ()) for entry in entries}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        report.error(place, f"zipped lists need the same length; {found}")
    if any(entry.when != entries[0].when for entry in entries):
        report.error(place, "zipped parameters need the same 'when'")


def _read_constraints(section: object, known: set[str], report: Report) -> list[str]:
    place: Place = ("constraints",)
    items = [section] if isinstance(section, str) else section
    if not isinstance(items, list) or not items:
        needs = 'needs a list of expressions, such as ["batch_size * seq_len <= 65536"]'
        report.error(place, f"found {describe(section)}; {needs}")
        return []
    if len(items) > _MOST_CONSTRAINTS:
        report.error(place, f"found {len(items):,}; needs at most {_MOST_CONSTRAINTS}")
        return []
    texts = []
    for number, text in enumerate(items):
        here = (*place, number)
        if not isinstance(text, str):
            needs = 'needs an expression in quotes, such as "min_lr < max_lr"'
            report.error(here, f"found {describe(text)}; {needs}")
            continue
        try:
            expression = Expression.parse(text)
        except NotAnExpression as error:
            report.error(here, f"'{excerpt(text)}': {error}")
            continue
        texts.append(text)
        for name in expression.names:
            if name not in known:
                what = f"'{excerpt(name)}' is not a parameter of this sweep"
                report.error(here, f"{what}{suggestion(name, known)}")
    return texts


def _check_space(space: SearchSpace, method: str | None, report: Report) -> None:
    """Refuse a space without configs, and one that cannot be searched."""
    try:
        _ = space.order
    except ValueError as error:
        report.error(("parameters",), str(error))
        return
    try:
        points = space.grid if method == "grid" else space.points
    except ValueError as error:
        report.error(("parameters",), f"{error}: use fewer values, or method random")
        return
    if points is None:
        _check_share(space, report)
    elif not points.n_points:
        _report_empty(space, report)


def _check_share(space: SearchSpace, report: Report) -> None:
    """Refuse constraints that hardly any draw meets."""
    draws = _draws(space)
    n_valid = sum(space.violated(config) is None for config in draws)
    if n_valid < _SMALLEST_SHARE * len(draws):
        _report_empty(space, report, "hardly any")


def _report_empty(space: SearchSpace, report: Report, how_many: str = "no") -> None:
    draws = _draws(space)
    for number, constraint in enumerate(space.constraints):
        alone = SearchSpace(space.parameters, (constraint,))
        values = map(alone.constrained, draws)
        if all(alone.violated(config) is not None for config in draws):
            why = next(filter(None, map(constraint.trouble, values)), "")
            report.error(
                ("constraints", number),
                f"{how_many} configuration of {len(draws):,} tried meets it{why and f': {why}'};"
                " change it, or the ranges of its parameters",
            )
            return
    report.error(
        ("constraints",),
        f"{how_many} configuration meets all of them; change them, or the ranges of the parameters",
    )


def _draws(space: SearchSpace) -> list[dict[str, Any]]:
    uniform = random.Random(0).random  # noqa: S311  the same for the same file
    n_draws = _N_DRAWS if space.constraints else 1
    return [space.sample([uniform() for _ in space.searched]) for _ in range(n_draws)]
