"""The optimiser as a service: ask for a run, evaluate it anywhere, tell the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.outbox.logged import Logged
from sweep_sdk._backend.client import new_key
from sweep_sdk._exceptions import LeaseLost, NotFound, SweepEnded, SweepError, UsageError
from sweep_sdk._metrics.values import clean_metrics
from sweep_sdk._process.forks import renew_in_children
from sweep_sdk._process.notices import notify
from sweep_sdk._program.config import Config
from sweep_sdk._sweeps.row_count import RowCount
from sweep_sdk._world import clock, processes, threads
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending, HandOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._backend.client import Client
    from sweep_sdk._metrics.values import MetricValue

STATES = ("finished", "failed", "killed", "preempted")


class AskedRun:
    """A run that this process evaluates itself. Its lease is renewed until its result is reported.

    Forked child processes may log and tell too; this process renews the lease.

    Attributes:
        id: The run's id, such as ``k3v9x2ab-17``.
        config: The configuration to evaluate.
        metric: Name of the sweep's metric; None without one.
    """

    def __init__(self, handout: HandOut, client: Client) -> None:
        self.id = handout.id
        self.index = handout.index
        self.attempt = handout.attempt
        self.config = Config(handout.config)
        self.metric = handout.metric
        self._key = handout.key
        self._client = client
        self._logged = Logged()
        self._rows = RowCount()
        self._is_told = threads.Event()
        renew_in_children(self)
        self._lease_seconds = handout.lease_seconds
        # A daemon thread: the lease expires after the process has ended in any way.
        self._keeper = threads.Thread(target=self._keep_alive, name="lease", daemon=True)
        self._keeper.start()

    def renew(self) -> None:
        """In a forked child, replace the event, whose lock a thread of the parent may hold."""
        is_told = self._is_told.is_set()
        self._is_told = threads.Event()
        if is_told:
            self._is_told.set()

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> bool:
        """Report intermediate values.

        Args:
            metrics: Values by name; nested mappings are flattened to dotted names.
            step: Step of the evaluation; by default counted from 0.

        Returns:
            Whether to continue; False if the backend asks the run to stop.

        Raises:
            UsageError: A value is not a number, or the run was told before.
            LeaseLost: The run has been handed out again.
        """
        self._check_open()
        clean = clean_metrics(metrics, _refuse)
        with self._rows.turn(1) as number:  # never reused: the backend may have the row
            row = {"step": number if step is None else step, "at": clock.time(), "metrics": clean}
            self._logged.add_metrics(clean)
            command = self._client.report(self.id, self.attempt, number, [row], key=self._key)
        return not command.is_stop

    def tell(
        self, metrics: Mapping[str, Any] | float | None = None, state: str = "finished"
    ) -> None:
        """Report the result and end the run.

        Args:
            metrics: Final values by name, or only the value of the sweep's metric.
            state: ``finished``, ``failed``, ``killed``, or ``preempted`` to hand the run out again.

        Raises:
            UsageError: A value is not a number, the state is invalid, or the run was told before.
            LeaseLost: The run has been handed out again.
        """
        self._check_open()
        values = self._by_name(metrics)
        clean = clean_result(values, state)
        with self._rows.turn(1) as number:
            told = tell_result(
                self._client, self.id, self.attempt, clean, state, number, self._logged, self._key
            )
        self._is_told.set()
        self._keeper.join()
        if told != state:
            notify(ended_before_text(self.id, told))

    def __repr__(self) -> str:
        state = "told" if self._is_told.is_set() else "open"
        return f"<asked run {self.id}, attempt {self.attempt}, {state}, {dict(self.config)!r}>"

    def _by_name(self, metrics: Mapping[str, Any] | float | None) -> Mapping[str, Any]:
        """The values of a result by name.

        Raises:
            UsageError: The result is a single value, and the sweep has no metric.
        """
        if metrics is None or isinstance(metrics, Mapping):
            return metrics or {}
        if self.metric is None:
            raise UsageError(
                f"tell({metrics!r:.40}): the sweep has no metric that this could be the value of;"
                " give a dict, such as tell({'loss': 0.3})"
            )
        return {self.metric: metrics}

    def _check_open(self) -> None:
        if self._is_told.is_set():
            raise UsageError(f"the result of {self.id} was told before")

    def _keep_alive(self) -> None:
        while not self._is_told.wait(self._lease_seconds / 3) and self._beat():
            pass

    def _beat(self) -> bool:
        """Renew the lease; False if it has been lost."""
        try:
            with self._rows.turn(0) as number:
                command = self._client.report(self.id, self.attempt, number, (), key=self._key)
        except (LeaseLost, NotFound):
            return False
        except SweepError:  # the next heartbeat tries again
            return True
        self._lease_seconds = command.lease_seconds
        return True


def ask_run(client: Client, sweep: str, wait: Callable[[float], None]) -> HandOut | None:
    """The next run of a sweep, waiting until there is one; None if the sweep has ended.

    Args:
        client: Client used for the request.
        sweep: A reference to the sweep.
        wait: Sleeps for the given number of seconds.
    """
    key = new_key()
    agent = f"{processes.host_name()[:100]}-{processes.own_id()}"
    while True:
        try:
            answer = client.ask(sweep, key, agent, "", processes.host_name())
        except SweepEnded:
            return None
        if isinstance(answer, HandOut):
            return answer
        wait(answer.wait_seconds)


def tell_result(
    client: Client,
    run: str,
    attempt: int,
    metrics: Mapping[str, MetricValue],
    state: str,
    row: int = 0,
    logged: Logged | None = None,
    key: str | None = None,
) -> str:
    """Report final values and the end of an attempt; returns the state in the backend.

    Args:
        client: Client used for the request.
        run: A reference to the run.
        attempt: The attempt that was handed out.
        metrics: Final values by name, as from ``clean_result``.
        state: One of ``STATES``.
        row: Number of rows that the attempt has reported before.
        logged: What these rows contained, for the summary.
        key: Idempotency key of the hand-out, if known.

    Raises:
        LeaseLost: The attempt no longer holds the run.
    """
    if metrics:
        last = {"step": row, "at": clock.time(), "metrics": metrics}
        client.report(run, attempt, row, [last], key=key)
    logged = logged or Logged()
    logged.add_metrics(metrics)
    summary, _ = logged.results()
    ending = Ending(attempt, RunState(state), summary=summary, key=key)
    return client.finish(run, ending).state


def clean_result(metrics: Mapping[str, Any], state: str) -> dict[str, MetricValue]:
    """Convert final values to the form in which they are sent.

    Raises:
        UsageError: A value is not a number, or the state is invalid.
    """
    if state not in STATES:
        raise UsageError(f"state is {state!r}; one of {', '.join(STATES)}")
    return clean_metrics(metrics, _refuse)


def ended_before_text(run: str, state: str, retry: str = "") -> str:
    """The message that a run had ended before its result was told.

    Args:
        run: The run's id.
        state: The state in which it ended.
        retry: Advice how to retry it, shown if it has failed.
    """
    text = f"run {run} has ended already: it is {state}; a run is told once, and that stays"
    is_retried = state in ("failed", "crashed", "killed")
    return f"{text}; {retry}" if is_retried and retry else text


def _refuse(name: str, reason: str) -> None:
    raise UsageError(f"metric '{name}': {reason}")
