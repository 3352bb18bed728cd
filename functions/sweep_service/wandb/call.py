"""The argument of the functions that answer a client's operations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_service.errors import NotFound
from sweep_service.model.records.identifiers import is_sweep_id
from sweep_service.wandb.names import parse_run_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sweep_service.handlers.http import Deed, Request
    from sweep_service.operations.services import Services

#: The entity of every project: a backend belongs to one team.
ENTITY = "sweeps"


@dataclass(slots=True)
class Call:
    """One operation.

    Attributes:
        variables: The variables that the client sent.
        deed: The change to store as an event, set by the function that answers.
    """

    request: Request
    services: Services
    variables: Mapping[str, Any]
    deed: Deed | None = None

    def text(self, *names: str) -> str | None:
        """The first of the variables that is a non-empty text."""
        return _first_text(self.variables, names)

    def count(self, name: str, default: int) -> int:
        """A variable that is an integer, possibly as text; ``default`` if it is not."""
        found = self.variables.get(name)
        if isinstance(found, str) and found.isascii() and found.isdigit():
            found = int(found[:15])
        if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
            return found
        return default

    def project(self, name: str, **fields: Any) -> dict[str, Any]:
        """A project that contains the requested fields."""
        entity = self.text("entity", "entityName") or ENTITY
        own = {"id": name, "name": name, "entityName": entity, "internalId": "1"}
        return {**own, "entity": {"id": entity, "name": entity}, "readOnly": False, **fields}


def no_sweep(variables: Mapping[str, Any]) -> None:
    """The ``sweep_of`` of operations that concern no particular sweep."""
    del variables


def sweep_by(name: str) -> Callable[[Mapping[str, Any]], str | None]:
    """A function that returns the sweep whose id is in a variable, if any."""

    def sweep_of(variables: Mapping[str, Any]) -> str | None:
        found = _first_text(variables, (name,))
        if found is not None and not is_sweep_id(found):
            raise NotFound(f"no sweep '{found}'")
        return found

    return sweep_of


def run_by(*names: str) -> Callable[[Mapping[str, Any]], str | None]:
    """A function that returns the sweep of the run in the first variable that is present."""
    return lambda variables: parse_run_name(_first_text(variables, names)).sweep


def _first_text(variables: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    found = (variables.get(name) for name in names)
    return next((text for text in found if isinstance(text, str) and text), None)
