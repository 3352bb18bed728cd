"""Writes a sweep as a study into a database of Optuna. Only this module loads Optuna.

Optuna itself writes the database, except for the intermediate values: they can be hundreds of
thousands and are inserted directly.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import tempfile
import warnings
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import UsageError
from sweep_sdk._results.curves import find_curves
from sweep_sdk._results.records import flattened
from sweep_sdk._results.spaces import space_of
from sweep_service.model.records.numbers import with_texts
from sweep_service.model.space.distributions import Categorical, LogNormal, LogUniform
from sweep_service.model.space.distributions.base import is_number
from sweep_service.model.space.paths import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sweep_sdk._backend.client import Client
    from sweep_service.model.space.search_space import Parameter

    Run = Mapping[str, Any]

_STATES = {"running": "RUNNING", "preempting": "RUNNING", "pending": "WAITING"}
_STATES |= {"preempted": "WAITING", "finished": "COMPLETE"}
#: Share of an unbounded distribution that is cut off on each side.
_TAIL = 1e-3
_INSERT = (
    "INSERT INTO trial_intermediate_values"
    " (trial_id, step, intermediate_value, intermediate_value_type) VALUES (?, ?, ?, ?)"
)


def write_study(client: Client, sweep: str, file: Path, points: int) -> tuple[str, Counter[str]]:
    """Write a sweep as a study with its id as the name.

    Args:
        client: Client used for the requests.
        sweep: A reference to the sweep.
        file: Path of the SQLite database, which must not exist.
        points: Approximate number of intermediate values per run.

    Returns:
        The name of the study, and the number of trials by state.

    Raises:
        UsageError: Optuna is not installed, the file exists, or the sweep has no metric.
    """
    optuna = _load_optuna()
    if file.exists():
        raise UsageError(f"{file} exists: choose another name, or delete it first")
    found = client.get_sweep(sweep)
    if found["metric"] is None:
        raise UsageError(f"sweep {found['id']} has no metric, which a study of Optuna needs")
    runs = list(client.list_runs(sweep))
    with tempfile.TemporaryDirectory(prefix=".sweep-sdk-export-", dir=file.parent) as folder:
        written = Path(folder) / "study.db"
        trials = _write(optuna, written, found, runs)
        with closing(sqlite3.connect(written)) as database, database:
            database.executemany(_INSERT, _intermediate_values(client, found, runs, trials, points))
        os.replace(written, file)
    return found["id"], Counter(trial.state.name for trial in trials)


def _load_optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UsageError("--optuna needs Optuna: pip install optuna") from None
    return optuna


def _write(optuna: Any, file: Path, sweep: Mapping[str, Any], runs: Sequence[Run]) -> list[Any]:
    """Write the study with its trials, and return them in the order of the runs."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna warns about experimental features
            study = optuna.create_study(
                storage=storage, study_name=sweep["id"], direction=sweep["metric"]["goal"]
            )
            study.set_metric_names([sweep["metric"]["name"]])
            for name in ("name", "project", "method", "config"):
                study.set_user_attr(name, sweep[name])
            leaves = space_of(sweep).searched_leaves
            searched = [_searched(optuna.distributions, leaf, runs) for leaf in leaves]
            study.add_trials(_trial(optuna.trial, run, searched) for run in runs)
            return list(study.get_trials(deepcopy=False))
    finally:
        storage.engine.dispose()
        optuna.logging.set_verbosity(verbosity)


@dataclass(frozen=True)
class _Searched:
    """A searched parameter with its distribution in Optuna.

    Attributes:
        distribution: Optuna's distribution, which contains the values of all runs.
        is_choice: Whether values are choices, in which lists and maps are JSON texts.
    """

    parameter: Parameter
    distribution: Any
    is_choice: bool

    def value(self, run: Run) -> Any:
        """The value in a run; ``MISSING`` if its config has none, or one of another type."""
        value = self.parameter.read(run["config"])
        if value is MISSING or (not self.is_choice and not is_number(value)):
            return MISSING
        return _choice(value) if self.is_choice else value


