"""What the entry points cost at a cold start: CPU of their import, and size of their package.

Run it by ``python benchmarks/cold_start.py``; with a build of ``sam build`` at hand the size
of the api function's package is printed too. CPU is that of a fresh interpreter, user and system,
the smallest of several; a multiple of the bare interpreter's says more than seconds on one machine
do.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / ".aws-sam" / "build" / "ApiFunction"
N_TRIES = 7
ENVIRON = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "PATH": os.environ["PATH"],
    "SWEEP_TABLE": "sweeps",
    "SWEEP_TOKEN_SHA256": "0" * 64,
}
ENTRY_POINTS = ("api", "suggest", "authorizer")
MOST_TIMES_BARE = 30
MOST_ZIPPED_BYTES = 3_000_000


def main() -> int:
    """Print the figures; 1 where one is over its bound."""
    bare = cpu_seconds("pass")
    print(f"{'bare python':<22}{bare * 1000:7.1f} ms")
    times = {name: cpu_seconds(f"import sweep_service.lambdas.{name}") for name in ENTRY_POINTS}
    for name, seconds in times.items():
        print(f"{name:<22}{seconds * 1000:7.1f} ms{seconds / bare:7.1f} times bare")
    is_slow = any(seconds > MOST_TIMES_BARE * bare for seconds in times.values())
    return int(is_slow or is_large())


def cpu_seconds(code: str) -> float:
    """CPU seconds of an interpreter that runs ``code`` and ends; its bytecode is compiled."""
    return min(_cpu_seconds_once(code) for _ in range(N_TRIES + 1))


def is_large() -> bool:
    """Whether the package, if it is built, is over its bound."""
    if not PACKAGE.exists():
        print("package               not built: run 'sam build'")
        return False
    n_bytes = zipped_bytes([path for path in sorted(PACKAGE.rglob("*")) if path.is_file()])
    print(f"{'package zipped':<22}{n_bytes / 1e6:7.2f} MB")
    return n_bytes > MOST_ZIPPED_BYTES


def zipped_bytes(paths: list[Path]) -> int:
    """Size of an archive of the files."""
    with TemporaryDirectory() as folder:
        archive = Path(folder) / "package.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as package:
            for path in paths:
                package.write(path, path.relative_to(PACKAGE))
        return archive.stat().st_size


def _cpu_seconds_once(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], env=ENVIRON, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.exit(main())
