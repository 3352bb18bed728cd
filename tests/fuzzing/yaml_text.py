"""Fuzzes the text of sweep files, guided by the code that it reaches. `make fuzz-text` runs it.

A text that raises anything but a refusal, or takes more than two seconds, ends it and is written
to a file. Add that file to ``tests/fuzzing/corpus``, which ``test_hostile_configs.py`` reads again
in every run.
"""

from __future__ import annotations

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["sweep_service", "yaml"]):
    from sweep_service.errors import InvalidConfig
    from sweep_service.model.language.sweep_config import parse_text


def read(data: bytes) -> None:
    """Read one text, as registration does."""
    text = data.decode("utf-8", "replace")
    with contextlib.suppress(InvalidConfig):
        parse_text(text)


if __name__ == "__main__":
    atheris.Setup([*sys.argv, "-timeout=2", "-max_len=4000"], read)
    atheris.Fuzz()
