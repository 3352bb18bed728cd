"""The search's linear algebra in one thread.

Its matrices are small: threads that share one only wait for each other, and they wait busily, so
that they take the processors from each other and from the training.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sweep_sdk._settings import environment, environment_with

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

#: Read by numpy's libraries when they are loaded; what the user has set stands.
_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def one_thread() -> AbstractContextManager[None]:
    """A block in which numpy may be loaded; programs started in it inherit the choice."""
    known = environment()
    return environment_with({name: "1" for name in _VARIABLES if name not in known})


def load_numpy() -> None:
    """Load it now, so that no program inherits the choice; the search says if it is missing."""
    with one_thread(), suppress(ImportError):
        import numpy  # noqa: F401, ICN001  loaded for the search
