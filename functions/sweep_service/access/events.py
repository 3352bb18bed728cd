"""Who has changed what, kept with the sweep."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """A change that somebody has made.

    Attributes:
        at: Seconds since the epoch.
        who: The name of the caller.
        method: How the caller was authenticated.
        action: What was done, such as ``set the state to paused``.
    """

    at: float
    who: str
    method: str
    action: str

    @property
    def id(self) -> str:
        """Distinguishes the events of one moment; a repeat has the same."""
        return hashlib.sha256(repr(astuple(self)).encode(errors="replace")).hexdigest()[:16]
