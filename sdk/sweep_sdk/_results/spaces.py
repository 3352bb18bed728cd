"""The search space of a sweep, from what the backend answers about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import WrongBackend
from sweep_sdk._process.terminal import printable
from sweep_service.errors import InvalidConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.space.search_space import SearchSpace


def space_of(sweep: Mapping[str, Any]) -> SearchSpace:
    """The search space of a sweep's config, which is checked like that of a new sweep.

    Args:
        sweep: The sweep, as the backend describes it.

    Raises:
        WrongBackend: This version does not understand the config.
    """
    from sweep_service.model.language.sweep_config import parse_object

    try:
        return parse_object(sweep["config"]).config.space
    except InvalidConfig as error:
        problem = error.problems[0]
        raise WrongBackend(
            f"the config of sweep {printable(str(sweep['id']))} cannot be understood:"
            f" {printable(f'{problem.path}: {problem.message}')}"
        ) from None
