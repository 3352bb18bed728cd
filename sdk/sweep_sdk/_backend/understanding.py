"""Checks that an older backend understands a sweep file, because it ignores unknown keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sweep_sdk._backend.answers import config_problem
from sweep_sdk._exceptions import InvalidConfig, UsageError
from sweep_sdk._version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sweep_sdk._exceptions import ConfigProblem


def check_understood(
    place: str,
    backend: Mapping[str, Any],
    dry_run: Callable[[], Mapping[str, Any]],
) -> None:
    """Reject a config if the backend would ignore a part of it.

    Args:
        place: The backend, as messages name it.
        backend: The backend's answer to ``/v1/health``.
        dry_run: Has the backend check the config without storing it; called only if the backend
            may lack features.

    Raises:
        UsageError: The config uses keys or macros that this version knows and the backend does not.
    """
    # Imported here, because only registering a sweep needs the language.
    from sweep_service.model.language.features import known_features, not_understood

    features, known_there = known_features(), backend.get("features")
    lacking = features - frozenset(known_there or ())
    if not lacking:
        return
    warnings = [(item.path, item.message) for item in _problems_of(dry_run)]
    unknown = not_understood(lacking, warnings, is_named=known_there is not None)
    if unknown:
        names = ", ".join(f"`{name}`" for name in unknown)
        raise UsageError(
            f"the backend at {place} has version {backend['version']} and does not know {names},"
            f" which sweep-sdk {__version__} knows: deploy the backend again, from that version"
        )


def _problems_of(dry_run: Callable[[], Mapping[str, Any]]) -> Sequence[ConfigProblem]:
    """All errors and warnings of a backend about a config."""
    try:
        return [config_problem(item) for item in dry_run()["warnings"]]
    except InvalidConfig as error:
        return [*error.problems, *error.warnings]
