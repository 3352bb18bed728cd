"""Removes the mechanisms behind the promises one by one and runs the test that must fail.

    python tests/e2e/faults/mutate.py [--only TEXT] [--search] [--write]

Every mutant lives in a copy of the two packages in a temporary folder, put before the real ones on
the path; the checkout is never touched. Exit code 1 if a mutant survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutations import PROMISES, ROOT, Mutation, found_worlds
from mutations_access import ACCESS
from mutations_agent import AGENT
from mutations_protocol import PROTOCOL
from mutations_server import SERVER
from mutations_simulated import SIMULATED
from mutations_steps import STEPS
from mutations_stores import STORES

MUTATIONS = (*PROTOCOL, *STORES, *STEPS, *AGENT, *ACCESS, *SERVER, *SIMULATED)
TABLE = ROOT / "tests" / "mutations.md"
PACKAGES = (ROOT / "functions" / "sweep_service", ROOT / "sdk" / "sweep_sdk")
#: Where to look for a test that notices a mutant which its own test does not.
SEARCHED = {
    "SQLite": ("test_protocol_stalls.py", "test_protocol_machine.py", "test_handout.py"),
    "DynamoDB": ("test_protocol_machine.py",),
    "protocol": ("test_transitions.py", "test_protocol_stalls.py", "test_protocol_machine.py"),
    "handler": ("test_protocol_stalls.py", "test_protocol_machine.py", "test_handout.py"),
    "agent": (),
    "server": (),
}
SECONDS = 300.0
#: Of a mutant that says only this, nobody knows whether the mechanism is missed.
ACCIDENTS = ("NameError", "SyntaxError", "ImportError", "ModuleNotFoundError", "UnboundLocalError")
_PASSED, _FAILED = 0, 1  # exit codes of pytest; any other means that it could not do its work


@dataclass(frozen=True)
class Failure:
    """The first test that failed, and what it said."""

    test: str
    reason: str


def first_failure(packages: Path, tests: Iterable[str], kind: str) -> Failure | None:
    """What a test noticed of the packages in a folder; None when all pass.

    Args:
        packages: The folder.
        tests: As pytest names them.
        kind: Which stores to try, as pytest's ``-k`` takes it.

    Raises:
        RuntimeError: The tests could not be run, or did not get to what they test.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-rf", "--tb=short", "-k", kind]
    env = {**os.environ, "PYTHONPATH": str(packages), "SWEEP_FAULTS": "hunt"}
    env.pop("SWEEP_TEST_DYNAMODB", None)
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode == _PASSED:
        return None
    lines = done.stdout.splitlines()
    failed = next((line for line in lines if line.startswith("FAILED ")), None)
    if done.returncode != _FAILED or failed is None:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    reported = [line[1:].strip() for line in lines if line.startswith("E  ")]
    reason = next(
        (line for line in reported if "promise" in line), reported[0] if reported else "?"
    )
    if reason.startswith(ACCIDENTS):
        raise RuntimeError(f"the mutant does not work at all: {reason}")
    return Failure(failed.removeprefix("FAILED ").partition(" - ")[0], reason)


@contextmanager
def copy_of_packages() -> Iterator[Path]:
    """A folder with both packages."""
    with tempfile.TemporaryDirectory() as name:
        for package in PACKAGES:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(package, Path(name) / package.name, ignore=ignored)
        yield Path(name)


def kind_of(mutation: Mutation) -> str:
    """The stores on which a mutation can be noticed."""
    is_dynamodb = mutation.place == "DynamoDB" or "dynamodb" in mutation.test
    return "moto or dynamodb" if is_dynamodb else "not moto"


def hunt(mutation: Mutation, *, is_searched: bool) -> bool:
    """Whether the test of a mutation notices it; prints what that says.

    Args:
        mutation: What to take out.
        is_searched: Have others look at a mutant that survives; it counts as one all the same.
    """
    started_at = time.monotonic()
    tests = [f"tests/service/{name}" for name in SEARCHED[mutation.place]]
    with copy_of_packages() as packages:
        mutation.apply(packages)
        found = first_failure(packages, [mutation.test], kind_of(mutation))
        is_caught = found is not None
        if not is_caught and is_searched and tests:
            found = first_failure(packages, tests, kind_of(mutation))
    verdict = "caught" if is_caught else "SURVIVED"
    seconds = time.monotonic() - started_at
    print(f"{verdict:8} {seconds:3.0f} s  {mutation.place}: {mutation.what}")
    print(f"         promise {mutation.promise}: {PROMISES[mutation.promise]}")
    if found is not None:
        print(f"         {found.test}\n         {found.reason[:200]}", flush=True)
    return is_caught


def check_control(mutations: Iterable[Mutation]) -> None:
    """The tests must pass on an unchanged copy, or what they say of a changed one means nothing.

    Raises:
        SystemExit: One fails, or does not see the copy.
    """
    with copy_of_packages() as packages:
        seen = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sweep_service, sweep_sdk; print(sweep_service, sweep_sdk)",
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(packages)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if seen.count(str(packages)) != len(PACKAGES):
            raise SystemExit(f"the tests do not see the copy, but {seen}")
        for kind in sorted({kind_of(one) for one in mutations}):
            tests = sorted({one.test for one in mutations if kind_of(one) == kind})
            failure = first_failure(packages, tests, kind)
            if failure is not None:
                raise SystemExit(f"fails without any mutation: {failure}")
            print(f"{len(tests)} tests pass without a mutation ({kind})", flush=True)


def hunt_all(only: str = "", *, is_searched: bool = False) -> int:
    """Hunt the mutants whose name has ``only`` in it; 1 if one survives."""
    hunted = [one for one in MUTATIONS if one.theme is None]  # the others: worlds.py
    chosen = [one for one in hunted if only in f"{one.place}: {one.what}"]
    check_control(chosen)
    caught = [hunt(mutation, is_searched=is_searched) for mutation in chosen]
    print(f"{sum(caught)} of {len(chosen)} mutants caught")
    return 0 if all(caught) else 1


def table() -> str:
    """The text of ``tests/mutations.md`` from the first heading on."""
    parts = []
    for name, words in PROMISES.items():
        head = f"Promise {name}" if name.isdigit() else name.capitalize()
        parts += [f"## {head}", "", words, "", "| taken out | where | caught by |", "|---|---|---|"]
        for one in MUTATIONS:
            if one.promise == name:
                path = Path(one.path)
                parts.append(f"| {one.what} | {one.place}, `{path.name}` | {_catcher(one)} |")
        parts.append("")
    return "\n".join(parts)


def _catcher(mutation: Mutation) -> str:
    """The test that notices a mutation, or the simulated world that has."""
    world = found_worlds().get(mutation.what) if mutation.theme is not None else None
    if world is None:
        return f"`{mutation.test.removeprefix('tests/')}`"
    return f"world {world['seed']}: {world['broken']}".replace("|", "\\|").rstrip(":")


def write_table() -> None:
    """Bring ``tests/mutations.md`` in step; what is above the first heading stays."""
    preface = TABLE.read_text().partition("\n## ")[0].rstrip()
    TABLE.write_text(f"{preface}\n\n{table()}")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="part of a mutation's place or name")
    parser.add_argument("--search", action="store_true", help="show others to what survives")
    parser.add_argument("--write", action="store_true", help="write tests/mutations.md, no more")
    args = parser.parse_args()
    if args.write:
        write_table()
        return 0
    return hunt_all(args.only, is_searched=args.search)


if __name__ == "__main__":
    sys.exit(main())
