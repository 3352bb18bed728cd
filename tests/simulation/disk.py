"""Simulated disks in memory, which can be full and lose data that was not synced."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import io
import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from simulation.kernel import Kernel, Machine, wall_time


class Node:
    """A file's content, whatever names it has.

    Attributes:
        synced: So much of it survives a loss of power.
        changed_at: When it was written to last, as the machine believed.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.data = bytearray()
        self.synced = 0
        self.holder: Opened | None = None
        self.mode = 0o600
        self.changed_at = 0.0


class Opened:
    """An open file; it may be in several processes' tables."""

    def __init__(self, node: Node, flags: int) -> None:
        self.node = node
        self.flags = flags
        self.position = 0
        self.n_owners = 1

    def let_go(self) -> None:
        """One owner less; the last one gives up the lock."""
        self.n_owners -= 1
        if not self.n_owners and self.node.holder is self:
            self.node.holder = None


class Disk:
    """The files of one machine.

    Attributes:
        made: Every file that was ever made, with the name that it had then.
        room: Bytes that can still be written; None without bound.
        refuses: The error number with which every access fails; None for none.
    """

    def __init__(self, kernel: Kernel, machine: Machine) -> None:
        self.kernel = kernel
        self.machine = machine
        self.names: dict[str, Node | None] = {"/": None}  # None: a folder
        self.room: int | None = None
        self.refuses: int | None = None
        self.made: list[tuple[str, Node]] = []
        self._n_nodes = 0
        self._folder_changes: dict[str, float] = {}

    def find(self, path: str) -> Node | None:
        """The file or folder (None) of a name.

        Raises:
            FileNotFoundError: There is none.
        """
        self.check(path)
        if path not in self.names:
            raise _error(errno.ENOENT, path)
        return self.names[path]

    def check(self, path: str) -> None:
        """Raise what the disk raises now."""
        if self.refuses is not None:
            raise _error(self.refuses, path)

    def open(self, path: str, flags: int) -> Opened:
        """Open or make a file."""
        self.check(path)
        node = self.names.get(path)
        if path in self.names:
            if flags & os.O_EXCL:
                raise _error(errno.EEXIST, path)
            if node is None:
                raise _error(errno.EISDIR, path)
        elif not flags & os.O_CREAT:
            raise _error(errno.ENOENT, path)
        else:
            node = self._make(path)
        if flags & os.O_TRUNC:
            node.data.clear()
            node.synced = 0
        return Opened(node, flags)

    def write(self, opened: Opened, data: bytes) -> int:
        """Write what there is room for.

        Raises:
            OSError: There is none at all.
        """
        self.check("")
        n_bytes = len(data) if self.room is None else min(len(data), self.room)
        if data and not n_bytes:
            raise _error(errno.ENOSPC, "")
        if self.room is not None:
            self.room -= n_bytes
        content = opened.node.data
        if opened.flags & os.O_APPEND:
            opened.position = len(content)
        content[opened.position : opened.position + n_bytes] = data[:n_bytes]
        opened.position += n_bytes
        opened.node.changed_at = self._now()
        return n_bytes

    def write_all(self, opened: Opened, data: bytes) -> None:
        """Write all of it.

        Raises:
            OSError: There is no room for it.
        """
        while data:
            data = data[self.write(opened, data) :]

    def rename(self, old: str, new: str) -> None:
        """Give a file or folder another name; a file takes the place of whatever had it."""
        node = self.find(old)
        self._need_folder(new)
        if node is None and new in self.names and (self.names[new] is not None or self.inside(new)):
            raise _error(errno.ENOTEMPTY, new)
        for path in self._tree(old):
            self.names[new + path.removeprefix(old)] = self.names.pop(path)
            if path in self._folder_changes:
                self._folder_changes[new + path.removeprefix(old)] = self._folder_changes.pop(path)
        self._change_folder_of(old, new)

    def remove(self, path: str) -> None:
        """Take a file's name away; who has it open keeps it."""
        if self.find(path) is None:
            raise _error(errno.EISDIR, path)
        del self.names[path]
        self._change_folder_of(path)

    def remove_tree(self, folder: str) -> None:
        """Take away a folder with all that is in it."""
        for path in self._tree(folder):
            del self.names[path]
        self._change_folder_of(folder)

    def touch(self, path: str) -> None:
        """Have a file or folder changed now; a file is made where there is none."""
        if path not in self.names:
            self.open(path, os.O_CREAT)
        node = self.find(path)
        if node is None:
            self._folder_changes[path] = self._now()
        else:
            node.changed_at = self._now()

    def stat(self, path: str) -> os.stat_result:
        """What ``stat`` says of a file or folder."""
        node = self.find(path)
        return stat_of(node, self._folder_changes.get(path, 0.0))

    def make_folder(self, path: str, *, parents: bool, exist_ok: bool) -> None:
        """Make a folder."""
        self.check(path)
        if path in self.names:
            if not exist_ok or self.names[path] is not None:
                raise _error(errno.EEXIST, path)
            return
        parent = path.rpartition("/")[0] or "/"
        if parent not in self.names and parents:
            self.make_folder(parent, parents=True, exist_ok=True)
        self._need_folder(path)
        self._need_room(path)
        self.names[path] = None
        self._change_folder_of(path, path + "/")

    def inside(self, folder: str) -> list[str]:
        """The names of what is in a folder, without the folder's own."""
        if self.find(folder) is not None:
            raise _error(errno.ENOTDIR, folder)
        start = folder.rstrip("/") + "/"
        return [
            name[len(start) :]
            for name in self.names
            if name.startswith(start) and name != "/" and "/" not in name[len(start) :]
        ]

    def lose_power(self, rng: random.Random) -> Counter[str]:
        """What was not synced may be there in part, or not.

        Returns:
            How many files have lost data, and how many metrics files end in the middle of a line.
        """
        lost: Counter[str] = Counter()
        for path, node in list(self.names.items()):
            if node is not None and node.synced < len(node.data):
                kept = rng.randint(node.synced, len(node.data))
                lost["unsynced data lost"] += kept < len(node.data)
                del node.data[kept:]
                is_torn = not node.data.endswith(b"\n") and path.endswith(".jsonl")
                lost["last line torn"] += bool(kept) and is_torn
                if not kept and rng.random() < 0.5:
                    del self.names[path]
            if node is not None:
                node.holder = None
        return lost

    def _make(self, path: str) -> Node:
        self._need_folder(path)
        self._need_room(path)
        self._n_nodes += 1
        self.made.append((path, Node(self._n_nodes)))
        self.names[path] = node = self.made[-1][1]
        node.changed_at = self._now()
        self._change_folder_of(path)
        return node

    def _tree(self, top: str) -> list[str]:
        return [name for name in self.names if name == top or name.startswith(top + "/")]

    def _change_folder_of(self, *paths: str) -> None:
        for path in paths:
            self._folder_changes[path.rpartition("/")[0] or "/"] = self._now()

    def _now(self) -> float:
        return wall_time(self.kernel, self.machine)

    def _need_folder(self, path: str) -> None:
        parent = path.rpartition("/")[0] or "/"
        if parent not in self.names:
            raise _error(errno.ENOENT, path)
        if self.names[parent] is not None:
            raise _error(errno.ENOTDIR, path)

    def _need_room(self, path: str) -> None:
        if self.room is not None and self.room <= 0:
            raise _error(errno.ENOSPC, path)


