"""The sweep config: parsed from a file's text or an object, or restored from its stored document.

Parsing produces a normalised document, which is plain JSON in which every distribution is named
and every default is filled in, and builds each distribution once. Restoring a stored document
gives a config equal to the parsed one, including the order of a grid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.command import DEFAULT_COMMAND
from sweep_service.model.language.distribution_specs import space_of
from sweep_service.model.language.features import NEEDS_KEY, with_needs
from sweep_service.model.language.keys import SCALAR_FIELDS
from sweep_service.model.language.report import Report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.model.language.problems import Problem
    from sweep_service.model.space.search_space import SearchSpace

DEFAULT_LEASE_SECONDS = 300


@dataclass(frozen=True)
class Metric:
    """What the sweep improves.

    Attributes:
        goal: ``minimize`` or ``maximize``.
        target: The sweep finishes when a run reaches it.
        impute: What failed, crashed and killed runs count as for bayes: ``worst``, the worst value
            of all runs; ``best``, their own best; ``latest``, their own last.
        impute_while_running: The same for running runs; ``false`` is what the model expects.
    """

    name: str
    goal: str = "minimize"
    target: float | None = None
    impute: str = "worst"
    impute_while_running: str = "false"

    def minimised(self, value: float) -> float:
        """The value with the sign in which smaller is better; its own inverse."""
        return -value if self.goal == "maximize" else value


@dataclass(frozen=True)
class Hyperband:
    """When weak runs are stopped: ``min_iter``, or ``max_iter`` with ``s``, says the bands."""

    min_iter: int | None = None
    max_iter: int | None = None
    s: int | None = None
    eta: float = 3
    strict: bool = True


@dataclass(frozen=True)
class SweepConfig:
    """A checked sweep config.

    Attributes:
        document: The normalised document: plain JSON, from which all else was built.
        run_cap: Most runs over all agents; None for no cap.
        seed: None when the author gave none.
        lease_seconds: How long a run is reserved for an agent without word from it.
        run_timeout: Seconds after which a run is stopped; None for never.
        start: Configs that are run first, each in full.
        replacement: Whether points of a finite space may come again; never in a grid.
        needs: Keys and macros that agents must know, beyond those of version 0.1.0.
    """

    method: str
    space: SearchSpace
    document: Mapping[str, Any]
    metric: Metric | None = None
    early_terminate: Hyperband | None = None
    run_cap: int | None = None
    program: str | None = None
    command: tuple[str, ...] = DEFAULT_COMMAND
    name: str | None = None
    description: str | None = None
    project: str | None = None
    entity: str | None = None
    retry_failed: int = 0
    seed: int | None = None
    lease_seconds: int = DEFAULT_LEASE_SECONDS
    run_timeout: float | None = None
    start: tuple[Mapping[str, Any], ...] = ()
    replacement: bool = False
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class ParsedSweep:
    """A config with what is odd about it."""

    config: SweepConfig
    warnings: tuple[Problem, ...]


def parse_text(text: str) -> ParsedSweep:
    """The config that the text of a sweep file describes.

    Raises:
        InvalidConfig: With every reason why it cannot run, each with its line.
    """
    # imported here: asks, which are most requests, never parse and need no YAML
    from sweep_service.model.language.yaml_text import read_yaml

    file = read_yaml(text)
    return _parsed(file.document, file.report)


def parse_object(document: object) -> ParsedSweep:
    """The config that an object, such as decoded JSON, describes.

    Raises:
        InvalidConfig: With every reason why it cannot run.
    """
    return _parsed(document, Report())


def with_program(parsed: ParsedSweep, program: str | None) -> ParsedSweep:
    """The same sweep for another training program; None leaves it as it is."""
    if program is None:
        return parsed
    document = {**parsed.config.document, "program": program}
    return replace(parsed, config=replace(parsed.config, document=document, program=program))


def from_document(document: Mapping[str, Any]) -> SweepConfig:
    """The config of a normalised document, which is not checked again."""
    return _config(document, space_of(document["parameters"]))


def _config(document: Mapping[str, Any], space: SearchSpace) -> SweepConfig:
    metric, early_terminate = document.get("metric"), document.get("early_terminate")
    scalars = {
        field.name: document[field.name] for field in SCALAR_FIELDS if field.name in document
    }
    return SweepConfig(
        method=document["method"],
        space=space,
        document=document,
        metric=Metric(**metric) if metric else None,
        early_terminate=_hyperband(early_terminate) if early_terminate else None,
        command=tuple(document.get("command", DEFAULT_COMMAND)),
        start=tuple(document.get("start", ())),
        needs=tuple(document.get(NEEDS_KEY, ())),
        **scalars,
    )


def _parsed(found: object, report: Report) -> ParsedSweep:
    from sweep_service.model.language.normalise import normalise  # see parse_text

    document, space = normalise(found, report)
    return ParsedSweep(_config(with_needs(document), space), report.warnings)


def _hyperband(settings: Mapping[str, Any]) -> Hyperband:
    return Hyperband(**{name: value for name, value in settings.items() if name != "type"})
