"""Ask: lease a run to an agent. This is the hand-out protocol, write by write.

An ask tries, in this order: the requester's own live run (a repeated request); runs whose lease was
released or has expired; a new index; a hole left by an ask that died. Every write is conditional
and idempotent; a handler may die between any two of them.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep_service.errors import (
    Busy,
    Exhausted,
    LeaseHeld,
    LeaseLost,
    NotRunning,
    OutcomeKnown,
    Stale,
    SweepEnded,
)
from sweep_service.model.language.command import command_sha256
from sweep_service.model.records.identifiers import run_id
from sweep_service.model.records.records import Outcome
from sweep_service.model.records.states import RunState, SweepState
from sweep_service.operations.amendments import carry_out
from sweep_service.operations.attention import attention
from sweep_service.operations.choosing import choose, keep_apart, needs_unit, unit_of
from sweep_service.operations.compatibility import check_agent
from sweep_service.operations.completion import complete
from sweep_service.operations.metrics import last_reported, live_summary
from sweep_service.operations.reconcile import Reconciled, reconcile
from sweep_service.operations.saving import update
from sweep_service.operations.versions import config_of_lease, offer_of
from sweep_service.protocol import leases, runs
from sweep_service.search import registry
from sweep_service.search.suggestion import Suggestion
from sweep_service.wire.runs import HandOut, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.model.language.sweep_config import SweepConfig
    from sweep_service.model.records.records import Lease, LiveSummary, Run, SweepStatus
    from sweep_service.operations.services import Services
    from sweep_service.protocol.leases import Requester
    from sweep_service.search.offer import Offer

MAX_ROUNDS = 8


def ask(services: Services, sweep: str, requester: Requester) -> HandOut | Wait:
    """Lease the next run of a sweep to the requester.

    Raises:
        NotFound: No such sweep.
        SweepEnded: The sweep hands out no more runs.
        UpgradeRequired: The agent is too old for the sweep.
        Busy: Concurrent asks won ``MAX_ROUNDS`` times; the request may be repeated.
    """
    for _ in range(MAX_ROUNDS):
        answer = _ask_once(services, sweep, requester)
        if answer is not None:
            return answer
    raise Busy("many agents ask at once; ask again", retry_after_seconds=1.0)


def _ask_once(services: Services, sweep: str, requester: Requester) -> HandOut | Wait | None:
    """Run one round of the protocol; None if another round is needed."""
    counter = services.store.get_status(sweep)
    if counter.state is SweepState.PAUSED:
        return Wait(services.wait_seconds, "paused")
    if counter.state.is_ended:
        raise SweepEnded(f"sweep {sweep} is {counter.state.value}")
    config = services.load_config(sweep, counter.version).config
    check_agent(sweep, config, requester.sdk, requester.features)
    this = _Round(services, sweep, requester, counter, services.store.list_leases(sweep))
    try:
        mine = this.renew_own()
    except LeaseLost:
        return None
    lease = mine or this.take_owed()
    if lease is not None:
        return this.hand_out(lease, None)
    return this.open_new()


@dataclass(slots=True)
class _Round:
    """One round: the records that were read, and the writes that follow from them."""

    services: Services
    sweep: str
    requester: Requester
    counter: SweepStatus
    leases: Sequence[Lease]

    def renew_own(self) -> Lease | None:
        """Extend the lease that an earlier try of this request was given, if there is one.

        Raises:
            LeaseLost: The lease has been taken over since it was read.
        """
        mine = (
            lease
            for lease in self._known_leases()
            if lease.key == self.requester.key and not lease.is_released
        )
        lease = next(mine, None)
        if lease is None:
            return None
        attempt, end = lease.attempt, self._lease_end(lease.index)
        return update(
            self.services.store,
            self.sweep,
            lease,
            lambda stored: leases.extend(leases.held(stored, attempt), end),
        )

    def take_owed(self) -> Lease | None:
        """Take over a run whose lease was released or has expired."""
        now = self.services.clock()
        owed = [
            lease
            for lease in self._known_leases()
            if lease.is_released or leases.is_overdue(lease, now, self._lease_seconds(lease.index))
        ]
        self.services.rng.shuffle(owed)
        for lease in owed:
            taken = self._take_released(lease) if lease.is_released else self._take_silent(lease)
            if taken is not None:
                return taken
        return None

    def open_new(self) -> HandOut | Wait | None:
        """Hand out a new index, or reconcile the sweep if every index has been given out."""
        if self.counter.is_exhausted:  # a failed conditional write is billed too
            return self._reconcile()
        registry.check_available(self._config(self.counter.next_index).method)
        try:
            index, self.counter = self.services.store.claim_index(self.sweep)
        except NotRunning:
            return None
        except Exhausted:
            return self._reconcile()
        suggestion = self._choose(index)
        if suggestion is None:
            return None
        lease = leases.new_lease(index, self.requester, self._lease_end(index), suggestion.unit)
        try:
            lease = self.services.store.save(self.sweep, None, lease)
        except Stale:  # reconciling opened it as a hole
            return None
        return self.hand_out(lease, suggestion)

    def hand_out(self, lease: Lease, suggestion: Suggestion | None) -> HandOut | None:
        """Bring the run item in line with the lease, then hand out the run.

        The configuration is always taken from the run item.
        """
        store, index = self.services.store, lease.index
        run = None if suggestion is not None else store.get_run(self.sweep, index)
        if run is None:
            suggestion = suggestion or self._suggest_again(lease)
            if suggestion is None:
                return None
            kept = keep_apart(self.services, self.sweep, self.counter, lease, suggestion)
            if kept is None:
                return None
            lease, suggestion = kept
            run = self._create_run(lease, suggestion)
        if run is None or run.attempt > lease.attempt or run.revision != lease.revision:
            return None
        if run.outcome is not None:
            complete(self.services, self.sweep, lease, run)
            return None
        if run.attempt < lease.attempt:
            try:
                now, earlier = self.services.clock(), store.list_attempt_records(self.sweep, index)
                update(
                    store,
                    self.sweep,
                    run,
                    lambda stored: runs.advance(stored, lease, now, earlier),
                )
            except OutcomeKnown:
                self._complete_ended(lease)
                return None
            except LeaseLost:
                return None
        loaded = self.services.load_config(self.sweep, run.config_version)
        newest = self.services.load_config(self.sweep, self.counter.version).config
        return HandOut(
            id=run_id(self.sweep, index),
            sweep=self.sweep,
            project=loaded.meta.project,
            index=index,
            config=run.config,
            config_version=run.config_version,
            attempt=lease.attempt,
            lease_seconds=loaded.config.lease_seconds,
            metric=newest.metric.name if newest.metric is not None else None,
            key=self.requester.key,
            attention=attention(self.services, self.sweep, self.counter, loaded.config, 0),
            command_sha256=command_sha256(newest.document),
        )

    def _known_leases(self) -> list[Lease]:
        """The leases whose indices, and so config versions, the counter read earlier covers."""
        return [lease for lease in self.leases if lease.index < self.counter.next_index]

    def _take_released(self, lease: Lease) -> Lease | None:
        run = self.services.store.get_run(self.sweep, lease.index)
        if run is not None and lease.amends(run):
            run = carry_out(self.services, self.sweep, lease, run)
            if run is None:  # there is more to delete than one ask can
                return None
        if run is not None and run.outcome is not None:
            complete(self.services, self.sweep, lease, run)
            return None
        return self._take(lease, run)

    def _take_silent(self, lease: Lease) -> Lease | None:
        """Take an expired lease, but only after a grace period in which its holder may report."""
        store, now = self.services.store, self.services.clock()
        if not leases.is_suspected(lease, now):
            with suppress(Stale):  # another ask marked it, or its holder has reported
                store.save(self.sweep, lease, leases.suspect(lease, now))
            return None
        if not leases.is_given_up(lease, now, self._lease_seconds(lease.index)):
            return None
        run = store.get_run(self.sweep, lease.index)
        if run is not None and run.outcome is not None:
            complete(self.services, self.sweep, lease, run)
            return None
        taken = self._take(lease, run)
        if taken is None or run is None or not leases.is_loss(lease, run):
            return taken
        if taken.losses < leases.MAX_ATTEMPTS:
            record = run.attempt_record(RunState.CRASHED, now)
            store.append(self.sweep, lease.index, record)
            return taken
        self._crash(taken, run, lease.live)
        return None

    def _crash(self, lease: Lease, run: Run, live: LiveSummary) -> None:
        outcome = Outcome(
            state=RunState.CRASHED,
            ended_at=self.services.clock(),
            summary=live_summary(self._config(lease.index).metric, live),
            best=live.best,
            last=last_reported(live),
            attributes=run.attributes,
        )
        attempt, revision = run.attempt, run.revision
        try:
            ended = update(
                self.services.store,
                self.sweep,
                run,
                lambda stored: runs.end(stored, attempt, revision, outcome),
            )
        except LeaseLost:
            return
        complete(self.services, self.sweep, lease, ended)

    def _take(self, seen: Lease, run: Run | None) -> Lease | None:
        """Lease the next attempt of a run to the requester; None if another ask was faster."""
        unit, config = seen.unit, self._config(seen.index)
        if unit is None and needs_unit(config):  # other asks read it as a pending run
            chosen = unit_of(config, run) if run is not None else self._choose(seen.index)
            unit = chosen.unit if isinstance(chosen, Suggestion) else chosen
            if unit is None and run is None:
                return None
        now, seconds = self.services.clock(), config.lease_seconds
        try:
            taken = leases.take(seen, run, self.requester, now, seconds, unit)
        except LeaseHeld:  # the clock has been set back
            return None
        try:
            return self.services.store.save(self.sweep, seen, taken)
        except Stale as conflict:
            stored: Lease | None = conflict.stored
            if stored is None or (stored.key, stored.attempt) != (taken.key, taken.attempt):
                return None
            return stored  # a repeat of this request has already extended it

    def _create_run(self, lease: Lease, suggestion: Suggestion) -> Run | None:
        """Create the run, and return it as it is stored: ours, or that of a faster request."""
        version = self.counter.version_of(lease.index)
        now = self.services.clock()
        run = runs.new_run(lease, version, suggestion.config, suggestion.record, now)
        try:
            return self.services.store.save(self.sweep, None, run)
        except Stale as conflict:
            stored: Run | None = conflict.stored
            return stored

    def _complete_ended(self, lease: Lease) -> None:
        run = self.services.store.get_run(self.sweep, lease.index)
        if run is not None and run.outcome is not None:
            complete(self.services, self.sweep, lease, run)

    def _reconcile(self) -> Wait | None:
        reconciled = reconcile(self.services, self.sweep)
        if reconciled is Reconciled.ENDED:
            raise SweepEnded(f"sweep {self.sweep} is finished: every run has ended")
        if reconciled is Reconciled.MORE_TO_ASK:
            return None
        return Wait(self.services.wait_seconds, "leased")

    def _choose(self, index: int) -> Suggestion | None:
        return choose(self.services, self.sweep, self.counter, self.leases, index)

    def _suggest_again(self, lease: Lease) -> Suggestion | None:
        """Rebuild the suggestion of a lease whose request died before it wrote the run item."""
        if lease.unit is None:
            return self._choose(lease.index)
        offer = self._offer(lease.index)
        config = config_of_lease(self._config(lease.index), offer, lease)
        is_added = lease.index - offer.base < offer.n_added
        record = registry.ADDED if is_added else {"reason": "rebuilt from the lease"}
        return Suggestion(dict(config), lease.unit, record)

    def _config(self, index: int) -> SweepConfig:
        return self.services.load_config(self.sweep, self.counter.version_of(index)).config

    def _offer(self, index: int) -> Offer:
        counter, version = self.counter, self.counter.version_of(index)
        return offer_of(self.services, self.sweep, counter.bases, counter.seed, version)

    def _lease_seconds(self, index: int) -> int:
        return self._config(index).lease_seconds

    def _lease_end(self, index: int) -> float:
        return self.services.clock() + self._lease_seconds(index)
