"""The documents that the backend answers with about sweeps, runs and credentials.

The handlers build these documents, and the client checks an answer against the same class, with
``shapes.shape_of``. A field that version 0.1.0 did not have is in a class with ``total=False``: the
answer of an older backend may lack it. ``infra/openapi.yaml`` describes every field.
"""

from __future__ import annotations

from typing import Annotated, Any, TypedDict

from sweep_service.wire import shapes
from sweep_service.wire.shapes import (
    Count,
    Finite,
    Number,
    PlainMap,
    RunId,
    Seconds,
    Sha256,
    SweepId,
    Time,
    TokenId,
    Value,
    Whole,
    WholeOfAnySize,
)

# Runs


class EarlyStop(TypedDict):
    """Why early termination ended a run."""

    band: Count
    value: Value
    threshold: Value


class Attempt(TypedDict):
    """An attempt that was not the last of its run."""

    attempt: Count
    agent: str | None
    host: str | None
    state: str
    started_at: Time
    ended_at: Time | None
    exit_code: Whole | None
    signal: Whole | None


class _FirstRun(TypedDict):
    id: RunId
    sweep: SweepId
    index: Count
    state: str
    config: PlainMap
    config_version: Count
    attempt: Count
    summary: dict[str, Value]
    best: Value | None
    exit_code: Whole | None
    signal: Whole | None
    agent: str | None
    host: str | None
    created_at: Time
    started_at: Time | None
    ended_at: Time | None
    stopped_early: bool | None


class _RunBase(_FirstRun, total=False):
    early_stop: EarlyStop | None
    attributes: PlainMap | None
    suggestion: PlainMap | None
    heard_at: Time | None
    step: Whole | None
    stop_requested: bool
    name: str | None
    tags: list[str]
    notes: str | None
    metrics: list[str]


class RunFields(_RunBase, total=False):
    """A run with its state; ``Run`` is the type."""

    attempts: list[Attempt]
    lease_end: Time | None


Run = Annotated[RunFields, shapes.names_its_sweep]


class RunInFull(_RunBase):
    """A run with its attempts and error tail."""

    attempts: list[Attempt]
    error_tail: str | None
    lease_end: Time | None


class Amendment(TypedDict):
    """The result of a request to amend a run."""

    run: Run
    changed: bool
    sweep_state: str


class Retry(TypedDict):
    """Runs that will be handed out again, and the index from which the next request continues."""

    runs: list[RunId]
    next: Count | None
    sweep_state: str


class Row(TypedDict):
    """A row that a program has logged."""

    attempt: Count
    step: Whole | None
    at: Finite | None
    metrics: dict[str, Value]


class _Rows(TypedDict):
    items: list[Row]


class ThinnedHistory(_Rows, total=False):
    """Selected rows of a history, and the total number of rows."""

    next: str | None
    n_rows: Count


# Sweeps


class MetricName(TypedDict):
    """The name of a sweep's metric."""

    name: str


class Metric(MetricName, total=False):
    """The metric of a sweep."""

    goal: str


class _Distribution(TypedDict, total=False):
    distribution: str
    values: list[Any]
    probabilities: list[Number] | None
    parameters: Parameters


class _FirstConfig(TypedDict):
    method: str
    parameters: Parameters


class _MetricsFrom(TypedDict, total=False):
    stdout: dict[str, str]
    stderr: dict[str, str]
    tensorboard: str
    mlflow: str


class _Config(_FirstConfig, total=False):
    command: list[str]
    program: str
    project: str
    early_terminate: PlainMap | None
    metrics_from: _MetricsFrom | None
    lease_seconds: Seconds
    run_timeout: Seconds


def _parameters(found: Any, place: str) -> None:
    shapes.map_of(shapes.shape_of(_Distribution))(found, place)


def _config(found: Any, place: str) -> None:
    """No deeper than ``PlainMap``, which bounds the depth of its parameters too."""
    shapes.PLAIN_MAP(found, place)
    shapes.shape_of(_Config)(found, place)


