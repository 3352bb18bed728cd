"""Sources of rows other than ``run.log()``: printed lines, and the files of other trackers."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.followed.follow_main import Task
from sweep_sdk._agent.followed.metrics import followed_metrics, sources_of, variables_for
from sweep_sdk._agent.printed.metrics import patterns_of, printed_metrics
from sweep_sdk._settings import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sweep_sdk._agent.options import AgentOptions
    from sweep_sdk._agent.printed.metrics import Patterns, PrintedMetrics
    from sweep_sdk._agent.process.launcher import RunFiles
    from sweep_sdk._world.threads import Event
    from sweep_service.model.language.followed import Source


@dataclass(frozen=True)
class MetricSources:
    """The sources of metrics that an agent reads while its programs run.

    Attributes:
        patterns: Patterns of metrics in the output.
        places: Places where programs write metrics for other trackers.
        is_alone: Whether the agent works on one run at a time.
    """

    patterns: Patterns
    places: tuple[Source, ...]
    is_alone: bool

    @classmethod
    def of(cls, config: Mapping[str, Any], options: AgentOptions) -> MetricSources:
        """The sources of a sweep and of an agent's options.

        Args:
            config: The sweep's normalised config.
            options: The agent's options.

        Raises:
            UsageError: This Python rejects a pattern that the backend's Python accepted.
        """
        patterns = patterns_of(config, options.metrics_from)
        return cls(patterns, sources_of(config, options.follows), len(options.slots) == 1)

    def variables(self, run: str) -> dict[str, str]:
        """The environment variables that the program of a run needs."""
        return variables_for(self.places, run, environment())

    @contextmanager
    def searched(
        self,
        run: str,
        files: RunFiles,
        notice: Callable[[str], None],
        held_descriptor: int | None,
        stopping: Event,
    ) -> Iterator[PrintedMetrics | None]:
        """Add rows to the metrics file while a program runs; yields what takes its output, if any.

        Args:
            run: The run's id.
            files: The run's files.
            notice: Called with messages for the user.
            held_descriptor: A file that stays open until the last row is written.
            stopping: Set if the agent has to end.

        Raises:
            LaunchFailed: A process cannot be started.
        """
        own = environment()
        sources = [
            (place.kind, place.expanded(run, str(files.folder), own), place.is_of_one_run)
            for place in self.places
        ]
        common = (files.metrics, notice, held_descriptor, stopping)
        with (
            followed_metrics(Task(run, sources, self.is_alone), *common),
            printed_metrics(self.patterns, *common) as printed,
        ):
            yield printed
