"""Names of runs and agents in W&B's protocol, and the proof that an agent holds a run."""

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
    """An attempt of a run: the first has the name of the run, the others ``ID-3-a2`` and so on.

    Nothing else in the protocol identifies the attempt of a program.
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
    """Parse the name of an attempt.

    Raises:
        NotFound: It is not the name of a run of a sweep.
    """
    found = _NAME.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise NotFound("no run without a name")
    return RunName(*split_run_id(found["run"]), int(found["attempt"] or 1))


class Agent(NamedTuple):
    """An agent, which is fully described by its id: nothing is stored about it."""

    sweep: str
    host: str
    nonce: str

    @property
    def id(self) -> str:
        """The id that the client sends with each heartbeat."""
        return base64.urlsafe_b64encode(json.dumps(list(self)).encode()).decode().rstrip("=")

    @property
    def name(self) -> str:
        """The display name, from which the key cannot be derived."""
        return f"wandb-{_digest(f'agent {self.id}')[:8]}"

    def key(self, identity: Identity | None) -> str:
        """The key of its leases, which depends on the agent and on the caller's credential."""
        return f"{key_prefix(identity)}{_digest(self.id)}"


def parse_agent(text: object) -> Agent:
    """Parse the id of an agent.

    Raises:
        NotFound: It is not the id of an agent of this backend.
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
    """The prefix of the keys of all leases held by agents with this credential.

    The stream of a program only contains the name of the run and the credential.
    """
    who = ("", "") if identity is None else (identity.method.value, identity.name)
    return f"wandb-{_digest(json.dumps(who))}-"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGITS]
