"""Records which lines of the agent and the client run in simulated worlds."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import coverage

import sweep_sdk

T = TypeVar("T")

_CLIENT = Path(sweep_sdk.__file__).parent
#: What a simulated world replaces (it starts programs and carries what they print, looks at the
#: machine's GPUs and processes, or asks for spot notices), and what only commands ask and say.
_REPLACED = {
    *("process/child.py", "process/output.py", "process/keeper_main.py", "process/spot.py"),
    *("process/gpus.py", "process/leftovers.py", "_backend/access.py", "_backend/changes.py"),
    *("printed/metrics.py", "printed/lines.py", "printed/search_main.py", "printed/row_process.py"),
    *("followed/metrics.py", "followed/follow_main.py", "followed/owner.py", "followed/points.py"),
    *("followed/tensorboard.py", "followed/tfevents.py", "followed/mlflow.py"),
}
LEAST_SHARE = 0.85


#: For each file how many lines its functions have, and which of them did not run.
Lines = dict[Path, tuple[int, set[int]]]


def counted_files() -> list[Path]:
    """The files of the agent and of the client inside it."""
    found = [
        *_CLIENT.glob("_agent/**/*.py"),
        _CLIENT / "_home/agent_lock.py",
        *_CLIENT.glob("_backend/*.py"),
        _CLIENT / "_sweeps/asked_run.py",
    ]
    return sorted(path for path in found if "/".join(path.parts[-2:]) not in _REPLACED)


def lines_run(work: Callable[[], T]) -> tuple[T, Lines]:
    """What ``work`` returns, and the lines that run while it does."""
    paths = counted_files()
    watch = coverage.Coverage(
        data_file=None,
        config_file=False,
        include=[str(path) for path in paths],
        concurrency=["greenlet"],
    )
    watch.start()
    try:
        done = work()
    finally:
        watch.stop()
    found = {}
    for path in paths:
        inside = _lines_of_functions(path)
        _, statements, _, missing, _ = watch.analysis2(str(path))
        found[path] = len(inside.intersection(statements)), inside.intersection(missing)
    return done, found


def together(parts: Iterable[Lines]) -> Lines:
    """What did not run in any of several parts."""
    whole: Lines = {}
    for part in parts:
        for path, (n_lines, missing) in part.items():
            whole[path] = n_lines, missing & whole.get(path, (0, missing))[1]
    return whole


def report(found: Lines) -> str:
    """A table of the files, the least covered first, and the share of all."""
    rows = sorted(
        (1 - len(missing) / n_lines, n_lines, path, missing)
        for path, (n_lines, missing) in found.items()
        if n_lines
    )
    lines = [
        f"{share:6.0%} of {n_lines:4} lines  {path.relative_to(_CLIENT)}"
        + (f"  not {_ranges(missing)}" if missing else "")
        for share, n_lines, path, missing in rows
    ]
    return "\n".join(lines)


def share_of(found: Lines) -> float:
    """The share of all lines that ran."""
    n_lines = sum(n for n, _ in found.values())
    return 1 - sum(len(missing) for _, missing in found.values()) / n_lines


def _lines_of_functions(path: Path) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found.update(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
    return found


def _ranges(lines: set[int]) -> str:
    texts: list[str] = []
    for line in sorted(lines):
        if texts and line - int(texts[-1].rpartition("-")[2]) <= 2:
            texts[-1] = f"{texts[-1].partition('-')[0]}-{line}"
        else:
            texts.append(str(line))
    return ", ".join(texts)
