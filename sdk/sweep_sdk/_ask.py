"""The optimiser as a service: ask for a run, evaluate it wherever you like, tell the result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.said import Said
from sweep_sdk._backend.answers import HandOut
from sweep_sdk._backend.client import new_key
from sweep_sdk._config import Config
from sweep_sdk._exceptions import LeaseLost, NotFound, SweepEnded, SweepError, UsageError
from sweep_sdk._metrics import clean_metrics
from sweep_sdk._telling import tell
from sweep_sdk._world import clock, processes, threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._backend.client import Client

STATES = ("finished", "failed", "killed", "preempted")


class AskedRun:
    """A run that this process works on by itself; its lease is kept alive until it is told.

    Attributes:
        id: Such as ``k3v9x2ab-17``.
        config: The configuration to evaluate.
        metric: Name of the sweep's metric; None without one.
    """

    def __init__(self, handout: HandOut, client: Client) -> None:
        self.id = handout.id
        self.index = handout.index
        self.attempt = handout.attempt
        self.config = Config(handout.config)
        self.metric = handout.metric
        self._client = client
        self._said = Said()
        self._n_rows = 0
        self._lock = threads.Lock()
        self._is_told = threads.Event()
        self._lease_seconds = handout.lease_seconds
        # Daemon: the lease ends with the process, however that ends.
        self._keeper = threads.Thread(target=self._keep_alive, name="lease", daemon=True)
        self._keeper.start()

    def log(self, metrics: Mapping[str, Any], step: int | None = None) -> bool:
        """Report intermediate values.

        Args:
            metrics: Values by name; nested mappings become dotted names.
            step: Where the evaluation stands; counted from 0 by default.

        Returns:
            Whether to go on: False when the backend wants the run to end.

        Raises:
            UsageError: A value is no number, or the run was told before.
            LeaseLost: The run is somebody else's by now.
        """
        self._check_open()
        clean = clean_metrics(metrics, _refuse)
        with self._lock:
            row = {
                "step": self._n_rows if step is None else step,
                "at": clock.time(),
                "metrics": clean,
            }
            offset = self._n_rows
            self._n_rows += 1  # even where the answer is lost: the backend may have the row
            self._said.hear(clean)
            command = self._client.report(self.id, self.attempt, offset, [row])
        return not command.is_stop

    def tell(
        self, metrics: Mapping[str, Any] | float | None = None, state: str = "finished"
    ) -> None:
        """Report the result, and that the run is over.

        Args:
            metrics: Final values by name, or the value of the sweep's metric alone.
            state: ``finished``, ``failed``, ``killed``, or ``preempted``: to be handed out again.

        Raises:
            UsageError: A value is no number, the state is none of these, or it was told before.
            LeaseLost: The run is somebody else's by now.
        """
        self._check_open()
        values = self._by_name(metrics)
        told = tell_result(
            self._client, self.id, self.attempt, values, state, self._n_rows, self._said
        )
        self._is_told.set()
        self._keeper.join()
        if told != state:
            tell(ended_before_text(self.id, told))

    def __repr__(self) -> str:
        state = "told" if self._is_told.is_set() else "open"
        return f"<asked run {self.id}, attempt {self.attempt}, {state}, {dict(self.config)!r}>"

    def _by_name(self, metrics: Mapping[str, Any] | float | None) -> Mapping[str, Any]:
        """The values of a result by name.

        Raises:
            UsageError: It is a single value, and the sweep has no metric.
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
        """Prolong the lease; whether there is one to prolong."""
        try:
            with self._lock:
                command = self._client.report(self.id, self.attempt, self._n_rows, ())
        except (LeaseLost, NotFound):
            return False
        except SweepError:  # the next beat tries again
            return True
        self._lease_seconds = command.lease_seconds
        return True


def ask_run(client: Client, sweep: str, wait: Callable[[float], None]) -> HandOut | None:
    """The next run of a sweep, waiting while there is none for now; None when it has ended.

    Args:
        client: By which.
        sweep: A reference to the sweep.
        wait: Waits for some seconds.
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
    metrics: Mapping[str, Any],
    state: str,
    n_rows: int = 0,
    said: Said | None = None,
) -> str:
    """Report final values and the end of an attempt; the state the backend made of it.

    Args:
        client: By which.
        run: A reference to the run.
        attempt: The attempt that was handed out.
        metrics: Final values by name.
        state: One of ``STATES``.
        n_rows: How many rows of this attempt were reported before.
        said: What they held, for the summary.

    Raises:
        UsageError: A value is no number, or there is no such state.
        LeaseLost: The attempt no longer holds the run.
    """
    if state not in STATES:
        raise UsageError(f"state is {state!r}; one of {', '.join(STATES)}")
    clean = clean_metrics(metrics, _refuse)
    if clean:
        row = {"step": n_rows, "at": clock.time(), "metrics": clean}
        client.report(run, attempt, n_rows, [row])
    said = said or Said()
    said.hear(clean)
    summary, _ = said.results()
    ending = {"attempt": attempt, "state": state, "summary": summary}
    return client.finish(run, ending).state


def ended_before_text(run: str, state: str) -> str:
    """That somebody had ended a run before it was told how it ended."""
    return f"run {run} has ended already: it is {state}; a run is told once, and that stays"


def _refuse(name: str, reason: str) -> None:
    raise UsageError(f"metric '{name}': {reason}")
