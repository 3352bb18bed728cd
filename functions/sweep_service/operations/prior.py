"""Prior runs: results of earlier runs, of any sweep, as observations of a new sweep."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from sweep_service.errors import InvalidConfig, NotFound
from sweep_service.model.language.problems import Problem
from sweep_service.model.records.identifiers import (
    FIRST_PRIOR_INDEX,
    is_sweep_id,
    run_id,
    split_run_id,
)
from sweep_service.model.records.records import Observation
from sweep_service.model.records.states import RunState
from sweep_service.operations.judging import worth_of
from sweep_service.operations.paging import every_run
from sweep_service.search import registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sweep_service.model.language.sweep_config import Metric, SweepConfig
    from sweep_service.model.records.records import Outcome, Run
    from sweep_service.operations.services import Services

#: Maximum number of prior runs for a model-based method, which would not use more.
MOST_PRIOR_RUNS = 1000
#: Maximum number of prior runs that only mark points as done.
MOST_DONE = 10_000
_MOST_WARNINGS = 20


@dataclass(frozen=True, slots=True)
class Known:
    """Results known before a sweep starts.

    Attributes:
        observations: Observations for a model-based method.
        done: Configs that count as done in a finite space.
        warnings: Prior runs that could not be used, with reasons.
    """

    observations: Sequence[Observation] = ()
    done: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[Problem] = ()


def read_prior_runs(services: Services, config: SweepConfig, runs: Sequence[str]) -> Known:
    """Read the results of prior runs that a sweep with this config can use.

    A sweep's id represents all of its runs that have ended. For bayes, each run with a value of the
    metric becomes an observation; in a finite space, each run that finished marks its point as
    done.

    Raises:
        InvalidConfig: Runs do not exist or have not ended; the error names each of them.
    """
    if not runs:
        return Known()
    is_observed = registry.needs_evidence(config.method) and config.metric is not None
    is_finite = registry.n_points(config) is not None
    if not is_observed and not is_finite:
        message = (
            "they inform bayes and count as done in a finite space; this is a random search"
            " without an end of points"
        )
        return Known(warnings=[Problem("prior_runs", message)])
    errors: list[Problem] = []
    warnings: list[Problem] = []
    every = _each_once(_load_all(services, name, errors, warnings) for name in runs)
    most = MOST_PRIOR_RUNS if is_observed else MOST_DONE
    found = list(islice(every, most + 1))
    if errors:
        raise InvalidConfig(errors)
    if len(found) > most:
        message = f"there are more than {most:,} runs; the first {most:,} are taken"
        warnings.append(Problem("prior_runs", message))
    observations: list[Observation] = []
    done: list[Mapping[str, Any]] = []
    for prior in found[:most]:
        problem = _out_of_space(config, prior)
        if problem is None and is_finite and prior.outcome.state is RunState.FINISHED:
            done.append(prior.run.config)
        if is_observed and config.metric is not None:
            seen = _observe(services, config, config.metric, prior, len(observations))
            problem = seen if isinstance(seen, Problem) else None
            observations += [seen] if isinstance(seen, Observation) else []
        warnings += [problem] if problem is not None else []
    return Known(observations, done, _summed_up(warnings, len(found)))


def _out_of_space(config: SweepConfig, prior: _Prior) -> Problem | None:
    """A warning if the configuration of a prior run is outside the space."""
    try:
        config.space.check_contains(prior.run.config, is_grid=config.method == "grid")
    except ValueError as error:
        return Problem("prior_runs", f"run {prior.name} is left out: {error}")
    return None


def _summed_up(warnings: list[Problem], n_found: int) -> list[Problem]:
    """The first few warnings, and the total number if there are more."""
    if len(warnings) <= _MOST_WARNINGS:
        return warnings
    message = f"{len(warnings):,} of {n_found:,} prior runs are left out in all"
    return [*warnings[:_MOST_WARNINGS], Problem("prior_runs", message)]


def _each_once(groups: Iterable[Iterable[_Prior]]) -> Iterator[_Prior]:
    """The runs of all groups without duplicates, such as a run that is also named by its sweep."""
    seen: set[str] = set()
    for prior in chain.from_iterable(groups):
        if prior.name not in seen:
            seen.add(prior.name)
            yield prior


def _load_all(
    services: Services, name: str, errors: list[Problem], warnings: list[Problem]
) -> Iterator[_Prior]:
    """The run with this id, or the ended runs of the sweep with this id."""
    if not is_sweep_id(name):
        prior = _load(services, name, errors)
        if prior is not None:
            yield prior
        return
    try:
        services.store.get_status(name)
    except NotFound as error:
        errors.append(Problem("prior_runs", str(error)))
        return
    has_ended = False
    for run in every_run(services.store, name):
        if run.outcome is not None and not run.is_deleted:
            has_ended = True
            yield _Prior(name, run_id(name, run.index), run, run.outcome)
    if not has_ended:
        warnings.append(Problem("prior_runs", f"no run of sweep {name} has ended"))


@dataclass(frozen=True, slots=True)
class _Prior:
    """A run that has ended, with the id of its sweep."""

    sweep: str
    name: str
    run: Run
    outcome: Outcome


def _load(services: Services, name: str, errors: list[Problem]) -> _Prior | None:
    try:
        sweep, index = split_run_id(name)
    except NotFound as error:
        errors.append(Problem("prior_runs", str(error)))
        return None
    run = services.store.get_run(sweep, index)
    if run is None:
        errors.append(Problem("prior_runs", f"no run '{name}'"))
    elif run.outcome is None:
        errors.append(Problem("prior_runs", f"run {name} has not ended"))
    elif run.is_deleted:
        errors.append(Problem("prior_runs", f"run {name} was deleted"))
    else:
        return _Prior(sweep, name, run, run.outcome)
    return None


def _observe(
    services: Services, config: SweepConfig, metric: Metric, prior: _Prior, number: int
) -> Observation | Problem:
    try:
        unit = config.space.to_unit(prior.run.config)
    except ValueError as error:
        return Problem("prior_runs", f"run {prior.name} is left out: {error}")
    worth = worth_of(services, prior.sweep, prior.run, metric)
    if worth.best is None:
        message = f"run {prior.name} is left out: it has no value of {metric.name}"
        return Problem("prior_runs", message)
    return Observation(
        index=FIRST_PRIOR_INDEX + number,
        config_version=1,
        unit=unit,
        value=worth.best,
        state=prior.outcome.state,
        is_stopped_early=prior.outcome.is_stopped_early,
        written_at=services.clock(),
        last=worth.last if prior.outcome.state.is_imputed else None,
    )
