"""The mechanisms behind the promises, each taken out by one change of the source.

``old`` must stand in the file exactly once, so that a mutation which no longer applies is noticed.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One change.

    Attributes:
        path: Below ``sweep_service``.
        what: The condition or step that is taken out, in the protocol's words.
    """

    path: str
    what: str
    old: str
    new: str


_SWEEPS, _LEASES, _RUNS = (f"storage/sqlite_{name}.py" for name in ("sweeps", "leases", "runs"))
_TRAIL = "storage/sqlite_trail.py"
_ASK, _FINISH, _SETTLE = (f"operations/{name}.py" for name in ("ask", "finish", "settle"))
_REPORT = "operations/report.py"

CONDITIONS = (
    Mutation(
        _SWEEPS,
        "claim_index: state = running",
        "WHERE sweep = ? AND state = ?\n                AND (index",
        "WHERE sweep = ? AND ? != ''\n                AND (index",
    ),
    Mutation(
        _SWEEPS,
        "claim_index: next_index < limit",
        "(index_limit IS NULL OR next_index < index_limit)",
        "(1)",
    ),
    Mutation(
        _SWEEPS,
        "finish_sweep: state = running",
        "if stands.state is not SweepState.RUNNING or _extent(stands)",
        "if _extent(stands)",
    ),
    Mutation(
        _SWEEPS,
        "finish_sweep: next_index as seen",
        '_extent(stands) != _extent(seen):\n                raise Stale(f"sweep {sweep} has changed since it was read")',
        '_extent(stands)[1:] != _extent(seen)[1:]:\n                raise Stale(f"sweep {sweep} has changed since it was read")',
    ),
    Mutation(
        _SWEEPS,
        "finish_sweep: limit as seen",
        '_extent(stands) != _extent(seen):\n                raise Stale(f"sweep {sweep} has changed since it was read")',
        '_extent(stands)[::2] != _extent(seen)[::2]:\n                raise Stale(f"sweep {sweep} has changed since it was read")',
    ),
    Mutation(
        _SWEEPS,
        "finish_sweep: version as seen",
        '_extent(stands) != _extent(seen):\n                raise Stale(f"sweep {sweep} has changed since it was read")',
        '_extent(stands)[:2] != _extent(seen)[:2]:\n                raise Stale(f"sweep {sweep} has changed since it was read")',
    ),
    Mutation(
        _SWEEPS,
        "set_state: state in from",
        "if stands.state not in allowed_from or stands.change != seen.change:",
        "if stands.change != seen.change:",
    ),
    Mutation(
        _SWEEPS,
        "set_state: change number as seen",
        "if stands.state not in allowed_from or stands.change != seen.change:",
        "if stands.state not in allowed_from:",
    ),
    Mutation(
        _SWEEPS,
        "set_state: its own write is recognised",
        "if stands.state is state and stands.change == seen.change + 1:",
        "if False:",
    ),
    Mutation(
        _SWEEPS,
        "set_limit: next_index <= new limit",
        "if stands.change != seen.change or (limit is not None and stands.next_index > limit):",
        "if stands.change != seen.change:",
    ),
    Mutation(
        _SWEEPS,
        "set_limit: change number as seen",
        "if stands.change != seen.change or (limit is not None and stands.next_index > limit):",
        "if limit is not None and stands.next_index > limit:",
    ),
    Mutation(
        _SWEEPS,
        "set_limit: finished -> running when the limit grew",
        "if is_resumed and not moved.is_exhausted:",
        "if False:",
    ),
    Mutation(
        _SWEEPS,
        "new_config: version as seen",
        "(stands.change, *_extent(stands)) != (seen.change, *_extent(seen))",
        "_extent(stands)[:2] != _extent(seen)[:2]",
    ),
    Mutation(
        _SWEEPS,
        "new_config: next_index as seen",
        "(stands.change, *_extent(stands)) != (seen.change, *_extent(seen))",
        "(stands.change, *_extent(stands)[1:]) != (seen.change, *_extent(seen)[1:])",
    ),
    Mutation(
        _LEASES,
        "open_lease: no such item",
        "            if stands is None:\n                _insert(connection, sweep, lease)",
        "            if stands is not None:\n                _update(connection, sweep, lease)\n"
        "            elif stands is None:\n                _insert(connection, sweep, lease)",
    ),
    Mutation(
        _LEASES,
        "open_lease: its own write is recognised",
        "            elif not _is_own(stands, lease):",
        "            else:",
    ),
    Mutation(
        _LEASES,
        "suspect_lease: attempt as seen",
        "AND attempt = ? AND lease_end = ? AND suspect_at IS NULL",
        "AND ? IS NOT NULL AND lease_end = ? AND suspect_at IS NULL",
    ),
    Mutation(
        _LEASES,
        "suspect_lease: lease_end as seen",
        "AND attempt = ? AND lease_end = ? AND suspect_at IS NULL",
        "AND attempt = ? AND ? IS NOT NULL AND suspect_at IS NULL",
    ),
    Mutation(
        _LEASES,
        "suspect_lease: no suspect_at",
        "AND lease_end = ? AND suspect_at IS NULL",
        "AND lease_end = ?",
    ),
    Mutation(
        _LEASES,
        "take_lease: attempt as seen",
        "if stands is None or _holding(stands) != _holding(seen):",
        "if stands is None or stands.suspect_at != seen.suspect_at:",
    ),
    Mutation(
        _LEASES,
        "take_lease: suspect_at as seen",
        "if stands is None or _holding(stands) != _holding(seen):",
        "if stands is None or stands.attempt != seen.attempt:",
    ),
    Mutation(
        _LEASES,
        "take_lease: its own write is recognised",
        "if stands is not None and _is_own(stands, lease):",
        "if False:",
    ),
    Mutation(
        _LEASES,
        "take_lease: keeps the released attempt",
        "released_attempt=stands.released_attempt,",
        "released_attempt=-1,",
    ),
    Mutation(
        _LEASES,
        "take_lease: keeps the failures",
        "failures=stands.failures,",
        "failures=0,",
    ),
    Mutation(
        _LEASES,
        "take_lease: resets what was reported",
        "live=LiveSummary(),\n        unit",
        "live=stands.live,\n        unit",
    ),
    Mutation(
        _LEASES,
        "extend_lease: attempt = given",
        "if stands is None or stands.attempt != attempt or stands.is_released:",
        "if stands is None or stands.is_released:",
    ),
    Mutation(
        _LEASES,
        "extend_lease: released_attempt < given",
        "if stands is None or stands.attempt != attempt or stands.is_released:",
        "if stands is None or stands.attempt != attempt:",
    ),
    Mutation(
        _LEASES,
        "extend_lease: offset absent or < given",
        "if live is not None and _is_applied(stands.live, live):",
        "if False:",
    ),
    Mutation(
        _LEASES,
        "extend_lease: lease_end is never lowered",
        "lease_end=max(stands.lease_end, lease_end),",
        "lease_end=lease_end,",
    ),
    Mutation(
        _LEASES,
        "extend_lease: clears suspect_at",
        "suspect_at=None,\n                live=",
        "live=",
    ),
    Mutation(
        _LEASES,
        "release_lease: attempt = given",
        "if stands is None or stands.attempt != attempt:\n",
        "if stands is None:\n",
    ),
    Mutation(
        _LEASES,
        "release_lease: released before is fine",
        "if stands is not None and stands.released_attempt >= attempt:\n                return",
        "if stands is not None and stands.released_attempt >= attempt:\n"
        "                raise LeaseLost('released')",
    ),
    Mutation(
        _LEASES,
        "stop_run: item there, not released",
        "if stands is None or stands.is_released:\n                raise NotPossible",
        "if stands is None:\n                raise NotPossible",
    ),
    Mutation(
        _RUNS,
        "create_run: no such item",
        "            elif (stands.key, stands.attempt) != (run.key, run.attempt):",
        "            elif stands.outcome is None:\n"
        "                connection.execute('DELETE FROM runs WHERE sweep = ? AND idx = ?',"
        " (sweep, run.index))\n"
        "                _insert(connection, sweep, run)\n"
        "            elif (stands.key, stands.attempt) != (run.key, run.attempt):",
    ),
    Mutation(
        _RUNS,
        "create_run: its own write is recognised",
        "            elif (stands.key, stands.attempt) != (run.key, run.attempt):",
        "            else:",
    ),
    Mutation(
        _RUNS,
        "advance_attempt: attempt < given",
        "if stands is None or stands.attempt >= attempt:",
        "if stands is None:",
    ),
    Mutation(
        _RUNS,
        "advance_attempt: no outcome",
        "if stands is not None and stands.outcome is not None:\n                raise RunEnded",
        "if False:\n                raise RunEnded",
    ),
    Mutation(
        _RUNS,
        "advance_attempt: its own write is recognised",
        "(stands.key, stands.attempt) == (lease.key, attempt):",
        "False:",
    ),
    Mutation(
        _RUNS,
        "end_run: attempt = given",
        "if stands is None or stands.attempt != attempt:\n",
        "if stands is None:\n",
    ),
    Mutation(
        _RUNS,
        "end_run: no outcome",
        "if stands.outcome is not None:\n                return stands",
        "if False:\n                return stands",
    ),
    Mutation(
        _TRAIL,
        "put_band: no item, or attempt <= given",
        'AND idx = ? AND attempt <= ?",',
        'AND idx = ? AND ? IS NOT NULL",',
    ),
)

