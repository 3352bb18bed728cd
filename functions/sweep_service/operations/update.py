"""Update: add a config version to a sweep, which may already have handed out runs."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sweep_service.errors import Busy, InvalidConfig, NotPossible, Stale
from sweep_service.model.language.command import command_sha256
from sweep_service.model.language.problems import Problem
from sweep_service.model.language.sweep_config import with_wandb
from sweep_service.model.records.records import Base
from sweep_service.operations.choosing import choose_all
from sweep_service.operations.judging import has_prior_runs, is_same
from sweep_service.operations.reconcile import reconcile
from sweep_service.operations.sweeps import SweepView, about_cap, get_sweep, smaller
from sweep_service.operations.versions import queued_points, work_out_taken
from sweep_service.protocol import sweeps as protocol
from sweep_service.search import registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.language.sweep_config import ParsedSweep, SweepConfig
    from sweep_service.model.records.records import Taken
    from sweep_service.operations.services import Services
    from sweep_service.storage.store import Store

_TRIES = 8


def update_config(
    services: Services, sweep: str, parsed: ParsedSweep, author: str = ""
) -> SweepView:
    """Make ``parsed`` the config of all runs that have not been handed out yet.

    Runs in progress and configurations handed out before stay as they are. A finite space continues
    with the points that no earlier version handed out. A new metric applies to all runs, see
    ``judging``. An equal config changes nothing.

    Raises:
        NotFound: No such sweep.
        InvalidConfig: It changes keys that cannot change; the error names each of them.
        NotPossible: The sweep is canceled, or more runs than the new cap have been handed out.
        Busy: Runs are handed out faster than the update can be computed.
    """
    for _ in range(_TRIES):
        view = get_sweep(services, sweep)
        if parsed.config.wandb is None:  # it was decided when the sweep was registered
            parsed = with_wandb(parsed, view.loaded.config.wandb)
        _check_change(view, parsed.config)
        counter = view.counter
        if _is_config_of(view, parsed.config):
            return replace(view, warnings=parsed.warnings, is_changed=False)
        choose_all(services, sweep, counter)
        bases = (*counter.bases, Base(counter.version + 1, counter.next_index))
        queued = queued_points(services, sweep, counter)
        config, lost = _with_queued(parsed.config, queued)
        taken = work_out_taken(services, sweep, config, bases, counter.seed)
        try:
            version = add_version(
                services.store,
                _signed(view, config, author, services.clock()),
                config,
                config.run_cap,
                taken,
            )
        except Stale:
            continue
        services.load_config(sweep, version, parsed.config)
        reconcile(services, sweep)
        warnings = (*parsed.warnings, *_about_metric(services, sweep, view, parsed.config), *lost)
        view = get_sweep(services, sweep)
        warnings = (*warnings, *about_cap(parsed.config, view.counter))
        return replace(view, warnings=warnings)
    raise Busy(
        f"runs of sweep {sweep} are handed out faster than its config can change: "
        "pause it, update it, resume it"
    )


def _with_queued(
    config: SweepConfig, queued: Sequence[Mapping[str, Any]]
) -> tuple[SweepConfig, list[Problem]]:
    """The config with the points that wait, and a warning if it cannot have some of them."""
    fitting = []
    for point in queued:
        full = config.space.completed(point)
        with suppress(ValueError):
            config.space.check_contains(full, is_grid=config.method == "grid")
            fitting.append(full)
    n_lost = len(queued) - len(fitting)
    noun = "point" if n_lost == 1 else "points"
    message = f"the space no longer contains {n_lost} added {noun}, which will not be handed out"
    lost = [Problem("parameters", message)] if n_lost else []
    return config.with_added(fitting), lost


def _signed(view: SweepView, new: SweepConfig, author: str, now: float) -> SweepView:
    """The sweep with the author and time of the command's change, if the new config changes it."""
    if command_sha256(view.loaded.config.document) == command_sha256(new.document):
        return view
    meta = replace(view.loaded.meta, command_at=now, command_by=author)
    return replace(view, loaded=replace(view.loaded, meta=meta))


def add_version(
    store: Store, view: SweepView, config: SweepConfig, run_cap: int | None, taken: Taken
) -> int:
    """Make ``config`` the newest version of a sweep, which applies from the next index on.

    The version is stored under the first free number. Versions that never became part of the sweep,
    because their request died or lost the race, are skipped.

    Returns:
        The number of the version.

    Raises:
        NotPossible: More runs than the run cap have been handed out.
        Stale: The sweep has changed since it was read.
    """
    seen = view.counter
    offer = registry.offer_of(config, seen.next_index, taken)
    limit = smaller(registry.last_index(config, offer), run_cap)
    meta = replace(
        view.loaded.meta,
        version=seen.version + 1,
        name=config.name or view.loaded.meta.name,
        document=config.document,
        taken=taken,
        added=config.start[: config.n_added],
    )
    protocol.set_limit(seen, run_cap, limit)  # raises before anything is stored
    while not store.add_config_version(meta):
        meta = replace(meta, version=meta.version + 1)
    store.save(meta.sweep, seen, protocol.add_version(seen, meta.version, run_cap, limit))
    return meta.version


def _is_config_of(view: SweepView, new: SweepConfig) -> bool:
    """Whether nothing would change. Compared as JSON text, where 1 differs from True."""
    documents = (view.loaded.config.document, new.document)
    stored, wanted = (json.dumps(document, default=dict) for document in documents)
    return view.counter.run_cap == new.run_cap and stored == wanted


def _about_metric(
    services: Services, sweep: str, view: SweepView, new: SweepConfig
) -> list[Problem]:
    """A warning about the values of earlier runs if the update changes the metric."""
    old = view.loaded.config.metric
    if is_same(old, new.metric) or new.metric is None or not view.counter.next_index:
        return []
    was = "there was none" if old is None else f"it was {old.name}, {old.goal}d"
    words = f"{was}; runs that have ended are judged by {new.metric.name} from what they logged"
    words += ", those that are under way when they end"
    if new.early_terminate is not None:
        words += "; early termination compares only runs that are handed out from now on"
    if registry.needs_evidence(new.method) and has_prior_runs(services, sweep):
        words += "; prior runs, of which only the old value is kept, count no more"
    return [Problem("metric", words)]


def _check_change(view: SweepView, new: SweepConfig) -> None:
    if view.state.value == "canceled":
        raise NotPossible(f"cannot update sweep {view.sweep}: it is canceled")
    registry.check_available(new.method)
    old = view.loaded.config
    fixed: dict[str, tuple[object, object]] = {
        "method": (old.method, new.method),
    }
    if new.seed is not None:
        fixed["seed"] = (view.counter.seed, new.seed)
    problems = [
        Problem(path, f"found {after!r}; it was {before!r} and cannot change: register a new sweep")
        for path, (before, after) in fixed.items()
        if before != after
    ]
    if problems:
        raise InvalidConfig(problems)
