"""Starting and ending real processes."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import sweep_sdk
from sweep_sdk._agent.process import child as _child
from sweep_sdk._agent.process.child import Exit, LaunchFailed, signal_name, start_child
from sweep_sdk._agent.process.launcher import ProgramSpec


@pytest.fixture
def shown():
    return []


@pytest.fixture
def start(tmp_path, shown, notices):
    def start(script, *words, log=tmp_path / "output.log"):
        command = [sys.executable, "-S", "-c", textwrap.dedent(script), *words]
        launch = ProgramSpec(command, dict(os.environ), log)
        return start_child(launch, lambda *piece: shown.append(piece), notices)

    return start


NO_ROOM = "exec('raise OSError(__import__(\\'errno\\').EAGAIN, None)')"


def is_alive(pid):
    """Whether a process runs; zombies that nobody has waited for do not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def await_line(shown, text):
    give_up_at = time.monotonic() + 10
    while not any(text in data for data, _ in shown):
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("", Exit(0, None)),
        ("raise SystemExit(3)", Exit(3, None)),
        ("import os; os.kill(os.getpid(), 9)", Exit(None, 9)),
    ],
)
def test_exits(start, script, found):
    exit_ = start(script).wait()
    assert exit_ == found
    assert exit_.is_success == (found.code == 0)


def test_output_goes_to_the_log_and_the_watcher_byte_for_byte(start, shown, tmp_path):
    script = """
        import sys
        sys.stdout.buffer.write(bytes(range(256))); sys.stdout.flush()
        sys.stderr.buffer.write(b"\\xff\\x00last words"); sys.stderr.flush()
    """
    child = start(script)
    child.wait()
    assert b"".join(data for data, is_stderr in shown if not is_stderr) == bytes(range(256))
    assert b"".join(data for data, is_stderr in shown if is_stderr) == b"\xff\x00last words"
    log = (tmp_path / "output.log").read_bytes()
    assert sorted(log) == sorted(bytes(range(256)) + b"\xff\x00last words")
    assert child.output.stderr_tail().endswith("last words")


def test_the_log_is_appended_to(start, tmp_path):
    start("print(1)").wait()
    start("print(2)").wait()
    assert (tmp_path / "output.log").read_text() == "1\n2\n"


def test_the_tail_has_the_last_lines_and_the_last_state_of_progress_bars(start):
    script = """
        import sys
        sys.stderr.write("x" * 100_000 + "\\n")
        sys.stderr.write("".join(f"\\r{n}%" for n in range(101)) + "\\n")
        sys.stderr.write("".join(f"line {n}\\r\\n" for n in range(300)))
    """
    child = start(script)
    child.wait()
    lines = child.output.stderr_tail().split("\n")
    assert lines[-1] == "line 299"
    assert len(lines) <= 100


def test_a_progress_bar_is_its_last_state(start):
    child = start("import sys; sys.stderr.write(''.join(f'\\r{n}%' for n in range(101)) + '\\n')")
    child.wait()
    assert child.output.stderr_tail() == "100%"


def test_a_log_that_cannot_be_written_is_reported_once_and_the_run_goes_on(start, shown, notices):
    child = start("print('hello')", log=Path("/dev/full"))
    assert child.wait() == Exit(0, None)
    assert b"".join(data for data, _ in shown) == b"hello\n"
    assert len(notices) == 1
    assert "No space left" in notices[0]


def test_signals_reach_the_whole_group(start, shown):
    script = """
        import subprocess, sys, time
        inner = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        print(inner.pid, flush=True)
        time.sleep(60)
    """
    child = start(script)
    await_line(shown, b"\n")
    child.signal(signal.SIGTERM)
    assert child.wait() == Exit(None, signal.SIGTERM)
    assert not is_alive(int(shown[0][0]))


