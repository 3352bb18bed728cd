"""The store protocol: records saved by conditional writes, and entries that are appended.

A store knows no rules of the hand-out protocol. The pure functions of ``sweep_service.protocol``
decide how a record may change, and the store ensures that no decision is saved that was based on
an outdated record. Five kinds of records change: the sweep's counter, leases, runs, what is shown
of a sweep, and access tokens. Each counts its writes in ``change``. Everything else is written
once, under its own key.

Every writing method is one atomic write of one item. Operations rely on nothing more: writes are
never combined, and a handler may die between any two of them.

All reads except ``list_observations`` and ``get_runs`` are consistent: they see every write that
returned before they began.

Every method may raise a ``TryAgain``, such as ``Throttled`` (nothing was written, or it is safe to
repeat), and ``InvalidRequest`` for a value that cannot be stored, such as text with half a
surrogate pair. A method that needs the counter raises ``NotFound`` if there is none; to all others
an unknown sweep is an empty one. Indices, attempts and offsets are non-negative integers below
2**63; times are seconds since the epoch.
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
    """Sweeps, runs, leases, and the entries that runs append."""

    # -- records that change --------------------------------------------------------------------

    def save(self, sweep: str, seen: R | None, record: R) -> R:
        """Save a record if the stored one is still as it was read.

        Client libraries repeat a write whose reply was lost. Therefore a stored record that equals
        ``record`` counts as saved. A lease that was deleted and opened again is another lease.

        Args:
            sweep: The sweep's id; empty for tokens, which belong to no sweep.
            seen: The record as it was read; None if there was none.
            record: The record to save, with the same key; its ``change`` is ignored.

        Returns:
            The record as it is stored: ``change`` is one more than in ``seen``, or 0.

        Raises:
            Stale: Another record is stored; the error carries it.
            NotFound: The record is a counter, and there is no such sweep.
        """

    def delete(self, sweep: str, seen: Lease) -> None:
        """Delete a lease if it is still as it was read; succeeds if there is no lease.

        Raises:
            Stale: Another lease is stored; the error carries it.
        """

    def get_status(self, sweep: str) -> SweepStatus:
        """The status of a sweep.

        Raises:
            NotFound: No such sweep.
        """

    def claim_index(self, sweep: str) -> tuple[int, SweepStatus]:
        """Claim the next index if the sweep is running and next_index is below the limit.

        The store itself decides this write: all agents of a sweep meet here, and a conditional save
        would fail for all but one of the concurrent asks. It is also the only write that is not
        idempotent: a repeat after a lost reply leaves an index that no agent works on.

        Returns:
            The claimed index (the old next_index) and the counter as stored after the write.

        Raises:
            NotRunning: The sweep's state is not running.
            Exhausted: Every index below the limit has been given out.
            NotFound: No such sweep.
        """

    def list_leases(self, sweep: str) -> list[Lease]:
        """All leases of a sweep in order of index."""

    def get_lease(self, sweep: str, index: int) -> Lease | None:
        """The lease of an index, if any."""

    def get_run(self, sweep: str, index: int) -> Run | None:
        """The run at an index, if any."""

    def get_runs(self, sweep: str, indices: Sequence[int]) -> list[Run]:
        """The runs at up to 100 indices that are there, by index, as they were a moment ago."""

    def get_info(self, sweep: str) -> SweepInfo | None:
        """The labels and the final counts of a sweep, if it has any."""

    def list_runs(self, sweep: str, since: int, count: int) -> list[Run]:
        """Runs with index >= ``since`` in order of index: at most ``count`` and 1 MB, at least one.

        A short page need not be the last one; an empty page is.
        """

    def list_run_heads(self, sweep: str) -> list[RunHead]:
        """All runs of a sweep in order of index, reduced to a few fields; fast at 10,000 runs."""

    # -- sweeps ---------------------------------------------------------------------------------

    def create_sweep(self, meta: ConfigVersion, counter: SweepStatus) -> None:
        """Register a sweep; a repeat with the same ``create_key`` changes nothing.

        Raises:
            Stale: The id belongs to another sweep (another ``create_key``).
        """

    def delete_sweep(self, sweep: str, note: str = "") -> bool:
        """Delete a sweep and everything that belongs to it; succeeds for an unknown id.

        First a permanent mark replaces the counter: from then on the sweep does not exist for any
        other method, nor can one be created under its id. Later writes of requests in progress are
        either refused (``NotFound``) or deleted too. Repeating an interrupted call deletes the
        rest.

        Args:
            sweep: The sweep's id.
            note: Who deletes it, and when. Stored with the mark, and quoted in later ``NotFound``
                errors about the sweep.

        Returns:
            Whether there was anything to delete.

        Raises:
            Busy: There is more to delete than one call can; repeating the call continues.
        """

    def list_sweeps(
        self, project: str | None, after: tuple[float, str] | None, count: int
    ) -> list[SweepHead]:
        """At most ``count`` sweeps, newest first, after ``(created_at, sweep)`` of the last one."""

    def add_config_version(self, meta: ConfigVersion) -> bool:
        """Store a config version under its number; False if the number holds another version.

        A stored version with the same document and the same ``taken`` counts as this one.
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
        """Give a point of a config version to an index if no index, or ``over``, holds it.

        Args:
            sweep: The sweep's id.
            version: The config version in whose space the point lies.
            point: Name of the point: at most 100 letters and digits.
            index: The index that claims the point.
            over: An index whose claim is void, if there is one.

        Returns:
            The index that holds the point afterwards, which may be ``index`` from before.
        """

    def list_points(self, sweep: str, version: int) -> dict[str, int]:
        """The claimed points of a config version, each with the index that holds it."""

    # -- entries of runs ------------------------------------------------------------------------

    def append(self, sweep: str, index: int, entry: Entry) -> None:
        """Append an entry of a run, under its own key.

        If the key already holds an entry, the later of the two is kept: the observation (of the
        same time) of the later revision, the value at a band of the later attempt, the longer of
        two batches of rows with the same offset, and otherwise the one that is appended last. So a
        repeat changes nothing.

        Batches of rows may overlap; readers take each row from the first batch that contains it.
        """

    def list_observations(self, sweep: str, since: float) -> list[Observation]:
        """Observations with written_at >= ``since``, in order of time of writing and index.

        The last seconds may be missing: readers that cache the result read them again.
        """

    def list_band(self, sweep: str, band: int) -> dict[int, float]:
        """The values at a band by index, for every run that reached it."""

    def drop_band(self, sweep: str, band: int, index: int, attempt: int) -> None:
        """Delete the run's value at a band, unless it belongs to a later attempt."""

    def list_rows(
        self, sweep: str, index: int, after: tuple[int, int] | None, count: int
    ) -> list[RowBatch]:
        """Batches after ``(attempt, offset)`` in this order; pages are as in ``list_runs``."""

    def list_attempt_records(self, sweep: str, index: int) -> list[AttemptRecord]:
        """Earlier attempts of a run, oldest first."""

    def get_error_tail(self, sweep: str, index: int, attempt: int) -> str | None:
        """The error tail of an attempt, if any."""

    def delete_run_data(self, sweep: str, index: int, attempt: int) -> bool:
        """Delete rows, records and error tails of attempts up to ``attempt``.

        Returns:
            False if some are left, because they exceed what one request can delete.
        """

    # -- events ---------------------------------------------------------------------------------

    def add_event(self, sweep: str, event: Event) -> None:
        """Store an event of a sweep; a repeat changes nothing."""

    def list_events(self, sweep: str, count: int) -> list[Event]:
        """At most ``count`` events of a sweep, newest first."""

    # -- access tokens --------------------------------------------------------------------------

    def get_token(self, sha256: str) -> Token | None:
        """The access token with this SHA-256, if any."""

    def list_tokens(self) -> list[Token]:
        """All access tokens in order of their SHA-256; expired ones may be missing.

        Some stores delete tokens after they have expired.
        """

    # -- the store itself -----------------------------------------------------------------------

    def close(self) -> None:
        """Release connections and files; the store is not used afterwards."""
