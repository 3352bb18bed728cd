"""``docs/promises.md``: every line names tests, and every named test exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
LINES = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCUMENT.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| fault "))
]
TESTS = sorted(set(re.findall(r"`(tests/[^`]+)`", DOCUMENT)))


def names_in(path: Path) -> set[str]:
    """The names of all tests in a file, those of classes too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("cells", LINES, ids=lambda cells: cells[0])
def test_each_line_says_what_holds_on_both_databases_and_which_tests_show_it(cells):
    fault, local, aws, tests = cells
    assert fault
    assert local
    assert aws
    assert re.search(r"`tests/[^`]+::test_\w+`", tests)


@pytest.mark.parametrize("name", TESTS)
def test_each_test_that_is_named_is_there(name):
    file, _, test = name.partition("::")
    assert test.startswith("test_")
    assert test in names_in(ROOT / file)