def test_what_a_program_leaves_behind_is_ended(start, shown):
    script = """
        import signal, subprocess, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        code = "import time; print('there', flush=True); time.sleep(60)"
        inner = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
        inner.stdout.readline()
        print(inner.pid, flush=True)
    """
    assert start(script).wait() == Exit(0, None)
    pid = int(shown[0][0])
    give_up_at = time.monotonic() + 5
    while is_alive(pid):
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_what_a_program_leaves_behind_may_clean_up(start, tmp_path):
    script = """
        import subprocess, sys
        code = (
            "import signal, sys, time;"
            "signal.signal(signal.SIGTERM, lambda *_: sys.exit(open(sys.argv[1], 'w').close()));"
            "print('there', flush=True); time.sleep(60)"
        )
        command = [sys.executable, "-S", "-c", code, sys.argv[1]]
        subprocess.Popen(command, stdout=subprocess.PIPE).stdout.readline()
    """
    marker = tmp_path / "cleaned-up"
    assert start(script, str(marker)).wait() == Exit(0, None)
    assert marker.exists()


def test_a_signal_after_the_end_goes_nowhere(start):
    child = start("")
    child.wait()
    child.signal(signal.SIGKILL)


def test_the_program_has_no_terminal_input(start, shown):
    start("import sys; print(repr(sys.stdin.read()))").wait()
    assert b"".join(data for data, _ in shown) == b"''\n"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (["/nowhere/program"], "no such program"),
        (["/etc/passwd"], "chmod"),
        (["/"], "chmod"),
        (["echo", "nul\0inside"], "cannot start 'echo'"),
        (["echo", "x" * 10_000_000], "too long"),
    ],
)
def test_what_cannot_be_started_says_why(tmp_path, notices, command, text):
    launch = ProgramSpec(command, {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
    with pytest.raises(LaunchFailed) as caught:
        start_child(launch, lambda *_: None, notices)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_signal_names():
    assert signal_name(9) == "SIGKILL"
    assert signal_name(63) == "signal 63"


class TestDescendants:
    """Whatever a program starts ends with it, in sessions of its own too."""

    WORKER = (
        "import os, signal, sys, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "open(sys.argv[1], 'w').write(str(os.getpid()));"
        "time.sleep(60)"
    )
    LAUNCHER = """
        import os, subprocess, sys, time
        code, path, kind = sys.argv[1:4]
        environment = {} if kind == "bare" else dict(os.environ)
        if kind == "kept":
            environment["SWEEP_KEEP"] = "1"
        command = [sys.executable, "-S", "-c", code, path]
        if kind == "orphan":  # started by a process that ends at once
            inner = f"import subprocess; subprocess.Popen({command!r}, start_new_session=True)"
            subprocess.run([sys.executable, "-S", "-c", inner])
        else:
            subprocess.Popen(command, start_new_session=True, env=environment)
        while not (os.path.exists(path) and open(path).read()):
            time.sleep(0.005)
        print("there", flush=True)
        if sys.argv[4:]:
            time.sleep(60)
    """

    @pytest.mark.parametrize("kind", ["session", "bare", "orphan"])
    def test_workers_in_sessions_of_their_own_end_with_it(self, start, tmp_path, kind):
        path = tmp_path / "pid"
        assert start(self.LAUNCHER, self.WORKER, str(path), kind).wait() == Exit(0, None)
        assert not is_alive(int(path.read_text()))

    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
    def test_they_do_not_outlive_a_launcher_that_is_ended(self, start, shown, tmp_path, number):
        path = tmp_path / "pid"
        child = start(self.LAUNCHER, self.WORKER, str(path), "session", "stay")
        await_line(shown, b"there")
        os.kill(child.pid, number)
        assert child.wait() == Exit(None, number)
        assert not is_alive(int(path.read_text()))

    def test_what_is_to_be_kept_is_left_alone(self, start, tmp_path):
        path = tmp_path / "pid"
        assert start(self.LAUNCHER, self.WORKER, str(path), "kept").wait() == Exit(0, None)
        pid = int(path.read_text())
        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)

    def test_they_are_stopped_and_continued_together(self, start, shown, tmp_path):
        path = tmp_path / "pid"
        child = start(self.LAUNCHER, self.WORKER, str(path), "session", "stay")
        await_line(shown, b"there")
        pids = (child.pid, int(path.read_text()))
        child.signal(signal.SIGSTOP)
        await_states(pids, "T")
        child.signal(signal.SIGCONT)
        await_states(pids, "S")
        child.signal(signal.SIGKILL)
        assert child.wait() == Exit(None, signal.SIGKILL)


def await_states(pids, state):
    give_up_at = time.monotonic() + 10
    while any(
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != state for pid in pids
    ):
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


class TestKeeper:
    AGENT = """
        import os, signal, sys, time
        from pathlib import Path
        from sweep_sdk._agent.process.child import start_child
        from sweep_sdk._agent.process.launcher import ProgramSpec
        code = (
            "import signal, subprocess, sys, time;"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            "sleep = [sys.executable, '-S', '-c', 'import time; time.sleep(60)'];"
            "inner = subprocess.Popen(sleep, start_new_session=True);"
            "print(inner.pid, flush=True); time.sleep(60)"
        )
        command = [sys.executable, "-S", "-c", code]
        launch = ProgramSpec(command, dict(os.environ), Path(sys.argv[1]) / "log")
        shown = []
        child = start_child(launch, lambda *piece: shown.append(piece), print)
        while not shown:
            time.sleep(0.005)
        print(child.pid, shown[0][0].decode().strip(), flush=True)
        os.kill(os.getpid() if sys.argv[2] == "agent" else child._keeper.pid, signal.SIGKILL)
        print(child.wait())
    """

    @pytest.mark.parametrize("killed", ["agent", "keeper"])
    def test_a_killed_agents_program_is_ended(self, tmp_path, killed):
        """Also one that ignores SIGTERM, and what it started."""
        words = [sys.executable, "-c", textwrap.dedent(self.AGENT), str(tmp_path), killed]
        printed = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout
        program, worker = (int(word) for word in printed.splitlines()[0].split())
        pids = [program, worker] if killed == "agent" else [program]
        give_up_at = time.monotonic() + 10
        while any(is_alive(pid) for pid in pids):
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        if killed == "keeper":
            assert "Exit(code=None, signal=None)" in printed
            os.kill(worker, signal.SIGKILL)

    def test_signals_of_the_program_are_as_its_agents(self, start, shown):
        script = """
            import signal
            names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGPIPE", "SIGXFSZ", "SIGCHLD")
            print(*(signal.getsignal(getattr(signal, name)) for name in names))
        """
        launch_of_python = textwrap.dedent(script)
        plain = subprocess.check_output([sys.executable, "-S", "-c", launch_of_python])
        start(script).wait()
        assert b"".join(data for data, _ in shown) == plain

    def test_the_machines_fault_is_distinguished(self, tmp_path, notices, monkeypatch):
        monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
        launch = ProgramSpec(["true"], {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
        with pytest.raises(LaunchFailed, match="is gone") as caught:
            start_child(launch, lambda *_: None, notices)
        assert caught.value.is_machines_fault

    @pytest.mark.parametrize("words", [["true", "x" * 10_000_000], ["true", "nul\0inside"]])
    def test_a_command_line_that_no_machine_takes_is_its_runs_fault(self, tmp_path, notices, words):
        launch = ProgramSpec(words, {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
        with pytest.raises(LaunchFailed) as caught:
            start_child(launch, lambda *_: None, notices)
        assert not caught.value.is_machines_fault

    @pytest.mark.parametrize("room", range(10))
    def test_too_few_descriptors_are_reported_and_none_is_lost(self, start, room):
        """Whichever step of a start is the one for which there is none left."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(64)]  # so that none below is free
        before = open_descriptors()
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken[-1] + 1 + room, hard))
        try:
            child = start("")
        except LaunchFailed as error:
            found = error
        else:
            found = None
            assert child.wait() == Exit(0, None)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            after = open_descriptors()
            for descriptor in taken:
                os.close(descriptor)
        assert after == before
        if found is None:
            assert room >= 8
        else:
            assert found.is_machines_fault
            assert "Too many open files" in str(found)

    def test_a_system_that_allows_no_more_processes(self, tmp_path, notices, monkeypatch):
        """The keeper starts, but cannot fork."""
        monkeypatch.setattr(_child, "_KEEPER", changed_keeper("os.fork()", NO_ROOM))
        launch = ProgramSpec(["true"], {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
        with pytest.raises(LaunchFailed, match="temporarily unavailable") as caught:
            start_child(launch, lambda *_: None, notices)
        assert caught.value.is_machines_fault

    def test_a_keeper_that_cannot_even_begin_says_why(self, tmp_path, notices, monkeypatch):
        text = b"raise SystemError('the standard library is gone')"
        monkeypatch.setattr(_child, "_KEEPER", text)
        launch = ProgramSpec(["true"], {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
        with pytest.raises(LaunchFailed, match="the standard library is gone") as caught:
            start_child(launch, lambda *_: None, notices)
        assert caught.value.is_machines_fault

    def test_a_system_that_allows_no_more_threads(self, start, tmp_path, monkeypatch):
        def refuse(*_, **__):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(_child, "OutputPump", refuse)
        marker = tmp_path / "pid"
        script = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid()))"
        with pytest.raises(LaunchFailed, match="new thread") as caught:
            start(f"{script}; time.sleep(60)", str(marker))
        assert caught.value.is_machines_fault
        pid = marker.read_text() if marker.exists() else ""  # it may end before it writes
        assert not pid or not is_alive(int(pid))

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP", "SIGABRT"])
    def test_no_signal_ends_a_keeper_that_is_starting(self, tmp_path, notices, monkeypatch, name):
        number = getattr(signal, name)
        hit = f"import os; os.kill(os.getpid(), {int(number)})\nimport select\n"
        monkeypatch.setattr(_child, "_KEEPER", changed_keeper("import select\n", hit))
        launch = ProgramSpec(["true"], {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
        assert start_child(launch, lambda *_: None, notices).wait() == Exit(0, None)

    def test_a_stopped_keeper_still_ends_its_program(self, start):
        child = start("import time; time.sleep(60)")
        os.kill(child._keeper.pid, signal.SIGSTOP)
        child.signal(signal.SIGTERM)
        child.signal(signal.SIGKILL)
        assert child.wait().signal in (signal.SIGTERM, signal.SIGKILL)

    def test_programs_do_not_inherit_what_their_keeper_holds(self, tmp_path, shown, notices):
        """A lock that a surviving descendant holds would make a dead agent look alive."""
        script = "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
        launch = ProgramSpec(
            [sys.executable, "-S", "-c", script], dict(os.environ), tmp_path / "log"
        )
        with (tmp_path / "lock").open("w") as lock:
            held = lock.fileno()
            child = start_child(launch, lambda *piece: shown.append(piece), notices, held)
            assert child.wait() == Exit(0, None)
        assert b"".join(data for data, _ in shown) == b"[0, 1, 2]\n"

    def test_an_agent_that_is_gone_before_the_program_starts_leaves_it_its_grace(self, tmp_path):
        """The program may clean up after SIGTERM, as at any later time."""
        marker = tmp_path / "marker"
        marker.touch()
        script = f"""
            import signal, sys, time
            def end(*_):
                open({str(marker)!r}, "a").write("ended")
                sys.exit()
            signal.signal(signal.SIGTERM, end)
            open({str(marker)!r}, "a").write("ready ")
            time.sleep(60)
        """
        ready = f"    while not open({str(marker)!r}).read(): time.sleep(0.005)\n"
        line = '    report(status, b"started %d\\n" % pid)\n'
        source = changed_keeper(line, ready + line)
        command = [sys.executable, "-S", "-c", textwrap.dedent(script)]
        assert run_keeper(tmp_path, source, command, is_agent_there=False) == (b"", b"")
        assert marker.read_text() == "ready ended"

    def test_a_program_does_not_start_under_a_keeper_that_was_killed(self, tmp_path):
        """Killed after the fork, and before the kernel knows that the program must go with it."""
        line = "        prctl(_SET_PDEATHSIG, int(signal.SIGKILL))"
        kill = (
            "        os.kill(keeper, signal.SIGKILL)\n        while os.getppid() == keeper: pass\n"
        )
        source = changed_keeper(line, kill + line)
        assert run_keeper(tmp_path, source, ["echo", "started"]) == (b"", b"")

    def test_a_program_that_sigkill_does_not_end_is_not_killed_without_a_pause(self, tmp_path):
        """It hangs in the kernel."""
        line = "                self._signal_program(signal.SIGKILL)\n"
        count = f"                open({str(tmp_path / 'kills')!r}, 'a').write('x')\n"
        source = changed_keeper(line, count).replace(b"GRACE_SECONDS = 2.0", b"GRACE_SECONDS = 0.0")
        source = source.replace(b"is_ignored = ", b"is_ignored = True or ")
        run_keeper(tmp_path, source, ["sleep", "1.5"], is_agent_there=False)
        assert len((tmp_path / "kills").read_text()) <= 3

    def test_a_system_without_foreign_calls_runs_programs_all_the_same(
        self, tmp_path, notices, monkeypatch
    ):
        refused = "raise MemoryError"
        monkeypatch.setattr(_child, "_KEEPER", changed_keeper("import ctypes", refused))
        launch = ProgramSpec(["true"], {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
        assert start_child(launch, lambda *_: None, notices).wait() == Exit(0, None)

    def test_an_upgrade_of_the_package_leaves_agents_at_work_alone(self, tmp_path):
        """Their keepers run the program that was there when the agent was started."""
        package = tmp_path / "sweep_sdk"
        shutil.copytree(Path(sweep_sdk.__file__).parent, package)
        script = f"""
            import os, shutil
            from pathlib import Path
            from sweep_sdk._agent.process.child import start_child
            from sweep_sdk._agent.process.launcher import ProgramSpec
            shutil.rmtree({str(package)!r})
            launch = ProgramSpec(["true"], dict(os.environ), Path({str(tmp_path)!r}) / "log")
            print(start_child(launch, lambda *piece: None, print).wait())
        """
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        words = [sys.executable, "-c", textwrap.dedent(script)]
        printed = subprocess.check_output(words, env=environment, text=True)
        assert printed == "Exit(code=0, signal=None)\n"

    def test_blocked_signals_are_as_its_agents(self, start, shown):
        script = "import signal; print(sorted(map(int, signal.pthread_sigmask(0, ()))))"
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
        try:
            start(script).wait()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        expected = f"{[int(number) for number in sorted(before | {signal.SIGUSR2})]}\n".encode()
        assert b"".join(data for data, _ in shown) == expected


def open_descriptors():
    return sorted(os.listdir("/proc/self/fd"))


def changed_keeper(text, replacement):
    """The keeper's program with a piece of it replaced."""
    source = _child._KEEPER.decode()
    assert source.count(text) == 1
    return source.replace(text, replacement).encode()


def run_keeper(folder, source, command, is_agent_there=True):
    """Run a keeper until nothing is left of its program.

    Args:
        folder: Where its source may be written.
        source: The keeper's program.
        command: The training program.
        is_agent_there: Whether somebody holds the other ends of its pipes.

    Returns:
        What the keeper reports, and what its program prints.
    """
    keeper = folder / "keeper.py"
    keeper.write_bytes(source)
    status, reports = os.pipe()
    agent = subprocess.PIPE if is_agent_there else subprocess.DEVNULL
    words = [sys.executable, "-I", "-S", str(keeper), str(reports), "", *command]
    with os.fdopen(status, "rb") as pipe:
        if not is_agent_there:
            pipe.close()
        with subprocess.Popen(
            words, stdin=agent, stdout=subprocess.PIPE, pass_fds=(reports,)
        ) as process:
            os.close(reports)
            reported = pipe.read() if is_agent_there else b""
            printed = process.stdout.read()
            process.wait(30)
    return reported, printed
