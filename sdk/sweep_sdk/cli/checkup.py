"""What can be wrong around a sweep: the backend, the credential, clocks, disks, GPUs, libraries."""

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

#: A smallest sweep: whoever may check it may register sweeps.
_PROBE = {"method": "random", "parameters": {"x": {"min": 0.0, "max": 1.0}}}
_CLOCK_SECONDS = 10.0
_FEW_BYTES, _LITTLE_BYTES = 100_000_000, 2_000_000_000
_GPU_PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: What, in a word or two.
        level: ``ok``, ``warn`` or ``fail``.
        text: How it is; where it is not well also what to do about it.
    """

    check: str
    level: str
    text: str


def check_up() -> Iterator[Finding]:
    """Look at everything, one thing after the other; nothing is changed and nothing is made."""
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
        yield Finding("backend", OK, f"{place}; the first sweep will make it")
    yield Finding(
        "file system", OK, f"the database is on {kind or 'a file system of this machine'}"
    )


def _remote(settings: Settings) -> Iterator[Finding]:
    from sweep_sdk._backend.transport import proxy_of

    proxy = proxy_of(str(settings.url))
    yield from _asked(
        settings, f"{settings.url}{f' through the proxy of {proxy}' if proxy else ''}"
    )


def _asked(settings: Settings, place: str) -> Iterator[Finding]:
    """What the backend says; where it says nothing useful, only that."""
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
        f"{place} has version {version}, and this is {__version__}: bring both to the same",
    )


def _credential(client: Client, settings: Settings) -> Finding:
    try:
        client.check_store()
        client.create_sweep(_PROBE, dry_run=True)
    except NotAuthorized as error:
        return Finding("credential", FAIL, str(error))
    if settings.token is None:
        return Finding("credential", OK, "the backend wants none: whoever reaches it may use it")
    return Finding("credential", OK, "the token may list sweeps, register them and work on them")


def _clock(backends: float | None, ours: float) -> Finding:
    if backends is None:
        return Finding("clock", OK, "the backend does not tell its time")
    ahead = ours - backends
    if abs(ahead) < _CLOCK_SECONDS:
        return Finding("clock", OK, "agrees with the backend's")
    return Finding(
        "clock",
        WARN,
        f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the backend's, so that times"
        " in tables are wrong by that: set it, for instance by NTP",
    )


def _disk(check: str, folder: Path, variable: str) -> Finding:
    """Room and permission in a folder, or where it would be made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        return Finding(check, FAIL, f"{there} cannot be written: name another folder in {variable}")
    free = shutil.disk_usage(there).free
    if free >= _LITTLE_BYTES:
        return Finding(check, OK, f"{folder}, {size_text(free)} free")
    return Finding(
        check,
        FAIL if free < _FEW_BYTES else WARN,
        f"{folder} has only {size_text(free)} left: free some ('sweep-sdk clean' removes old run"
        f" folders), or name another folder in {variable}",
    )


def _undelivered(settings: Settings) -> Iterator[Finding]:
    from sweep_sdk._agent.outbox.pending import Outbox

    for place in sorted(Outbox(settings.home).backends()):
        text = f"results for {place} wait on this disk: 'sweep-sdk sync' delivers them"
        yield Finding("results", WARN, text)


def _numpy(*, is_needed: bool) -> Finding:
    from sweep_sdk.cli.algebra import one_thread
    from sweep_service.installation import install_hint

    try:
        with one_thread():
            import numpy as np
    except ImportError as error:
        if not is_needed:
            return Finding("numpy", OK, "is not here, and not needed: the backend searches")
        missing = isinstance(error, ModuleNotFoundError)
        return Finding(
            "numpy",
            WARN,
            f"{'is missing' if missing else f'cannot be loaded ({error})'}, so that bayes sweeps"
            f" cannot search here: install it with {install_hint('local')}",
        )
    return Finding("numpy", OK, f"version {np.__version__}")


def _gpus(environ: Mapping[str, str]) -> Finding:
    """How many NVIDIA's driver sees, and which of them are allotted."""
    allotted = allotment(environ)
    has = ""
    if allotted.names is not None:
        names = ",".join(allotted.names) or "none"
        has = f"; allotted to this shell: {names} ({allotted.variable})"
    program = shutil.which("nvidia-smi", path=environ.get("PATH"))
    if program is None:
        return Finding("GPUs", OK, f"none are seen: there is no nvidia-smi{has}")
    seen, trouble = _listed(program)
    if trouble:
        return Finding("GPUs", WARN, f"nvidia-smi does not list them ({trouble}): check the driver")
    if not has or not allotted.names or not all(name.isdecimal() for name in allotted.names):
        return Finding("GPUs", OK, f"{count_text(seen, 'GPU')}{has}")
    beyond = [name for name in allotted.names if int(name) >= seen]
    if beyond:
        text = f"{count_text(seen, 'GPU')}{has}, but there is no {', '.join(beyond)}"
        return Finding("GPUs", WARN, f"{text}: correct {allotted.variable}")
    return Finding("GPUs", OK, f"{count_text(seen, 'GPU')}{has}")


def _listed(program: str) -> tuple[int, str]:
    """How many GPUs ``nvidia-smi -L`` names, or why it names none."""
    try:
        done = subprocess.run(  # noqa: S603  found on the PATH, as a shell would
            [program, "-L"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GPU_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return 0, " ".join(str(error).split())
    if done.returncode:
        return 0, " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
    return sum(line.startswith("GPU ") for line in done.stdout.splitlines()), ""
