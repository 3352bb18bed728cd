"""Events: changes to a sweep, stored with it."""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """A change that a caller made.

    Attributes:
        at: Seconds since the epoch.
        who: The name of the caller.
        method: How the caller was authenticated.
        action: The change, such as ``set the state to paused``.
    """

    at: float
    who: str
    method: str
    action: str

    @property
    def id(self) -> str:
        """An id that distinguishes events of the same time; a repeat has the same id."""
        return hashlib.sha256(repr(astuple(self)).encode(errors="replace")).hexdigest()[:16]
