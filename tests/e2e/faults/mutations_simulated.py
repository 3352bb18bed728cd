"""Mutations against bad networks, disks, clocks and crashes, detected in simulated worlds.

``worlds.py`` hunts them; each names the theme of the worlds that aim at it (``simulation.themes``).
"""

from __future__ import annotations

from mutations import Mutation

_TEST = "tests/simulation/test_simulation.py::test_promises_hold_in_many_worlds"
_BACKEND = "sdk/sweep_sdk/_backend/"
_AGENT = "sdk/sweep_sdk/_agent/"
_OPERATIONS = "functions/sweep_service/operations/"
_PROTOCOL = "functions/sweep_service/protocol/"
_SQLITE = "functions/sweep_service/storage/sqlite/"
_TELL = "sdk/sweep_sdk/cli/commands/tell.py"


def _mutation(path: str, what: str, old: str, new: str, promise: str, theme: str) -> Mutation:
    return Mutation(path, what, old, new, promise, _TEST, theme)


SIMULATED = (
    # Answers of others
    _mutation(
        _BACKEND + "acquaintance.py",
        "who had good answers waits out what is not the backend's",
        "        self.is_known = True",
        "        self.is_known = False",
        "waited out",
        "NewCredential",
    ),
    _mutation(
        _BACKEND + "answers.py",
        "a 403 of a proxy is no refused credential",
        "    if status in (401, 403) and (code or not is_known or _is_of_api_gateway(response)):",
        "    if status in (401, 403):",
        "waited out",
        "OlderBackend",
    ),
    _mutation(
        _BACKEND + "exchange.py",
        "a connection that breaks is temporary, once the backend has answered",
        "error.is_temporary = error.is_temporary or self.acquaintance.is_known",
        "pass",
        "waited out",
        "",
    ),
    _mutation(
        _BACKEND + "retry.py",
        "a credential that was accepted is waited for when it is refused",
        "        if now - since < RENEWAL_SECONDS:",
        "        if now - since < 0:",
        "waited out",
        "NewCredential",
    ),
    _mutation(
        _BACKEND + "retry.py",
        "a refused credential is not waited for without a bound",
        "        if now - since < RENEWAL_SECONDS:",
        "        if True:",
        "waited out",
        "NewCredential",
    ),
    _mutation(
        _BACKEND + "exchange.py",
        "a refused credential is read again",
        "if not (error.was_accepted and self.transport.renew_credential()):",
        "if True:",
        "waited out",
        "NewCredential",
    ),
    _mutation(
        _BACKEND + "exchange.py",
        "a backend that is older than its agent is named, and not waited for",
        "        if is_missing_route(response):\n            raise",
        "        if False:\n            raise",
        "waited out",
        "OlderBackend",
    ),
    _mutation(
        _AGENT + "session/session.py",
        "an agent that starts while servers restart waits for them",
        "START_SECONDS = 10.0",
        "START_SECONDS = 0.0",
        "waited out",
        "Beginners",
    ),
    _mutation(
        _BACKEND + "answers.py",
        "a wrong address is reported at once",
        "    return WrongBackend(",
        "    return BackendUnavailable(",
        "waited out",
        "Beginners",
    ),
    # Each point once
    _mutation(
        _OPERATIONS + "choosing.py",
        "a point of a finite space is claimed before it is handed out, in worlds",
        "holder = _NOBODY if number in reserved else self._claim(number)",
        "holder = _NOBODY if number in reserved else self.index",
        "9",
        "FewPoints",
    ),
    _mutation(
        _OPERATIONS + "choosing.py",
        "in an endless space a suggestion is compared with the runs that are out",
        "        if first.config not in out:\n            return first",
        "        if True:\n            return first",
        "9",
        "FewValues",
    ),
    _mutation(
        _OPERATIONS + "choosing.py",
        "in an endless space runs are compared once more before the run is written, in worlds",
        "        if suggestion.config not in out:\n            return lease, suggestion",
        "        if True:\n            return lease, suggestion",
        "9",
        "FewValues",
    ),
    # Rows
    _mutation(
        _AGENT + "outbox/tail.py",
        "a metrics file is read on through what is open",
        "        if self._file is None:\n            try:",
        "        if True:\n            try:",
        "kept",
        "BadDisk",
    ),
    _mutation(
        _AGENT + "outbox/tail.py",
        "a file that lacks lines is known to lack them",
        "        return bool(found.st_mode & INCOMPLETE)",
        "        return False",
        "kept",
        "BadDisk",
    ),
    _mutation(
        _OPERATIONS + "rows.py",
        "rows that two have delivered are read once, in worlds",
        "batches.append(batch.since(next_row))",
        "batches.append(batch)",
        "7",
        "",
    ),
    _mutation(
        _AGENT + "outbox/tail.py",
        "rows are numbered by their place in the file",
        "        offset = self._n_rows\n",
        "        offset = 0\n",
        "7",
        "",
    ),
    _mutation(
        _TELL,
        "a result is reported for the attempt that was handed out",
        '        if attempt is None or attempt != found["attempt"]:\n'
        "            raise UsageError(_attempt_problem(found, attempt))",
        '        attempt = found["attempt"]',
        "8",
        "LateTellers",
    ),
    _mutation(
        _TELL,
        "a reported result comes after the rows reported before it",
        "        next_row = client.report(run, attempt, 0, ()).next_row",
        "        next_row = 0",
        "kept",
        "LateTellers",
    ),
    _mutation(
        _OPERATIONS + "report.py",
        "a report with another key than the lease's is refused, in worlds",
        "        if key not in (None, lease.key):",
        "        if False:",
        "8",
        "LateTellers",
    ),
    _mutation(
        _OPERATIONS + "finish.py",
        "an end with another key than the run's is refused",
        "    return is_current and ending.key in (None, run.key)",
        "    return is_current",
        "8",
        "LateTellers",
    ),
    # Who is dead
    _mutation(
        "sdk/sweep_sdk/_home/agent_lock.py",
        "a living agent keeps its pending deliveries",
        "        if disk.lock_if_free(descriptor):\n            lock.unlink",
        "        if True:\n            lock.unlink",
        "alone",
        "OneHome",
    ),
    _mutation(
        _AGENT + "outbox/pending.py",
        "a pending delivery is read again after its agent was found dead, in worlds",
        "(pending, self._look(pending.file_name)) for pending in orphans",
        "(pending, pending) for pending in orphans",
        "alone",
        "OneHome",
    ),
    # The database's file
    _mutation(
        _SQLITE + "database.py",
        "a database without its name is noticed, in worlds",
        "        if file == self._file and log == (self._log_file or log):",
        "        if True:",
        "kept",
        "LostDatabase",
    ),
    # Deletion
    _mutation(
        _SQLITE + "sweeps.py",
        "a repeated deletion goes on where the first was cut short",
        "            if not _is_anything_there(connection, sweep):",
        "            head = 'SELECT 1 FROM sweeps WHERE sweep = ?'\n"
        "            if connection.execute(head, (sweep,)).fetchone() is None:",
        "deleted",
        "CutDeletion",
    ),
    _mutation(
        _SQLITE + "sweeps.py",
        "a deletion removes all batches",
        "            while self._delete_batch(statement, sweep) == _DELETE_BATCH:\n"
        "                pass",
        "            self._delete_batch(statement, sweep)",
        "deleted",
        "CutDeletion",
    ),
    _mutation(
        _SQLITE + "schema.py",
        "rows of a deleted sweep are refused, in worlds",
        "            connection.execute(_GUARD.format(table=table, text=DELETED))",
        "            pass",
        "deleted",
        "CutDeletion",
    ),
    # Clocks
    _mutation(
        _PROTOCOL + "leases.py",
        "a lease is bounded by what it can have been",
        "    return not lease.is_released and lease.lease_end > now + longest",
        "    return False",
        "6",
        "FastClock",
    ),
    _mutation(
        _PROTOCOL + "leases.py",
        "a suspicion from the future counts from now",
        "return lease.suspect_at is not None and lease.suspect_at <= now",
        "return lease.suspect_at is not None",
        "6",
        "FastClock",
    ),
    _mutation(
        _OPERATIONS + "evidence.py",
        "what is new to a search is known by its index, not by its time",
        "    if known and not missing <= services.unobserved.get(sweep, frozenset()):",
        "    if False:",
        "5",
        "BlindServer",
    ),
    # Endings
    _mutation(
        _AGENT + "agent.py",
        "an agent's ending has a bound, whatever the network does",
        "            session.deadline.at = clock.monotonic() + (grace or 0.0) + DELIVERY_SECONDS",
        "            session.deadline.at = None",
        "ended",
        "SilentEnd",
    ),
)