Parameters = Annotated[dict[str, Any], _parameters]
Config = Annotated[dict[str, Any], _config]


class _FirstListed(TypedDict):
    project: str
    name: str | None
    state: str
    method: str
    metric: Metric | None
    grid_points: WholeOfAnySize | None
    run_cap: WholeOfAnySize | None
    n_handed_out: Count
    created_at: Time


class BestOfAll(TypedDict):
    """The best run of a sweep that has ended."""

    id: RunId
    index: Count
    value: Value


class Final(TypedDict):
    """The final counts of a sweep that has ended: its runs by state, and the best one."""

    counts: dict[str, Count]
    best: BestOfAll | None


class SweepHead(_FirstListed, total=False):
    """The fields of a sweep in a listing, without its id."""

    limit: WholeOfAnySize | None
    tags: list[str]
    notes: str | None
    final: Final | None


class ListedSweep(SweepHead):
    """A sweep in a listing."""

    id: SweepId


class Command(TypedDict, total=False):
    """Hash of a sweep's command, and when and by whom it was last changed."""

    command_sha256: Sha256 | None
    command_changed_at: Time | None
    command_changed_by: str | None


class SweepWithConfig(SweepHead, Command):
    """A sweep with its normalised config, without its id."""

    config: Config
    config_version: Count
    seed: Whole


class _FirstSweep(SweepWithConfig):
    id: SweepId


class Sweep(_FirstSweep, total=False):
    """A sweep with its config, its runs counted by state, and its best run."""

    counts: dict[str, Count]
    best: Run | None


class _FirstProblem(TypedDict):
    message: str


class ConfigProblem(_FirstProblem, total=False):
    """An error or a warning about a config."""

    path: str
    line: Count | None


class CheckedSweep(SweepWithConfig):
    """A sweep with the warnings about its config; its id is None after a dry run."""

    id: SweepId | None
    warnings: list[ConfigProblem]


class RegisteredSweep(CheckedSweep, total=False):
    """A sweep as registered, changed, or tried in a dry run."""

    samples: list[PlainMap]
    changed: bool


class ImportantParameter(TypedDict):
    """The share of the metric's variation that a parameter explains; None if unknown."""

    name: str
    share: Number | None
    clear: bool


class Importance(TypedDict):
    """The importance of each parameter, in descending order."""

    n_runs: Count
    parameters: list[ImportantParameter]


class LeftOut(TypedDict):
    """A result that was not imported."""

    place: Count
    reason: str


class Import(TypedDict):
    """The outcome of an import: numbers of results, and the first that were left out."""

    observed: Count
    done: Count
    known: Count
    n_left_out: Count
    left_out: list[LeftOut]


class AddedPoint(TypedDict):
    """A point; its id is None if it was handed out before, counts as done or waits already."""

    id: RunId | None
    config: PlainMap


class AddedPoints(TypedDict):
    """What became of points that were to be added."""

    points: list[AddedPoint]
    n_added: Count
    sweep_state: str
    warnings: list[ConfigProblem]


# Credentials and identities


class _FirstHealth(TypedDict):
    version: str


class Health(_FirstHealth, total=False):
    """The status, version, time and sweep language features of a backend."""

    status: str
    now: Time
    features: list[str]


class Identity(TypedDict):
    """The identity of a caller."""

    name: str
    scope: str | None
    method: str
    sweep: SweepId | None
    expires_at: Time | None


class Token(TypedDict):
    """An access token, without its secret."""

    id: TokenId
    name: str
    scope: str
    sweep: SweepId | None
    created_at: Time
    created_by: str | None
    expires_at: Time | None
    last_used_at: Time | None
    revoked_at: Time | None


class Event(TypedDict):
    """A change that a caller made to a sweep."""

    at: Time
    who: str | None
    method: str | None
    action: str


# Lists


class Items(TypedDict):
    """A list with a single page, such as the tokens or the events of a sweep."""

    items: list[Any]


class Page(Items):
    """A page of a list, and the cursor of the next one."""

    next: str | None
