"""Sends requests of a program as wandb's clients do, without a client."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from sweep_sdk._agent.outbox.tail import Tail
from sweep_sdk._capture.protocol import Protocol
from sweep_sdk._capture.recording import Recording
from sweep_sdk._metrics.writer import MetricsFile
from sweep_sdk._world.loopback import Request


@dataclass
class Program:
    """Sends requests, and reads what the agent finds in the metrics file."""

    protocol: Protocol
    recording: Recording
    path: object
    notices: list[str] = field(default_factory=list)
    is_stopped: bool = False

    def graphql(self, operation, /, **variables):
        query = f"query {operation} {{ x }}"
        body = json.dumps({"query": query, "variables": variables}).encode()
        answer = self.protocol.answer(Request("POST", "graphql", {}, body))
        assert answer.status == 200
        return json.loads(answer.body)

    def begin(self, run, config=None, **variables):
        wrapped = {name: {"value": value} for name, value in (config or {}).items()}
        given = {"name": run, "config": json.dumps(wrapped), **variables}
        return self.graphql("UpsertBucket", **given)["data"]["upsertBucket"]["bucket"]

    def stream(self, run, *rows, offset=0, summary=None, **more):
        files = {}
        if rows:
            files["wandb-history.jsonl"] = {
                "offset": offset,
                "content": list(map(json.dumps, rows)),
            }
        if summary is not None:
            files["wandb-summary.json"] = {"offset": 0, "content": [json.dumps(summary)]}
        return self.post(run, {"files": files, **more})

    def post(self, run, document):
        body = json.dumps(document).encode()
        return self.protocol.answer(
            Request("POST", f"files/sweep-sdk/project/{run}/file_stream", {}, body)
        )

    def read(self):
        """The rows and the tail that has read them."""
        tail = Tail(self.path, "loss", lambda: 0.0, self.notices.append)
        batch = tail.read(is_final=True)
        return [
            {"step": row["step"], **row["metrics"]} for row in (batch.rows if batch else ())
        ], tail.logged


@pytest.fixture
def program(tmp_path):
    path = tmp_path / "metrics-1.jsonl"
    path.write_bytes(b"")
    notices = []
    recording = Recording(
        MetricsFile(str(path)), run="abcd1234-3", config={"lr": 0.1}, metric="loss",
        notice=notices.append,
    )  # fmt: skip
    made = Program(None, recording, path, notices)
    made.protocol = Protocol(
        recording, address="http://127.0.0.1:1/key", folder=tmp_path,
        is_stopped=lambda: made.is_stopped, notice=notices.append,
    )  # fmt: skip
    return made
