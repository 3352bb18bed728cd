"""Lines on stderr for the author of a training program: each once, and never an exception."""

from __future__ import annotations

import sys
from contextlib import suppress

_MAX_MESSAGES = 100


class Notifier:
    """Says each message once: a training loop must not drown in them, nor end by one."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, message: str) -> None:
        """Say it, unless it was said before."""
        if message in self._said or len(self._said) >= _MAX_MESSAGES:
            return
        self._said.add(message)
        if len(self._said) == _MAX_MESSAGES:
            message = "there is more to say than this; further messages are left out"
        line = "".join(c if c.isprintable() else " " for c in message)
        with suppress(Exception):  # stderr may be closed, missing or something else altogether
            sys.stderr.write(f"sweep-sdk: {line}\n")


#: For what concerns the program and no run of it.
notify = Notifier()
