"""The mechanisms behind the promises, each removed by one change of the source.

``tests/mutations.md`` is made from this by ``mutate.py --write``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
#: In which simulated world each mutant was found last.
FOUND = Path(__file__).with_name("found_worlds.json")

PROMISES = {
    "1": "No attempt is handed to two ask keys, and none of an ended run.",
    "2": "Attempts of a run are handed out in growing order, a new one only after the last was"
    " released, or its lease and the grace after it have passed.",
    "3": "The outcome of a run is written once an attempt, by the attempt that it names, and taken"
    " back by a person alone.",
    "4": "Exactly min(points, run_cap) indices are handed out, each point once.",
    "5": "A sweep that finished by exhaustion has an outcome for every index, and where they are"
    " used an observation.",
    "6": "A sweep ends once faults stop and one agent goes on asking and finishing.",
    "7": "A repeated request has the effect of one, and brings no false error.",
    "8": "A report or finish of an older attempt changes neither lease, run, bands nor"
    " observation.",
    "9": "Each point of a finite space is handed out once, and of an endless one no two runs that"
    " are out at once are the same.",
    "added": "A point that a person has added is handed out next, once, with the values that were given.",
    "kept": "An acknowledged report is never lost, and what was logged is delivered in order,"
    " once.",
    "given back": "An interrupted run is given back, never counted as failed.",
    "retried": "A failed run is retried `retry_failed` times.",
    "state": "The state of a sweep never goes backwards but by the user's word.",
    "alone": "Never are two programs of one run alive on machines whose clocks run.",
    "obeyed": "A run ends early when the user, the target or early termination says so.",
    "deleted": "Of a sweep that was deleted nothing stays.",
    "ended": "An agent ends within 25 s of its signal.",
    "waited out": "Whatever others on the way answer, an agent that had good answers goes on.",
    "refused": "A credential does what its scope, its sweep and its leases allow, and nothing else.",
    "served": "No client keeps the local server from answering others, or has it answer those who may"
    " not ask.",
    "recorded": "What happened to a run can be read afterwards.",
}


@dataclass(frozen=True)
class Mutation:
    """One change.

    Attributes:
        path: Of the source file, below the root of the repository.
        what: The condition or step that is taken out, in the protocol's words.
        old: Occurs in the file exactly once, so that stale mutations are noticed.
        new: What to put there.
        promise: The one that breaks, a key of ``PROMISES``.
        test: The test that fails, as pytest names it.
        theme: Of the simulated worlds that look for it, "" for worlds of any kind; None where no
            world needs to.
    """

    path: str
    what: str
    old: str
    new: str
    promise: str
    test: str
    theme: str | None = None

    @property
    def place(self) -> str:
        """Where it is, in a word."""
        path = Path(self.path)
        stores = {"sqlite": "SQLite", "dynamodb": "DynamoDB"}
        if path.parent.name in stores:
            return stores[path.parent.name]
        if path.parent.name == "protocol":
            return "protocol"
        if path.parent.name == "_server":
            return "server"
        return "agent" if path.parts[0] == "sdk" else "handler"

    def apply(self, root: Path) -> None:
        """Change the file below ``root``, a copy of the repository's packages.

        Raises:
            ValueError: The place to change is not there exactly once.
        """
        path = root / Path(self.path).relative_to(Path(self.path).parts[0])
        path.write_text(self.applied_to(path.read_text()))

    def applied_to(self, text: str) -> str:
        """The source with the change.

        Raises:
            ValueError: The place to change is not there exactly once.
        """
        n_places = text.count(self.old)
        if n_places != 1:
            raise ValueError(f"{self.path}: '{self.what}' has {n_places} places, not one")
        return text.replace(self.old, self.new)


def found_worlds() -> dict[str, dict[str, Any]]:
    """The seed and what was broken, by the name of the mutation."""
    found: dict[str, dict[str, Any]] = json.loads(FOUND.read_text(encoding="utf-8"))
    return found
