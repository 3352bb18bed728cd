"""Decodes the backend's answers: values, or one clear exception."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sweep_sdk._exceptions import (
    BackendGone,
    BackendUnavailable,
    ConfigProblem,
    InvalidConfig,
    InvalidRequest,
    LeaseLost,
    NotAuthorized,
    NotFound,
    NotPossible,
    SweepDeleted,
    SweepEnded,
    SweepError,
    UsageError,
    WrongBackend,
)
from sweep_sdk._process.terminal import printable
from sweep_sdk._version import __version__
from sweep_service import errors
from sweep_service.installation import install_hint
from sweep_service.model.records.numbers import decode_metric, untag
from sweep_service.wire import documents, shapes
from sweep_service.wire.headers import BACKEND_HEADER
from sweep_service.wire.problems import PROBLEM_TYPE
from sweep_service.wire.runs import HandOut, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_sdk._backend.transport import Response

    Answer = TypeVar("Answer")
    #: Converts the JSON of an answer; raises ``WrongShape`` if it does not answer the request.
    Reader = Callable[[Any], Answer]

LONGEST_RETRY_AFTER_SECONDS = 60.0
#: Errors of the backend that are not temporary.
_LASTING = (errors.StoreUnusable.code, errors.StoreGone.code)
#: Headers of all answers that pass through API Gateway.
_OF_API_GATEWAY = frozenset({"apigw-requestid", "x-amzn-requestid"})


@dataclass(frozen=True)
class Thinned:
    """Selected rows of a history, and the total number of rows if the backend sends it."""

    rows: list[dict[str, Any]]
    n_rows: int


def decode(response: Response, place: str, *, is_known: bool = False) -> Any:
    """The JSON value of a successful answer; None if it has no body.

    Args:
        response: The answer.
        place: The backend, as messages name it.
        is_known: Whether the backend has answered before.

    Raises:
        SweepError: The subclass for the error in the answer.
    """
    document = _json(response)
    if response.status >= 400:
        raise _error(response, document if isinstance(document, dict) else {}, place, is_known)
    is_empty = response.status == 204 and not response.body
    if response.status < 300 and (document is not None or is_empty):
        return document
    raise foreign(response, place, is_known=is_known)


def backend_version(response: Response) -> str | None:
    """The backend's version; None if it is too old to send it, or something else answered."""
    return _header(response, BACKEND_HEADER)


def is_missing_route(response: Response) -> bool:
    """Whether API Gateway answers that it has no route for the request."""
    return response.status == 404 and _is_of_api_gateway(response)


def foreign(response: Response, place: str, *, is_known: bool, why: str = "") -> BackendUnavailable:
    """The error for an answer that cannot be from the backend.

    Args:
        response: The answer.
        place: The backend, as messages name it.
        is_known: Whether the backend has answered before. Then something on the way answers
            temporarily; otherwise the address is likely to be wrong.
        why: What is wrong with an answer that looks like the backend's.
    """
    what, hint = _what_it_does(response), _proxy_hint(response)
    what += f" ({_one_line(why)})" if why else ""
    if is_known:
        return BackendUnavailable(
            f"{place} {what}, which is not the sweep backend's answer: a proxy, an ingress or a"
            f" sign-in page answers in its place{hint}"
        )
    return WrongBackend(
        f"{place} is not a sweep backend: it {what}; check {response.url_setting}, or sign in to"
        f" the network{hint}"
    )


def _what_it_does(response: Response) -> str:
    if 300 <= response.status < 400:
        return f"redirects to {_one_line(_header(response, 'Location') or 'somewhere else')}"
    if response.status >= 400:
        return f"answers {response.status}"
    if _json(response) is not None:
        return "answers with other data"
    return "answers with a web page or other text" if response.body else "answers nothing"


def _is_of_api_gateway(response: Response) -> bool:
    """Whether API Gateway itself has answered: the backend's answers have another header."""
    names = {name.lower() for name in response.headers}
    return backend_version(response) is None and not names.isdisjoint(_OF_API_GATEWAY)


