"""Creates environments with third-party clients and libraries, and runs tests in them.

    python tests/e2e/environments.py wandb [--next] [ARGUMENTS OF PYTEST]
    python tests/e2e/environments.py integrations [ARGUMENTS OF PYTEST]

Which versions are tested is in the file ``versions.txt`` of each suite's folder. The environments
are beside ``.venv``, and have this project too, so that programs in them may import it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: Names the environments of a suite for its tests, separated by blanks; without it there are none.
VARIABLE = "SWEEP_TEST_ENVIRONMENTS"


def main(suite: str, *arguments: str) -> int:
    """Prepare the environments of a suite, and run its tests; the exit code of pytest."""
    is_next = "--next" in arguments
    environments = next_release() if is_next else SUITES[suite]()
    for name, packages in environments.items():
        began = time.monotonic()
        prepare(ROOT / name, ("--editable", str(ROOT), *packages), is_renewed=is_next)
        print(f"{name} is ready after {time.monotonic() - began:.0f} s", flush=True)
    os.environ[VARIABLE] = " ".join(environments)
    given = [argument for argument in arguments if argument != "--next"]
    command = [sys.executable, "-m", "pytest", "--numprocesses=auto", "--durations=5", *given]
    return subprocess.run([*command, f"tests/e2e/{suite}"], cwd=ROOT, check=False).returncode


def pins(suite: str) -> tuple[str, ...]:
    """The requirements in the file of a suite."""
    text = (ROOT / "tests" / "e2e" / suite / "versions.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))


def clients() -> dict[str, tuple[str, ...]]:
    """An environment for each version of the client."""
    return {f".venv-{pin.replace('==', '-')}": (pin,) for pin in pins("wandb")}


def next_release() -> dict[str, tuple[str, ...]]:
    """An environment for the newest release of the client, whatever its version."""
    return {".venv-wandb-next": ("wandb",)}


def libraries() -> dict[str, tuple[str, ...]]:
    """One environment for all libraries."""
    return {".venv-integrations": (*pins("integrations"), pins("wandb")[0])}


SUITES = {"wandb": clients, "integrations": libraries}


def prepare(folder: Path, packages: tuple[str, ...], *, is_renewed: bool = False) -> None:
    """A virtual environment with some packages; made again when they have changed."""
    stamp = folder / ".packages"
    project, _, _ = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.")
    wanted = "\n".join([*packages, project if "--editable" in packages else ""])
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted and not is_renewed:
        return
    names = [package for package in packages if package != "--editable"]
    print(f"installing {', '.join(names)} into {folder.name} ...", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install"]
    subprocess.run([*pip, "--quiet", "--disable-pip-version-check", *packages], check=True)
    stamp.write_text(wanted, encoding="utf-8")


def without_account(folder: Path, monkeypatch: Any) -> Path:
    """Make a home of a user who has no account of W&B: no key, no netrc, no settings."""
    for name in [name for name in os.environ if name.startswith(("WANDB_", "NETRC"))]:
        monkeypatch.delenv(name)
    home = folder / "user"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    return home


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
