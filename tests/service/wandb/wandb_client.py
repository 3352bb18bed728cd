"""A stock W&B client in the backend's view: requests with recorded shapes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from sweep_service.access.identity import Authentication, Identity
from sweep_service.access.scopes import Scope
from sweep_service.gateway import handle

GRID: dict[str, Any] = {
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"n": {"values": [1, 2, 3]}},
}
#: Two tokens of agents, and one of an admin.
ANN = Identity("ann", Scope.AGENT, Authentication.STORED)
BOB = Identity("bob", Scope.AGENT, Authentication.STORED)
ADMIN = Identity("first token", Scope.ADMIN, Authentication.FIRST_ADMIN)


@dataclass
class WandbClient:
    """Sends operations and streams with one credential."""

    backend: Any
    identity: Identity | None = ADMIN
    #: The rows that were sent of each run, for the offsets of the next ones.
    n_sent: dict[str, int] = field(default_factory=dict)

    def post(self, path: str, body: object) -> tuple[int, Any]:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        services = self.backend.services
        answer = handle(services, "POST", path, {}, {}, raw, identity=self.identity)
        return answer.status, json.loads(answer.body)

    def ask(self, operation: str, /, **variables: Any) -> tuple[int, Any]:
        """Status and body of an operation, named in its text alone as clients in Python do."""
        query = f"\n    mutation {operation}($id: ID) {{ something }}"
        return self.post("/graphql", {"query": query, "variables": variables})

    def data(self, operation: str, /, **variables: Any) -> Any:
        status, body = self.ask(operation, **variables)
        assert (status, body.get("errors")) == (200, None), body
        return body["data"]

    def create_sweep(self, config: dict[str, Any], **variables: Any) -> str:
        answer = self.data("UpsertSweep", id=None, config=json.dumps(config), **variables)
        return str(answer["upsertSweep"]["sweep"]["name"])

    def set_state(self, sweep: str, state: str) -> tuple[int, Any]:
        return self.ask("UpsertSweep", id=sweep, state=state, projectName="p", entityName="e")

    def create_agent(self, sweep: str, host: str = "host") -> str:
        created = self.data("CreateAgent", host=host, projectName="p", entityName="e", sweep=sweep)
        return str(created["createAgent"]["agent"]["id"])

    def heartbeat(self, agent: str, *live: str) -> list[dict[str, Any]]:
        states = json.dumps(dict.fromkeys(live, True))
        answer = self.data("Heartbeat", id=agent, metrics="{}", runState=states)
        commands: list[dict[str, Any]] = json.loads(answer["agentHeartbeat"]["commands"])
        return commands

    def next_run(self, agent: str) -> str:
        """The run that an agent without a live program is given."""
        (command,) = self.heartbeat(agent)
        assert command["type"] == "run"
        return str(command["run_id"])

    def begin(self, run: str, **variables: Any) -> Any:
        """What ``wandb.init`` sends."""
        answer = self.data("UpsertBucket", name=run, project="p", entity="e", **variables)
        return answer["upsertBucket"]["bucket"]

    def stream(self, run: str, body: object) -> tuple[int, Any]:
        return self.post(f"/files/e/p/{run}/file_stream", body)

    def log(self, run: str, *rows: dict[str, Any], **fields: Any) -> Any:
        """Send rows, each with the next step, and what else the request says."""
        first = self.n_sent.get(run, 0)
        self.n_sent[run] = first + len(rows)
        lines = [
            json.dumps({**row, "_step": number, "_timestamp": 1_000_000.5 + number})
            for number, row in enumerate(rows, start=first)
        ]
        files = {"wandb-history.jsonl": {"offset": first, "content": lines}} if rows else {}
        status, answer = self.stream(run, {"files": files, **fields})
        assert status == 200, answer
        return answer

    def complete(self, run: str, exit_code: int = 0, **summary: Any) -> Any:
        content = {"offset": 0, "content": [json.dumps(summary)]}
        files = {"wandb-summary.json": content} if summary else {}
        end = {"files": files, "complete": True, "exitcode": exit_code}
        status, answer = self.stream(run, end)
        assert status == 200, answer
        return answer


def take_over(backend: Any, run: str, clock: Any) -> None:
    """Have an agent of ours take a run from an agent that has not been heard from."""
    sweep = run[:8]
    clock.advance(3600.0)
    others = [backend.ask(sweep).body["id"]]
    clock.advance(60.0)
    while others[-1] != run:
        others.append(backend.ask(sweep).body["id"])
    assert backend.run(run)["attempt"] == 2
