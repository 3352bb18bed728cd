"""The client of the backend, with one method per route."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.answers import (
    added,
    amended,
    hand_out_or_wait,
    health_of,
    imported,
    nothing,
    registered,
    retried,
    run_of,
)
from sweep_sdk._backend.reading import ReadingCaller
from sweep_sdk._backend.references import is_sweep, parse_run, parse_sweep
from sweep_sdk._backend.requests import config_body, config_value, result_body, run_path, sweep_path
from sweep_sdk._backend.retry import Retrier, RetryPolicy
from sweep_sdk._backend.understanding import check_understood
from sweep_sdk._exceptions import InvalidRequest, NotFound
from sweep_sdk._world import chance
from sweep_service.wire.runs import Command, Finished

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sweep_sdk._backend.answers import Reader
    from sweep_sdk._settings import Settings
    from sweep_service.wire.runs import Ending, HandOut, Wait

    Json = dict[str, Any]

#: Default of an argument for which None is a value.
UNCHANGED: Any = object()


def new_key() -> str:
    """A new idempotency key, to be reused when the request is repeated."""
    return chance.unique_key()


@dataclass(frozen=True)
class Client(ReadingCaller):
    """A client of one backend. Immutable and thread-safe.

    Every method may raise ``BackendUnavailable`` when the retries are used up, ``NotAuthorized``,
    and ``NotFound`` for a sweep or run that does not exist. Sweeps and runs may be given by any
    reference (``entity/project/id``, ``project/id``, ``id``).
    """

    def health(self) -> Json:
        """The backend's status and version."""
        return self._get("/v1/health", health_of)

    def create_sweep(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        yaml: str | None = None,
        project: str | None = None,
        name: str | None = None,
        program: str | None = None,
        prior_runs: Sequence[str] = (),
        wandb: str | None = None,
        dry_run: bool = False,
    ) -> Json:
        """Register a sweep from a config object or the text of a sweep file.

        Args:
            config: The config as an object, unless ``yaml`` is given.
            yaml: The text of a sweep file, unless ``config`` is given.
            project: Project under which the sweep is listed.
            name: Display name of the sweep.
            program: Training program; takes precedence over that of the config.
            prior_runs: Ended runs, or sweeps with all of theirs, whose results are known from the
                start.
            wandb: How to handle what programs log with wandb; takes precedence over the config.
            dry_run: Only check the config and return the first runs; register nothing.

        Returns:
            The sweep with its normalised ``config`` and ``warnings``; ``id`` is None for a dry run.

        Raises:
            InvalidConfig: The config has problems; the error lists all of them.
            UsageError: The config exceeds 100 KB or cannot be written as JSON, or an older backend
                would ignore a part of it.
        """
        body = config_body(config, yaml) | {"project": project, "name": name, "program": program}
        body |= {"wandb": wandb} if wandb is not None else {}
        if prior_runs:
            body["prior_runs"] = [
                parse_sweep(prior) if is_sweep(prior) else parse_run(prior)[1]
                for prior in prior_runs
            ]
        self._check_understood(body)
        query = {"dry_run": "true"} if dry_run else {}
        return self._call("POST", "/v1/sweeps", registered, query, body, new_key())

    def add_points(
        self, sweep: str, configs: Sequence[Mapping[str, Any]], *, front: bool = False
    ) -> Json:
        """Have configurations handed out next, each once; adding them again changes nothing.

        Args:
            sweep: A reference to the sweep.
            configs: Values of the parameters, nested as they are; at most 1,000.
            front: Whether they come before points that were added earlier and still wait.

        Returns:
            ``points`` with ``config`` and ``id`` each, the run that it will be (None if it was
            handed out before, counts as done or waits already); ``n_added``, ``sweep_state`` and
            ``warnings``.

        Raises:
            InvalidConfig: With all the problems that the configurations have.
            NotPossible: The sweep is canceled, or hands out fewer runs than that.
        """
        body: Json = {"configs": [config_value(config) for config in configs]}
        if front:
            body["front"] = True
        return self._call("POST", f"{sweep_path(sweep)}/points", added, body=body)

    def import_results(
        self, sweep: str, results: Sequence[Mapping[str, Any]], *, dry_run: bool = False
    ) -> Json:
        """Import results from elsewhere into a sweep; importing them again changes nothing.

        Args:
            sweep: A reference to the sweep.
            results: Objects ``{"config": ..., "value": ...}``; the value is a float or None.
            dry_run: Whether to store nothing.

        Returns:
            ``observed``, ``done``, ``known``, ``n_left_out``: numbers of results. ``left_out``: the
            first results left out, each with ``place`` (from 0) and ``reason``.

        Raises:
            NotPossible: The sweep is canceled, or its method cannot use results.
        """
        query = {"dry_run": "true"} if dry_run else {}
        body = {"results": [result_body(result) for result in results]}
        path = f"{sweep_path(sweep)}/results"
        return self._call("POST", path, imported, query, body)

    def change_sweep(
        self,
        sweep: str,
        *,
        state: str | None = None,
        run_cap: int | None = UNCHANGED,
        config: Mapping[str, Any] | None = None,
        yaml: str | None = None,
        labels: Mapping[str, Any] | None = None,
    ) -> Json:
        """Change the given fields, and return the sweep after the change.

        ``changed`` in the answer is false if the sweep was already as requested.

        Args:
            sweep: A reference to the sweep.
            state: ``running``, ``paused``, ``finished`` or ``canceled``.
            run_cap: Maximum number of runs; None to remove the cap.
            config: The new config as an object, unless ``yaml`` is given.
            yaml: The text of the new sweep file.
            labels: Some of ``name``, ``tags`` (a list of texts) and ``notes``, without any other
                change; None removes a label.

        Raises:
            NotPossible: The transition or edit is not allowed; the message says what is possible.
            InvalidConfig: The config has problems; the error lists all of them.
            UsageError: An older backend would ignore a part of the config.
        """
        body: Json = {} if config is None and yaml is None else config_body(config, yaml)
        if body:
            self._check_understood(body)
        if state is not None:
            body["state"] = state
        if run_cap is not UNCHANGED:
            body["run_cap"] = run_cap
        body |= labels or {}
        return self._change("PATCH", sweep_path(sweep), registered, body=body)

    def check_store(self) -> None:
        """Have the backend read its database; raises if the database cannot be used."""
        next(self.list_sweeps(), None)

    def delete_sweep(self, sweep: str) -> None:
        """Delete a sweep and everything that belongs to it."""
        path = sweep_path(sweep)

        def send(n_failures: int) -> None:
            try:
                self._send("DELETE", path, nothing)
            except NotFound:
                if not n_failures:  # otherwise an earlier try, whose answer was lost, deleted it
                    raise

        self.retrier.call(send)

    def ask(
        self, sweep: str, key: str, agent: str, slot: str = "", host: str = ""
    ) -> HandOut | Wait:
        """Ask for the next run; repeating a key returns the same run.

        Raises:
            SweepEnded: There are no more runs.
        """
        body = {"agent": agent, "slot": slot, "host": host}
        path = f"{sweep_path(sweep)}/runs"
        return self._call("POST", path, hand_out_or_wait, body=body, key=key)

    def report(
        self,
        run: str,
        attempt: int,
        offset: int,
        rows: Sequence[Mapping[str, Any]],
        *,
        is_preempting: bool = False,
        key: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Command:
        """Deliver rows, each of which counts once; without rows, send a heartbeat.

        Args:
            run: A reference to the run.
            attempt: Number of the attempt.
            offset: Number of the first row within the attempt.
            rows: Objects with ``metrics``, ``step`` and ``at``.
            is_preempting: Whether the agent is being preempted: unless it reports again, the run is
                handed out again without waiting for the whole lease.
            key: Idempotency key of the hand-out, if it had one.
            attributes: Everything the program has noted, if that has changed.

        Raises:
            LeaseLost: The attempt no longer holds the run.
        """
        body: Json = {"attempt": attempt, "offset": offset, "rows": list(rows)}
        if is_preempting:
            body["preempting"] = True
        if key is not None:
            body["key"] = key
        if attributes is not None:
            body["attributes"] = attributes
        return self._call("POST", f"{run_path(run)}/reports", Command.from_json, body=body)

    def finish(self, run: str, ending: Ending) -> Finished:
        """Report how an attempt ended; repeating the request changes nothing.

        Args:
            run: A reference to the run.
            ending: How the attempt ended; details are left out if an older backend rejects them.

        Raises:
            LeaseLost: The attempt no longer holds the run.
        """
        path = f"{run_path(run)}/finish"
        try:
            return self._call("POST", path, Finished.from_json, body=ending.to_json())
        except InvalidRequest:
            if not ending.details:
                raise
        known = replace(ending, details={})
        return self._call("POST", path, Finished.from_json, body=known.to_json())

    def stop_run(self, run: str) -> Json:
        """Ask the run's agent to stop it; the agent does so at its next report.

        Raises:
            NotPossible: No agent works on the run.
        """
        return self._call("POST", f"{run_path(run)}/stop", run_of, body={})

    def label_run(self, run: str, labels: Mapping[str, Any]) -> Json:
        """Change the labels of a run; ``labels`` as in ``change_sweep``.

        Raises:
            NotPossible: The run was deleted.
        """
        return self._call("PATCH", run_path(run), run_of, body=dict(labels))

    def retry_run(self, run: str, attempt: int | None = None) -> Json:
        """Hand out a run that failed, crashed or was killed again.

        Args:
            run: A reference to the run.
            attempt: The newest attempt that the caller has seen; a run that has been handed out
                again since is left alone.

        Returns:
            ``run`` after the request, ``changed`` (false if there was nothing to do) and
            ``sweep_state``.

        Raises:
            NotPossible: The run has finished or was deleted, or its sweep is canceled.
        """
        body = {} if attempt is None else {"attempt": attempt}
        return self._change("POST", f"{run_path(run)}/retry", amended, body=body)

    def delete_run(self, run: str, attempt: int | None = None, *, again: bool = False) -> Json:
        """Delete a run that has ended, with everything that is stored about it.

        Args:
            run: A reference to the run.
            attempt: As for ``retry_run``.
            again: Whether to hand out its configuration again; otherwise it still counts as taken.

        Returns:
            As ``retry_run``.

        Raises:
            NotPossible: The run has not ended, or ``again`` is set and the sweep is canceled.
        """
        query = {"again": "true"} if again else {}
        query |= {} if attempt is None else {"attempt": str(attempt)}
        return self._change("DELETE", run_path(run), amended, query=query)

    def retry_failed(self, sweep: str) -> Iterator[Json]:
        """Hand out all runs that failed, crashed or were killed again, page by page.

        Yields:
            ``runs``, the ids of runs that will be handed out again, and ``sweep_state``.

        Raises:
            NotPossible: The sweep is canceled.
        """
        since: int | None = 0
        path = f"{sweep_path(sweep)}/retries"
        while since is not None:
            found = self._call("POST", path, retried, body={"since": since})
            yield found
            if found["next"] is not None and found["next"] <= since:
                raise self._endless()
            since = found["next"]

    def _check_understood(self, body: Json) -> None:
        """Check that the backend understands every part of a config.

        Raises:
            UsageError: An older backend would ignore a part of it.
        """
        query = {"dry_run": "true"}

        def dry_run() -> Json:
            return self._call("POST", "/v1/sweeps", registered, query, body, new_key())

        if not self.transport.is_local:  # otherwise both are of the same installation
            check_understood(self.transport.place, self.health(), dry_run)

    def _change(self, method: str, path: str, reader: Reader[Json], **what: Any) -> Json:
        """Send a request whose answer says whether it has ``changed`` anything."""

        def send(n_failures: int) -> Json:
            found = self._send(method, path, reader, **what)
            # After a failure, an earlier try whose answer was lost may have made the change.
            return found | {"changed": True} if n_failures else found

        return self.retrier.call(send)


def open_client(settings: Settings | None = None, retry: RetryPolicy | None = None) -> Client:
    """Open a client of the configured backend.

    Raises:
        UsageError: A setting is invalid.
    """
    from sweep_sdk._backend.transport import open_transport
    from sweep_sdk._settings import load_settings

    transport = open_transport(settings or load_settings())
    return Client(transport, Retrier(retry or RetryPolicy()))
