"""Restricts the linear algebra of the search to one thread.

The matrices are small, so that several threads would mostly wait for each other. They wait
actively, and would take processor time from each other and from the training programs.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sweep_sdk._settings import environment, environment_with

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

#: Read by numpy's libraries when they are loaded. Values set by the user are kept.
_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def one_thread() -> AbstractContextManager[None]:
    """A context in which numpy is loaded with one thread; programs started in it inherit this."""
    given = environment()
    return environment_with({name: "1" for name in _VARIABLES if name not in given})


def load_numpy() -> None:
    """Load numpy with one thread, so that no program inherits the setting.

    If numpy is missing, the search reports it.
    """
    with one_thread(), suppress(ImportError):
        import numpy  # noqa: F401, ICN001  loaded for the search
