"""Requirements on the interpreter that plays worlds."""

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
    """Run a module in a new interpreter, unless this one has the right environment."""
    if any(os.environ.get(name) != value for name, value in _VARIABLES.items()):
        os.environ.update(_VARIABLES)
        os.execv(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]])


@contextlib.contextmanager
def garbage_kept() -> Iterator[None]:
    """Turn automatic garbage collection off for a block; the caller collects after each world."""
    gc.collect()
    gc.freeze()  # what is there already is not looked through again
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
