"""The interpreter in which worlds are played."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator

_VARIABLES = {
    "PYTHONHASHSEED": "0",  # sets of texts have one order
    "OPENBLAS_NUM_THREADS": "1",  # every core plays worlds, and matrices are small
}


def start_again(module: str) -> None:
    """Start this interpreter again, with a module, where it lacks the variables."""
    if any(os.environ.get(name) != value for name, value in _VARIABLES.items()):
        os.environ.update(_VARIABLES)
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])


@contextlib.contextmanager
def garbage_kept() -> Iterator[None]:
    """Collect garbage in a block when it is asked for, which is after each world."""
    gc.collect()
    gc.freeze()  # what is there already is not looked through again
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
