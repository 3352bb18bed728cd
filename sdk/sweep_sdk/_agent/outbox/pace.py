"""How often an agent looks for new rows of a run, and which of them it sends at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep_service.wire.runs import Attention

_USUAL_SECONDS = 10.0
#: With a backend on this machine, where a request costs next to nothing.
_NEAR_SECONDS = 0.1
#: With a remote backend: rows that it judges are found soon, others wait for the next heartbeat.
_LOOK_SECONDS = 1.0


class Pace:
    """The pace of one run, as the backend asks for it.

    Attributes:
        attention: Which rows matter at once; None if the backend is too old to say.
    """

    def __init__(
        self,
        attention: Attention | None = None,
        *,
        is_near: bool = False,
        fixed_seconds: float | None = None,
    ) -> None:
        """Set up.

        Args:
            attention: The attention that was handed out with the run.
            is_near: Whether the backend is on this machine.
            fixed_seconds: Seconds between two looks, after each of which all rows are sent; None to
                follow the backend.
        """
        self.attention = attention
        self._is_near = is_near
        self._fixed_seconds = fixed_seconds

    @property
    def seconds(self) -> float:
        """Seconds between two looks for rows."""
        if self._fixed_seconds is not None:
            return self._fixed_seconds
        if self.attention is None or self.attention.is_empty:
            return _USUAL_SECONDS
        return _NEAR_SECONDS if self._is_near else _LOOK_SECONDS

    @property
    def is_choosy(self) -> bool:
        """Whether rows that do not matter at once wait for a heartbeat."""
        is_guided = self.attention is not None
        return is_guided and not self._is_near and self._fixed_seconds is None

    def update(self, attention: Attention | None) -> None:
        """Follow the attention in an answer, if it has one."""
        if attention is not None:
            self.attention = attention
