"""Real processes, short ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sweep_sdk._agent import child as _child
from sweep_sdk._agent.child import Exit, LaunchFailed, signal_name, start_child
from sweep_sdk._agent.launcher import Launch
from sweep_sdk._agent.watchdog import Watchdog


@pytest.fixture(scope="module")
def watchdog():
    started = Watchdog()
    yield started
    started.close()


@pytest.fixture
def shown():
    return []


@pytest.fixture
def start(tmp_path, watchdog, shown, notices):
    def start(script, *words, log=tmp_path / "output.log"):
        command = [sys.executable, "-S", "-c", textwrap.dedent(script), *words]
        launch = Launch(command, dict(os.environ), log)
        return start_child(launch, watchdog, lambda *piece: shown.append(piece), notices)

    return start


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


def test_a_log_that_cannot_be_written_is_told_once_and_the_run_goes_on(start, shown, notices):
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


def test_what_a_program_leaves_behind_is_ended(start, shown, monkeypatch):
    monkeypatch.setattr(_child, "_LEFTOVER_GRACE_SECONDS", 0.1)
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


def test_a_process_that_left_the_group_does_not_hold_the_agent_up(start, shown, monkeypatch):
    monkeypatch.setattr(_child, "_OUTPUT_GRACE_SECONDS", 0.05)
    script = """
        import subprocess, sys
        inner = subprocess.Popen(
            [sys.executable, "-S", "-c", "import time; time.sleep(60)"], start_new_session=True
        )
        print(inner.pid, flush=True)
    """
    assert start(script).wait() == Exit(0, None)
    os.kill(int(shown[0][0]), signal.SIGKILL)


def test_a_signal_after_the_end_goes_nowhere(start):
    child = start("")
    child.wait()
    child.signal(signal.SIGKILL)


def test_the_program_has_no_terminal_input(start, shown):
    start("import sys; print(repr(sys.stdin.read()))").wait()
    assert b"".join(data for data, _ in shown) == b"''\n"


def test_without_waitid(start, monkeypatch):
    """As on macOS before Python 3.13."""
    monkeypatch.delattr(os, "waitid")
    assert start("raise SystemExit(3)").wait() == Exit(3, None)


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
def test_what_cannot_be_started_says_why(watchdog, tmp_path, notices, command, text):
    launch = Launch(command, {"PATH": "/usr/bin:/bin"}, tmp_path / "log")
    with pytest.raises(LaunchFailed) as caught:
        start_child(launch, watchdog, lambda *_: None, notices)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_signal_names():
    assert signal_name(9) == "SIGKILL"
    assert signal_name(63) == "signal 63"


class TestWatchdog:
    def test_a_killed_agents_program_is_ended(self, tmp_path):
        """Also one that ignores SIGTERM, and what it started."""
        agent = textwrap.dedent(
            f"""
            import os, signal, sys, time
            from pathlib import Path
            from sweep_sdk._agent.child import start_child
            from sweep_sdk._agent.launcher import Launch
            from sweep_sdk._agent.watchdog import Watchdog
            code = (
                "import signal, subprocess, sys, time;"
                "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
                "sleep = [sys.executable, '-S', '-c', 'import time; time.sleep(60)'];"
                "print(subprocess.Popen(sleep).pid, flush=True); time.sleep(60)"
            )
            command = [sys.executable, "-S", "-c", code]
            launch = Launch(command, dict(os.environ), Path({str(tmp_path)!r}) / "log")
            shown = []
            child = start_child(launch, Watchdog(), lambda *piece: shown.append(piece), print)
            while not shown:
                time.sleep(0.005)
            print(child.pid, shown[0][0].decode().strip(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
            """
        )
        printed = subprocess.run(
            [sys.executable, "-c", agent], stdout=subprocess.PIPE, text=True, check=False
        ).stdout
        pids = [int(word) for word in printed.split()]
        assert len(pids) == 2
        give_up_at = time.monotonic() + 10
        while any(is_alive(pid) for pid in pids):
            assert time.monotonic() < give_up_at
            time.sleep(0.02)

    def test_what_has_ended_is_left_alone(self, start, watchdog):
        child = start("")
        child.wait()
        assert child.pid not in watchdog._groups

    def test_one_that_was_killed_is_started_anew(self, tmp_path, notices):
        watchdog = Watchdog()
        assert not watchdog.ensure()
        launch = Launch(
            [sys.executable, "-S", "-c", "import time; time.sleep(60)"], {}, tmp_path / "l"
        )
        child = start_child(launch, watchdog, lambda *_: None, notices)
        watchdog._process.kill()
        watchdog._process.wait()
        second = start_child(
            Launch([sys.executable, "-S", "-c", ""], {}, tmp_path / "l"),
            watchdog,
            lambda *_: None,
            notices,
        )
        assert second.wait() == Exit(0, None)
        assert watchdog.ensure()
        watchdog.close()
        assert child.wait() == Exit(None, signal.SIGTERM)

    def test_parallel_slots_start_one_anew(self):
        watchdog = Watchdog()
        for _ in range(3):
            watchdog._process.kill()
            watchdog._process.wait()
            with ThreadPoolExecutor(4) as slots:
                assert sum(slots.map(lambda _: watchdog.ensure(), range(4))) == 1
            assert not watchdog.ensure()
        watchdog.close()


def test_a_program_that_somebody_else_waited_for(start):
    child = start("")
    os.waitpid(child.pid, 0)
    assert child.wait() == Exit(None, None)
    child.signal(signal.SIGTERM)