def _credential_hint(response: Response, place: str, said: str) -> str:
    """Which credential was rejected, and what to do."""
    if response.is_signed:
        return (
            f"these AWS credentials{said}: attach one of its stack's policies to their role, or set"
            " SWEEP_TOKEN"
        )
    return f"this token{said}; run 'sweep-sdk login --url {place}' or set SWEEP_TOKEN"


def _proxy_hint(response: Response) -> str:
    """A hint that a proxy may have answered."""
    return f"; the answer came through the proxy of {response.proxy}" if response.proxy else ""


def _code(response: Response, problem: Mapping[str, Any]) -> str | None:
    """The backend's code of an error; None if something else has answered."""
    kind = (_header(response, "Content-Type") or "").lower()
    is_ours = backend_version(response) is not None or kind.startswith(PROBLEM_TYPE)
    code = problem.get("code")
    return code if is_ours and isinstance(code, str) else None


def _error(
    response: Response, problem: Mapping[str, Any], place: str, is_known: bool
) -> SweepError:
    status, code = response.status, _code(response, problem)
    detail = _one_line(problem.get("detail") or problem.get("message") or "")
    said = f" ({status}{': ' + detail if detail else ''})"
    if code == errors.Forbidden.code:
        return NotAuthorized(f"{place} does not allow this: {detail}")
    if status in (401, 403) and (code or not is_known or _is_of_api_gateway(response)):
        return NotAuthorized(
            f"{place} does not accept {_credential_hint(response, place, said)}"
            f"{_proxy_hint(response)}",
            was_accepted=is_known,
        )
    if status == 429 or (status >= 500 and code not in _LASTING):
        return BackendUnavailable(
            f"{place} is busy or in trouble{said}", retry_after_seconds=_retry_after(response)
        )
    if code is None:
        return _not_ours(response, place, is_known)
    if status == 426 or (status == 410 and code != errors.SweepEnded.code):
        why = detail if code == errors.UpgradeRequired.code else ""
        return UsageError(
            (why or f"{place} no longer serves version {__version__} of sweep-sdk")
            + f"; upgrade sweep-sdk with {install_hint(is_upgrade=True)}"
        )
    return _problem(code, detail, problem)


def _problem(code: str, detail: str, problem: Mapping[str, Any]) -> SweepError:
    if code == errors.InvalidConfig.code:
        problems, warnings = (_problems(problem.get(name)) for name in ("errors", "warnings"))
        return InvalidConfig(detail, problems, warnings)
    kinds: dict[str, type[SweepError]] = {
        errors.InvalidRequest.code: InvalidRequest,
        errors.TooLarge.code: InvalidRequest,
        errors.LeaseLost.code: LeaseLost,
        errors.SweepEnded.code: SweepEnded,
        errors.NotFound.code: NotFound,
        errors.SweepDeleted.code: SweepDeleted,
        errors.StoreGone.code: BackendGone,
        errors.NotPossible.code: NotPossible,
    }
    return kinds.get(code, UsageError)(detail or code)


def _problems(found: Any) -> tuple[ConfigProblem, ...]:
    """Problems of a config; malformed ones are left out."""
    items = found if isinstance(found, list) else []
    return tuple(config_problem(item) for item in items if _is_problem(item))


def _is_problem(item: Any) -> bool:
    try:
        shapes.shape_of(documents.ConfigProblem)(item, "")
    except shapes.WrongShape:
        return False
    return True


def _not_ours(response: Response, place: str, is_known: bool) -> SweepError:
    """The error for a status without a problem document, which the backend always sends."""
    if response.status == 413:
        return InvalidRequest(f"{place} refuses a request of this size (413)")
    return foreign(response, place, is_known=is_known)


