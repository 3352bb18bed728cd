"""Compatibility: whether an agent understands the config of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sweep_service import __version__
from sweep_service.errors import UpgradeRequired

if TYPE_CHECKING:
    from collections.abc import Collection

    from sweep_service.model.language.sweep_config import SweepConfig


def check_agent(
    sweep: str, config: SweepConfig, sdk: str | None, features: Collection[str]
) -> None:
    """Refuse an agent that would misread the sweep.

    Args:
        sweep: The sweep's id.
        config: The newest version of its config.
        sdk: The agent's version of sweep-sdk; None for other programs, which are not checked.
        features: Keys and macros that the agent knows beyond those of version 0.1.0.

    Raises:
        UpgradeRequired: The sweep uses keys or macros that the agent does not know.
    """
    lacking = [name for name in config.needs if name not in features]
    if sdk is not None and lacking:
        raise UpgradeRequired(
            f"sweep {sweep} uses {', '.join(lacking)}, which sweep-sdk {sdk} does not know:"
            f" this agent needs version {__version__}"
        )
