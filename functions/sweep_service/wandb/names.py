"""What runs and agents are called in W&B's protocol, and what proves that an agent holds a run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sweep_service.errors import NotFound
from sweep_service.handlers.http import text_field
from sweep_service.model.records.identifiers import is_sweep_id, run_id, split_run_id

if TYPE_CHECKING:
    from sweep_service.access.identity import Identity

_NAME = re.compile(r"(?P<run>.+?)(?:-a(?P<attempt>[1-9][0-9]{0,8}))?")
_NONCE = re.compile(r"[0-9a-f]{16}")
MAX_HOST = 255
_DIGITS = 24


@dataclass(frozen=True, slots=True)
class RunName:
    """An attempt of a run: the first is named as the run is, the others ``ID-3-a2`` and so on.

    Nothing else in the protocol says of which attempt a program is.
    """

    sweep: str
    index: int
    attempt: int

    @property
    def run(self) -> str:
        """The id of the run."""
        return run_id(self.sweep, self.index)

    def __str__(self) -> str:
        return self.run if self.attempt == 1 else f"{self.run}-a{self.attempt}"


def parse_run_name(text: object) -> RunName:
    """The attempt with a name.

    Raises:
        NotFound: It is not the name of a run of a sweep.
    """
    found = _NAME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise NotFound("no run without a name")
    return RunName(*split_run_id(found["run"]), int(found["attempt"] or 1))


class Agent(NamedTuple):
    """An agent, all of which is in its id: nothing is stored of it."""

    sweep: str
    host: str
    nonce: str

    @property
    def id(self) -> str:
        """What the client sends with each heartbeat."""
        return base64.urlsafe_b64encode(json.dumps(list(self)).encode()).decode().rstrip("=")

    @property
    def name(self) -> str:
        """What people see of it, from which the key does not follow."""
        return f"wandb-{_digest(f'agent {self.id}')[:8]}"

    def key(self, identity: Identity | None) -> str:
        """The key of the leases that it holds: of this agent, and of this caller's credential."""
        return f"{key_prefix(identity)}{_digest(self.id)}"


def parse_agent(text: object) -> Agent:
    """The agent with an id.

    Raises:
        NotFound: No agent of this backend has it.
    """
    try:
        padded = f"{text}{'=' * (-len(str(text)) % 4)}"
        sweep, host, nonce = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError, RecursionError):
        sweep, host, nonce = None, None, None
    is_text = isinstance(sweep, str) and isinstance(host, str) and isinstance(nonce, str)
    if not is_text or not is_sweep_id(sweep) or not _NONCE.fullmatch(nonce):
        raise NotFound("no agent has this id: start it again")
    return Agent(sweep, text_field({"host": host}, "host", MAX_HOST) or "", nonce)


def key_prefix(identity: Identity | None) -> str:
    """With what the keys of all leases begin that agents with this credential hold.

    A program's stream names the run and presents the credential, and nothing else.
    """
    who = ("", "") if identity is None else (identity.method.value, identity.name)
    return f"wandb-{_digest(json.dumps(who))}-"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGITS]