def _choice(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _searched(distributions: Any, parameter: Parameter, runs: Sequence[Run]) -> _Searched:
    """A parameter with the narrowest distribution that contains the values of all runs.

    Args:
        distributions: Optuna's module of distributions.
        parameter: The parameter in the sweep's present config; older runs may have other values.
        runs: All runs.
    """
    own: Any = parameter.distribution
    found = [parameter.read(run["config"]) for run in runs]
    if isinstance(own, Categorical):
        values = [*own.values, *(value for value in found if value is not MISSING)]
        choices = {json.dumps(value): _choice(value) for value in values}
        made = distributions.CategoricalDistribution(list(choices.values()))
        return _Searched(parameter, made, is_choice=True)
    bounds = _bounds(own)
    numbers = [*bounds, *filter(is_number, found)]
    low, high = min(numbers), max(numbers)
    is_log = isinstance(getattr(own, "underlying", own), (LogUniform, LogNormal)) and low > 0
    step = None if is_log or (low, high) != bounds else getattr(own, "q", None)
    if all(isinstance(number, int) for number in numbers):
        made = distributions.IntDistribution(low, high, log=is_log, step=step or 1)
    else:
        made = distributions.FloatDistribution(low, high, log=is_log, step=step)
    return _Searched(parameter, made, is_choice=False)


def _bounds(distribution: Any) -> tuple[float, float]:
    """The smallest and largest value, cut off for an unbounded distribution."""
    if distribution.n_values is not None:
        return distribution.value_at(0), distribution.value_at(distribution.n_values - 1)
    if getattr(distribution, "is_bounded", False):
        return distribution.low, distribution.high
    return distribution.from_unit(_TAIL), distribution.from_unit(1 - _TAIL)


def _trial(module: Any, run: Run, searched: Sequence[_Searched]) -> Any:
    """A run as a trial. One that finished without a finite value has failed, as in Optuna."""
    state = _state(run)
    known = [(each, value) for each in searched if (value := each.value(run)) is not MISSING]
    began = _local_time(run["started_at"] or run["created_at"])
    ended = _local_time(run["ended_at"] or run["started_at"] or run["created_at"])
    return module.FrozenTrial(
        number=-1,  # assigned by Optuna
        trial_id=-1,
        state=module.TrialState[state],
        value=run["best"] if state in ("COMPLETE", "PRUNED") else None,
        datetime_start=None if state == "WAITING" else began,
        datetime_complete=None if state in ("WAITING", "RUNNING") else ended,
        params={each.parameter.name: value for each, value in known},
        distributions={each.parameter.name: each.distribution for each, _ in known},
        user_attrs=_attributes(run),
        system_attrs={},
        intermediate_values={},
    )


def _state(run: Run) -> str:
    if run["stopped_early"]:
        return "PRUNED"
    if run["state"] == "finished" and run["best"] is None:
        return "FAIL"
    return _STATES.get(run["state"], "FAIL")


def _local_time(seconds: float) -> datetime:
    """A time in Optuna's format: local, without a time zone."""
    return datetime.fromtimestamp(seconds)  # noqa: DTZ006


def _attributes(run: Run) -> dict[str, Any]:
    """User attributes with the fields of a run for which Optuna has no place."""
    fields = ("state", "attempt", "agent", "host", "exit_code", "signal")
    found = {"run": run["id"], **{name: run[name] for name in fields}}
    for group in ("summary", "attributes"):
        values = flattened(run.get(group) or {})
        found |= {f"{group}.{name}": value for name, value in values.items()}
    return dict(with_texts({name: value for name, value in found.items() if value is not None}))


def _intermediate_values(
    client: Client,
    sweep: Mapping[str, Any],
    runs: Sequence[Run],
    trials: Sequence[Any],
    points: int,
) -> Iterator[tuple[int, int, float | None, str]]:
    """The rows of Optuna's table of intermediate values."""
    ids = {run["id"]: trial._trial_id for run, trial in zip(runs, trials, strict=True)}
    for curve in find_curves(client, sweep["id"], [run["index"] for run in runs], points=points):
        for step, value in dict(zip(curve.step, curve.value, strict=True)).items():
            stored, kind = _stored(value)
            yield ids[curve.run_id], step, stored, kind


def _stored(value: float) -> tuple[float | None, str]:
    if math.isnan(value):
        return None, "NAN"
    if math.isinf(value):
        return None, "INF_POS" if value > 0 else "INF_NEG"
    return value, "FINITE"
