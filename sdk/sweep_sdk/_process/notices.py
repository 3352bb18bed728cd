"""Messages on stderr for the author of a training program."""

from __future__ import annotations

import sys
from contextlib import suppress

_MAX_MESSAGES = 100


class Notifier:
    """Prints each message once and never raises, so that it is safe in a training loop."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, message: str) -> None:
        """Print a message unless it was printed before."""
        if message in self._said or len(self._said) >= _MAX_MESSAGES:
            return
        self._said.add(message)
        if len(self._said) == _MAX_MESSAGES:
            message = "there is more to say than this; further messages are left out"
        line = "".join(c if c.isprintable() else " " for c in message)
        with suppress(Exception):  # stderr may be closed, missing or replaced
            sys.stderr.write(f"sweep-sdk: {line}\n")


#: For messages that concern the program rather than one of its runs.
notify = Notifier()
