"""Values formatted for readers. All functions are pure."""

from __future__ import annotations

import json
import math
import shlex
import signal
from typing import TYPE_CHECKING, Any

from sweep_sdk._metrics.values import encode_number
from sweep_sdk._process.terminal import printable
from sweep_sdk._results.records import flattened

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING = "-"

#: Units of time: (length in seconds, symbol), longest first.
_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def value_text(value: object) -> str:
    """A config or metric value in few characters; floats have five significant digits.

    NaN and infinities are written as in JSON and CSV output.
    """
    if isinstance(value, float):
        return _float_text(value) if math.isfinite(value) else str(encode_number(value))
    if isinstance(value, str):
        return printable(value)
    return printable(json.dumps(value, ensure_ascii=False, default=str))


def _float_text(value: float) -> str:
    if 1e5 <= abs(value) < 1e9:
        return f"{value:.0f}"
    text = f"{value:.5g}"
    return f"{text}.0" if text.lstrip("-").isdigit() else text


def shortened(text: str, width: int) -> str:
    """The text, cut to ``width`` characters with an ellipsis if it is longer."""
    return text if len(text) <= width else f"{text[: width - 3]}..."


def duration_text(seconds: float | None) -> str:
    """A duration in its largest fitting unit: 0.8 s, 12 s, 3.5 min, 2.1 h, 9.0 d."""
    if seconds is None:
        return NOTHING
    seconds = max(seconds, 0.0)
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    amount = seconds / size
    return f"{amount:.0f} {unit}" if amount >= 10 else f"{amount:.1f} {unit}"


def age_text(then: float | None, now: float) -> str:
    """How long before ``now`` a time was; both are in seconds since the epoch."""
    return NOTHING if then is None else f"{duration_text(now - then)} ago"


def assignments(values: Mapping[str, Any]) -> str:
    """A config on one line: ``lr=0.01 optimizer.name=adam``."""
    pairs = flattened(values).items()
    return " ".join(f"{printable(name)}={value_text(value)}" for name, value in pairs)


def command_text(command: list[str] | tuple[str, ...]) -> str:
    """A command, quoted for a shell."""
    return printable(shlex.join(command))


def metric_text(metric: Mapping[str, Any] | None) -> str:
    """The objective of a sweep: ``minimize val_loss``."""
    if metric is None:
        return NOTHING
    return printable(f"{metric.get('goal', 'minimize')} {metric['name']}")


def size_text(n_bytes: int) -> str:
    """A size in decimal units: ``1.3 GB``, ``25 MB``, ``4 kB``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} GB" if unit == "GB" else f"{n_bytes / size:.0f} MB"
    return f"{n_bytes / 1e3:.0f} kB"


def count_text(number: int, noun: str) -> str:
    """A number with its noun: ``1 run``, ``12 runs``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counts_text(counts: Mapping[str, int]) -> str:
    """The number of runs by state: ``12 runs (10 finished, 2 failed)``."""
    total = sum(counts.values())
    parts = ", ".join(f"{number:,} {state}" for state, number in counts.items() if number)
    return count_text(total, "run") + (f" ({parts})" if parts else "")


def signal_text(number: int) -> str:
    """The name of a signal, or ``signal N`` if the system has no name for it."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