def hand_out_or_wait(found: Any) -> HandOut | Wait:
    """Read the answer to an ask."""
    is_wait = isinstance(found, dict) and "wait_seconds" in found
    return Wait.from_json(found) if is_wait else HandOut.from_json(found)


def checked(kind: Any, place: str) -> Reader[dict[str, Any]]:
    """A reader that checks the shape of an answer and returns it unchanged.

    Args:
        kind: Type of the document, see ``wire.documents``.
        place: Name of the answer in messages.
    """

    def read(found: Any) -> dict[str, Any]:
        shapes.shape_of(kind)(found, place)
        return dict(found)

    return read


listed_sweep = checked(documents.ListedSweep, "sweep")
registered = checked(documents.RegisteredSweep, "sweep")
added = checked(documents.AddedPoints, "answer")
importance = checked(documents.Importance, "importance")
imported = checked(documents.Import, "import")
retried = checked(documents.Retry, "retry")
health_of = checked(documents.Health, "health")


def sweep_of(found: Any) -> dict[str, Any]:
    """Read a sweep; metrics of its best run are decoded to numbers."""
    shapes.shape_of(documents.Sweep)(found, "sweep")
    best = found.get("best")
    return {**found, "best": None if best is None else _run_with_numbers(best)}


def run_of(found: Any) -> dict[str, Any]:
    """Read a run; its metrics are decoded to numbers, including NaN and infinities."""
    shapes.shape_of(documents.Run)(found, "run")
    return _run_with_numbers(found)


def run_in_full(found: Any) -> dict[str, Any]:
    """Read a run with its earlier attempts and error tail."""
    shapes.shape_of(documents.RunInFull)(found, "run")
    return run_of(found)


def amended(found: Any) -> dict[str, Any]:
    """Read the answer to a retry or a deletion of a run."""
    shapes.shape_of(documents.Amendment)(found, "answer")
    return {**found, "run": _run_with_numbers(found["run"])}


def history_row(found: Any) -> dict[str, Any]:
    """Read a logged row; its metrics are decoded to numbers, including NaN and infinities."""
    shapes.shape_of(documents.Row)(found, "row")
    return _row_with_numbers(found)


def thinned(found: Any) -> Thinned:
    """Read the answer to a request for a thinned history."""
    shapes.shape_of(documents.ThinnedHistory)(found, "history")
    rows = [_row_with_numbers(row) for row in found["items"]]
    return Thinned(rows, found.get("n_rows", len(rows)))


def _run_with_numbers(found: Mapping[str, Any]) -> dict[str, Any]:
    """Decode the metrics of a run whose shape has been checked."""
    return {**found, "best": decode_metric(found["best"]), "summary": _numbers(found["summary"])}


def _row_with_numbers(found: Mapping[str, Any]) -> dict[str, Any]:
    """Decode the metrics of a row whose shape has been checked."""
    return {**found, "metrics": _numbers(found["metrics"])}


def _numbers(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {name: decode_metric(value) for name, value in metrics.items()}


def nothing(found: Any) -> None:
    """Read an answer without a body."""
    if found is not None:
        raise shapes.WrongShape("the answer has a body", is_other=True)


def page_of(reader: Reader[dict[str, Any]]) -> Reader[tuple[list[dict[str, Any]], str | None]]:
    """A reader of one page of a list: its items, each read by ``reader``, and the next cursor."""

    def read(found: Any) -> tuple[list[dict[str, Any]], str | None]:
        shapes.shape_of(documents.Page)(found, "page")
        return [reader(item) for item in found["items"]], found["next"]

    return read


def config_problem(item: Mapping[str, Any]) -> ConfigProblem:
    """Read an error or warning about a sweep config."""
    shapes.shape_of(documents.ConfigProblem)(item, "problem")
    return ConfigProblem(item.get("path", ""), item["message"], item.get("line"))


def warnings_of(sweep: Mapping[str, Any]) -> list[str]:
    """The warnings about the config of a registered or changed sweep, one line each."""
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
    return printable(" ".join(str(text).split()))