def _error(number: int, path: str) -> OSError:
    return OSError(number, os.strerror(number), path)


class _File(io.RawIOBase):
    """An open file as Python code has it."""

    def __init__(self, disk: Disk, opened: Opened, number: int, table: dict[int, Any]) -> None:
        super().__init__()
        self._disk, self._opened, self._number, self._table = disk, opened, number, table

    def readable(self) -> bool:
        return not self._opened.flags & os.O_WRONLY

    def writable(self) -> bool:
        return bool(self._opened.flags & (os.O_WRONLY | os.O_RDWR))

    def seekable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._opened.position, len(self._opened.node.data))[whence]
        self._opened.position = base + offset
        return self._opened.position

    def tell(self) -> int:
        return self._opened.position

    def readinto(self, buffer: Any) -> int:
        self._disk.check("")
        found = self._opened.node.data[self._opened.position :][: len(buffer)]
        buffer[: len(found)] = found
        self._opened.position += len(found)
        return len(found)

    def write(self, data: Any) -> int:
        return self._disk.write(self._opened, bytes(data))

    def close(self) -> None:
        if not self.closed:
            if self._table.pop(self._number, None) is not None:
                self._opened.let_go()
            super().close()


def path_class(kernel: Kernel) -> type[PurePosixPath]:
    """What represents ``pathlib.Path``: the paths of the machine on which the caller runs."""

    def disk(what: str) -> Disk:
        kernel.step(what)
        found: Disk = kernel.machine().disk
        return found

    class Path(PurePosixPath):
        __slots__ = ()

        def open(
            self, mode: str = "r", buffering: int = -1, encoding: str | None = None, **_: Any
        ) -> Any:
            flags = {"r": os.O_RDONLY, "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
                     "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
                     "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL}[mode[0]]  # fmt: skip
            if "+" in mode:
                flags = flags & ~os.O_WRONLY | os.O_RDWR
            where = disk(f"open {self} {mode}")
            file = open_file(where, str(self), flags)
            if mode[0] == "r" and "+" not in mode and buffering != 0:
                file = io.BufferedReader(file)
                return file if "b" in mode else io.TextIOWrapper(file, encoding=encoding)
            assert "b" in mode, "write_text is the way to write text"
            return file

        def read_bytes(self) -> bytes:
            with self.open("rb") as file:
                return bytes(file.read())

        def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
            return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

        def write_bytes(self, data: bytes) -> int:
            with self.open("wb") as file:
                left = data
                while left:
                    left = left[file.write(left) :]
                    kernel.step(f"write {self}")
            return len(data)

        def write_text(self, text: str, encoding: str | None = None, **_: Any) -> int:
            return self.write_bytes(text.encode(encoding or "utf-8"))

        def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
            disk(f"mkdir {self}").make_folder(str(self), parents=parents, exist_ok=exist_ok)

        def replace(self, target: Any) -> Path:
            disk(f"rename {self}").rename(str(self), str(target))
            return Path(target)

        rename = replace

        def unlink(self, missing_ok: bool = False) -> None:
            try:
                disk(f"unlink {self}").remove(str(self))
            except FileNotFoundError:
                if not missing_ok:
                    raise

        def rmdir(self) -> None:
            where = disk(f"rmdir {self}")
            if where.inside(str(self)):
                raise _error(errno.ENOTEMPTY, str(self))
            where.remove_tree(str(self))

        def iterdir(self) -> Iterator[Path]:
            yield from [self / name for name in disk(f"list {self}").inside(str(self))]

        def glob(self, pattern: str) -> Iterator[Path]:
            where = disk(f"list {self}")
            if str(self) in where.names:
                names = where.inside(str(self))
                yield from [self / name for name in names if fnmatch.fnmatchcase(name, pattern)]

        def exists(self) -> bool:
            return str(self) in disk(f"exists {self}").names

        def is_file(self) -> bool:
            return disk(f"exists {self}").names.get(str(self)) is not None

        def is_dir(self) -> bool:
            names = disk(f"exists {self}").names
            return str(self) in names and names[str(self)] is None

        def stat(self, **_: Any) -> os.stat_result:
            return disk(f"stat {self}").stat(str(self))

        lstat = stat

        def touch(self, mode: int = 0o666, exist_ok: bool = True) -> None:
            disk(f"touch {self}").touch(str(self))

        def chmod(self, mode: int, **_: Any) -> None:
            node = disk(f"chmod {self}").find(str(self))
            if node is not None:
                node.mode = mode

        def absolute(self) -> Path:
            return self

        def resolve(self, strict: bool = False) -> Path:
            return self

        def expanduser(self) -> Path:
            return self

        @classmethod
        def home(cls) -> Path:
            return cls("/home")

        @classmethod
        def cwd(cls) -> Path:
            return cls("/")

    def open_file(where: Disk, path: str, flags: int) -> Any:
        opened = where.open(path, flags)
        process = kernel.process()
        number = next(process.next_file)
        process.files[number] = opened
        return _File(where, opened, number, process.files)

    return Path


def stat_of(node: Node | None, folder_changed_at: float = 0.0) -> os.stat_result:
    """What ``stat`` says of a file, or of a folder that was changed then."""
    kind = 0o100000 | node.mode if node is not None else 0o040700
    size = len(node.data) if node is not None else 0
    number = node.number if node is not None else 0
    changed_at = node.changed_at if node is not None else folder_changed_at
    return os.stat_result((kind, number, 1, 1, 0, 0, size, changed_at, changed_at, changed_at))


def descriptor_functions(kernel: Kernel) -> dict[str, Any]:
    """What else replaces ``sweep_sdk._world.disk``, by name."""

    def open_descriptor(path: Any, flags: int, mode: int = 0o777) -> int:
        kernel.step(f"open {path}")
        process = kernel.process()
        opened = process.machine.disk.open(str(path), flags)
        number = next(process.next_file)
        process.files[number] = opened
        return number

    def close(number: int) -> None:
        kernel.step("close")
        opened = kernel.process().files.pop(number, None)
        if opened is None:
            raise _error(errno.EBADF, "")
        opened.let_go()

    def lock_if_free(number: int) -> bool:
        kernel.step("lock file")
        opened = kernel.process().files[number]
        if opened.node.holder not in (None, opened):
            return False
        opened.node.holder = opened
        return True

    def write(number: int, data: bytes) -> int:
        kernel.step("write")
        process = kernel.process()
        n_written: int = process.machine.disk.write(process.files[number], data)
        return n_written

    def open_to_read(path: Any) -> Any:
        return path.open("rb")

    def stat_descriptor(number: int) -> os.stat_result:
        kernel.step("stat")
        process = kernel.process()
        process.machine.disk.check("")
        return stat_of(process.files[number].node)

    def change_mode(number: int, mode: int) -> None:
        kernel.step("chmod")
        process = kernel.process()
        process.machine.disk.check("")
        process.files[number].node.mode = mode

    def open_nameless() -> None:
        """No process of a simulated world forks."""

    def replace_descriptor(number: int, by: int) -> None:
        kernel.step("dup")
        files = kernel.process().files
        files[number].let_go()
        files[number] = files.pop(by)

    def make_private_folder(top: Any, folder: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)

    def discard_link(path: Any) -> None:
        """No disk of a simulated world has links."""

    def remove_tree(folder: Any) -> None:
        kernel.step(f"remove {folder}")
        with contextlib.suppress(OSError):
            where = kernel.machine().disk
            where.find(str(folder))
            where.remove_tree(str(folder))

    found = (
        *(open_descriptor, close, write, lock_if_free),
        *(open_to_read, stat_descriptor, change_mode, open_nameless),
        *(remove_tree, replace_descriptor, make_private_folder, discard_link),
    )
    return {function.__name__: function for function in found}
