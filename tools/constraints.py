"""Writes the two constraints files of pip, from the environment that this script runs in.

    python tools/constraints.py

``constraints.txt`` pins what is installed here, so that a fresh clone installs the same versions.
``constraints-oldest.txt`` pins the lower bound of each requirement in ``pyproject.toml``. Run it by
``make constraints``, whose environment holds every extra in its newest version.
"""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # comes with pytest

ROOT = Path(__file__).parents[1]
PROJECT = "serverless-sweeps"
OLDEST_PYTHON = 10
NEWEST_PYTHON = 14
#: Present in every environment, and no business of ours.
INSTALLERS = frozenset(("pip", "setuptools", "wheel"))


def main() -> None:
    """Write both files."""
    write("constraints.txt", "the versions of a fresh clone", pins())
    write("constraints-oldest.txt", "the lower bounds in pyproject.toml", lower_bounds(required()))


def write(name: str, content: str, lines: list[str]) -> None:
    """Write a constraints file, with a first line on what it holds."""
    text = "\n".join([f"# Written by `make constraints`: {content}.", *lines])
    (ROOT / name).write_text(text + "\n", encoding="utf-8")


def required() -> list[str]:
    """The requirements of the project and of all its extras, as in ``pyproject.toml``."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project: dict[str, Any] = document["project"]
    extras = project["optional-dependencies"].values()
    own = [*project["dependencies"], *(text for extra in extras for text in extra)]
    return [text for text in own if not text.startswith(PROJECT)]


def pins() -> list[str]:
    """A pin for each distribution of this environment but our own."""
    found = {canonicalize_name(each.metadata["Name"]): each for each in distributions()}
    return [
        f"{name}=={found[name].version}{python_marker(found[name])}"
        for name in sorted(found.keys() - INSTALLERS - {PROJECT})
    ]


def python_marker(distribution: Distribution) -> str:
    """The condition under which a pin can be met, for one that needs a newer Python than we do."""
    supported = SpecifierSet(distribution.metadata["Requires-Python"] or "")
    minors = [
        minor
        for minor in range(OLDEST_PYTHON, NEWEST_PYTHON + 1)
        if supported.contains(f"3.{minor}.99")
    ]
    return "" if minors[0] == OLDEST_PYTHON else f'; python_version >= "3.{minors[0]}"'


def lower_bounds(requirements: list[str]) -> list[str]:
    """A pin for each requirement with a lower bound.

    Args:
        requirements: For example ``numpy>=1.26``.
    """
    parsed = [Requirement(text) for text in requirements]
    bounds = {
        canonicalize_name(each.name): match.group(1)
        for each in parsed
        if (match := re.search(r">=([\d.]+)", str(each.specifier)))
    }
    return [f"{name}=={bounds[name]}" for name in sorted(bounds)]


if __name__ == "__main__":
    main()
