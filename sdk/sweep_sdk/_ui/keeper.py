"""Reads from the backend on behalf of all open pages, and caches the answers.

Requests are only sent on demand: a visible page asks for news every few seconds, and the backend is
read if the last answer is old enough. So a dashboard without visible pages costs nothing, and ten
open tabs cost as much as one.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import BackendUnavailable, NotFound, SweepError
from sweep_sdk._ui.kept_runs import KeptRuns
from sweep_sdk._ui.run_table import columns_of
from sweep_sdk._world import clock, threads
from sweep_service.model.records.numbers import tagged, with_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sweep_sdk._ui.backend_reader import Reader

    Json = dict[str, Any]

#: Interval between reads of ended runs, which only change if they are retried, deleted or labelled.
_REREAD_SECONDS = 300.0
_GLANCE_SECONDS = 30.0
_MOST_ANSWERS = 256
_OVER = ("finished", "canceled")


@dataclass
class _Room:
    """The cached data of a sweep that pages show."""

    lock: Any = field(default_factory=threads.Lock)
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    sweep: Json | None = None
    kept: KeptRuns = field(default_factory=KeptRuns)
    looked_at: float | None = None
    reread_at: float = 0.0
    trouble: Json | None = None


class Keeper:
    """The data of the pages. Thread-safe."""

    def __init__(
        self,
        reader: Reader,
        interval_seconds: float,
        now: Callable[[], float] = clock.time,
    ) -> None:
        """Start with an empty cache.

        Args:
            reader: Reads from the backend.
            interval_seconds: Minimum interval between reads of the runs of a sweep.
            now: Returns seconds since the epoch.
        """
        self._reader = reader
        self._interval = interval_seconds
        self._now = now
        self._lock = threads.Lock()
        self._rooms: dict[str, _Room] = {}
        self._glances: dict[str, tuple[float, Json]] = {}
        self._answers: OrderedDict[str, Json] = OrderedDict()

    def sweeps(self) -> Json:
        """All sweeps, newest first: ``items``."""
        return {"items": self._reader.sweeps(), "now": self._now()}

    def glances(self, sweeps: Sequence[str]) -> Json:
        """Counts by state and the best run of some sweeps by id; deleted sweeps are left out."""
        found = {sweep: self._glance(sweep) for sweep in sweeps}
        return {sweep: glance for sweep, glance in found.items() if glance is not None}

    def table(self, sweep: str, since: str | None = None) -> Json:
        """The sweep, and the runs that have changed since a revision.

        Args:
            sweep: The sweep's id.
            since: The ``revision`` of an earlier answer; None for all runs.

        Returns:
            ``sweep``, ``revision``, ``whole`` (whether these are all runs), ``now``, ``trouble``
            (None, or ``since`` and ``text``: the backend does not answer, and the rest is old), and
            the columns that ``columns_of`` describes.

        Raises:
            SweepError: The sweep cannot be read and is not cached.
        """
        room = self._room(sweep)
        with room.lock:
            self._refresh(sweep, room)
            epoch, _, revision = (since or "").partition(".")
            is_whole = epoch != room.epoch or not revision.isdigit()
            runs = room.kept.since(0 if is_whole else int(revision))
            return {
                "sweep": tagged(room.sweep),
                "revision": f"{room.epoch}.{room.kept.revision}",
                "whole": is_whole,
                "now": self._now(),
                "trouble": room.trouble,
                **columns_of(runs),
            }

    def run(self, sweep: str, index: int) -> Json:
        """A run in full, with its earlier attempts and its error tail."""
        return dict(with_texts(self._reader.run(sweep, index)))

    def events(self, sweep: str) -> Json:
        """The changes to the sweep in ``items``, newest first: who, when and what."""
        return {"items": self._reader.events(sweep)}

    def curves(self, sweep: str, metric: str, indices: Sequence[int], points: int) -> Json:
        """The curves of some runs; see ``Reader.curves``.

        Curves of ended runs are read once.
        """
        room = self._rooms.get(sweep)
        wanted = {index: self._curve_key(room, sweep, metric, index, points) for index in indices}
        known = {index: self._answers[key] for index, key in wanted.items() if key in self._answers}
        missing = [index for index in indices if index not in known]
        fresh = self._reader.curves(sweep, metric, missing, points) if missing else []
        for curve in fresh:
            known[curve["index"]] = curve
            self._remember(wanted[curve["index"]], curve, limit=20_000)
        return {"metric": metric, "runs": [known[i] for i in indices if i in known]}

    def model(self, sweep: str, x: str | None, y: str | None) -> Json:
        """The predictions of the model; see ``Reader.model``."""
        return self._per_revision(sweep, "model", lambda: self._reader.model(sweep, x, y), x, y)

    def bands(self, sweep: str) -> Json:
        """The audit of early termination; see ``Reader.bands``."""
        return self._per_revision(sweep, "bands", lambda: self._reader.bands(sweep))

    def forget(self, sweep: str) -> None:
        """Discard everything cached about a sweep, because it was changed."""
        with self._lock:
            self._glances.pop(sweep, None)
            room = self._rooms.get(sweep)
        if room is not None:
            with room.lock:
                room.looked_at, room.reread_at = None, 0.0

    def _room(self, sweep: str) -> _Room:
        with self._lock:
            return self._rooms.setdefault(sweep, _Room())

    def _refresh(self, sweep: str, room: _Room) -> None:
        now = self._now()
        if room.looked_at is not None and now - room.looked_at < self._interval:
            return
        try:
            self._look(sweep, room, now)
        except BackendUnavailable as error:
            if room.sweep is None:
                raise
            since = now if room.trouble is None else room.trouble["since"]
            room.trouble = {"since": since, "text": str(error)}
        except NotFound:
            with self._lock:
                self._rooms.pop(sweep, None)
            raise
        room.looked_at = self._now()

    def _look(self, sweep: str, room: _Room, now: float) -> None:
        head = self._reader.sweep(sweep)
        if now - room.reread_at >= _REREAD_SECONDS:
            fresh = KeptRuns().with_runs(self._reader.runs(sweep, 0, ()))
            if fresh.runs.keys() >= room.kept.runs.keys():
                room.kept = room.kept.with_runs(fresh.runs.values())
            else:  # runs were deleted: the pages reload all of them
                room.kept, room.epoch = fresh, secrets.token_hex(4)
            room.reread_at = now
        else:
            kept = room.kept
            found = self._reader.runs(sweep, kept.next_index, kept.open_indices)
            room.kept = kept.with_runs(found)
        room.sweep, room.trouble = head, None

    def _glance(self, sweep: str) -> Json | None:
        now = self._now()
        known = self._glances.get(sweep)
        if known is not None and (known[1]["over"] or now - known[0] < _GLANCE_SECONDS):
            return known[1]
        try:
            found = self._reader.glance(sweep)
        except NotFound:
            return None
        except SweepError:
            return None if known is None else known[1]
        glance = {**with_texts(found), "over": found["state"] in _OVER}
        self._glances[sweep] = (now, glance)
        return glance

    def _per_revision(self, sweep: str, kind: str, read: Callable[[], Json], *more: Any) -> Json:
        room = self._rooms.get(sweep)
        revision = "" if room is None else f"{room.epoch}.{_ended_revision(room.kept)}"
        key = json.dumps([kind, sweep, revision, *more])
        if not revision or key not in self._answers:
            self._remember(key, dict(with_texts(read())), _MOST_ANSWERS)
        return self._answers[key]

    def _curve_key(
        self, room: _Room | None, sweep: str, metric: str, index: int, points: int
    ) -> str:
        run = None if room is None else room.kept.runs.get(index)
        is_over = run is not None and run["state"] in ("finished", "failed", "killed")
        moment = run["attempt"] if run is not None and is_over else self._now()
        return json.dumps(["curve", sweep, metric, index, points, moment])

    def _remember(self, key: str, answer: Json, limit: int) -> None:
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > limit:
                self._answers.popitem(last=False)


def _ended_revision(kept: KeptRuns) -> int:
    """The last revision in which a run was found to have ended."""
    open_indices = set(kept.open_indices)
    ended = (at for index, at in kept.changed.items() if index not in open_indices)
    return max(ended, default=0)
