"""Sweeps: register, read, change, delete."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from sweep_service.errors import NotFound, NotPossible, Stale
from sweep_service.model.language.problems import Problem
from sweep_service.model.records.identifiers import SWEEP_ID_ALPHABET, SWEEP_ID_LENGTH
from sweep_service.model.records.records import ConfigVersion, Taken
from sweep_service.model.records.shown import NO_INFO
from sweep_service.model.records.states import SweepState
from sweep_service.operations.prior import read_prior_runs
from sweep_service.operations.reconcile import reconcile
from sweep_service.operations.saving import update
from sweep_service.operations.services import LoadedConfig
from sweep_service.operations.versions import offer_of
from sweep_service.protocol import sweeps as protocol
from sweep_service.search import registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.language.sweep_config import ParsedSweep, SweepConfig
    from sweep_service.model.records.records import SweepStatus
    from sweep_service.model.records.shown import SweepHead, SweepInfo
    from sweep_service.operations.services import Services

DEFAULT_PROJECT = "default"
_ID_TRIES = 5
_SEED_BITS = 48


@dataclass(frozen=True, slots=True)
class NewSweep:
    """A sweep to be registered.

    Attributes:
        prior_runs: Ids of ended runs, or of sweeps, whose results are known from the start.
        key: Idempotency key: a repeated request finds the sweep that the first one created.
    """

    parsed: ParsedSweep
    prior_runs: tuple[str, ...] = ()
    project: str | None = None
    name: str | None = None
    key: str | None = None
    author: str = ""


@dataclass(frozen=True, slots=True)
class SweepView:
    """A sweep with its newest config and status; ``sweep`` is None for a dry run.

    Attributes:
        is_changed: Whether the request changed the sweep.
    """

    sweep: str | None
    loaded: LoadedConfig
    counter: SweepStatus
    grid_points: int | None
    info: SweepInfo = NO_INFO
    warnings: Sequence[Problem] = field(default_factory=tuple)
    is_changed: bool = True

    @property
    def state(self) -> SweepState:
        """The state to show: a running sweep that has handed out nothing is pending."""
        return protocol.shown_state(self.counter)


def create_sweep(services: Services, new: NewSweep, *, is_dry_run: bool) -> SweepView:
    """Register a sweep and give it an id.

    Raises:
        InvalidConfig: The method is not available in this backend, or a prior run cannot be used.
        NotPossible: No free id was found, which is practically impossible.
    """
    config = new.parsed.config
    registry.check_available(config.method)
    grid_points = registry.n_points(config)
    prior = read_prior_runs(services, config, new.prior_runs)
    seed = config.seed if config.seed is not None else services.rng.getrandbits(_SEED_BITS)
    taken = registry.with_elsewhere(config, seed, Taken(), prior.done) if prior.done else None
    counter = _first_counter(config, seed, taken)
    warnings = (
        *new.parsed.warnings,
        *prior.warnings,
        *_about_taken(taken),
        *about_cap(config, counter),
    )
    key = new.key or f"{services.rng.getrandbits(128):032x}"
    for salt in range(_ID_TRIES):
        now = services.clock()
        meta = ConfigVersion(
            sweep=_sweep_id(key, salt),
            version=1,
            project=new.project or config.project or DEFAULT_PROJECT,
            name=new.name or config.name,
            document=config.document,
            created_at=now,
            create_key=key,
            taken=taken,
            command_at=now,
            command_by=new.author,
        )
        if is_dry_run:
            loaded = LoadedConfig(meta, config)
            return SweepView(None, loaded, counter, grid_points, warnings=warnings)
        try:
            services.store.create_sweep(meta, counter)
        except Stale:
            continue
        services.load_config(meta.sweep, meta.version, config)
        for observation in prior.observations:
            services.store.append(meta.sweep, observation.index, observation)
        return replace(get_sweep(services, meta.sweep), warnings=warnings)
    raise NotPossible("no free sweep id was found; repeat it with another Idempotency-Key")


def get_sweep(services: Services, sweep: str) -> SweepView:
    """Read a sweep.

    Raises:
        NotFound: No such sweep.
    """
    counter = services.store.get_status(sweep)
    loaded = services.load_config(sweep, counter.version)
    info = services.store.get_info(sweep) or NO_INFO
    return SweepView(sweep, loaded, counter, registry.n_points(loaded.config), info)


def first_configs(view: SweepView, count: int) -> list[Mapping[str, Any]]:
    """The configs of the first ``count`` runs, assuming that none has reported."""
    limit = view.counter.limit
    n_shown = count if limit is None else min(limit, count)
    config, seed = view.loaded.config, view.counter.seed
    offer = registry.offer_of(config, 0, view.loaded.meta.taken or Taken())
    return [registry.suggest(config, index, seed, offer=offer).config for index in range(n_shown)]


def list_sweeps(
    services: Services,
    project: str | None,
    state: SweepState | None,
    after: tuple[float, str] | None,
    count: int,
) -> tuple[list[SweepView], tuple[float, str] | None]:
    """One page of sweeps, newest first, and the position of the next page (None: no more)."""
    heads = services.store.list_sweeps(project, after, count)
    views = [view for head in heads if (view := _view_of(services, head)) is not None]
    last = (heads[-1].created_at, heads[-1].sweep) if len(heads) == count else None
    return [view for view in views if state is None or view.state is state], last


def delete_sweep(services: Services, sweep: str, author: str = "") -> None:
    """Delete a sweep and everything that belongs to it; a repeat continues an interrupted deletion.

    From then on, requests for the sweep are answered with when and by whom it was deleted.

    Raises:
        NotFound: No such sweep, nor remains of one.
        Busy: There is more to delete than one request can; repeating the request continues.
    """
    when = datetime.fromtimestamp(services.clock(), timezone.utc)
    by = f" by {author}" if author else ""
    is_there = services.store.delete_sweep(sweep, f"{by} on {when:%Y-%m-%d at %H:%M} UTC")
    services.forget(sweep)
    if not is_there:
        raise NotFound(f"no sweep '{sweep}'")


def set_state(services: Services, sweep: str, target: SweepState) -> SweepView:
    """Pause, resume, stop or cancel a sweep; nothing is written if it already has this state.

    Raises:
        NotFound: No such sweep.
        NotPossible: The present state does not allow it; the message says what is possible.
        Busy: Concurrent requests kept changing the sweep.
    """
    seen = services.store.get_status(sweep)
    changed = update(
        services.store, sweep, seen, lambda status: protocol.set_state(sweep, status, target)
    )
    is_changed = changed.state is not seen.state
    if is_changed and target is SweepState.RUNNING:  # every run may have ended already
        reconcile(services, sweep)
    return replace(get_sweep(services, sweep), is_changed=is_changed)


def set_run_cap(services: Services, sweep: str, run_cap: int | None) -> SweepView:
    """Change the run cap of a sweep. A sweep that had finished at its old cap runs again.

    Raises:
        NotFound: No such sweep.
        NotPossible: More runs than that have been handed out already.
        Busy: Concurrent requests kept changing the sweep.
    """

    def under_cap(status: SweepStatus) -> SweepStatus:
        config = services.load_config(sweep, status.version).config
        offer = offer_of(services, sweep, status.bases, status.seed, status.version)
        limit = smaller(registry.last_index(config, offer), run_cap)
        return protocol.set_limit(status, run_cap, limit)

    seen = services.store.get_status(sweep)
    changed = update(services.store, sweep, seen, under_cap)
    is_changed = (changed.run_cap, changed.limit) != (seen.run_cap, seen.limit)
    if is_changed:
        reconcile(services, sweep)
    return replace(get_sweep(services, sweep), is_changed=is_changed)


def smaller(points: int | None, run_cap: int | None) -> int | None:
    """The number of indices that a sweep may give out; None means unlimited."""
    return min((bound for bound in (points, run_cap) if bound is not None), default=None)


def about_cap(config: SweepConfig, counter: SweepStatus) -> list[Problem]:
    """A warning if the sweep has fewer points than its run cap."""
    cap, points = counter.run_cap, counter.limit
    if cap is None or points is None or points >= cap:
        return []
    again = "" if config.method == "grid" else "; replacement: true lets points come again"
    message = f"found {cap:,}; {points:,} points are to be run, each once: then the sweep ends"
    return [Problem("run_cap", message + again)]


def _about_taken(taken: Taken | None) -> list[Problem]:
    """A warning that says how many points of a finite space prior runs have taken."""
    if taken is None or not taken.points:
        return []
    n_done = len(taken.points)
    done = "1 point has been run: it counts" if n_done == 1 else f"{n_done:,} points have been run:"
    done += "" if n_done == 1 else " they count"
    return [Problem("prior_runs", f"{done} as done and will not be handed out")]


def _first_counter(config: SweepConfig, seed: int, taken: Taken | None) -> SweepStatus:
    offer = registry.offer_of(config, 0, taken or Taken())
    return protocol.new_sweep(
        seed, config.run_cap, smaller(registry.last_index(config, offer), config.run_cap)
    )


def _sweep_id(key: str, salt: int) -> str:
    """A sweep id derived from the idempotency key, so that a repeated request finds its sweep."""
    number = int.from_bytes(hashlib.sha256(f"{salt}:{key}".encode()).digest()[:16], "big")
    letters = []
    for _ in range(SWEEP_ID_LENGTH):
        number, digit = divmod(number, len(SWEEP_ID_ALPHABET))
        letters.append(SWEEP_ID_ALPHABET[digit])
    return "".join(letters)


def _view_of(services: Services, head: SweepHead) -> SweepView | None:
    """The view of a listed sweep; None if it has been deleted since."""
    try:
        return get_sweep(services, head.sweep)
    except NotFound:
        return None
