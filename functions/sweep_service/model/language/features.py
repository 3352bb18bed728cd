"""Names of the sweep language: what a newer version may know and an older one does not.

Client, agent and backend may have different versions. Each lists the names that it knows, so that
none has to derive them from a version number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sweep_service.model.language import command, keys, sections

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What version 0.1.0 knows, which is assumed of peers that do not say what they know.
FIRST_FEATURES = frozenset(
    (
        *("method", "parameters", "metric", "early_terminate", "command", "start", "metrics_from"),
        *("name", "description", "project", "entity", "program", "run_cap", "retry_failed", "seed"),
        *("lease_seconds", "replacement", "run_timeout", "controller", "job", "image_uri"),
        *("apiVersion", "kind", "settings", "scheduler", "metrics"),
        *("metric.name", "metric.goal", "metric.target", "metric.impute"),
        *("metric.impute_while_running", "early_terminate.type", "early_terminate.min_iter"),
        *("early_terminate.max_iter", "early_terminate.s", "early_terminate.eta"),
        *("early_terminate.strict", "${env}", "${interpreter}", "${program}", "${args}"),
        *("${args_no_equals}", "${args_no_hyphens}", "${args_no_boolean_flags}"),
        *("${args_argparse}", "${args_json}", "${args_append_hydra}", "${args_override_hydra}"),
        *("${args_json_file}", "${envvar:NAME}"),
    )
)
#: Keys that mean something to the backend alone: any agent can work on a sweep that has them.
BACKEND_KEYS = frozenset(
    (
        *("method", "parameters", "metric", "early_terminate", "start", "name", "description"),
        *("project", "entity", "run_cap", "retry_failed", "seed", "replacement", "wandb"),
        *("zip", "constraints"),
        *keys.KEPT_KEYS,
    )
)
_MACRO = re.compile(r"\$\{[^{}]*\}")
#: Part of the warning with which version 0.1.0 reports an unknown key or macro.
_NOT_KNOWN = "is not known"
#: The key of a stored document that names what agents must know to work on the sweep.
NEEDS_KEY = "$needs"


def known_features() -> frozenset[str]:
    """The keys and macros that this version knows; those of sections as ``metric.name``."""
    return frozenset(
        (
            *keys.KNOWN_KEYS,
            *(f"metric.{field.name}" for field in sections.METRIC_FIELDS),
            *(f"early_terminate.{field.name}" for field in sections.HYPERBAND_FIELDS),
            "early_terminate.type",
            *command.MACROS,
        )
    )


def newer_features() -> frozenset[str]:
    """What this version knows and version 0.1.0 does not."""
    return known_features() - FIRST_FEATURES


def with_needs(document: Mapping[str, Any]) -> dict[str, Any]:
    """The normalised document of a sweep, with what its agents must know beyond version 0.1.0."""
    usual = {key: value for key, value in document.items() if key != NEEDS_KEY}
    macros = {text for text in document.get("command", ()) if text in command.MACROS}
    needs = ((usual.keys() & keys.KNOWN_KEYS) | macros) - FIRST_FEATURES - BACKEND_KEYS
    return usual | ({NEEDS_KEY: sorted(needs)} if needs else {})


def not_understood(
    features: Iterable[str], warnings: Iterable[tuple[str, str]], *, is_named: bool
) -> list[str]:
    """Features that a config uses and a backend does not know, by the backend's own warnings.

    Args:
        features: What this version knows and the backend may not.
        warnings: Path and message of what the backend finds odd about the config.
        is_named: Whether the backend has named what it knows; otherwise, a warning mentions a
            feature that is not known only where it says so.
    """
    named = {
        _name_in(path, message) for path, message in warnings if is_named or _NOT_KNOWN in message
    }
    return sorted(named & set(features))


def _name_in(path: str, message: str) -> str:
    """What a warning is about: a key by its path, or the first macro that the message names."""
    macro = _MACRO.search(message) if path.startswith("command[") else None
    return macro.group() if macro else path
