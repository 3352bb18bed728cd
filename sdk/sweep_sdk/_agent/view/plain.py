"""A view of an agent as plain lines on stderr, for agents that are started from Python."""

from __future__ import annotations

import sys
from typing import TextIO

from sweep_sdk._agent.view.events import (
    AgentEnded,
    AgentStarted,
    BestSoFar,
    Event,
    Notice,
    Output,
    Quiet,
    RunEnded,
    RunStarted,
    Waiting,
)
from sweep_sdk._process.terminal import printable, safe_output
from sweep_sdk._results.run_limit import points_text

_WAITING = {
    "paused": "the sweep is paused: waiting until it is resumed or ends",
    "leased": "all remaining runs are in progress: waiting in case one is released",
}


def show(event: Event) -> None:
    """Write a line about an event, or a program's output as text."""
    if isinstance(event, Output):
        stream = sys.stderr if event.is_stderr else sys.stdout
        is_terminal = getattr(stream, "isatty", bool)()
        data = safe_output(event.data) if is_terminal else event.data
        _write(stream, data.decode("utf-8", "replace"))
    elif not isinstance(event, Quiet):
        _write(sys.stderr, f"sweep-sdk: {printable(describe(event))}\n")


def _write(stream: TextIO | None, text: str) -> None:
    """Write text, with escapes for characters that the encoding lacks; nothing without a stream."""
    if stream is not None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()


def describe(event: Event) -> str:
    """One line about an event other than output."""
    if isinstance(event, AgentStarted):
        return f"agent {event.agent} works on sweep {event.sweep['id']}"
    if isinstance(event, RunStarted):
        number = f"{event.index + 1}" + (f"/{event.total}" if event.total else "")
        return f"run {event.run} ({number}) {dict(event.config)}"
    if isinstance(event, RunEnded):
        return f"run {event.run} {_ending(event)}"
    if isinstance(event, BestSoFar):
        return f"best so far: {event.metric} = {event.value:g} in {event.run}"
    if isinstance(event, Waiting):
        return _WAITING.get(event.reason, f"waiting: {event.reason}")
    if isinstance(event, AgentEnded):
        option = f" (AgentOptions.{event.option})" if event.option else ""
        points = points_text(event.sweep) if event.sweep is not None else None
        text = f"{event.reason}{option}; {event.n_runs} runs here, {event.n_failed} failed"
        return f"{text}; {points}" if points else text
    if isinstance(event, Notice):
        return f"{event.run}: {event.message}" if event.run else event.message
    return ""


def _ending(event: RunEnded) -> str:
    parts = [f"{event.state} after {event.seconds:.1f} s"]
    if event.value is not None:
        parts.append(f"best value {event.value:g}")
    parts += [text for text in (event.reason, event.error, event.hint) if text]
    return ", ".join(parts)
