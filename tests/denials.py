"""Every request that a backend must refuse: each route with each invalid credential.

The suites that send them differ in how requests travel: by a call, through an emulated API Gateway,
through the local server, and to the deployed template.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sweep_service.access.scopes import Scope
from sweep_service.access.tokens import token_text
from sweep_service.routes import ROUTES
from sweep_service.wandb.graphql import OPERATIONS
from sweep_service.wandb.names import Agent

#: Status and JSON body of an answer.
Answer = tuple[int, Any]
#: Sends method, path, the Authorization header (None: none), a body (None: none) and an
#: Idempotency-Key.
Send = Callable[[str, str, str | None, Any, str], Answer]

CONFIG: dict[str, Any] = {
    "method": "grid",
    "metric": {"name": "loss"},
    "command": ["sh", "-c", "true"],
    "parameters": {"n": {"values": [1, 2, 3]}},
}
ASK_KEY = "the-key-of-the-holder"
#: A body with which each route would do something.
BODIES: dict[str, Any] = {
    "create_token": {"sha256": "5" * 64, "name": "mine", "scope": "admin"},
    "create_sweep": {"config": CONFIG},
    "change_sweep": {"config": {**CONFIG, "command": ["sh", "-c", "echo changed"]}},
    "import_results": {"results": [{"config": {"n": 1}, "value": 1.0}]},
    "ask_run": {"agent": "another"},
    "report_rows": {"attempt": 1, "key": ASK_KEY, "offset": 0, "rows": [{"metrics": {"loss": 1}}]},
    "finish_run": {"attempt": 1, "key": ASK_KEY, "state": "failed"},
    "add_points": {"configs": [{"n": 3}]},
    "stop_run": {},
    "change_run": {"name": "mine"},
    "retry_run": {},
    "retry_failed": {},
    "file_stream": {"complete": True, "exitcode": 1},
}


def basic(token: str) -> str:
    """The header with which clients of W&B present a token."""
    return f"Basic {base64.b64encode(f'api:{token}'.encode()).decode()}"


#: Authorization headers that no backend has given out.
FIXED: dict[str, str | None] = {
    "no credential": None,
    "an empty header": "",
    "an empty token": "Bearer ",
    "a scheme alone": "Bearer",
    "another scheme": "Digest c3dlZXA6c3dlZXA=",
    "another user": "Basic c3dlZXA6c3dlZXA=",
    "a password that is no token": basic("swp_short"),
    "no password": basic(""),
    "a password that is unknown": basic(token_text(bytes(32))),
    "a malformed token": "Bearer swp_short",
    "a token with a space": "Bearer swp_a b",
    "an unknown token": f"Bearer {token_text(bytes(32))}",
    "the hash of a token": f"Bearer {hashlib.sha256(b'first').hexdigest()}",
}
#: Of tokens that the backend knows, or has known.
STORED = ("expired", "revoked", "wrong sweep", "wrong scope", "a lease of somebody else")


class Denial(NamedTuple):
    """A route under a wrong credential; of W&B's operations, which share a route, one of them."""

    method: str
    route: str
    case: str
    operation: str | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.operation or ''} {self.case}"

    @property
    def needed(self) -> Scope:
        """The scope that the request needs."""
        route = ROUTES[self.method, self.route]
        scope = OPERATIONS[self.operation].scope if self.operation else route.scope
        assert scope is not None
        return scope


def denials() -> list[Denial]:
    """All of them that exist."""
    found = []
    for (method, path), route in ROUTES.items():
        if route.scope is None:
            continue
        if path == "/graphql":
            found += [Denial(method, path, case, "UpsertSweep") for case in FIXED]
            found += [Denial(method, path, *case) for case in operation_cases()]
            continue
        cases = [*FIXED, "expired", "revoked"]
        if not route.is_about_caller:
            cases.append("wrong sweep")
        if route.scope is not Scope.READER:
            cases.append("wrong scope")
        if route.handler.__name__ in ("report_rows", "finish_run", "file_stream"):
            cases.append("a lease of somebody else")
        found += [Denial(method, path, case) for case in cases]
    return found


def operation_cases() -> Iterator[tuple[str, str]]:
    """Cases of the operations, and the operations."""
    for name, operation in OPERATIONS.items():
        yield "expired", name
        yield "revoked", name
        if not operation.is_about_caller:
            yield "wrong sweep", name
        if operation.scope is not Scope.READER:
            yield "wrong scope", name
    yield "a lease of somebody else", "UpsertBucket"


