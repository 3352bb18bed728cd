"""Checks whether a path can hold the database, with clearer errors than SQLite's."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sweep_service.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Collection

_MOUNTS = Path("/proc/self/mounts")  # Linux only; other systems accept every file system
_ELSEWHERE = (
    "name a folder that can be written in SWEEP_HOME, or, where SWEEP_LOCAL_DB is set, a file"
    " elsewhere in that"
)

#: Files that SQLite keeps next to a database.
_BESIDE = ("-wal", "-shm", "-journal")

#: File systems that belong to one machine. SQLite's write-ahead log uses shared memory, so that on
#: any other file system the database would be damaged. Unknown file systems are refused.
LOCAL_FILE_SYSTEMS = frozenset(
    {
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs"),
        *("nilfs2", "tmpfs", "ramfs", "rootfs", "overlay", "aufs", "squashfs", "erofs", "ecryptfs"),
        *("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "hfs", "hfsplus", "apfs", "ufs"),
        *("ubifs", "jffs2", "iso9660", "minix", "udf", "fuse.fuse-overlayfs"),
    }
)
#: The environment variable that declares further file systems to be local.
ALLOWING_VARIABLE = "SWEEP_LOCAL_FILE_SYSTEMS"


def check_place(path: Path, also_local: Collection[str] = ()) -> None:
    """Create the folder (mode 0700) and check whether it can hold a database.

    Args:
        path: Path of the database.
        also_local: File systems that the user has declared to be local.

    Raises:
        StoreUnusable: The folder cannot be created, the path is not a file, a permission is
            missing, or the file system may be shared by several machines.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_folder = _is_folder(path)
    except (OSError, ValueError) as error:  # ValueError: the path has a null character
        reason = getattr(error, "strerror", None) or error
        raise StoreUnusable(
            f"cannot keep sweeps in {str(path)!r}: {reason}; {_ELSEWHERE}"
        ) from error
    if is_folder:
        raise StoreUnusable(f"cannot keep sweeps in {path}: it is a folder; name a file in it")
    _check_links(path)
    _check_permissions(path)
    check_file_system(path, known_mounts(), also_local)


def known_mounts() -> str:
    """The mounted file systems in the format of ``/proc/mounts``; empty if unknown."""
    if not _MOUNTS.exists():
        return ""
    return _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")


def check_file_system(path: Path, mounts: str, also_local: Collection[str] = ()) -> str | None:
    """Refuse file systems that several machines may share.

    Args:
        path: Path of the database.
        mounts: Text in the format of ``/proc/mounts``.
        also_local: File systems that the user has declared to be local.

    Returns:
        The type of the file system, such as ``ext4``; None if it is unknown.

    Raises:
        StoreUnusable: The path is on such a file system.
    """
    kind = file_system_of(path.parent.resolve(), mounts)
    if kind is None or kind in LOCAL_FILE_SYSTEMS or kind in also_local:
        return kind
    raise StoreUnusable(
        f"cannot keep sweeps in {path}: it is on {kind}, and SQLite needs a local disk. Name a"
        " file on one in SWEEP_LOCAL_DB; several machines meet through 'sweep-sdk local' on one."
        f" If {kind} is local to this machine, set {ALLOWING_VARIABLE}={kind}"
    )


def file_system_of(folder: Path, mounts: str) -> str | None:
    """The type of the file system that holds ``folder``, such as ``ext4``.

    The innermost mount point counts and, of several mounts at one point, the last one.
    """
    kind, depth = None, 0
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_unescaped(fields[1]))
        if len(point.parts) >= depth and (point == folder or point in folder.parents):
            kind, depth = fields[2], len(point.parts)
    return kind


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        return False


def _check_links(path: Path) -> None:
    """Refuse a database that another user has put here as a link, or whose log is one.

    In a folder that several users may write to, a link could have this user change another file.
    """
    if not hasattr(os, "geteuid"):  # Windows
        return
    for file in (path, *(path.with_name(f"{path.name}{end}") for end in _BESIDE)):
        try:
            found = file.lstat()
        except OSError:
            continue
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in (os.geteuid(), 0):
            raise StoreUnusable(
                f"cannot keep sweeps in {path}: {file} is a link of another user (uid"
                f" {found.st_uid}); remove it, or name another file in SWEEP_LOCAL_DB"
            )


def _check_permissions(path: Path) -> None:
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise StoreUnusable(
            f"cannot keep sweeps in {path}: no permission to write the file; {_ELSEWHERE}"
        )
    # SQLite keeps its log next to the file, so the folder must always be writable.
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreUnusable(
            f"cannot keep sweeps in {path}: no permission to write its folder; {_ELSEWHERE}"
        )


def _unescaped(field: str) -> str:
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        field = field.replace(f"\\{code}", character)
    return field
