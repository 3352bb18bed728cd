"""Prior runs: results of earlier runs, also of other sweeps, as observations of a new one."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING

from sweep_service.errors import InvalidConfig, NotFound
from sweep_service.model.identifiers import (
    FIRST_PRIOR_INDEX,
    is_sweep_id,
    run_id,
    split_run_id,
)
from sweep_service.model.problems import Problem
from sweep_service.model.records import Observation
from sweep_service.operations.judging import worth_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sweep_service.model.records import Outcome, Run
    from sweep_service.model.sweep_config import Metric, SweepConfig
    from sweep_service.operations.services import Services

#: The model works with no more runs than that in any case.
MOST_PRIOR_RUNS = 1000
_RUNS_A_READ = 500
_MOST_WARNINGS = 20


def observe_prior_runs(
    services: Services, config: SweepConfig, runs: Sequence[str]
) -> tuple[list[Observation], list[Problem]]:
    """The runs as observations of a sweep with this config, and what could not be used.

    Raises:
        InvalidConfig: A run does not exist or has not ended; names every such run.

    A sweep's id stands for all of its runs that have ended.
    """
    if config.method != "bayes" or config.metric is None:
        message = f"they inform bayes; this sweep's method is {config.method}"
        return [], [Problem("prior_runs", message)] if runs else []
    errors: list[Problem] = []
    warnings: list[Problem] = []
    every = _each_once(_load_all(services, name, errors, warnings) for name in runs)
    found = list(islice(every, MOST_PRIOR_RUNS + 1))
    if errors:
        raise InvalidConfig(errors)
    observations: list[Observation] = []
    if len(found) > MOST_PRIOR_RUNS:
        most = f"{MOST_PRIOR_RUNS:,}"
        message = f"there are more than {most} runs; the first {most} are taken"
        warnings.append(Problem("prior_runs", message))
    for prior in found[:MOST_PRIOR_RUNS]:
        observation = _observe(services, config, config.metric, prior, len(observations))
        if isinstance(observation, Problem):
            warnings.append(observation)
        else:
            observations.append(observation)
    return observations, _summed_up(warnings, len(found))


def _summed_up(warnings: list[Problem], n_found: int) -> list[Problem]:
    """The first few warnings, and how many more there are."""
    if len(warnings) <= _MOST_WARNINGS:
        return warnings
    message = f"{len(warnings):,} of {n_found:,} prior runs are left out in all"
    return [*warnings[:_MOST_WARNINGS], Problem("prior_runs", message)]


def _each_once(groups: Iterable[Iterable[_Prior]]) -> Iterator[_Prior]:
    """The runs of all groups; one that is in several, such as a run beside its sweep, is one."""
    seen: set[str] = set()
    for prior in chain.from_iterable(groups):
        if prior.name not in seen:
            seen.add(prior.name)
            yield prior


def _load_all(
    services: Services, name: str, errors: list[Problem], warnings: list[Problem]
) -> Iterator[_Prior]:
    """The run that a name stands for, or the ended runs of the sweep that it stands for."""
    if not is_sweep_id(name):
        prior = _load(services, name, errors)
        if prior is not None:
            yield prior
        return
    try:
        services.store.get_counter(name)
    except NotFound as error:
        errors.append(Problem("prior_runs", str(error)))
        return
    since, has_ended = 0, False
    while runs := services.store.list_runs(name, since, _RUNS_A_READ):
        for run in runs:
            if run.outcome is not None and not run.is_deleted:
                has_ended = True
                yield _Prior(name, run_id(name, run.index), run, run.outcome)
        since = runs[-1].index + 1
    if not has_ended:
        warnings.append(Problem("prior_runs", f"no run of sweep {name} has ended"))


@dataclass(frozen=True, slots=True)
class _Prior:
    """A run that has ended, and where it comes from."""

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