@dataclass
class House:
    """A backend with a sweep whose first run an agent works on.

    Attributes:
        send: How requests travel to it.
        first: The first admin's token.
        tokens: Those that were created for the tests, by what is wrong with them and their scope.
    """

    send: Send
    first: str
    tokens: dict[tuple[str, Scope], str] = field(default_factory=dict)
    n_requests: int = 0

    def __post_init__(self) -> None:
        self.sweep = str(self.ask_for("POST", "/v1/sweeps", {"config": CONFIG})["id"])
        self.other = str(self.ask_for("POST", "/v1/sweeps", {"config": CONFIG})["id"])
        for scope in Scope:
            self.tokens["wrong sweep", scope] = self.create_token(scope, self.other)
            self.tokens["valid", scope] = self.create_token(scope)
            revoked = self.tokens["revoked", scope] = self.create_token(scope)
            self.ask_for("DELETE", f"/v1/tokens/{sha256(revoked)[:12]}")
            self.tokens["expired", scope] = self.create_token(scope, lifetime=1)
        self.run = f"{self.sweep}-0"
        asked = self.ask_for("POST", f"/v1/sweeps/{self.sweep}/runs", {"agent": "a"})
        assert asked["id"] == self.run
        self.before = self.state()
        self.tokens_before = self.token_names()

    def ask_for(self, method: str, path: str, body: Any = None) -> Any:
        """What the first admin is answered."""
        self.n_requests += 1
        key = ASK_KEY if path.endswith("/runs") else f"request {self.n_requests}"
        status, found = self.send(method, path, f"Bearer {self.first}", body, key)
        assert status < 300, (method, path, status, found)
        return found

    def create_token(self, scope: Scope, sweep: str | None = None, lifetime: int = 3600) -> str:
        """A token that the backend accepts."""
        text = token_text(hashlib.sha256(f"{self.n_requests} {self.sweep}".encode()).digest())
        body = {
            "sha256": sha256(text),
            "name": f"token-{self.n_requests}",
            "scope": scope.value,
            "sweep": sweep,
            "expires_at": int(time.time()) + lifetime,
        }
        self.ask_for("POST", "/v1/tokens", body)
        return text

    def await_expiry(self) -> None:
        """Return once the tokens that were to expire have, by the backend's own clock."""
        deadline = time.monotonic() + 30
        for (case, _), token in self.tokens.items():
            while case == "expired":
                status, found = self.send("GET", "/v1/identity", f"Bearer {token}", None, "a key")
                if status in (401, 403):
                    break
                assert time.monotonic() < deadline, ("it does not expire", status, found)
                time.sleep(0.05)

    def state(self) -> Any:
        """What the sweeps and the run are, as far as denied requests could change it."""
        run = self.ask_for("GET", f"/v1/sweeps/{self.sweep}/runs/{self.run}")
        run.pop("lease_end")
        rows = self.ask_for("GET", f"/v1/sweeps/{self.sweep}/runs/{self.run}/history")
        sweeps = {item["id"] for item in self.ask_for("GET", "/v1/sweeps")["items"]}
        sweep = self.ask_for("GET", f"/v1/sweeps/{self.sweep}")
        return run, rows, sweeps, sweep

    def token_names(self) -> set[str]:
        """The tokens that are valid."""
        found = self.ask_for("GET", "/v1/tokens")["items"]
        return {item["name"] for item in found if item["revoked_at"] is None}

    def is_intact(self) -> bool:
        """Whether nothing has changed since the beginning."""
        return self.state() == self.before and self.token_names() == self.tokens_before

    def headers_of(self, denial: Denial) -> list[str | None]:
        """The Authorization headers that are to be refused."""
        if denial.case in FIXED:
            return [FIXED[denial.case]]
        needed = denial.needed
        if denial.case == "wrong scope":
            tokens = [self.tokens["valid", scope] for scope in Scope if not scope.includes(needed)]
        elif denial.case == "a lease of somebody else":
            tokens = [self.tokens["valid", needed]]
        else:
            tokens = [self.tokens[denial.case, scope] for scope in Scope if scope.includes(needed)]
        return [header for token in tokens for header in (f"Bearer {token}", basic(token))]

    def bodies_of(self, denial: Denial) -> list[Any]:
        """The bodies with which the request is sent."""
        if denial.operation is not None:
            query = f"query {denial.operation} {{x}}"
            return [{"query": query, "variables": found} for found in self.variables_of(denial)]
        body = BODIES.get(ROUTES[denial.method, denial.route].handler.__name__)
        if denial.case != "a lease of somebody else" or "key" not in body:
            return [body]
        without = {name: value for name, value in body.items() if name != "key"}
        return [{**body, "key": "the-key-of-another"}, without]

    def variables_of(self, denial: Denial) -> list[dict[str, Any]]:
        """The variables of an operation, with which it would do something."""
        config = json.dumps(BODIES["change_sweep"]["config"])
        run = dict.fromkeys(("name", "id", "run", "runId", "runName"), self.run)
        known: dict[str, list[dict[str, Any]]] = {
            "UpsertSweep": [
                {"config": config},
                {"id": self.sweep, "config": config},
                {"id": self.sweep, "state": "CANCELED"},
            ],
            "UpsertBucket": [{"name": self.run, "displayName": "mine"}],
            "Heartbeat": [
                {"id": Agent(self.sweep, "h", "0" * 16).id, "runState": text}
                for text in ("{}", json.dumps({self.run: True}))
            ],
            "Runs": [{"filters": json.dumps({"sweep": self.sweep})}],
            **{name: [{"name": self.sweep}] for name in ("GetSweep", "GetSweepLegacy", "Sweep")},
        }
        return known.get(denial.operation or "", [{**run, "sweep": self.sweep, "host": "h"}])

    def check(self, denial: Denial) -> None:
        """Send what is to be refused, and see that it is."""
        words = {"sweep": self.sweep, "run": self.run, "token": "0" * 12}
        path = denial.route.format(entity="e", project="p", **words)
        statuses = (403, 409) if denial.case == "a lease of somebody else" else (401, 403)
        for header in self.headers_of(denial):
            for body in self.bodies_of(denial):
                status, found = self.send(denial.method, path, header, body, "a denied request")
                assert status in statuses, (str(denial), status, found)
                assert CONFIG["command"][-1] not in json.dumps(found).split('"')


def sha256(text: str) -> str:
    """Of a token."""
    return hashlib.sha256(text.encode()).hexdigest()
