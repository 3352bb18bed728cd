"""A minimal store of artifacts, so that logging a table raises no error in clients.

Manifests are stored in the run's folder, because clients read them back. Files are discarded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweep_sdk._world.loopback import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_sdk._world import disk
    from sweep_sdk._world.loopback import Request
    from sweep_service.wandb.operations import Operation

    Json = dict[str, Any]

_CREATED_AT = "1970-01-01T00:00:00Z"


@dataclass
class _Artifact:
    """An artifact as described by a client."""

    id: str
    name: str
    type: str
    entity: str
    project: str
    digest: str
    version: int
    given: Mapping[str, Any] = field(default_factory=dict)


class ArtifactStore:
    """The artifacts of one program."""

    def __init__(self, folder: disk.Path, address: str) -> None:
        """Set up.

        Args:
            folder: Folder of manifests, created for the first one.
            address: URL at which clients reach ``transfer``.
        """
        self._folder = folder
        self._address = address
        self._artifacts: dict[str, _Artifact] = {}
        self._operations: dict[str, Callable[[Mapping[str, Any]], Json]] = {
            "ArtifactType": lambda _: {"project": {"artifact": None}},
            "CreateArtifact": self._create,
            "CreateArtifactManifest": self._manifest,
            "UpdateArtifactManifest": self._manifest,
            "CreateArtifactFiles": self._files,
            "CommitArtifact": self._commit,
            "ArtifactByID": self._show,
            "ArtifactByIDShort": self._show,
            "FetchArtifactManifest": self._fetch,
        }

    def result(self, operation: Operation) -> Json | None:
        """The result of an operation; None if it is not supported or its artifact is unknown."""
        found = self._operations.get(operation.name)
        inner = operation.variables.get("input")  # sent by newer clients
        try:
            return found and found(inner if isinstance(inner, dict) else operation.variables)
        except KeyError:  # the artifact is unknown
            return None

    def transfer(self, request: Request) -> Answer:
        """Receive a manifest or a file, or return a manifest."""
        _, kind, name = (*request.path.split("/"), "", "")[:3]
        if request.method == "PUT" and kind == "file":
            return Answer(200)
        if kind != "manifest" or name not in self._artifacts:
            return Answer(404)
        path = self._folder / f"{name}.json"
        try:
            if request.method != "PUT":
                return Answer(200, path.read_bytes())
            self._folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(request.body)
        except OSError:
            return Answer(404 if request.method != "PUT" else 503)
        return Answer(200)

    def _create(self, given: Mapping[str, Any]) -> Json:
        names = given.get("artifactCollectionNames") or given.get("artifactCollectionName")
        name = str(names[0] if isinstance(names, list) else names)
        digest = str(given.get("digest"))
        n_versions = sum(artifact.name == name for artifact in self._artifacts.values())
        identity = hashlib.sha256(f"{name} {digest} {n_versions}".encode()).hexdigest()[:24]
        artifact = _Artifact(
            id=identity,
            name=name,
            type=str(given.get("artifactTypeName")),
            entity=str(given.get("entityName")),
            project=str(given.get("projectName")),
            digest=digest,
            version=n_versions,
            given=given,
        )
        self._artifacts[identity] = artifact
        sequence = {"id": f"sequence-{name}"[:64], "latestArtifact": None}
        found = {"id": identity, "state": "PENDING", "artifactSequence": sequence}
        return {"createArtifact": {"artifact": found}}

    def _manifest(self, variables: Mapping[str, Any]) -> Json:
        identity = str(variables.get("artifactID") or variables.get("artifactManifestID"))
        artifact = self._artifacts[identity]
        file = {"id": artifact.id, "uploadHeaders": []}
        file["uploadUrl"] = f"{self._address}/manifest/{artifact.id}"
        manifest = {"id": artifact.id, "file": file}
        return {
            "createArtifactManifest": {"artifactManifest": manifest},
            "updateArtifactManifest": {"artifactManifest": manifest},
        }

    def _files(self, variables: Mapping[str, Any]) -> Json:
        specs = variables.get("artifactFiles")
        edges: list[Json] = [
            {
                "node": {
                    "id": str(number),
                    "name": spec.get("name"),
                    "displayName": spec.get("name"),
                    "storagePath": f"file/{number}",
                    "uploadUrl": f"{self._address}/file/{number}",
                    "uploadHeaders": [],
                    "uploadMultipartUrls": None,
                    "artifact": {"id": str(spec.get("artifactID"))},
                }
            }
            for number, spec in enumerate(specs if isinstance(specs, list) else ())
            if isinstance(spec, dict)
        ]
        return {"createArtifactFiles": {"files": {"edges": edges}}}

    def _commit(self, variables: Mapping[str, Any]) -> Json:
        artifact = self._artifacts[str(variables.get("artifactID"))]
        return {"commitArtifact": {"artifact": {"id": artifact.id, "digest": artifact.digest}}}

    def _show(self, variables: Mapping[str, Any]) -> Json:
        artifact = self._artifacts[str(variables.get("id"))]
        project = {
            "id": artifact.project,
            "internalId": artifact.project,
            "name": artifact.project,
            "entity": {"name": artifact.entity},
            "entityName": artifact.entity,  # of older clients
        }
        return {
            "artifact": {
                "__typename": "Artifact",
                "id": artifact.id,
                "artifactSequence": {
                    "__typename": "ArtifactSequence",
                    "id": f"sequence-{artifact.name}"[:64],
                    "name": artifact.name,
                    "project": project,
                },
                "versionIndex": artifact.version,
                "artifactType": {"name": artifact.type},
                "description": artifact.given.get("description"),
                "metadata": artifact.given.get("metadata"),
                "ttlDurationSeconds": -2,
                "ttlIsInherited": True,
                "tags": [],
                "historyStep": None,
                "state": "COMMITTED",
                "size": 0,
                "digest": artifact.digest,
                "commitHash": None,
                "fileCount": 0,
                "createdAt": _CREATED_AT,
                "updatedAt": None,
                "aliases": [],
                "currentManifest": self._manifest_file(artifact),
            }
        }

    def _fetch(self, variables: Mapping[str, Any]) -> Json:
        artifact = self._artifacts[str(variables.get("id"))]
        return {"artifact": {"currentManifest": self._manifest_file(artifact)}}

    def _manifest_file(self, artifact: _Artifact) -> Json:
        url = f"{self._address}/manifest/{artifact.id}"
        return {"id": artifact.id, "file": {"id": artifact.id, "directUrl": url}}
