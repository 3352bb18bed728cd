from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from sweep_sdk._metrics import writer
from sweep_sdk._metrics.writer import MetricsFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


@pytest.fixture
def file(path):
    opened = MetricsFile(str(path))
    yield opened
    opened.close()


@pytest.fixture
def disk(monkeypatch):
    """A disk with room for a number of bytes; None for no limit."""

    class Disk:
        room: int | None = None

    real_write = os.write

    def write(descriptor, data):
        if Disk.room is None:
            return real_write(descriptor, data)
        if Disk.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        n_written = real_write(descriptor, data[: Disk.room])
        Disk.room -= n_written
        return n_written

    monkeypatch.setattr(os, "write", write)
    return Disk


def test_lines_follow_each_other(file, path):
    assert file.append(b"one\n") is None
    assert file.append(b"two\n") is None
    assert path.read_bytes() == b"one\ntwo\n"


def test_nothing_is_made_before_the_first_line(file, path):
    assert not path.exists()


def test_what_is_there_stays(file, path):
    path.write_bytes(b"before\n")
    file.append(b"after\n")
    assert path.read_bytes() == b"before\nafter\n"


def test_close_and_go_on(file, path):
    file.append(b"one\n")
    file.close()
    file.close()
    file.append(b"two\n")
    assert path.read_bytes() == b"one\ntwo\n"


def test_a_full_disk_loses_nothing(file, path, disk):
    disk.room = 6
    assert file.append(b"one\n") is None
    problem = file.append(b"two\n")
    assert "No space left" in problem
    assert "wait in memory" in problem
    assert file.append(b"three\n")
    assert "2 lines could not be written" in file.close()
    disk.room = None
    assert file.append(b"four\n") is None
    assert path.read_bytes() == b"one\ntwo\nthree\nfour\n"
    assert file.close() is None


def test_memory_is_bounded_and_whole_lines_are_kept(file, path, disk):
    disk.room = 2
    line = b"x" * 999 + b"\n"
    problems = {file.append(line) for _ in range(20_000)}
    assert any("lost" in problem for problem in problems if problem)
    disk.room = None
    assert file.append(b"last\n") is None
    lines = path.read_bytes().split(b"\n")
    assert set(lines[:-2]) == {line[:-1]}
    assert lines[-2:] == [b"last", b""]
    assert 10_000_000 < sum(map(len, lines)) < 17_000_000


def test_a_folder_that_is_not_there(tmp_path):
    file = MetricsFile(str(tmp_path / "none" / "metrics.jsonl"))
    assert "No such file" in file.append(b"one\n")


def test_threads_do_not_mix_lines(file, path):
    def write(name):
        for _ in range(200):
            file.append(name * 50 + b"\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = path.read_bytes().splitlines()
    assert len(lines) == 800
    assert all(line == line[:1] * 50 for line in lines)


class TestForks:
    """In programs of their own: this one has threads."""

    def run(self, path, script):
        words = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(path)]
        subprocess.run(words, check=True, timeout=30)
        return path.read_bytes()

    def test_a_lock_that_another_thread_held(self, path):
        found = self.run(
            path,
            """
            import os, signal, sys, threading
            from sweep_sdk._metrics.writer import MetricsFile

            file, write = MetricsFile(sys.argv[1]), os.write
            is_writing, may_write = threading.Event(), threading.Event()

            def slowly(descriptor, data):
                if data == b"slow\\n":
                    is_writing.set()
                    may_write.wait()
                return write(descriptor, data)

            os.write = slowly
            thread = threading.Thread(target=file.append, args=(b"slow\\n",))
            thread.start()
            is_writing.wait()
            child = os.fork()
            if not child:
                signal.alarm(10)
                file.append(b"quick\\n")
                os._exit(0)
            status = os.waitpid(child, 0)[1]
            may_write.set()
            thread.join()
            sys.exit(status != 0)
            """,
        )
        assert found == b"quick\nslow\n"

    def test_lines_that_wait_are_the_parents(self, path):
        found = self.run(
            path,
            """
            import os, sys
            from sweep_sdk._metrics.writer import MetricsFile

            file, folder = MetricsFile(sys.argv[1] + ".d/m"), sys.argv[1] + ".d"
            assert file.append(b"waits\\n")
            os.mkdir(folder)
            child = os.fork()
            if not child:
                file.append(b"child\\n")
                os._exit(0)
            os.waitpid(child, 0)
            file.append(b"parent\\n")
            os.rename(folder + "/m", sys.argv[1])
            """,
        )
        assert found == b"child\nwaits\nparent\n"


class TestWhatIsMissing:
    """The file's mode says it: that can be changed where no byte can be written."""

    def is_marked(self, path):
        return bool(path.stat().st_mode & writer.INCOMPLETE)

    def test_while_lines_wait(self, file, path, disk):
        file.append(b"one\n")
        mode = path.stat().st_mode
        assert not self.is_marked(path)
        disk.room = 2
        file.append(b"two\n")
        assert self.is_marked(path)
        disk.room = None
        file.append(b"three\n")
        assert path.stat().st_mode == mode
        assert path.read_bytes() == b"one\ntwo\nthree\n"

    def test_after_the_end(self, file, path, disk):
        file.append(b"one\n")
        disk.room = 0
        file.append(b"two\n")
        file.close()
        assert self.is_marked(path)

    def test_closing_tries_once_more(self, file, path, disk):
        file.append(b"one\n")
        disk.room = 0
        file.append(b"two\n")
        disk.room = None
        assert file.close() is None
        assert not self.is_marked(path)
        assert path.read_bytes() == b"one\ntwo\n"

    def test_a_gap_stays_known(self, file, path, disk):
        disk.room = 2
        for _ in range(20_000):
            file.append(b"x" * 999 + b"\n")
        disk.room = None
        assert file.append(b"last\n") is None
        assert self.is_marked(path)

    def test_a_file_that_can_not_even_be_opened(self, path, monkeypatch):
        path.write_bytes(b"")

        def refuse(*_):
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(writer.disk, "open_descriptor", refuse)
        file = MetricsFile(str(path))
        assert "Too many open files" in file.append(b"one\n")
        assert self.is_marked(path)

    def test_a_forked_child_does_not_take_back_its_parents_word(self, file, path, disk):
        disk.room = 0
        file.append(b"one\n")
        file.renew()  # what a child does first
        disk.room = None
        file.append(b"child\n")
        assert self.is_marked(path)
