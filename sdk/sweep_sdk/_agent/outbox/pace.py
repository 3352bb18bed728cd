"""How often an agent looks for the rows of a run, and which of them it sends at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep_service.wire.runs import Attention

_USUAL_SECONDS = 10.0
#: Where every row is judged as it comes, and a request costs next to nothing.
_NEAR_SECONDS = 0.1
#: Where few rows are judged: they are found soon, and the others are left for the next heartbeat.
_LOOK_SECONDS = 1.0


class Pace:
    """Follows what the backend says about a run.

    Attributes:
        attention: Which rows matter at once; None where the backend is too old to say.
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
            attention: As handed out with the run.
            is_near: Whether the backend is on this machine.
            fixed_seconds: All rows are sent, and looked for so often; None to follow the backend.
        """
        self.attention = attention
        self._is_near = is_near
        self._fixed_seconds = fixed_seconds

    @property
    def seconds(self) -> float:
        """The time between two looks for rows."""
        if self._fixed_seconds is not None:
            return self._fixed_seconds
        if self.attention is None or self.attention.is_empty:
            return _USUAL_SECONDS
        return _NEAR_SECONDS if self._is_near else _LOOK_SECONDS

    @property
    def is_choosy(self) -> bool:
        """Whether rows wait for a heartbeat unless they matter."""
        is_told = self.attention is not None
        return is_told and not self._is_near and self._fixed_seconds is None

    def update(self, attention: Attention | None) -> None:
        """Take in what an answer says."""
        if attention is not None:
            self.attention = attention
