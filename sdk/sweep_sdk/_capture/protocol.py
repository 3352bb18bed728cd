"""Answers the requests of a program's wandb, so that it sends what the program logs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweep_sdk._capture import answers
from sweep_sdk._capture.artifacts import ArtifactStore
from sweep_sdk._world.loopback import Answer
from sweep_service.wandb.operations import decode_operation
from sweep_service.wandb.streams import Malformed, decode_bucket, decode_stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from sweep_sdk._capture.recording import Recording, Source
    from sweep_sdk._world import disk
    from sweep_sdk._world.loopback import Request
    from sweep_service.wandb.operations import Operation

#: The user's name in the answers.
_ENTITY = "sweep-sdk"
_INTROSPECTION = ("Probe", "InputFields", "TypeInfo")


class Protocol:
    """Answers the requests of one program. Thread-safe."""

    def __init__(
        self,
        recording: Recording,
        *,
        address: str,
        folder: disk.Path,
        is_stopped: Callable[[], bool],
        notice: Callable[[str], None],
    ) -> None:
        """Set up.

        Args:
            recording: Records what the program logs.
            address: URL at which the program reaches this endpoint.
            folder: The run's folder.
            is_stopped: Whether the program must end.
            notice: Called with alerts of the program.
        """
        self._recording = recording
        self._artifacts = ArtifactStore(folder / "wandb-artifacts", f"{address}/storage")
        self._is_stopped = is_stopped
        self._notice = notice

    def answer(self, request: Request) -> Answer:
        """The answer to a request."""
        try:
            return self._answer(request)
        except Malformed as error:
            return _json({"error": str(error)}, 400)

    def record(self, request: Request) -> None:
        """Record what a request logs, without answering it.

        Raises:
            Malformed: The body is malformed.
        """
        run = streamed_run(request)
        if run is not None:
            self._recording.add(run, decode_stream(request.body))
        elif is_graphql(request):
            operation = decode_operation(request.body)
            if operation.name == "UpsertBucket":
                self._recording.begin(decode_bucket(operation.variables))

    def _answer(self, request: Request) -> Answer:
        run = streamed_run(request)
        if run is not None:
            self._recording.add(run, decode_stream(request.body))
            return _json({"stopped": True} if self._is_stopped() else {})
        if is_graphql(request):
            operation = decode_operation(request.body)
            found = self._result(operation)
            if found is None:
                return _json(answers.refusal(f"{operation.name} is not supported here"))
            return _json(answers.data(found))
        if request.path.startswith("storage/"):
            return self._artifacts.transfer(request)
        return Answer(404)

    def _result(self, operation: Operation) -> dict[str, Any] | None:
        """The result of an operation; None for one that clients can do without."""
        name, variables = operation.name, operation.variables
        if name in ("Viewer", "viewer", "GetDefaultEntity"):
            return answers.viewer(_ENTITY)
        if name == "ServerFeaturesQuery":
            return answers.features()
        if name == "UpsertBucket":
            bucket = decode_bucket(variables)
            n_rows = self._recording.begin(bucket)
            return answers.upserted(bucket, entity=_ENTITY, n_rows=n_rows)
        if name == "RunResumeStatus":
            return self._resume_status(variables)
        if name == "RunStoppedStatus":
            return {"project": {"run": {"stopped": self._is_stopped()}}}
        if name == "NotifyScriptableRunAlert":
            words = (variables.get("title"), variables.get("text"))
            self._notice(f"alert of the program: {': '.join(str(word) for word in words if word)}")
            return {"notifyScriptableRunAlert": {"success": True}}
        if name.startswith(_INTROSPECTION):
            return answers.introspection(operation.query)
        return self._artifacts.result(operation)

    def _resume_status(self, variables: Any) -> dict[str, Any]:
        source = self._recording.find(str(variables.get("name")))
        project = str(variables.get("project") or "uncategorized")
        entity = str(variables.get("entity") or _ENTITY)
        if source is None:
            return answers.resume_status(project, entity, None)
        return answers.resume_status(
            project, entity, source.bucket, source.n_rows, _last_row(source)
        )


def streamed_run(request: Request) -> str | None:
    """The wandb run whose rows are in a request; None for other requests."""
    parts = request.path.partition("?")[0].split("/")
    is_stream = len(parts) == 5 and parts[0] == "files" and parts[4] == "file_stream"
    return parts[3] if is_stream and request.method == "POST" else None


def is_graphql(request: Request) -> bool:
    """Whether a request names an operation."""
    return request.method == "POST" and request.path.partition("?")[0] == "graphql"


def _last_row(source: Source) -> dict[str, Any]:
    step = max(source.next_step - source.shift - 1, 0)
    return {**source.last, "_step": step} if source.n_rows else {}


def _json(found: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(found).encode())
