"""The checks of ``doctor``: backend, credential, clock, disks, GPUs, libraries."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sweep_sdk._agent.process.gpus import allotment
from sweep_sdk._exceptions import NotAuthorized, SweepError, UsageError
from sweep_sdk._settings import environment, load_settings
from sweep_sdk._version import __version__
from sweep_sdk.cli.formats import count_text, size_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sweep_sdk._backend.client import Client
    from sweep_sdk._settings import Settings

OK, WARN, FAIL = "ok", "warn", "fail"

#: A minimal config: a token that may check it may also register sweeps.
_PROBE = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
_CLOCK_SECONDS = 10.0
_FAIL_BELOW_BYTES, _WARN_BELOW_BYTES = 100_000_000, 2_000_000_000
_GPU_TIMEOUT_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        check: Name of the check.
        level: ``ok``, ``warn`` or ``fail``.
        text: What was found, and for a problem how to fix it.
    """

    check: str
    level: str
    text: str


def check_up() -> Iterator[Finding]:
    """Run all checks in order. Nothing is changed or created."""
    yield Finding("sweep-sdk", OK, f"version {__version__} on Python {platform.python_version()}")
    try:
        settings = load_settings()
    except SweepError as error:
        yield Finding("settings", FAIL, str(error))
    else:
        yield from _with_settings(settings)
    yield _gpus(environment())


def _with_settings(settings: Settings) -> Iterator[Finding]:
    yield from _local(settings) if settings.url is None else _remote(settings)
    home, runs = settings.home, settings.runs_dir
    yield _disk("data folder", home, "SWEEP_HOME")
    if runs.parent != home:
        yield _disk("runs folder", runs, "SWEEP_RUNS_DIR")
    yield from _undelivered(settings)
    yield _numpy(is_needed=settings.url is None)


def _local(settings: Settings) -> Iterator[Finding]:
    from sweep_sdk._backend.transport import local_file_system

    place = f"the database {settings.local_db} on this machine"
    try:
        kind = local_file_system(settings.local_db, settings.local_file_systems)
    except SweepError as error:
        yield Finding("file system", FAIL, str(error))
        return
    if settings.local_db.exists():
        yield from _asked(settings, place)
    else:
        yield Finding("backend", OK, f"{place}; it will be created with the first sweep")
    yield Finding(
        "file system", OK, f"the database is on {kind or 'a file system of this machine'}"
    )


def _remote(settings: Settings) -> Iterator[Finding]:
    from sweep_sdk._backend.proxies import proxy_of

    proxy = proxy_of(str(settings.url))
    yield from _asked(
        settings, f"{settings.url}{f' through the proxy of {proxy}' if proxy else ''}"
    )


def _asked(settings: Settings, place: str) -> Iterator[Finding]:
    """Findings from the backend's answers, or only that it does not answer."""
    from sweep_sdk._backend.client import open_client
    from sweep_sdk._backend.retry import ONCE

    try:
        with open_client(settings, ONCE) as client:
            sent_at = time.time()
            health = client.health()
            now = (sent_at + time.time()) / 2
            yield _version(place, health)
            if settings.url is not None:
                yield _credential(client, settings)
                yield _clock(health.get("now"), now)
            else:
                client.check_store()
    except SweepError as error:
        yield Finding("backend", FAIL, str(error))


def _version(place: str, health: Mapping[str, Any]) -> Finding:
    version = health.get("version")
    if version is None:
        raise UsageError(f"{place} is not a sweep backend: check SWEEP_URL")
    if version == __version__:
        return Finding("backend", OK, f"{place}, version {version}")
    return Finding(
        "backend",
        WARN,
        f"{place} has version {version}, but this client has {__version__}:"
        " install the same version",
    )


def _credential(client: Client, settings: Settings) -> Finding:
    try:
        caller = client.identity()
        if caller is None or caller["scope"] == "admin":
            client.check_store()
            client.create_sweep(_PROBE, dry_run=True)
    except NotAuthorized as error:
        return Finding("credential", FAIL, str(error))
    if settings.token is None and (caller is None or caller["method"] == "local"):
        return Finding(
            "credential", OK, "the backend requires no token: anyone who can reach it can use it"
        )
    is_signed = caller is not None and caller["method"] == "iam"
    what = "the AWS credentials are" if is_signed else "the token is"
    return Finding("credential", OK, f"{what} accepted{_allowed(caller)}")


