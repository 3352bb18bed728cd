"""What a client has learned about its backend from earlier answers."""

from __future__ import annotations


class Acquaintance:
    """Whether the backend has answered before; shared by all copies of a client.

    Values only change once, so threads may share it without a lock.

    Attributes:
        is_known: Whether the backend has certainly answered. From then on, answers from anything
            else count as temporary network errors.
        version: The backend's version, if an answer contained it.
    """

    def __init__(self) -> None:
        self.is_known = False
        self.version: str | None = None

    def note(self, version: str | None) -> None:
        """Record that the backend has answered, and its version."""
        self.version = version or self.version
        self.is_known = True
