from __future__ import annotations

import platform
import signal
import subprocess
import sys

import pytest

from sweep_sdk._agent.process.signals import ENDING, PASSED_ON, InterruptCount, handled

INT, TERM, USR1 = signal.SIGINT, signal.SIGTERM, signal.SIGUSR1
HUP, QUIT = signal.SIGHUP, signal.SIGQUIT


def test_every_signal_that_would_end_a_process_is_handled():
    left = set(map(int, signal.valid_signals())) - ENDING - PASSED_ON
    names = {signal.Signals(number).name for number in left}
    faults = {"SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL"}
    if platform.machine() not in ("x86_64", "AMD64", "i686", "i386"):
        faults.add("SIGTRAP")
    harmless = {"SIGCHLD", "SIGCONT", "SIGWINCH", "SIGURG", "SIGPIPE"}
    stopping = {"SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGKILL", "SIGSTOP"}
    assert names <= faults | harmless | stopping
    assert ENDING.isdisjoint(PASSED_ON)
    for name in ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGXFSZ", "SIGIO"):
        assert getattr(signal, name) in PASSED_ON


def test_what_a_batch_system_repeats_counts_once(clock):
    interrupts = InterruptCount(clock)
    assert [interrupts.add(TERM) for _ in range(3)] == [True, False, False]
    clock.advance(1.9)
    assert not interrupts.add(TERM)  # it goes on repeating itself
    clock.advance(2.1)
    assert interrupts.add(TERM)
    assert (interrupts.first, interrupts.count) == (TERM, 2)


def test_a_person_may_insist_at_once(clock):
    interrupts = InterruptCount(clock)
    assert [interrupts.add(INT, is_typed=True) for _ in range(3)] == [True] * 3
    assert interrupts.count == 3


def test_ctrl_c_that_nobody_has_typed_does_not_insist(clock):
    interrupts = InterruptCount(clock)
    assert [interrupts.add(INT) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize(("first", "second"), [(INT, TERM), (TERM, INT), (HUP, TERM), (TERM, QUIT)])
def test_two_signals_within_a_moment_are_one_request(clock, first, second):
    interrupts = InterruptCount(clock)
    assert interrupts.add(first)
    clock.advance(1.9)
    assert not interrupts.add(second)
    clock.advance(2.1)
    assert interrupts.add(second)
    assert (interrupts.first, interrupts.count) == (first, 2)


def test_an_interpreter_that_aborts_ends_all_the_same():
    """Although the signal is handled."""
    code = (
        "import os\nfrom sweep_sdk._agent.process.signals import handled\n"
        "with handled(print):\n    os.abort()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGABRT


@pytest.mark.parametrize("number", sorted(ENDING | PASSED_ON)[:12])
def test_handlers_are_put_back(number):
    before = signal.getsignal(number)
    heard = []
    with handled(heard.append):
        signal.raise_signal(number)
    assert heard == [number] or before is signal.SIG_IGN
    assert signal.getsignal(number) is before
