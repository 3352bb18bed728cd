"""``make faults``: the fault suites at full size, on SQLite and on ministack, and the mutants.

    python tests/e2e/faults/run.py [--only NAME ...] [--quick] [--list]

Prints the figures of each suite, then a line for each. All of it takes hours on two processors;
``--quick`` takes the size that ``make test`` has, but on ministack too.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
MINISTACK = ".venv-ministack"
PYTEST = ("-m", "pytest", "-s", "-p", "no:cacheprovider")
SUITES = {
    "lost-replies": (*PYTEST, "tests/e2e/faults/test_lost_replies.py"),
    "throttles": (*PYTEST, "tests/e2e/faults/test_throttles.py"),
    "kill-server": (*PYTEST, "tests/e2e/faults/test_kill_server.py"),
    "many-clients": (*PYTEST, "tests/e2e/faults/test_many_clients.py"),
    "kill-agents": (*PYTEST, "tests/e2e/faults/test_kill_agents.py"),
    "disks": (*PYTEST, "tests/e2e/faults/test_bad_disks.py"),
    "outages": (*PYTEST, "tests/e2e/faults/test_outages.py"),
    "rows": (*PYTEST, "tests/e2e/faults/test_large_rows.py"),
    "machine": (*PYTEST, "tests/service/test_protocol_machine.py"),
    "stalls": (*PYTEST, "tests/service/test_protocol_stalls.py"),
    "mutants": ("tests/e2e/faults/mutate.py",),
    "worlds": ("tests/e2e/faults/worlds.py", "--fresh", "--first", "100000"),
}


def main() -> int:
    """The exit code: 0 if every promise was kept and every mutant caught."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=SUITES, default=list(SUITES), metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="at the size of make test")
    parser.add_argument("--list", action="store_true", help="the names of the suites")
    args = parser.parse_args()
    if args.list:
        print(*SUITES, sep="\n")
        return 0
    with environment("" if args.quick else "full") as env:
        lines = [run(name, env) for name in args.only]
    print("", *lines, sep="\n")
    return int(any("FAILED" in line for line in lines))


def run(name: str, env: dict[str, str]) -> str:
    """Run a suite; one line on how it went."""
    print(f"\n{name}", flush=True)
    started_at = time.monotonic()
    code = subprocess.run(
        [sys.executable, *SUITES[name]], cwd=ROOT, env=env, check=False
    ).returncode
    verdict = "passed" if code == 0 else "FAILED"
    return f"{name:13} {verdict} in {time.monotonic() - started_at:.0f} s"


@contextmanager
def environment(size: str) -> Iterator[dict[str, str]]:
    """The variables of a run at a size, with a ministack while it lasts."""
    aws = load(HERE.parent / "aws" / "run.py")
    aws.prepare(ROOT / MINISTACK, aws.ENVIRONMENTS[MINISTACK])
    (ROOT / aws.LOG).parent.mkdir(exist_ok=True)
    with aws.ministack() as endpoint:
        yield {
            **os.environ,
            "SWEEP_FAULTS": size,
            "SWEEP_TEST_DYNAMODB": endpoint,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }


def load(path: Path) -> Any:
    """A module by its path: there are two of this name. What is beside it may be imported."""
    sys.path.append(str(path.parent))
    spec = spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main())
