"""The agent's terminal output: what its programs print, and what the agent itself does."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from sweep_sdk._agent.view import events
from sweep_sdk._process.terminal import printable, safe_text
from sweep_sdk._results.run_limit import points_text
from sweep_sdk.cli.formats import (
    assignments,
    command_text,
    count_text,
    counts_text,
    duration_text,
    metric_text,
    signal_text,
)
from sweep_sdk.cli.program_output import ProgramOutput
from sweep_sdk.cli.space_view import best_text, searched_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WAITING = {
    "paused": "the sweep is paused: waiting until it is resumed or ends",
    "leased": "all remaining runs are in progress: waiting in case one is released",
}
_REASONS = {
    "early_terminate": "stopped early: its metric was worse than that of other runs",
    "stop_run": "stopped by request",
    "canceled": "the sweep was canceled",
    "lease_lost": "another agent has taken it over",
    "run_timeout": "exceeded run_timeout",
    "interrupted": "interrupted",
    "not_started": "could not be started on this machine",
    "keeper_killed": "its supervising process was killed",
}
#: Number of metrics shown when a run ends.
_MAX_VALUES = 6
#: Fields of ``AgentOptions`` whose option has another name.
_OTHER_FLAGS = {"max_consecutive_failures": "--max-consecutive-failed-runs"}
_COLORS = {"finished": "green", "failed": "red", "lost": "yellow"}


class AgentView:
    """Prints the events of an agent.

    If the terminal cannot be written to any more (a closed pipe, a full disk), the view falls
    silent and the agent continues.
    """

    def __init__(self, color: bool | None) -> None:
        """Write to stdout and stderr of this process.

        Args:
            color: Whether to use colours; None means only on a terminal.
        """
        self._color = color
        self._sweep: Mapping[str, Any] = {}
        self._labels: dict[str, str] = {}
        self._output = ProgramOutput()
        self._is_silenced = False

    def __call__(self, event: events.Event) -> None:
        """Print one event."""
        if self._is_silenced:
            return
        try:
            self._show(event)
        except (OSError, ValueError):  # ValueError: the stream is closed
            self._is_silenced = True

    def _show(self, event: events.Event) -> None:
        if isinstance(event, events.Output):
            self._output.write(event)
        elif isinstance(event, events.Quiet):
            self._output.show_unfinished()
        elif isinstance(event, events.AgentStarted):
            self._agent_started(event)
        elif isinstance(event, events.RunStarted):
            self._run_started(event)
        elif isinstance(event, events.RunEnded):
            self._run_ended(event)
        elif isinstance(event, events.BestSoFar):
            best = {"id": event.run, "best": event.value, "config": event.config}
            self._say(f"best so far: {best_text(best, self._sweep)}", bold=True)
        elif isinstance(event, events.Waiting):
            self._say(_WAITING.get(event.reason, f"waiting: {event.reason}"))
        elif isinstance(event, events.Notice):
            place = f"{event.run}: " if event.run else ""
            self._output.end_lines()
            click.echo(f"{place}{printable(event.message)}", err=True, color=self._color)
        else:
            self._agent_ended(event)

    def _agent_started(self, event: events.AgentStarted) -> None:
        self._output.is_labelled = event.parallel > 1
        self._sweep = sweep = event.sweep
        aim = "" if sweep.get("metric") is None else f", {metric_text(sweep['metric'])}"
        self._say(f"agent {event.agent} started on sweep {sweep['id']}: {sweep['method']}{aim}")

    def _run_started(self, event: events.RunStarted) -> None:
        number = event.index + 1
        label = f"[{number}/{event.total}]" if event.total is not None else f"[{number}]"
        self._labels[event.run] = label
        values = assignments(searched_part(event.config, self._sweep["config"]))
        attempt = f" (attempt {event.attempt})" if event.attempt > 1 else ""
        self._say(f"{label} {event.run}{attempt}: {values}", fg="cyan")
        if event.command:
            self._say(f"$ {command_text(event.command)}", dim=True)

    def _run_ended(self, event: events.RunEnded) -> None:
        self._output.finish(event.run)
        label = self._labels.pop(event.run, "")
        took = duration_text(event.seconds)
        text = f"{label} {event.run} {event.state} after {took}{self._ending(event)}".lstrip()
        self._say(text, fg=_COLORS.get(event.state))
        if event.error:
            self._say(f"  {printable(event.error)}")
        if event.hint:
            self._say(f"  {printable(event.hint)}", bold=True)
        if event.state == "failed" and event.log_file is not None:
            self._say(f"  output: {event.log_file}")
        if not event.is_delivered:
            self._say(
                "  its result could not be delivered: use 'sweep-sdk sync' to deliver it later"
            )

    def _ending(self, event: events.RunEnded) -> str:
        """Causes and values: ``: accuracy=0.97``, ``: exit code 1``, ``: stopped early``."""
        parts = [*_causes(event), *self._values(event)]
        if event.is_requeued:
            parts.append("it will be handed out again")
        return f": {'; '.join(parts)}" if parts else ""

    def _values(self, event: events.RunEnded) -> Iterator[str]:
        """Some of the last values, and the best value of the metric if it is not the last one."""
        metric = self._sweep["metric"]["name"] if self._sweep["metric"] else ""
        hidden = (f"{metric}.min", f"{metric}.max")
        last = {name: value for name, value in event.summary.items() if name not in hidden}
        if last:
            first = {metric: last[metric]} if metric in last else {}
            shown = dict(islice((first | last).items(), _MAX_VALUES))
            n_others = len(last) - len(shown)
            yield assignments(shown) + (f" and {n_others:,} more" if n_others else "")
        if event.value is not None and event.value != last.get(metric):
            yield f"best {assignments({metric: event.value})}"

    def _agent_ended(self, event: events.AgentEnded) -> None:
        failed = f", {event.n_failed} failed" if event.n_failed else ""
        option = f" ({_flag(event.option)})" if event.option else ""
        here = f"{count_text(event.n_runs, 'run')} here{failed}"
        self._say(f"{event.reason}{option} ({here})", bold=True)
        if event.sweep is not None:
            self._say_summary(event.sweep)

    def _say_summary(self, sweep: Mapping[str, Any]) -> None:
        counts = sweep.get("counts") or {}
        self._say(f"sweep {sweep['id']} is {sweep['state']}: {counts_text(counts)}")
        if text := points_text(sweep):
            self._say(text)
        if sweep.get("best") is not None:
            self._say(f"best: {best_text(sweep['best'], sweep)}")

    def _say(self, text: str, **style: Any) -> None:
        self._output.end_lines()
        text = safe_text(text)
        click.echo(click.style(text, **style) if style else text, color=self._color)


def _causes(event: events.RunEnded) -> Iterator[str]:
    if event.reason is not None:
        yield _REASONS.get(event.reason, event.reason)
    if event.signal is not None:
        yield f"killed by {signal_text(event.signal)}"
    elif event.exit_code:
        yield f"exit code {event.exit_code}"


def _flag(option: str) -> str:
    """The option for a field of ``AgentOptions``."""
    return _OTHER_FLAGS.get(option) or "--" + option.replace("_", "-")
