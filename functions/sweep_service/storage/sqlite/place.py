"""Whether a path can hold the database, with clearer errors than those of SQLite."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sweep_service.errors import StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Collection

_MOUNTS = Path("/proc/self/mounts")  # Linux; elsewhere nothing is known and nothing refused
_ELSEWHERE = (
    "name a folder that can be written in SWEEP_HOME, or, where SWEEP_LOCAL_DB is set, a file"
    " elsewhere in that"
)

#: File systems of one machine. SQLite's write-ahead log shares memory within one machine, so that
#: on any other the database would be damaged; one that is not known here is taken for such.
LOCAL_FILE_SYSTEMS = frozenset(
    {
        *("ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs"),
        *("nilfs2", "tmpfs", "ramfs", "rootfs", "overlay", "aufs", "squashfs", "erofs", "ecryptfs"),
        *("vfat", "msdos", "exfat", "ntfs", "ntfs3", "fuseblk", "hfs", "hfsplus", "apfs", "ufs"),
        *("ubifs", "jffs2", "iso9660", "minix", "udf", "fuse.fuse-overlayfs"),
    }
)
#: The setting that says that a file system is local although it is not known here.
ALLOWING_VARIABLE = "SWEEP_LOCAL_FILE_SYSTEMS"


def check_place(path: Path, also_local: Collection[str] = ()) -> None:
    """Make the folder (mode 0700) and see whether a database may be there.

    Args:
        path: The database.
        also_local: File systems that the user has declared to be local.

    Raises:
        StoreUnusable: No folder can be made, something else is there, no permission, or the
            file system belongs to several machines.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_folder = _is_folder(path)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or error
        raise StoreUnusable(
            f"cannot keep sweeps in {str(path)!r}: {reason}; {_ELSEWHERE}"
        ) from error
    if is_folder:
        raise StoreUnusable(f"cannot keep sweeps in {path}: it is a folder; name a file in it")
    _check_permissions(path)
    check_file_system(path, known_mounts(), also_local)


def known_mounts() -> str:
    """What is mounted, in the format of ``/proc/mounts``; empty where nobody says it."""
    if not _MOUNTS.exists():
        return ""
    return _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")


def check_file_system(path: Path, mounts: str, also_local: Collection[str] = ()) -> str | None:
    """Refuse the file systems that several machines may share.

    Args:
        path: The database.
        mounts: Text in the format of ``/proc/mounts``.
        also_local: File systems that the user has declared to be local.

    Returns:
        The type of the file system, such as ``ext4``; None where it is not known.

    Raises:
        StoreUnusable: The path is on one of them.
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

    The innermost mount point counts, and of several mounts on one point the last.
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


def _check_permissions(path: Path) -> None:
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise StoreUnusable(
            f"cannot keep sweeps in {path}: no permission to write the file; {_ELSEWHERE}"
        )
    # SQLite keeps its log beside the file, so the folder must be writable in any case.
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise StoreUnusable(
            f"cannot keep sweeps in {path}: no permission to write its folder; {_ELSEWHERE}"
        )


def _unescaped(field: str) -> str:
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        field = field.replace(f"\\{code}", character)
    return field
