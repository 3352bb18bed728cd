"""Files in which this user's local servers publish their addresses and tokens.

A running server keeps a file in a folder that only this user can read, and holds a lock on it.
Commands of the same user find the token there, as those of Jupyter do. The file of a server that
has ended is ignored, because its lock is free.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sweep_sdk._addresses import is_loopback_host
from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PRIVATE_FILE = 0o600
_PRIVATE_FOLDER = 0o700


@contextmanager
def published(folder: Path, url: str, token: str) -> Iterator[Path]:
    """Publish the address and the token of a server in a file during a block.

    The files of servers that have ended on this machine are removed.

    Args:
        folder: Folder of such files; created if it does not exist.
        url: URL of the server.
        token: Token that the server accepts.

    Raises:
        UsageError: The file cannot be written.
    """
    path = folder / f"{socket.gethostname()}-{urlsplit(url).port}.json"
    document = {"url": url, "token": token, "pid": os.getpid()}
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_PRIVATE_FOLDER)
        _remove_those_of_dead_servers(folder)
        descriptor = _write_locked(path, json.dumps(document))
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror}; set SWEEP_TOKEN to a token, or XDG_CONFIG_HOME"
            " to a folder that this user may write to"
        ) from None
    try:
        yield path
    finally:
        with suppress(OSError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                path.unlink()
        os.close(descriptor)


def token_of(folder: Path, url: str) -> str | None:
    """The token of a running server; None if there is no such server.

    Args:
        folder: Folder of the files of this user's servers.
        url: URL that clients use; a server on this machine matches any loopback address.
    """
    for path in _candidates(folder, url):
        found = _read(path)
        if found is not None and _is_address(url, str(found.get("url"))) and _is_served(path):
            token = found.get("token")
            return token if isinstance(token, str) and token else None
    return None


def _remove_those_of_dead_servers(folder: Path) -> None:
    for path in folder.glob(f"{socket.gethostname()}-*.json"):
        if not _is_served(path):
            path.unlink(missing_ok=True)


def _write_locked(path: Path, text: str) -> int:
    """Replace a file by a locked one that only this user can read.

    Returns:
        The descriptor that holds the lock.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    descriptor = os.open(fresh, flags, _PRIVATE_FILE)
    try:
        with suppress(OSError):  # without locks, the server counts as running
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(descriptor, text.encode())
        fresh.replace(path)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _candidates(folder: Path, url: str) -> Iterator[Path]:
    parts = urlsplit(url)
    if is_loopback_host(parts.hostname or ""):
        yield folder / f"{socket.gethostname()}-{parts.port}.json"
    else:
        yield from sorted(folder.glob("*.json"))


def _is_address(url: str, server: str) -> bool:
    """Whether requests to ``url`` reach the server with the URL ``server``."""
    parts, own = urlsplit(url), urlsplit(server)
    is_here = is_loopback_host(parts.hostname or "")
    return parts.scheme == own.scheme if is_here else url == server


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a file, if the file belongs to this user."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            found = json.load(file)
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _is_served(path: Path) -> bool:
    """Whether the server of a file may be running.

    Locks may not work across machines, so a server of another machine always counts as running.
    """
    if not path.name.startswith(f"{socket.gethostname()}-"):
        return True
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return True
    finally:
        os.close(descriptor)
    return False
