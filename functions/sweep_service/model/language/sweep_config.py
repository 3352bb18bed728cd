"""The sweep config: parsed from a file's text or an object, or restored from its stored document.

Parsing produces a normalised document, which is plain JSON in which every distribution is named
and every default is filled in, and builds each distribution once. Restoring a stored document
gives a config equal to the parsed one, including the order of a grid.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sweep_service.model.language.command import DEFAULT_COMMAND
from sweep_service.model.language.features import NEEDS_KEY, with_needs
from sweep_service.model.language.keys import SCALAR_FIELDS
from sweep_service.model.language.report import Report
from sweep_service.model.language.spaces import space_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sweep_service.model.language.problems import Problem
    from sweep_service.model.space.search_space import SearchSpace

DEFAULT_LEASE_SECONDS = 300


@dataclass(frozen=True)
class Metric:
    """The metric that the sweep optimizes.

    Attributes:
        goal: ``minimize`` or ``maximize``.
        target: The sweep ends when a run reaches this value.
        impute: The value that bayes uses for failed, crashed and killed runs: ``worst``, the worst
            of all runs; ``best``, the run's own best; ``latest``, the run's own last value.
        impute_while_running: The same for runs in progress; ``false`` is the model's prediction.
    """

    name: str
    goal: str = "minimize"
    target: float | None = None
    impute: str = "worst"
    impute_while_running: str = "false"

    def minimised(self, value: float) -> float:
        """The value with its sign chosen so that smaller is better; the inverse is the same."""
        return -value if self.goal == "maximize" else value


@dataclass(frozen=True)
class Hyperband:
    """When poor runs are stopped. Bands are set by ``min_iter``, or by ``max_iter`` and ``s``."""

    min_iter: int | None = None
    max_iter: int | None = None
    s: int | None = None
    eta: float = 3
    strict: bool = True


@dataclass(frozen=True)
class SweepConfig:
    """A checked sweep config.

    Attributes:
        document: The normalised document, plain JSON, which describes everything else.
        run_cap: Maximum number of runs over all agents; None for no limit.
        seed: None if the author gave none.
        lease_seconds: Seconds for which a run is reserved for an agent that sends nothing.
        run_timeout: Seconds after which a run is stopped; None for no limit.
        start: Configs that are run first, each with a value for every parameter.
        n_added: How many of them, the first ones, people have added to the sweep as it ran.
        wandb: What becomes of what programs log with wandb; one of ``WANDB_MODES``, None for the
            default.
        replacement: Whether points of a finite space may be repeated; has no effect on a grid.
        needs: Keys and macros that agents must know in addition to those of version 0.1.0.
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
    wandb: str | None = None
    needs: tuple[str, ...] = ()
    n_added: int = 0

    def with_added(self, points: Sequence[Mapping[str, Any]]) -> SweepConfig:
        """The config with these points that people have added, in the place of others."""
        return replace(self, start=(*points, *self.start[self.n_added :]), n_added=len(points))


@dataclass(frozen=True)
class ParsedSweep:
    """A config and the warnings about it."""

    config: SweepConfig
    warnings: tuple[Problem, ...]


def parse_text(text: str) -> ParsedSweep:
    """The config that the text of a sweep file describes.

    Raises:
        InvalidConfig: The sweep cannot run. Names every reason, with its line.
    """
    # imported here because asks, which are most of the requests, need neither parser nor YAML
    from sweep_service.model.language.yaml_text import read_yaml

    file = read_yaml(text)
    return _parsed(file.document, file.report)


def parse_object(document: object) -> ParsedSweep:
    """The config that an object, such as decoded JSON, describes.

    Raises:
        InvalidConfig: The sweep cannot run. Names every reason.
    """
    return _parsed(document, Report())


def with_program(parsed: ParsedSweep, program: str | None) -> ParsedSweep:
    """The sweep with another training program; unchanged if ``program`` is None."""
    if program is None:
        return parsed
    document = {**parsed.config.document, "program": program}
    return replace(parsed, config=replace(parsed.config, document=document, program=program))


def with_wandb(parsed: ParsedSweep, mode: str | None) -> ParsedSweep:
    """The sweep with another mode of wandb; unchanged if ``mode`` is None."""
    if mode is None:
        return parsed
    document = {**parsed.config.document, "wandb": mode}
    return replace(parsed, config=replace(parsed.config, document=document, wandb=mode))


def from_document(document: Mapping[str, Any]) -> SweepConfig:
    """The config of a normalised document, which is not checked again."""
    return _config(document, space_of(document))


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
