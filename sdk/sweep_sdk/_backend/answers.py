"""What the backend's answers mean: values where all went well, else one clear exception."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._exceptions import (
    BackendUnavailable,
    ConfigProblem,
    InvalidConfig,
    InvalidRequest,
    LeaseLost,
    NotAuthorized,
    NotFound,
    NotPossible,
    SweepEnded,
    SweepError,
    UsageError,
    WrongBackend,
)
from sweep_sdk._version import __version__
from sweep_service.model.installation import install_hint
from sweep_service.model.numbers import decode_metric, untag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_sdk._backend.transport import Response

LONGEST_RETRY_AFTER_SECONDS = 60.0


@dataclass(frozen=True)
class HandOut:
    """A run that this agent holds until its lease ends.

    Attributes:
        index: The run's number in the sweep, from 0.
        attempt: Counts the hand-outs of this run.
        lease_seconds: How long the backend waits for the next report.
        metric: Name of the sweep's metric; None without one, or from an older backend.
    """

    id: str
    sweep: str
    project: str
    index: int
    config: dict[str, Any]
    config_version: int
    attempt: int
    lease_seconds: float
    metric: str | None = None


@dataclass(frozen=True)
class Wait:
    """Nothing to hand out just now; ``reason`` is ``paused`` or ``leased``."""

    wait_seconds: float
    reason: str


@dataclass(frozen=True)
class Command:
    """The answer to a report: go on (``reason`` is None), or stop the run and why.

    Attributes:
        reason: ``stop_run``, ``canceled`` or ``early_terminate``.
    """

    reason: str | None
    lease_seconds: float

    @property
    def is_stop(self) -> bool:
        """Whether the run shall end."""
        return self.reason is not None


@dataclass(frozen=True)
class Finished:
    """The answer to a finish: the run's state, and whether it will be handed out again."""

    state: str
    is_requeued: bool


@dataclass(frozen=True)
class Thinned:
    """A few rows of a history, and how many there are in all, as far as the backend says it."""

    rows: list[dict[str, Any]]
    n_rows: int


def decode(response: Response, place: str) -> Any:
    """The JSON value of a successful answer; None where it has no body.

    Raises:
        SweepError: The subclass that says what the answer means.
    """
    if 300 <= response.status < 400:
        raise WrongBackend(
            f"{place} redirects to {_header(response, 'Location') or 'somewhere else'}: check"
            f" {response.url_setting}, or sign in to the network{_proxy_hint(response)}"
        )
    document = _json(response)
    if response.status >= 400:
        raise _error(response, document if isinstance(document, dict) else {}, place)
    if document is None and response.body:
        raise WrongBackend(
            f"{place} answers with a web page or other text, not as a sweep backend: check"
            f" {response.url_setting}, or sign in to the network{_proxy_hint(response)}"
        )
    return document


def _proxy_hint(response: Response) -> str:
    """Who else may have answered."""
    return f"; the answer came through the proxy of {response.proxy}" if response.proxy else ""


def _error(response: Response, problem: Mapping[str, Any], place: str) -> SweepError:
    status, code = response.status, problem.get("code")
    detail = _one_line(problem.get("detail") or problem.get("message") or "")
    if status in (401, 403):
        return NotAuthorized(
            f"{place} does not accept this token ({status}{': ' + detail if detail else ''});"
            f" run 'sweep-sdk login --url {place}' or set SWEEP_TOKEN{_proxy_hint(response)}"
        )
    if status == 426 or (status == 410 and code != "sweep-ended"):
        return UsageError(
            f"{place} no longer serves version {__version__} of sweep-sdk: upgrade it with"
            f" {install_hint(is_upgrade=True)}"
        )
    if status == 429 or (status >= 500 and code != "store-unusable"):
        return BackendUnavailable(
            f"{place} is busy or in trouble ({status}{': ' + detail if detail else ''})",
            retry_after_seconds=_retry_after(response),
        )
    if code is None:
        return _not_ours(response, place)
    return _problem(str(code), detail, problem)


