"""The services that every operation uses, built once by ``bootstrap`` and passed explicitly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from sweep_service.errors import StoreUnusable
from sweep_service.model.language.sweep_config import SweepConfig, from_document

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from sweep_service.model.records.records import ConfigVersion, Observation
    from sweep_service.operations.judging import Worth
    from sweep_service.search.offer import Offer
    from sweep_service.storage.store import Store

K = TypeVar("K")
V = TypeVar("V")
_MAX_CACHED = 256


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A config version as stored, and its parsed sweep config."""

    meta: ConfigVersion
    config: SweepConfig


@dataclass(frozen=True, slots=True)
class Services:
    """The store, the backend's clock, its randomness and its caches.

    Attributes:
        store: The store.
        clock: Returns seconds since the epoch; no other clock decides about leases.
        rng: Source of sweep ids, seeds and the order in which released and expired leases are
            tried. Configurations never use it: they depend on the sweep's seed and the index alone.
        wait_seconds: How long an agent waits before it asks again if there is nothing to hand out.
        configs: Cache of config versions, which are immutable, by (sweep, version).
        offers: Cache of the offers of config versions, also immutable, by (sweep, version).
        observations: Cache of observation logs by sweep; see ``evidence``.
        unobserved: Indices by sweep that are not in the log although the whole of it was read.
        judged: Cache of values recomputed by another metric: by (sweep, metric), then by
            (index, revision).
    """

    store: Store
    clock: Callable[[], float]
    rng: random.Random
    wait_seconds: float = 15.0
    configs: dict[tuple[str, int], LoadedConfig] = field(default_factory=dict)
    offers: dict[tuple[str, int], Offer] = field(default_factory=dict)
    observations: dict[str, dict[int, Observation]] = field(default_factory=dict)
    unobserved: dict[str, frozenset[int]] = field(default_factory=dict)
    judged: dict[tuple[str, str], dict[tuple[int, int], Worth]] = field(default_factory=dict)

    def load_config(
        self, sweep: str, version: int, parsed: SweepConfig | None = None
    ) -> LoadedConfig:
        """One config version of a sweep, from the cache where possible.

        Args:
            sweep: The sweep's id.
            version: Number of the config version.
            parsed: The config just stored as this version. It is reused if its document equals the
                stored one, so that its distributions are not built twice.

        Raises:
            NotFound: No such sweep or version.
        """
        loaded = self.configs.get((sweep, version))
        if loaded is None:
            meta = self.store.get_config_version(sweep, version)
            loaded = LoadedConfig(meta, _understood(meta, parsed).with_added(meta.added))
            remember(self.configs, (sweep, version), loaded)
        return loaded

    def forget(self, sweep: str) -> None:
        """Drop everything cached for a deleted sweep, whose id may be used again."""
        _drop(self.configs, sweep)
        _drop(self.offers, sweep)
        _drop(self.judged, sweep)
        self.observations.pop(sweep, None)
        self.unobserved.pop(sweep, None)


def _understood(meta: ConfigVersion, parsed: SweepConfig | None) -> SweepConfig:
    """The parsed config of a stored version.

    Raises:
        StoreUnusable: The stored document is not a valid sweep config.
    """
    if parsed is not None and json.dumps(parsed.document) == json.dumps(meta.document):
        return parsed
    try:
        return from_document(meta.document)
    except Exception as error:
        raise StoreUnusable(
            f"the stored config of sweep {meta.sweep} cannot be read: the database is damaged;"
            " restore a copy of it"
        ) from error


def _drop(cache: dict[tuple[str, K], V], sweep: str) -> None:
    for key in [key for key in list(cache) if key[0] == sweep]:
        cache.pop(key, None)


def remember(cache: dict[K, V], key: K, value: V) -> None:
    """Put an entry into a cache, which is emptied first if it is full."""
    if len(cache) >= _MAX_CACHED:
        cache.clear()
    cache[key] = value
