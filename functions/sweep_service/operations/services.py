"""What every operation works with, made once by ``bootstrap`` and passed in explicitly."""

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
    """A config version as stored, and what it means."""

    meta: ConfigVersion
    config: SweepConfig


@dataclass(frozen=True, slots=True)
class Services:
    """The store, the backend's clock, its randomness and its caches.

    Attributes:
        clock: Seconds since the epoch; the only clock that leases are judged by.
        rng: For sweep ids, seeds and the order in which owed runs are tried; never for a
            configuration, which depends on the sweep's seed and the index alone.
        wait_seconds: How long an agent is asked to wait when there is nothing to hand out.
        configs: Immutable config versions by (sweep, version), kept by warm functions.
        offers: What config versions have to offer by (sweep, version), likewise immutable.
        observations: Observation logs by sweep, kept by warm functions; see ``evidence``.
        unobserved: Indices by sweep that were looked for in the whole log and are not there.
        judged: What runs are worth by a metric that they were not judged by: by sweep and metric,
            and by index and revision; likewise.
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
            sweep: Id of the sweep.
            version: Number of the config version.
            parsed: The config that has just been stored as this version. It is used as it is if
                its document is the stored one, so that its distributions are not built again.

        Raises:
            NotFound: No such sweep or version.
        """
        loaded = self.configs.get((sweep, version))
        if loaded is None:
            meta = self.store.get_config_version(sweep, version)
            loaded = LoadedConfig(meta, _understood(meta, parsed))
            remember(self.configs, (sweep, version), loaded)
        return loaded

    def forget(self, sweep: str) -> None:
        """Drop what is cached of a sweep that has been removed: its id may come again."""
        _drop(self.configs, sweep)
        _drop(self.offers, sweep)
        _drop(self.judged, sweep)
        self.observations.pop(sweep, None)
        self.unobserved.pop(sweep, None)


def _understood(meta: ConfigVersion, parsed: SweepConfig | None) -> SweepConfig:
    """The stored config of a sweep.

    Raises:
        StoreUnusable: It is not what was stored.
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
    """Put an entry into a cache; a full one is emptied first."""
    if len(cache) >= _MAX_CACHED:
        cache.clear()
    cache[key] = value
