"""Runs ``sweep-sdk`` of a given version in separate processes.

A version is the environment in which its processes run.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

MAIN = "import sys; from sweep_sdk.cli import main; sys.exit(main())"

Version = dict[str, str]
#: Servers and clients of every version know it: those of the first release find none by themselves.
TOKEN = "of-the-team"


@contextmanager
def server(version: Version, port: int) -> Iterator[str]:
    """``sweep-sdk local`` of a version; yields its address."""
    command = [sys.executable, "-c", MAIN, "local", "--json", "--port", str(port)]
    process = subprocess.Popen(command, env=version, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def register(version: Version, url: str) -> str:
    """Register the sweep with the command line of a version."""
    command = [sys.executable, "-c", MAIN, "sweep", "--json", "sweep.yaml"]
    env = {**version, "SWEEP_URL": url}
    found = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    return str(json.loads(found.stdout)["id"])


@contextmanager
def agent(version: Version, url: str, sweep: str) -> Iterator[None]:
    """An agent of a version beside the block; it ends by itself when the sweep has ended."""
    command = [sys.executable, "-c", MAIN, "agent", sweep]
    env = {**version, "SWEEP_URL": url}
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    finally:
        process.kill()
        process.communicate()