def _allowed(caller: Mapping[str, Any] | None) -> str:
    """What a credential allows, where that is not everything."""
    if caller is None or (caller["scope"] == "admin" and caller["sweep"] is None):
        return ""
    if caller["scope"] is None:
        return f": {caller['name']}, whose IAM policies decide"
    sweep = "all sweeps" if caller["sweep"] is None else f"sweep {caller['sweep']} alone"
    return f": '{caller['name']}', scope {caller['scope']}, for {sweep}"


def _clock(backend_time: float | None, own_time: float) -> Finding:
    if backend_time is None:
        return Finding("clock", OK, "the backend does not report its time")
    ahead = own_time - backend_time
    if abs(ahead) < _CLOCK_SECONDS:
        return Finding("clock", OK, "agrees with that of the backend")
    return Finding(
        "clock",
        WARN,
        f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} that of the backend; times in"
        " tables are off by as much: synchronise the clock, for example with NTP",
    )


def _disk(check: str, folder: Path, variable: str) -> Finding:
    """Free space and write permission in a folder, or in its nearest existing parent."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        return Finding(check, FAIL, f"{existing} is not writable: set {variable} to another folder")
    free = shutil.disk_usage(existing).free
    if free >= _WARN_BELOW_BYTES:
        return Finding(check, OK, f"{folder}, {size_text(free)} free")
    return Finding(
        check,
        FAIL if free < _FAIL_BELOW_BYTES else WARN,
        f"{folder} has only {size_text(free)} left: free some space ('sweep-sdk clean' removes old"
        f" run folders), or set {variable} to another folder",
    )


def _undelivered(settings: Settings) -> Iterator[Finding]:
    from sweep_sdk._agent.outbox.pending import Outbox

    for place in sorted(Outbox(settings.home).backends()):
        text = f"results for {place} are waiting on disk: use 'sweep-sdk sync' to deliver them"
        yield Finding("results", WARN, text)


def _numpy(*, is_needed: bool) -> Finding:
    from sweep_sdk.cli.algebra import one_thread
    from sweep_service.installation import install_hint

    try:
        with one_thread():
            import numpy as np
    except ImportError as error:
        if not is_needed:
            return Finding(
                "numpy", OK, "not installed, and not needed: the search runs in the backend"
            )
        is_missing = isinstance(error, ModuleNotFoundError)
        problem = "not installed" if is_missing else f"cannot be loaded ({error})"
        return Finding(
            "numpy",
            WARN,
            f"{problem}; bayes sweeps need it here: install it with {install_hint('local')}",
        )
    return Finding("numpy", OK, f"version {np.__version__}")


def _gpus(environ: Mapping[str, str]) -> Finding:
    """The number of GPUs that the NVIDIA driver lists, and which are visible to this shell."""
    allotted = allotment(environ)
    visible = ""
    if allotted.names is not None:
        names = ",".join(allotted.names) or "none"
        visible = f"; visible to this shell: {names} ({allotted.variable})"
    program = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if program is None:
        return Finding("GPUs", OK, f"none found: nvidia-smi is not installed{visible}")
    n_gpus, problem = _count_gpus(program)
    if problem:
        return Finding("GPUs", WARN, f"nvidia-smi cannot list them ({problem}): check the driver")
    if not visible or not allotted.names or not all(name.isdecimal() for name in allotted.names):
        return Finding("GPUs", OK, f"{count_text(n_gpus, 'GPU')}{visible}")
    beyond = [name for name in allotted.names if int(name) >= n_gpus]
    if beyond:
        text = f"{count_text(n_gpus, 'GPU')}{visible}; GPU {', '.join(beyond)} does not exist"
        return Finding("GPUs", WARN, f"{text}: correct {allotted.variable}")
    return Finding("GPUs", OK, f"{count_text(n_gpus, 'GPU')}{visible}")


def _count_gpus(program: str) -> tuple[int, str]:
    """The number of GPUs listed by ``nvidia-smi -L``, or the reason why it lists none."""
    try:
        done = subprocess.run(  # noqa: S603  a program found on the PATH
            [program, "-L"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GPU_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 0, " ".join(str(error).split())
    if done.returncode:
        return 0, " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines()), ""
