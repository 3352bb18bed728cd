"""The invariants of every world, judged by the backend's answers and stored data."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulation.programs import WORKER_ROWS
from sweep_sdk._exceptions import BackendGone, BackendUnavailable, NotFound, UsageError

if TYPE_CHECKING:
    from simulation.kernel import Process
    from simulation.world import World

_RUN_PATH = re.compile(r"/v1/sweeps/([^/]+)/runs/([^/]+)/(reports|finish|stop)")
_A_RUN_PATH = re.compile(r"/v1/sweeps/([^/]+)/runs/([^/]+)")
_LEFT_BEHIND = re.compile(r"attempt (\d+) of (\S+) was left behind")
_AMEND_PATH = re.compile(r"/v1/sweeps/[^/]+/(?:runs/([^/]+)(?:/retry)?|retries)")
_ASK_PATH = re.compile(r"/v1/sweeps/([^/]+)/runs")
#: Seconds after its signal in which an agent must end.
ENDING_SECONDS = 25.5
#: An agent that starts says by then that it has a wrong address, and not before that its backend
#: is away.
BEGINNING_SECONDS = 5.0
#: An agent waits this long for a new credential, which it reads again now and then.
LONGEST_REFUSAL_SECONDS = 600.0
#: A reading of another clock may differ by so much between two steps.
SLACK_SECONDS = 2.0
Attempt = tuple[str, int]


class Broken(AssertionError):
    """A promise is broken."""


@dataclass(frozen=True)
class Before:
    """What was so when a request began.

    Attributes:
        n_amendments: How often its run may have been amended.
        end: The state in which its run had ended, as was acknowledged; None where it had not.
        is_deleted: Whether the deletion of the sweep had been acknowledged.
    """

    n_amendments: int = 0
    end: str | None = None
    is_deleted: bool = False


@dataclass
class Judge:
    """Sees every request that the backend has answered, delivered or not.

    Attributes:
        keys: The ask key to which each attempt was handed out.
        holders: The process to which each attempt was handed out.
        newest_attempts: The newest attempt of each run that was handed out.
        acknowledged: The rows of each attempt that the backend has said it has.
        heard_at: When the backend last renewed each attempt's lease, in true seconds.
        over: Attempts that were given back or ended, or may have been.
        ends: How each run ended: its state and attempt.
        finished_at: When the backend first took each attempt's end.
        n_amendments: How often each run may have been amended: retried, or deleted.
        amending: How many amendments of each run may still take effect; ``*`` for any run.
        deleted: The newest attempt of each run that was deleted.
        sent_late: Attempts of deleted runs of which a machine has sent rows afterwards.
        is_sweep_deleted: Whether the backend has said that the sweep is deleted.
    """

    world: World
    keys: dict[Attempt, str] = field(default_factory=dict)
    holders: dict[Attempt, str] = field(default_factory=dict)
    newest_attempts: dict[str, int] = field(default_factory=dict)
    acknowledged: dict[Attempt, set[int]] = field(default_factory=dict)
    heard_at: dict[Attempt, float] = field(default_factory=dict)
    over: set[Attempt] = field(default_factory=set)
    ends: dict[str, tuple[str, int]] = field(default_factory=dict)
    configs: dict[str, str] = field(default_factory=dict)
    finished_at: dict[Attempt, float] = field(default_factory=dict)
    n_amendments: Counter[str] = field(default_factory=Counter)
    amending: Counter[str] = field(default_factory=Counter)
    deleted: dict[str, int] = field(default_factory=dict)
    sent_late: set[Attempt] = field(default_factory=set)
    is_sweep_deleted: bool = False

    def saw(
        self,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        status: int,
        answer: bytes,
        origin: str,
        before: Before,
    ) -> None:
        """Take in a request of the process ``origin``, and what the backend answered to it.

        Args:
            method: Its method.
            path: Its path.
            headers: Its headers.
            body: Its body.
            status: Of the answer.
            answer: The body of the answer.
            origin: The process that sent the request.
            before: What ``began`` returned for the request.
        """
        if before.is_deleted:
            self._check_deletion(method, path, status, answer)
        if _is_amendment(method, path):
            self._amended(method, path, status, answer)
            return
        if method == "DELETE" and status == 204 and path == f"/v1/sweeps/{self.world.sweep}":
            self.is_sweep_deleted = True
        if method == "GET" and status == 200 and before.end is not None:
            self._looked_at(path, json.loads(answer), before)
        if method != "POST":
            return
        run_path = _RUN_PATH.fullmatch(path)
        if run_path is not None and run_path[3] != "stop":
            self._spoke(run_path, json.loads(body), status, answer, origin, before)
        elif status in (200, 201) and b'"id"' in answer and _ASK_PATH.fullmatch(path):
            lowered = {name.lower(): value for name, value in headers.items()}
            self._handed_out(json.loads(answer), lowered["idempotency-key"], origin)

    def _spoke(
        self,
        path: re.Match[str],
        asked: dict[str, Any],
        status: int,
        answer: bytes,
        origin: str,
        before: Before,
    ) -> None:
        """Somebody has reported for a run, or finished it."""
        run, verb = path[2], path[3]
        if status == 200:
            self._check_sender((run, asked["attempt"]), origin)
        if verb == "reports":
            self._report(run, asked, status)
        elif status == 200 and self.n_amendments[run] == before.n_amendments:
            self._finish(run, asked, json.loads(answer))  # nothing of it was taken back since

    def began(self, method: str, path: str, body: bytes) -> Before:
        """A request that may have an effect although nobody will answer it."""
        if _is_amendment(method, path):
            self.amending[self._amended_by(path)] += 1
            return Before(is_deleted=self.is_sweep_deleted)
        run_path = _RUN_PATH.fullmatch(path)
        if method == "POST" and run_path is not None and run_path[3] != "stop":
            asked = json.loads(body)
            if run_path[3] == "finish" or asked.get("preempting"):
                self.over.add((run_path[2], asked["attempt"]))
        run_path = run_path or _A_RUN_PATH.fullmatch(path)
        if run_path is None:
            return Before(is_deleted=self.is_sweep_deleted)
        run = run_path.group(2)
        end = self.ends[run][0] if run in self.ends else None
        return Before(self.n_amendments[run], end, self.is_sweep_deleted)

    def _check_deletion(self, method: str, path: str, status: int, answer: bytes) -> None:
        """Nothing of a sweep is seen when its deletion has been acknowledged."""
        own = f"/v1/sweeps/{self.world.sweep}"
        is_own = path == own or path.startswith(f"{own}/")
        if is_own and method != "DELETE" and status < 400:
            raise Broken(f"the sweep was deleted, and {method} {path} is answered with {status}")
        if path == "/v1/sweeps" and method == "GET" and self.world.sweep.encode() in answer:
            raise Broken("the sweep was deleted, and it is listed")

    def _looked_at(self, path: str, found: dict[str, Any], before: Before) -> None:
        """Every reader of a run whose end was acknowledged sees that end."""
        match = _A_RUN_PATH.fullmatch(path)
        if match is None or self._may_be_amended(match[2]):
            return
        is_same = self.n_amendments[match[2]] == before.n_amendments
        if is_same and found["state"] != before.end:
            raise Broken(f"{match[2]} had ended as {before.end}, and is seen as {found['state']}")

    def _amended_by(self, path: str) -> str:
        """The run that a request to amend may change; ``*`` for any."""
        match = _AMEND_PATH.fullmatch(path)
        assert match is not None
        return match[1] or "*"

    def _amended(self, method: str, path: str, status: int, answer: bytes) -> None:
        """An amendment was answered: how the runs that it may have changed end, is open again.

        Where it failed on the way it may still take effect at any later time, as others carry it
        out; then nothing is said of the ends of the run.
        """
        name = self._amended_by(path)
        if status == 200 or 400 <= status < 500:
            self.amending[name] -= 1
        if status != 200:
            return
        for run in list(self.configs) if name == "*" else [name]:
            self.ends.pop(run, None)
            self.n_amendments[run] += 1
        if method == "DELETE" and json.loads(answer)["changed"]:
            attempts = [attempt for run, attempt in self.keys if run == name]
            self.deleted[name] = max(attempts, default=0)

    def _may_be_amended(self, run: str) -> bool:
        """Whether an amendment of the run is under way, or may have been left there."""
        return self.amending[run] > 0 or self.amending["*"] > 0

    def heard(self, message: str) -> None:
        """Take in what an agent says of another one's run."""
        match = _LEFT_BEHIND.match(message)
        if match is None or self.world.kernel.machine().name in self.world.broken_disks:
            return  # a failing disk may keep the file of an attempt that was delivered
        if (match[2], int(match[1])) in self.world.delivered:
            raise Broken(f"'{message}', but its agent had delivered it")

    def _check_sender(self, own: Attempt, origin: str) -> None:
        """Nobody speaks for the run of an agent that lives."""
        holder = self.holders.get(own)
        alive = {process.name for machine in self.world.machines for process in machine.processes}
        if holder in (None, origin) or holder not in alive:
            return
        if own not in self.world.given_up:
            raise Broken(f"{origin} spoke for {own[0]}.{own[1]}, on which {holder} works")

    def _handed_out(self, found: dict[str, Any], key: str, origin: str) -> None:
        run, attempt = found["id"], found["attempt"]
        own = run, attempt
        self.holders.setdefault(own, origin)
        self.newest_attempts[run] = max(attempt, self.newest(run))
        if self.keys.setdefault(own, key) != key:
            raise Broken(f"attempt {attempt} of {run} was handed to two agents")
        if run in self.ends and not self._may_be_amended(run):
            raise Broken(f"{run} was handed out after it had ended: {self.ends[run]}")
        config = json.dumps(found["config"], sort_keys=True)
        if self.configs.setdefault(run, config) != config:
            raise Broken(f"{run} has two configurations: {self.configs[run]} and {config}")
        others = [
            other for other, point in self.configs.items() if point == config and other != run
        ]
        out = [other for other in others if other not in self.ends]
        if out and self.world.are_runs_apart:
            raise Broken(f"{run} and {out[0]} are out at once with the same values: {config}")
        if others and self.world.is_each_point_once:
            raise Broken(f"{run} and {others[0]} are the same point: {config}")
        self.check_holder(run, attempt)
        self.heard_at[own] = self.world.kernel.now

    def newest(self, run: str) -> int:
        """The newest attempt of a run that was handed out; 0 for none."""
        return self.newest_attempts.get(run, 0)

    def check_holder(self, run: str, attempt: int) -> None:
        """The attempt begins when the agent of the one before was silent for long enough."""
        before = run, attempt - 1
        heard_at = self.heard_at.get(before)
        if heard_at is None or before in self.over or not self.world.are_backend_clocks_true:
            return
        waited = self.world.kernel.now - heard_at
        if waited < self.world.lease_seconds - SLACK_SECONDS:
            raise Broken(
                f"{run} was handed to another agent {waited:.1f} s after its holder was heard from"
                f" (lease {self.world.lease_seconds} s)"
            )

    def _report(self, run: str, asked: dict[str, Any], status: int) -> None:
        own = run, asked["attempt"]
        if own[1] <= self.deleted.get(run, 0):
            self.sent_late.add(own)
        if status == 200:
            self.heard_at[own] = self.world.kernel.now
        if status in (200, 409) and asked["rows"]:
            numbers = {int(row["metrics"]["n"]) for row in asked["rows"] if "n" in row["metrics"]}
            if status == 200:
                self.acknowledged.setdefault(own, set()).update(numbers)

    def _finish(self, run: str, asked: dict[str, Any], found: dict[str, Any]) -> None:
        own = run, asked["attempt"]
        self.over.add(own)
        self.finished_at.setdefault(own, self.world.kernel.now)
        if not found["requeued"]:
            state = found["state"]
            stored = self.ends.setdefault(run, (state, asked["attempt"]))
            if stored[0] != state and not self._may_be_amended(run):
                raise Broken(f"{run} had ended as {stored[0]}, and now as {state}")

    # How processes ended

    def check_exits(self) -> None:
        """Agents end in time, for a reason, and their exit codes are true."""
        found = self.world.peek(f"/v1/sweeps/{self.world.sweep}")
        has_ended = found is None or found["state"] in ("finished", "canceled")
        for agent in self.world.agents:
            self._check_time(agent)
            if agent.error is not None and not self._is_excused(agent):
                raise Broken(f"{agent.name} ended by {agent.error!r}") from agent.error
            has_cause = self.world.n_failed or self.world.faults.n["no launches"]
            has_cause = has_cause or agent.name not in self.world.successful
            has_cause = has_cause or agent.name in self.world.undelivered
            has_cause = has_cause or self.world.token is not None or self.world.has_outdated
            if agent.exit_code == 1 and agent.error is None and not has_cause:
                raise Broken(f"{agent.name} gave up, and no run had failed")
            self._check_undelivered(agent)
            if agent.exit_code == 0 and not has_ended and agent.name not in self.world.counted:
                raise Broken(f"{agent.name} ended with 0, but the sweep is {found['state']}")

    def _check_undelivered(self, agent: Process) -> None:
        """An agent that could not deliver the end of a run does not say that all is well."""
        if agent.exit_code != 0 or agent.ended_at is None or self.world.is_deleting:
            return
        for own in self.world.undelivered.get(agent.name, ()):
            run, attempt = own
            is_over = self.finished_at.get(own, math.inf) <= agent.ended_at
            is_handed_on = (run, attempt + 1) in self.holders or self.n_amendments[run]
            if not is_over and not is_handed_on:
                raise Broken(f"{agent.name} ended with 0, and has not delivered {run}.{attempt}")

    def _check_time(self, agent: Process) -> None:
        at = self.world.signalled.get(agent.name)
        if at is None or agent.ended_at is None:
            return
        took = agent.ended_at - max(at, agent.resumed_at)  # a stopped process does nothing
        if took > ENDING_SECONDS:
            raise Broken(f"{agent.name} ended {took:.1f} s after its signal")

    def _check_beginning(self, agent: Process) -> None:
        """A wrong address is reported at once; a backend that restarts is waited for."""
        if agent.name in self.world.paused or agent.ended_at is None:
            return
        seconds = agent.ended_at - self.world.started[agent.name]
        is_away = isinstance(agent.error, BackendUnavailable) and agent.error.is_temporary
        if agent.name in self.world.misled and (is_away or seconds > BEGINNING_SECONDS):
            raise Broken(f"{agent.name} said after {seconds:.1f} s: {agent.error}")
        if is_away and seconds < BEGINNING_SECONDS:
            raise Broken(f"{agent.name} gave up after {seconds:.1f} s: {agent.error}")

    def check_outdated(self, agents: list[Process]) -> None:
        """Agents whose backend is older than they are have ended."""
        for agent in agents:
            if not agent.is_dead and agent.name in self.world.engaged:
                raise Broken(f"{agent.name} waits for a backend that is older than it")

    def _is_excused(self, agent: Process) -> bool:
        """Whether it had reason to end by an error."""
        world = self.world
        if isinstance(agent.error, BackendGone):
            return world.was_database_away
        if agent.name not in world.engaged:
            self._check_beginning(agent)
            return True
        if world.has_outdated and isinstance(agent.error, UsageError):
            return "has version" in str(agent.error)
        if world.token is not None and isinstance(agent.error, BackendUnavailable):
            is_told = "has been refused for 10 minutes" in str(agent.error)
            return is_told and world.refusal_seconds >= LONGEST_REFUSAL_SECONDS
        if isinstance(agent.error, (NotFound,)):
            return world.is_deleting
        return isinstance(agent.error, UsageError) and (
            agent.machine.name in world.broken_disks or world.faults.n["disk full"] > 0
        )

    # What the store keeps

    def check_rows(self, rows: dict[Attempt, list[int]]) -> None:
        """At rest: each row once and in order, each acknowledged one, and each written one."""
        for own, numbers in rows.items():
            _check_order(own, numbers)
        for own in self.acknowledged:
            self._check_acknowledged(own, rows.get(own, ()))
        self._check_all_written(rows)
        self._check_complete(rows)
        self._check_deleted(rows)

    def check_rows_of(self, run: str, kept: dict[int, list[int]]) -> None:
        """While things go on: each row of a run once and in order, and each acknowledged one.

        Args:
            run: The run.
            kept: The rows of each of its attempts.
        """
        for attempt, numbers in kept.items():
            _check_order((run, attempt), numbers)
        if self.world.is_deleting:
            return
        for own in self.acknowledged:
            if own[0] == run:
                self._check_acknowledged(own, kept.get(own[1], ()))

    def _check_acknowledged(self, own: Attempt, kept: Iterable[int]) -> None:
        missing = self.acknowledged[own].difference(kept)
        if missing and not self._may_be_deleted(own):
            raise Broken(f"rows {sorted(missing)[:10]} of {own} were acknowledged and are gone")

    def _check_all_written(self, rows: dict[Attempt, list[int]]) -> None:
        for own, written in self.world.written().items():
            missing = set(written) - set(rows.get(own, ()))
            # the agent waited for an answer while the file was made and removed again
            is_known = own in self.world.removed and self.ends.get(own[0]) == ("failed", own[1])
            is_known = is_known or self._was_tidied_twice(own)
            if missing and not (self._may_be_lost(own) or self._may_be_deleted(own) or is_known):
                raise Broken(
                    f"rows {sorted(missing)[:10]} of {own} were written and never delivered"
                )

    def _check_complete(self, rows: dict[Attempt, list[int]]) -> None:
        """A run that has finished has all that its program logged, or it would have failed."""
        for run, (state, attempt) in self.ends.items():
            own = run, attempt
            n_logged, kept = self.world.programs.logged.get(own, 0), rows.get(own, [])
            is_short = state == "finished" and len(kept) < n_logged
            is_excused = own not in self.world.tidied and self._may_be_lost(own)
            is_excused = is_excused or self._was_tidied_twice(own)
            if is_short and not is_excused and not self._may_be_deleted(own):
                raise Broken(
                    f"{run} has finished with {len(kept)} of the {n_logged} rows that its program"
                    " logged"
                )

    def _check_deleted(self, rows: dict[Attempt, list[int]]) -> None:
        """Nothing of a deleted run stays."""
        for run, attempt in self.deleted.items():
            left = [own for own in rows if own[0] == run and own[1] <= attempt]
            left = [own for own in left if own not in self.sent_late]  # not promised
            if left:
                raise Broken(f"{run} was deleted up to attempt {attempt}, and has rows of {left}")

    def _was_tidied_twice(self, own: Attempt) -> bool:
        """Whether a folder that was made again was removed again: not promised to be noticed."""
        return self.world.n_removals[own] > 1

    def _may_be_deleted(self, own: Attempt) -> bool:
        """Whether a person has deleted the attempt, or may have."""
        run, attempt = own
        return self._may_be_amended(run) or attempt <= self.deleted.get(run, 0)

    def _may_be_lost(self, own: Attempt) -> bool:
        """Whether rows that were written had no way to the backend."""
        world = self.world
        if own in world.excused | world.tidied:
            return True
        if world.faults.n["disk full"] and world.script(*own).has_worker:
            return True  # one process may write behind the part of a line that another has written
        holder = next((one for one in world.agents if one.name == world.removed.get(own)), None)
        if holder is None:
            return False
        is_killed = holder.exit_code is None or holder.exit_code < 0
        return is_killed or own in world.given_up or holder.error is not None

    def check_evidence(self, kept: set[int], known: set[int]) -> None:
        """A search knows every result that was there when it was asked."""
        missing = sorted(kept - known)
        if missing:
            raise Broken(f"a search does not know the results of {missing[:10]}")

    def check_points(self, n_runs: int, n_points: int) -> None:
        """Each point was handed out."""
        if n_runs != n_points:
            raise Broken(f"{n_runs} runs of {n_points} points")

    def check_nothing_is_left(self, counts: dict[str, int]) -> None:
        """Nothing of a deleted sweep stays, but the mark that it was deleted."""
        if counts:
            raise Broken(f"the sweep was deleted, and there are still rows of it: {counts}")

    def check_ends(self, runs: list[dict[str, Any]]) -> None:
        """An end that was acknowledged remains."""
        states = {run["id"]: run["state"] for run in runs}
        for run in self.ends:
            self.check_end(run, states.get(run))

    def check_end(self, run: str, state: str | None) -> None:
        """The same of one run."""
        end = self.ends.get(run)
        if end is not None and end[0] != state and not self._may_be_amended(run):
            raise Broken(f"{run} had ended as {end[0]}, and now it is {state}")


def _check_order(own: Attempt, numbers: list[int]) -> None:
    """Each row once, and those of each process in order."""
    if len(set(numbers)) != len(numbers):
        doubled = [n for n, count in Counter(numbers).items() if count > 1]
        raise Broken(f"rows {doubled[:5]} of {own} are kept twice: {numbers[:40]}")
    of_worker = [number for number in numbers if number >= WORKER_ROWS]
    of_program = [number for number in numbers if number < WORKER_ROWS]
    if of_worker != sorted(of_worker) or of_program != sorted(of_program):
        raise Broken(f"rows of {own} are out of order: {numbers[:40]}")


def _is_amendment(method: str, path: str) -> bool:
    """Whether a request retries or deletes runs."""
    match = _AMEND_PATH.fullmatch(path)
    if match is None:
        return False
    return method == ("POST" if path.endswith(("/retry", "/retries")) else "DELETE")