def _problem(code: str, detail: str, problem: Mapping[str, Any]) -> SweepError:
    if code == "invalid-config":
        problems = tuple(config_problem(item) for item in problem.get("errors") or ())
        warnings = tuple(config_problem(item) for item in problem.get("warnings") or ())
        return InvalidConfig(detail, problems, warnings)
    kinds: dict[str, type[SweepError]] = {
        "invalid-request": InvalidRequest,
        "too-large": InvalidRequest,
        "lease-lost": LeaseLost,
        "sweep-ended": SweepEnded,
        "not-found": NotFound,
        "not-possible": NotPossible,
    }
    return kinds.get(code, UsageError)(detail or code)


def _not_ours(response: Response, place: str) -> SweepError:
    """An error that our backend would have named: somebody else answered."""
    if response.status == 413:
        return InvalidRequest(f"{place} refuses a request of this size (413)")
    return WrongBackend(
        f"{place} is not a sweep backend (it answers {response.status}): check"
        f" {response.url_setting}"
    )


def hand_out_or_wait(found: Mapping[str, Any]) -> HandOut | Wait:
    """The answer to an ask."""
    if "wait_seconds" in found:
        return Wait(float(found["wait_seconds"]), str(found["reason"]))
    names = [name for name in HandOut.__dataclass_fields__ if name != "metric"]
    return HandOut(**{name: found[name] for name in names}, metric=found.get("metric"))


def command(found: Mapping[str, Any]) -> Command:
    """The answer to a report."""
    is_stop = found["command"] == "stop"
    return Command(str(found["reason"]) if is_stop else None, float(found["lease_seconds"]))


def finished(found: Mapping[str, Any]) -> Finished:
    """The answer to a finish."""
    return Finished(str(found["state"]), bool(found["requeued"]))


def sweep_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """A sweep whose best run, where the answer has one, holds numbers."""
    best = found.get("best")
    return {**found, "best": run_of(best)} if best is not None else dict(found)


def run_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """A run whose metrics are numbers, NaN and infinities too."""
    best, summary = decode_metric(found["best"]), _numbers(found["summary"])
    return {**found, "best": best, "summary": summary}


def history_row(found: Mapping[str, Any]) -> dict[str, Any]:
    """A logged row whose metrics are numbers, NaN and infinities too."""
    return {**found, "metrics": _numbers(found["metrics"])}


def thinned(found: Mapping[str, Any]) -> Thinned:
    """The answer to a request for a few rows of a history."""
    rows = [history_row(row) for row in found["items"]]
    return Thinned(rows, int(found.get("n_rows", len(rows))))


def _numbers(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {name: decode_metric(value) for name, value in metrics.items()}


def page(found: Mapping[str, Any]) -> tuple[list[dict[str, Any]], str | None]:
    """A part of a list, and the cursor of the next part."""
    return list(found["items"]), found["next"]


def config_problem(item: Mapping[str, Any]) -> ConfigProblem:
    """An error or warning about a sweep config, as the backend sends it."""
    return ConfigProblem(str(item.get("path", "")), str(item.get("message", "")), item.get("line"))


def warnings_of(sweep: Mapping[str, Any]) -> list[str]:
    """What is odd about the config of a sweep that was registered or changed, a line each."""
    return [str(config_problem(item)) for item in sweep["warnings"]]


def _json(response: Response) -> Any:
    if not response.body:
        return None
    try:
        return json.loads(response.body, object_hook=untag)
    except (ValueError, RecursionError):
        return None


def _retry_after(response: Response) -> float | None:
    text = _header(response, "Retry-After") or ""
    return min(float(text), LONGEST_RETRY_AFTER_SECONDS) if text.isdecimal() else None


def _header(response: Response, name: str) -> str | None:
    lowered = name.lower()
    return next((value for key, value in response.headers.items() if key.lower() == lowered), None)


def _one_line(text: object) -> str:
    return " ".join(str(text).split())
