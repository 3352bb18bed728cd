"""The store protocol: what operations may do to stored sweeps, with its contract in words.

Every writing method is ONE atomic conditional write of the hand-out protocol. Operations rely on
nothing else: no write is bundled with another, any handler may die between two of them, and any
of them may be repeated by a client library that lost the reply. So each method compares, after a
failed condition, what stands with what it wanted to write: if that is its own write (same ask key
and attempt; rows counted), it has succeeded. ``claim_index`` alone has nothing to compare; its
repeat leaves a hole, which settling finds.

All reads but ``list_observations`` are consistent: they see every write that returned before they
began.

Every method may raise a ``TryAgain``, such as ``Throttled`` (nothing was written, or it is as above
safe to repeat), and ``InvalidRequest`` for a value that no item can hold, such as text with half a
surrogate pair. A failed condition leaves everything as it was. A method that needs the counter
raises ``NotFound`` where there is none; for all others an unknown sweep is an empty one.
Indices, attempts and offsets are non-negative integers below 2**63; times are seconds since the
epoch. A run cap or limit above 2**63 - 1 is kept as 2**63 - 1: nobody gets there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.records.records import (
        AttemptRecord,
        Counter,
        EarlyStop,
        Lease,
        LiveSummary,
        Observation,
        Outcome,
        RowBatch,
        Run,
        RunHead,
        SweepHead,
        SweepMeta,
    )
    from sweep_service.model.records.states import SweepState


class Store(Protocol):
    """Sweeps, runs, leases and histories, kept."""

    # -- sweeps ---------------------------------------------------------------------------------

    def create_sweep(self, meta: SweepMeta, counter: Counter) -> None:
        """Register a sweep; a repeat with the same ``create_key`` changes nothing.

        Raises:
            Stale: The id is taken by another sweep (another ``create_key``).
        """

    def delete_sweep(self, sweep: str) -> bool:
        """Remove a sweep with all that belongs to it; no sweep of this id is fine.

        First the counter makes way for a mark that stays: from then on the sweep does not exist
        for any other method, nor can one be created under its id. A write of a request that was
        under way then is either refused (``NotFound``) or removed too. Whoever dies in between
        leaves the rest to the same call again.

        Returns:
            Whether there was anything to remove.

        Raises:
            Busy: More is left than one call may take; the same call again goes on.
        """

    def get_meta(self, sweep: str, version: int) -> SweepMeta:
        """One config version.

        Raises:
            NotFound: No such sweep or version.
        """

    def get_counter(self, sweep: str) -> Counter:
        """The sweep's counter.

        Raises:
            NotFound: No such sweep.
        """

    def list_sweeps(
        self, project: str | None, after: tuple[float, str] | None, count: int
    ) -> list[SweepHead]:
        """Newest first; at most ``count``, those after ``(created_at, sweep)`` of a last head."""

    def claim_index(self, sweep: str) -> tuple[int, Counter]:
        """Take the next index.

        Atomic: next_index += 1 where state = running and next_index < limit.

        Returns:
            The index taken (the old next_index) and the counter as it stands after the write.

        Raises:
            NotRunning: The sweep's state is not running.
            Exhausted: Every index below the limit is taken.
            NotFound: No such sweep.
        """

    def finish_sweep(self, sweep: str, seen: Counter) -> Counter:
        """State = finished where state = running, and next_index and change are as seen.

        Grows ``change``.

        Raises:
            Stale: One of them has changed. A sweep that is finished already is fine.
        """

    def set_state(
        self, sweep: str, state: SweepState, allowed_from: Sequence[SweepState], seen: Counter
    ) -> Counter:
        """Set the state and grow ``change``, where the state is allowed and ``change`` as seen.

        Raises:
            Stale: Either has changed; but the wanted state under ``seen.change + 1`` is our own
                write, and fine.
        """

    def set_limit(
        self, sweep: str, run_cap: int | None, limit: int | None, seen: Counter
    ) -> Counter:
        """Set cap and limit and grow ``change``; finished -> running when more may be handed out.

        A sweep that finished (state finished, next_index >= its old limit) runs again when the
        new limit is larger than next_index.

        Raises:
            Stale: ``change`` is not as seen, or next_index is above the new limit; the wanted cap
                and limit under ``seen.change + 1`` are our own write, and fine.
        """

    def add_version(self, meta: SweepMeta, limit: int | None, seen: Counter) -> Counter:
        """Put the config as a new version n, then make it the newest from next_index on.

        Two writes: META#n, n the first number above ``seen.version`` where there is none (or is
        this one: same document, same that is taken), whatever ``meta.version`` says; then the
        counter (bases gets (n, next_index), limit, change grows; finished -> running as in
        set_limit) where version, next_index, limit and change are as seen.

        Returns:
            The counter as it stands; its ``version`` is n.

        Raises:
            Stale: The counter has changed (to our own write: fine).
        """

    # -- points ---------------------------------------------------------------------------------

    def claim_point(
        self, sweep: str, version: int, point: str, index: int, over: int | None = None
    ) -> int:
        """Give a point of a config version to an index, where no index has it, or ``over`` has.

        Args:
            sweep: Its id.
            version: The config version, whose space the point belongs to.
            point: Its name: letters and digits, at most 100.
            index: Who wants it.
            over: An index that is known to have no use for it; None for no such index.

        Returns:
            The index that has the point now; ``index`` also where it had it before.
        """

    def list_points(self, sweep: str, version: int) -> dict[str, int]:
        """The claimed points of a config version, and the index that has each."""

    # -- leases ---------------------------------------------------------------------------------

    def list_leases(self, sweep: str) -> list[Lease]:
        """All leases of a sweep, by index."""

    def get_lease(self, sweep: str, index: int) -> Lease | None:
        """The lease of an index, if any."""

    def open_lease(self, sweep: str, lease: Lease) -> None:
        """Put the lease where there is none.

        Raises:
            LeaseHeld: There is one that is not this (another key or attempt).
        """

    def suspect_lease(self, sweep: str, seen: Lease, now: float) -> None:
        """suspect_at = now where attempt and lease_end are as seen, suspect_at unset or after now.

        A failed condition is left alone: somebody else marked, extended or took it.
        """

    def take_lease(self, sweep: str, seen: Lease, lease: Lease) -> None:
        """Hand the lease on where attempt, suspect_at and revision are as seen.

        Of ``lease`` count attempt, key, agent, host, slot, lease_end and losses, and the unit
        vector where none stands. Stop flag, early stop, suspicion, preemption and live summary are
        reset; released_attempt, failures, revision and amendment stay.

        Raises:
            LeaseHeld: Somebody else was faster (a lease that carries ``lease``'s key and attempt
                is our own write and fine).
        """

    def extend_lease(
        self, sweep: str, index: int, attempt: int, lease_end: float, live: LiveSummary | None
    ) -> Lease:
        """Prolong (never shorten) the lease and clear suspect_at; with ``live`` apply a report.

        Where attempt = given and released_attempt < given, and with ``live``: the stored next_row
        is absent or < ``live.next_row``.

        Returns:
            The lease as it stands. When only next_row was not newer the rows had been counted
            before: nothing is written, the lease as it stands is returned.

        Raises:
            LeaseLost: Another attempt, released, or no such lease.
        """

    def preempt_lease(self, sweep: str, index: int, attempt: int, lease_end: float) -> Lease:
        """Note that the holder has to end: is_preempting, lease_end as given, no suspicion.

        The only write that may shorten a lease that is held; its holder has asked for it. Where
        attempt = given and released_attempt < given.

        Returns:
            The lease as it stands.

        Raises:
            LeaseLost: Another attempt, released, or no such lease.
        """

    def release_lease(self, sweep: str, index: int, attempt: int, failures: int) -> None:
        """Give the lease back: lease_end = 0, released_attempt = attempt, failures, no suspicion.

        Where attempt = given and released_attempt < given. Released before is fine, also when a
        newer attempt holds the lease since.

        Raises:
            LeaseLost: Another attempt that was not released, or no such lease.
        """

    def stop_run(self, sweep: str, index: int) -> None:
        """Set the stop flag where a lease is there and not released.

        Raises:
            NotPossible: No agent works on the run.
        """

    def mark_stopped(self, sweep: str, index: int, attempt: int, stop: EarlyStop) -> None:
        """Keep why the holder is told to stop, where attempt = given and it is not released.

        The first reason stands. A failed condition is left alone: the run is not the holder's
        any more, or a reason stands already.
        """

    def drop_lease(self, sweep: str, index: int, attempt: int, revision: int) -> None:
        """Delete the lease where its attempt <= given and revision = given; else leave it."""

    # -- runs -----------------------------------------------------------------------------------

    def get_run(self, sweep: str, index: int) -> Run | None:
        """The run at an index, if any."""

    def list_runs(self, sweep: str, since: int, count: int) -> list[Run]:
        """Runs with index >= ``since``, by index, at most ``count`` and less than 1 MB.

        At least one where there is one, so a short page need not be the last; an empty one is.
        """

    def list_run_heads(self, sweep: str) -> list[RunHead]:
        """All runs of a sweep, by index, few fields; cheap at 10,000 runs."""

    def create_run(self, sweep: str, run: Run) -> None:
        """Put the run where there is none (its own write of the same key and attempt is fine).

        Raises:
            RunExists: There is another.
        """

    def advance_attempt(
        self, sweep: str, index: int, attempt: int, lease: Lease, started_at: float
    ) -> None:
        """Move the run to ``attempt``, held by ``lease``'s key, agent and host.

        Where attempt < given, revision = the lease's, and there is no outcome.

        Raises:
            RunEnded: It has an outcome.
            LeaseLost: Its attempt is newer, or equal with another key, or it is of another
                revision, or there is no run.
        """

    def end_run(self, sweep: str, index: int, attempt: int, revision: int, outcome: Outcome) -> Run:
        """Write the outcome where attempt and revision = given and there is none; its notes go.

        Returns:
            The run as it stands: when this attempt had an outcome already, that one counts.

        Raises:
            LeaseLost: The run is of another attempt or revision, or missing.
        """

    def amend_run(
        self, sweep: str, index: int, attempt: int, revision: int, outcome: Outcome | None
    ) -> None:
        """Take the outcome back, or put another in its place; revision + 1.

        Where attempt and revision = given and there is an outcome. A failed condition is left
        alone: the run has been amended.
        """

    def note_run(self, sweep: str, index: int, attempt: int, attributes: Mapping[str, Any]) -> None:
        """Keep what the program has noted so far, where attempt = given and there is no outcome.

        It takes the place of what was noted before. A failed condition is left alone: the run has
        ended, or is another attempt's.
        """

    # -- what runs leave behind -----------------------------------------------------------------

    def put_observation(self, sweep: str, observation: Observation) -> None:
        """Append to the observation log, where an index may stand at several times of writing.

        An entry of the same index, time and a later revision is left alone.
        """

    def list_observations(self, sweep: str, since: float) -> list[Observation]:
        """Observations with written_at >= ``since``, by time of writing and index.

        The last seconds may be missing: who keeps what was read asks for them again.
        """

    def put_band(self, sweep: str, band: int, index: int, attempt: int, value: float) -> None:
        """The run's value at a band; an entry of a newer attempt is left alone."""

    def drop_band(self, sweep: str, band: int, index: int, attempt: int) -> None:
        """Take back the run's value at a band; an entry of a newer attempt is left alone."""

    def list_band(self, sweep: str, band: int) -> dict[int, float]:
        """Value at the band of every run that reached it, by index."""

    def put_rows(self, sweep: str, index: int, batch: RowBatch) -> None:
        """Keep rows under (attempt, offset): a repeat changes nothing, the longest batch stands.

        Who delivers the same rows at the same time may cut them differently. Batches may overlap;
        readers take each row from the first batch that has it.
        """

    def list_rows(
        self, sweep: str, index: int, after: tuple[int, int] | None, count: int
    ) -> list[RowBatch]:
        """Batches after ``(attempt, offset)`` in that order; pages as those of ``list_runs``."""

    def delete_trail(self, sweep: str, index: int, attempt: int) -> bool:
        """Delete rows, records and error tails of attempts <= given; False when some are left.

        One call deletes what fits into a request.
        """

    def put_attempt_record(self, sweep: str, record: AttemptRecord) -> None:
        """Keep what became of an attempt that was not the last."""

    def list_attempt_records(self, sweep: str, index: int) -> list[AttemptRecord]:
        """Earlier attempts of a run, oldest first."""

    def put_error_tail(self, sweep: str, index: int, attempt: int, text: str) -> None:
        """Keep the last lines of stderr of a failed attempt."""

    def get_error_tail(self, sweep: str, index: int, attempt: int) -> str | None:
        """The error tail of an attempt, if any."""

    # -- the store itself -----------------------------------------------------------------------

    def close(self) -> None:
        """Give back connections and files; the store is not used any more."""
