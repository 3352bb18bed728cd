"""Where this user's local servers say under which address and with which token they answer.

A running server keeps a file in a folder that this user alone can read, and holds a lock on it.
Commands of the same user find the token there, as those of Jupyter do. The lock of a server that
has ended is free, however it ended, so its file is passed over.
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
    """A file with the address and the token of a server, for the time of a block.

    The files of servers that have ended on this machine are removed.

    Args:
        folder: Where such files are; created if it does not exist.
        url: Of the server.
        token: That it accepts.

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
    """The token of a server that is running; None if there is no such server.

    Args:
        folder: Where the files of this user's servers are.
        url: The address that clients use. A server on this machine may be reached by any of its
            loopback addresses.
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
    """Replace a file by one that this user alone can read, and that is locked.

    Returns:
        The descriptor that holds the lock.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    descriptor = os.open(fresh, flags, _PRIVATE_FILE)
    try:
        with suppress(OSError):  # a file system without locks: the file is taken for a live one
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
    """Whether requests to ``url`` reach the server with an address of its own."""
    parts, own = urlsplit(url), urlsplit(server)
    is_here = is_loopback_host(parts.hostname or "")
    return parts.scheme == own.scheme if is_here else url == server


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a file that belongs to this user."""
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

    Locks are not known to work across machines, so a server of another machine may always be.
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
