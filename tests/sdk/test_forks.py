"""Forks while a run is open: no process hangs, and no row is lost or overwritten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

import pytest

import sweep_sdk
from sweep_sdk._sweeps.row_count import RowCount
from sweep_sdk._world import disk

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here")

_PREAMBLE = """
import os, signal, sys, threading
import sweep_sdk
from sweep_sdk._exceptions import UsageError

def fork(work):
    child = os.fork()
    if child:
        return child
    signal.alarm(20)
    try:
        work()
    except UsageError:
        os._exit(3)
    os._exit(0)

def codes(children):
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
"""


def play(script, *words):
    """What a program says that forks; this process has threads, which must not be forked."""
    text = _PREAMBLE + textwrap.dedent(script)
    command = [sys.executable, "-W", "ignore", "-c", text, *words]
    done = subprocess.run(command, check=True, timeout=60, stdout=subprocess.PIPE, text=True)
    return done.stdout.split()


@pytest.fixture
def sweep_id(home):
    parameters = {"lr": {"values": [0.3, 0.1, 0.2]}}
    return sweep_sdk.sweep({"method": "grid", "metric": {"name": "loss"}, "parameters": parameters})


class TestARunThatWasAskedFor:
    def test_rows_of_several_processes_are_all_kept(self, sweep_id):
        run, *ended = play(
            """
            run = sweep_sdk.ask(sys.argv[1])
            run.log({"loss": 100})
            children = [
                fork(lambda n=n: [run.log({"loss": 10 * n + k}) for k in range(3)])
                for n in range(4)
            ]
            print(run.id, *codes(children))
            run.log({"loss": 200})
            run.tell()
            """,
            sweep_id,
        )
        assert ended == ["0"] * 4
        values = [row["loss"] for row in sweep_sdk.history(run)]
        assert sorted(values) == sorted(
            [100, 200, *(10 * n + k for n in range(4) for k in range(3))]
        )
        assert (values[0], values[-1]) == (100, 200)
        for n in range(4):
            assert [value for value in values if value // 10 == n] == [10 * n + k for k in range(3)]
        assert sweep_sdk.best(sweep_id)["best"] == 0

    def test_no_child_waits_for_a_lock_that_a_thread_of_its_parent_held(self, sweep_id):
        """The thread that keeps the lease is in the middle of a request."""
        assert play(
            """
            from sweep_sdk._backend.client import Client
            run, report = sweep_sdk.ask(sys.argv[1]), Client.report
            is_in_request, may_go_on = threading.Event(), threading.Event()

            def slow(client, *words, **named):
                if threading.current_thread().name == "beat":
                    is_in_request.set()
                    may_go_on.wait()
                return report(client, *words, **named)

            Client.report = slow
            beat = threading.Thread(target=run._beat, name="beat")
            beat.start()
            is_in_request.wait()
            child = fork(lambda: run.log({"loss": 1}))
            may_go_on.set()
            print(*codes([child]))
            beat.join()
            """,
            sweep_id,
        ) == ["0"]

    def test_a_child_may_report_the_result(self, sweep_id):
        play(
            """
            run = sweep_sdk.ask(sys.argv[1])
            run.log({"loss": 5})
            assert codes([fork(lambda: run.tell({"loss": 2}))]) == [0]
            """,
            sweep_id,
        )
        assert [row["loss"] for row in sweep_sdk.history(f"{sweep_id}-0")] == [5, 2]
        assert sweep_sdk.best(sweep_id)["best"] == 2

    def test_a_process_that_dies_in_the_middle_holds_up_nobody(self):
        assert play(
            """
            from sweep_sdk._sweeps.row_count import RowCount
            rows = RowCount()

            def die():
                with rows.turn(1):
                    os.kill(os.getpid(), signal.SIGKILL)

            dead = codes([fork(die)])
            with rows.turn(1) as number:
                print(*dead, number)
            """
        ) == ["-9", "1"]

    def test_without_a_place_for_a_shared_file_children_are_refused(self, sweep_id):
        run, *ended = play(
            """
            from sweep_sdk._world import disk
            disk.open_nameless = lambda: None
            run = sweep_sdk.ask(sys.argv[1])
            run.log({"loss": 1})
            print(run.id, *codes([fork(lambda: run.log({"loss": 2}))]))
            run.tell({"loss": 3})
            """,
            sweep_id,
        )
        assert ended == ["3"]
        assert [row["loss"] for row in sweep_sdk.history(run)] == [1, 3]


@pytest.mark.parametrize("has_memfd", [True, False])
def test_numbers_are_taken_in_turn(monkeypatch, has_memfd):
    if not has_memfd:
        monkeypatch.delattr(disk._os, "memfd_create", raising=False)
    rows = RowCount()
    taken = []
    for n_rows in (1, 0, 3, 1):
        with rows.turn(n_rows) as number:
            taken.append(number)
    assert taken == [0, 1, 1, 4]


def test_a_training_run_keeps_the_rows_of_all_its_processes(tmp_path):
    """Each logs lines of its own; what the parent had kept back for its next call stays its own."""
    path = tmp_path / "metrics.jsonl"
    play(
        """
        os.environ["SWEEP_METRICS_FILE"] = sys.argv[1]
        run = sweep_sdk.init()
        run.log({"kept": 1}, commit=False)
        children = [
            fork(lambda n=n: [run.log({"n": n, "k": k}) for k in range(50)]) for n in range(4)
        ]
        run.log({"parent": 1})
        assert codes(children) == [0] * 4
        """,
        str(path),
    )
    rows = [json.loads(line)["metrics"] for line in path.read_text().splitlines()]
    assert rows.count({"kept": 1, "parent": 1}) == 1
    assert sum("kept" in row for row in rows) == 1
    for n in range(4):
        assert [row["k"] for row in rows if row.get("n") == n] == list(range(50))


def test_a_signal_handler_may_log_while_a_row_is_being_written(tmp_path):
    path = tmp_path / "metrics.jsonl"
    play(
        """
        os.environ["SWEEP_METRICS_FILE"] = sys.argv[1]
        from sweep_sdk._world import disk
        run, write, n_writes = sweep_sdk.init(), disk.write, 0

        def interrupted(descriptor, data):
            global n_writes
            n_writes += 1
            if n_writes == 2:
                os.kill(os.getpid(), signal.SIGUSR1)
            return write(descriptor, data)

        signal.alarm(20)
        signal.signal(signal.SIGUSR1, lambda *_: run.log({"handler": 1}))
        disk.write = interrupted
        for k in range(3):
            run.log({"k": k})
        """,
        str(path),
    )
    lines = path.read_text().splitlines()
    assert len(lines) == 4
    assert sum("handler" in line for line in lines) == 1
