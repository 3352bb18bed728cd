"""The store protocol: records that are saved under what was read, and entries that are appended.

A store knows no rules of the hand-out protocol: what may follow from a record is decided by the
pure functions of ``sweep_service.protocol``, and the store sees to it that nobody decides on
something out of date. Five kinds of records change: the sweep's counter, leases, runs, what is
shown of a sweep, and access tokens. Each counts its writes in ``change``. Everything else is
written once, under a key that says what it is.

Every writing method is one atomic write of one item. Operations rely on nothing else: no write is
bundled with another, and any handler may die between two of them.

All reads but ``list_observations`` and ``get_runs`` are consistent: they see every write that
returned before they began.

Every method may raise a ``TryAgain``, such as ``Throttled`` (nothing was written, or it is safe to
repeat), and ``InvalidRequest`` for a value that no item can hold, such as text with half a
surrogate pair. A method that needs the counter raises ``NotFound`` where there is none; for all
others an unknown sweep is an empty one. Indices, attempts and offsets are non-negative integers
below 2**63; times are seconds since the epoch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from sweep_service.access.tokens import Token
from sweep_service.model.records.records import Lease, Run, SweepStatus
from sweep_service.model.records.shown import SweepInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.access.events import Event
    from sweep_service.model.records.entries import Entry
    from sweep_service.model.records.records import (
        AttemptRecord,
        ConfigVersion,
        Observation,
        RowBatch,
        RunHead,
    )
    from sweep_service.model.records.shown import SweepHead

#: A record that changes.
R = TypeVar("R", SweepStatus, Lease, Run, SweepInfo, Token)


class Store(Protocol):
    """Sweeps, runs, leases and what runs leave behind."""

    # -- records that change --------------------------------------------------------------------

    def save(self, sweep: str, seen: R | None, record: R) -> R:
        """Save a record where what is stored is what was seen.

        A client library repeats a write whose reply was lost. So a record that is stored exactly as
        it was to be saved counts as saved. A lease that was deleted and opened again is another.

        Args:
            sweep: The id of the sweep; empty for a token, which belongs to none.
            seen: The record as it was read, whose index ``record`` has; None: there was none.
            record: What to save; its ``change`` does not matter.

        Returns:
            The record as it is stored: ``change`` is one more than in ``seen``, or 0.

        Raises:
            Stale: Something else is stored; the error carries it.
            NotFound: The record is a counter, and there is no such sweep.
        """

    def delete(self, sweep: str, seen: Lease) -> None:
        """Delete a lease where it is as it was seen; no lease is fine.

        Raises:
            Stale: Another one is stored; the error carries it.
        """

    def get_status(self, sweep: str) -> SweepStatus:
        """The status of a sweep.

        Raises:
            NotFound: No such sweep.
        """

    def claim_index(self, sweep: str) -> tuple[int, SweepStatus]:
        """Take the next index, where the state is running and next_index below the limit.

        The one write that is decided by the store: all agents of a sweep meet here, and a save
        under what was read would fail for all but one of those who ask at once. It also is the one
        write whose repeat, after a lost reply, has an effect: an index that nobody works on.

        Returns:
            The index taken (the old next_index) and the counter as it is stored after the write.

        Raises:
            NotRunning: The sweep's state is not running.
            Exhausted: Every index below the limit is taken.
            NotFound: No such sweep.
        """

    def list_leases(self, sweep: str) -> list[Lease]:
        """All leases of a sweep, by index."""

    def get_lease(self, sweep: str, index: int) -> Lease | None:
        """The lease of an index, if any."""

    def get_run(self, sweep: str, index: int) -> Run | None:
        """The run at an index, if any."""

    def get_runs(self, sweep: str, indices: Sequence[int]) -> list[Run]:
        """The runs at up to 100 indices that are there, by index, as they were a moment ago."""

    def get_info(self, sweep: str) -> SweepInfo | None:
        """What is shown of a sweep, if anything."""

    def list_runs(self, sweep: str, since: int, count: int) -> list[Run]:
        """Runs with index >= ``since``, by index, at most ``count`` and less than 1 MB.

        At least one where there is one, so a short page need not be the last; an empty one is.
        """

    def list_run_heads(self, sweep: str) -> list[RunHead]:
        """All runs of a sweep, by index, few fields; cheap at 10,000 runs."""

    # -- sweeps ---------------------------------------------------------------------------------

    def create_sweep(self, meta: ConfigVersion, counter: SweepStatus) -> None:
        """Register a sweep; a repeat with the same ``create_key`` changes nothing.

        Raises:
            Stale: The id is taken by another sweep (another ``create_key``).
        """

    def delete_sweep(self, sweep: str, note: str = "") -> bool:
        """Remove a sweep with all that belongs to it; an unknown id is fine.

        First the counter makes way for a mark that stays: from then on the sweep does not exist
        for any other method, nor can one be created under its id. What a request that was under
        way then writes is either refused (``NotFound``) or removed too. When a call is cut short,
        the same call again removes the rest.

        Args:
            sweep: The id of the sweep.
            note: Who deletes it, and when; kept with the mark, and added to what is said of the
                sweep from then on.

        Returns:
            Whether there was anything to remove.

        Raises:
            Busy: More is left than one call may take; the same call again goes on.
        """

    def list_sweeps(
        self, project: str | None, after: tuple[float, str] | None, count: int
    ) -> list[SweepHead]:
        """Newest first; at most ``count``, those after ``(created_at, sweep)`` of a last head."""

    def add_config_version(self, meta: ConfigVersion) -> bool:
        """Keep a config version under its number, where that is free; False where it is not.

        A number that holds the same document and the same ``taken`` is free.
        """

    def get_config_version(self, sweep: str, version: int) -> ConfigVersion:
        """One config version.

        Raises:
            NotFound: No such sweep or version.
        """

    # -- points ---------------------------------------------------------------------------------

    def claim_point(
        self, sweep: str, version: int, point: str, index: int, over: int | None = None
    ) -> int:
        """Give a point of a config version to an index, where no index has it, or ``over`` has.

        Args:
            sweep: The id of the sweep.
            version: The config version, whose space the point belongs to.
            point: The name of the point: letters and digits, at most 100.
            index: Who wants it.
            over: An index that is known to have no use for it; None for no such index.

        Returns:
            The index that has the point now; ``index`` also where it had it before.
        """

    def list_points(self, sweep: str, version: int) -> dict[str, int]:
        """The claimed points of a config version, and the index that has each."""

    # -- what runs leave behind -----------------------------------------------------------------

    def append(self, sweep: str, index: int, entry: Entry) -> None:
        """Keep what a run has left behind, under a key that says what it is.

        Where an entry is stored under that key already, the later one of both remains: the
        observation (of the same time) of the later revision, the value at a band of the later
        attempt, of batches of rows with the same offset the longer one, and otherwise the one that
        is appended last. So a repeat changes nothing.

        Batches of rows may overlap; readers take each row from the first batch that has it.
        """

    def list_observations(self, sweep: str, since: float) -> list[Observation]:
        """Observations with written_at >= ``since``, by time of writing and index.

        The last seconds may be missing: readers that keep what they have read ask for them again.
        """

    def list_band(self, sweep: str, band: int) -> dict[int, float]:
        """Value at the band of every run that reached it, by index."""

    def drop_band(self, sweep: str, band: int, index: int, attempt: int) -> None:
        """Delete the run's value at a band, unless it is a later attempt's."""

    def list_rows(
        self, sweep: str, index: int, after: tuple[int, int] | None, count: int
    ) -> list[RowBatch]:
        """Batches after ``(attempt, offset)`` in that order; pages as those of ``list_runs``."""

    def list_attempt_records(self, sweep: str, index: int) -> list[AttemptRecord]:
        """Earlier attempts of a run, oldest first."""

    def get_error_tail(self, sweep: str, index: int, attempt: int) -> str | None:
        """The error tail of an attempt, if any."""

    def delete_run_data(self, sweep: str, index: int, attempt: int) -> bool:
        """Delete rows, records and error tails of attempts <= given; False when some are left.

        One call deletes what fits into a request.
        """

    # -- changes by people ----------------------------------------------------------------------

    def add_event(self, sweep: str, event: Event) -> None:
        """Keep what somebody has done to a sweep; a repeat changes nothing."""

    def list_events(self, sweep: str, count: int) -> list[Event]:
        """The newest events of a sweep, at most ``count``, the newest first."""

    # -- access tokens --------------------------------------------------------------------------

    def get_token(self, sha256: str) -> Token | None:
        """The access token with this SHA-256, if there is one."""

    def list_tokens(self) -> list[Token]:
        """All access tokens, by their SHA-256.

        A store may have removed those that have expired.
        """

    # -- the store itself -----------------------------------------------------------------------

    def close(self) -> None:
        """Give back connections and files; the store is not used any more."""
