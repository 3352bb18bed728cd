"""Takes out one mechanism of the protocol after the other and runs the tests against each.

    python tests/e2e/faults/mutate.py [--only TEXT] [--tests PATH ...]

Every mutant lives in a copy of the backend in a temporary folder, put before the real one on the
path; the checkout is never touched. Exit code 1 if a mutant survives.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mutations import CONDITIONS, STEPS, Mutation

ROOT = Path(__file__).parents[3]
BACKEND = ROOT / "functions" / "sweep_service"
SUITES = {
    "stalls": ["tests/service/test_protocol_stalls.py"],
    "machine": ["tests/service/test_protocol_machine.py"],
    "hand-out": ["tests/service/test_handout.py", "tests/service/test_stopping.py"],
    "contract": ["tests/contracts", "-k", "sqlite and not Processes"],
}
PASSED, FAILED = 0, 1  # exit codes of pytest; any other means that it could not do its work


def mutated(text: str, mutation: Mutation) -> str:
    """The source with the change.

    Raises:
        ValueError: The place to change is not there exactly once.
    """
    n_places = text.count(mutation.old)
    if n_places != 1:
        raise ValueError(f"{mutation.path}: '{mutation.what}' has {n_places} places, not one")
    return text.replace(mutation.old, mutation.new)


def copy_backend(folder: Path) -> Path:
    """The backend once more, in ``folder``."""
    copy = folder / BACKEND.name
    return shutil.copytree(BACKEND, copy, ignore=shutil.ignore_patterns("__pycache__"))


def make_mutant(folder: Path, mutation: Mutation) -> None:
    """A copy of the backend with the change."""
    path = copy_backend(folder) / mutation.path
    path.write_text(mutated(path.read_text(), mutation))


def first_failure(folder: Path, tests: list[str]) -> str | None:
    """What a test noticed of the backend in ``folder``; None when all pass.

    Raises:
        RuntimeError: The tests could not be run.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "PYTHONPATH": str(folder), "SWEEP_FAULTS": "hunt"}
    env.pop("SWEEP_TEST_DYNAMODB", None)
    done = subprocess.run(
        [*command, "--tb=short"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode == PASSED:
        return None
    if done.returncode != FAILED:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    told = [line.strip("E ") for line in done.stdout.splitlines() if line.startswith("E  ")]
    return next((line for line in told if "promise" in line), told[0] if told else "?")


def hunt(mutation: Mutation) -> bool:
    """Whether a test fails; prints which and why."""
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        make_mutant(Path(folder), mutation)
        found = first_catch(Path(folder))
    seconds = time.monotonic() - started_at
    verdict, why = ("SURVIVED", "") if found is None else (f"caught by {found[0]}", found[1])
    print(f"{verdict:19} {seconds:4.0f} s  {mutation.what}  | {why}", flush=True)
    return found is not None


def first_catch(mutant: Path) -> tuple[str, str] | None:
    """The first suite in which a test fails, and why; None when none does."""
    for name, tests in SUITES.items():
        failure = first_failure(mutant, tests)
        if failure is not None:
            return name, failure
    return None


def check_control() -> None:
    """The tests must pass on an unchanged copy, or what they say of a changed one means nothing."""
    with tempfile.TemporaryDirectory() as folder:
        copy_backend(Path(folder))
        for tests in SUITES.values():
            failure = first_failure(Path(folder), tests)
            if failure is not None:
                raise SystemExit(f"{tests[0]} fails without any mutation: {failure}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default="", help="part of a mutation's name")
    args = parser.parse_args()
    check_control()
    chosen = [m for m in (*CONDITIONS, *STEPS) if args.only in m.what]
    caught = [hunt(mutation) for mutation in chosen]
    print(f"{sum(caught)} of {len(chosen)} mutants caught")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main())
