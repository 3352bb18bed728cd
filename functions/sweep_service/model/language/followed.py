"""Places where a program writes metrics for another tracker, and which agents can read.

The path of a place counts from the program's working directory, and may contain macros.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

#: TensorBoard's event files below a folder; MLflow's file store, or its SQLite file.
KINDS = ("tensorboard", "mlflow")
PATH_NEED = "the path of a folder, such as logs or ${run_dir}/logs"
_MACRO = re.compile(r"\$\{([^{}]*)\}")
_OWN_MACROS = ("run_dir", "run_id")
_VARIABLE = re.compile(r"envvar:([A-Za-z_][A-Za-z0-9_]*)")


class Source(NamedTuple):
    """A place.

    Attributes:
        kind: One of ``KINDS``.
        path: With macros.
    """

    kind: str
    path: str

    @property
    def is_of_one_run(self) -> bool:
        """Whether every run has a path of its own."""
        return any(name in _OWN_MACROS for name in _MACRO.findall(self.path))

    def expanded(self, run: str, run_dir: str, environment: Mapping[str, str]) -> str:
        """The path for one run.

        Args:
            run: The run's id.
            run_dir: The run's folder.
            environment: The agent's variables; one that is not set expands to its name.
        """

        def value(match: re.Match[str]) -> str:
            variable = _VARIABLE.fullmatch(match[1])
            if variable is not None:
                return environment.get(variable[1], variable[1])
            return {"run_id": run, "run_dir": run_dir}.get(match[1], match[0])

        return _MACRO.sub(value, self.path)


def path_problem(path: object) -> str | None:
    """Why something is not the path of a place; None if it is one."""
    if not isinstance(path, str) or not path.strip() or "\0" in path:
        return f"needs {PATH_NEED}"
    for name in _MACRO.findall(path):
        if name not in _OWN_MACROS and _VARIABLE.fullmatch(name) is None:
            known = ", ".join(f"${{{name}}}" for name in (*_OWN_MACROS, "envvar:NAME"))
            return f"the macro ${{{name}}} is not known; there are {known}"
    return None
