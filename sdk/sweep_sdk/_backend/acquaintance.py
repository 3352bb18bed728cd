"""What a client has learnt of its backend from the answers so far."""

from __future__ import annotations


class Acquaintance:
    """Whether the backend has answered before; shared by all copies of a client.

    Only ever learns, so threads may share it without a lock.

    Attributes:
        is_known: Whether there has been an answer that only the backend can have given. From
            then on, whatever else answers is a trouble of the network, and passes.
        version: The backend's version, if it has been in an answer.
    """

    def __init__(self) -> None:
        self.is_known = False
        self.version: str | None = None

    def note(self, version: str | None) -> None:
        """Remember an answer of the backend, and the version in it."""
        self.version = version or self.version
        self.is_known = True