STEPS = (
    Mutation(
        _ASK,
        "ask 3: a repeated ask finds its own lease",
        "if lease.key == self.asker.key and not lease.is_released:",
        "if False:",
    ),
    Mutation(
        _ASK,
        "ask 4: the grace after the suspicion",
        "if now - lease.suspect_at < grace_seconds(self._config(lease.index)):",
        "if False:",
    ),
    Mutation(
        _ASK,
        "ask 4: released: an ended run is completed, not taken",
        "        run = self.services.store.get_run(self.sweep, lease.index)\n"
        "        if run is not None and run.outcome is not None:\n"
        "            complete(self.services, self.sweep, lease, run)\n"
        "            return None\n        return self._take(lease, losses=lease.losses",
        "        return self._take(lease, losses=lease.losses",
    ),
    Mutation(
        _ASK,
        "ask 4: only an attempt that was handed out is a loss",
        "if run is None or run.attempt != lease.attempt:",
        "if run is None:",
    ),
    Mutation(
        _ASK,
        "ask 4: losses lead to crashed",
        "losses = lease.losses + 1",
        "losses = lease.losses",
    ),
    Mutation(
        _ASK,
        "ask 4: crashed: take_lease comes before end_run",
        "        taken = self._take(lease, losses, end)\n        if taken is None:",
        "        taken = replace(lease, attempt=lease.attempt + 1) if is_crashed else self._take("
        "lease, losses, end)\n        if taken is None:",
    ),
    Mutation(
        _ASK,
        "ask 5: open_lease that is held: again",
        "        except LeaseHeld:  # settling took the index for a hole\n            return None",
        "        except LeaseHeld:\n            pass",
    ),
    Mutation(
        _ASK,
        "ask 6: handed out only after the run's attempt equals it",
        "        if run.attempt < lease.attempt:\n            try:",
        "        if False:\n            try:",
    ),
    Mutation(
        _ASK,
        "ask 6: a newer attempt in the run: again",
        "if run is None or run.attempt > lease.attempt:",
        "if run is None:",
    ),
    Mutation(
        _ASK,
        "ask 6: an outcome in the run: complete",
        "        if run.outcome is not None:\n            complete(self.services, self.sweep, lease"
        ", run)\n            return None\n        if run.attempt < lease.attempt:",
        "        if run.attempt < lease.attempt:",
    ),
    Mutation(
        _ASK,
        "ask 6: what stands in the run is handed out",
        "            config=run.config,",
        "            config=self._suggest_again(lease).config,",
    ),
    Mutation(
        _REPORT,
        "report 1: rows are kept before the lease is extended",
        "    if batch.rows:\n        services.store.put_rows(sweep, index, batch)\n    lease =",
        "    lease =",
    ),
    Mutation(
        _REPORT,
        "report 2: a suspected holder is extended at once",
        "return lease.suspect_at is not None or",
        "return",
    ),
    Mutation(
        _FINISH,
        "finish 0: released before is fine",
        "if lease is not None and lease.released_attempt >= ending.attempt:",
        "if False:",
    ),
    Mutation(
        _FINISH,
        "finish 0: the run of another attempt: 409",
        "if run is None or run.attempt != ending.attempt:",
        "if run is None:",
    ),
    Mutation(
        _FINISH,
        "finish 2: failures are counted",
        "failures = lease.failures + (ending.state is RunState.FAILED)",
        "failures = lease.failures",
    ),
    Mutation(
        _FINISH,
        "finish 3: complete",
        "    if lease is not None:\n        complete(",
        "    if False:\n        complete(",
    ),
    Mutation(
        _SETTLE,
        "complete: the observation is written",
        "if observation is not None:",
        "if False:",
    ),
    Mutation(
        _SETTLE,
        "settle: the counter is read first",
        "    return _finish(services, sweep, seen)\n",
        "    return _finish(services, sweep, services.store.get_counter(sweep))\n",
    ),
    Mutation(
        _SETTLE,
        "settle: a lease of a run that goes on: not ended",
        "    if not _complete_leases(services, sweep):\n        return Settled.NOT_ENDED\n    heads",
        "    heads",
    ),
    Mutation(
        _SETTLE,
        "settle: a run without outcome and lease: not ended",
        "if any(head.state is None for head in heads):",
        "if False:",
    ),
    Mutation(
        _SETTLE,
        "settle: holes are opened",
        "        _open_holes(services, sweep, sorted(holes))\n        return Settled.MORE_TO_ASK",
        "        return Settled.NOT_ENDED",
    ),
    Mutation(
        _SETTLE,
        "settle: the leases are read once more",
        "    if not _complete_leases(services, sweep):\n        return Settled.NOT_ENDED\n    return",
        "    return",
    ),
)
