from __future__ import annotations

import signal
import threading

import pytest

from sweep_sdk._agent.process.child import Exit
from sweep_sdk._agent.process.supervisor import Interrupt, ProgramEnd, Stop, Supervisor, Warn

INT, TERM, KILL, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP
USR1 = signal.SIGUSR1


class Process:
    """Ends when it is asked to, or at once by signals that it does not survive."""

    def __init__(self, deadly=()):
        self.signals = []
        self.deadly = deadly
        self._exit = None
        self._ended = threading.Event()

    def signal(self, number):
        self.signals.append(number)
        if number in self.deadly:
            self.end(Exit(None, int(number)))

    def end(self, found):
        self._exit = found
        self._ended.set()

    def wait(self):
        assert self._ended.wait(10)
        return self._exit


@pytest.fixture
def process():
    return Process()


@pytest.fixture
def make(clock):
    def make(process, run_timeout_seconds=None):
        return Supervisor(
            process,
            term_timeout_seconds=20.0,
            run_timeout_seconds=run_timeout_seconds,
            clock=clock,
        )

    return make


def test_a_program_that_ends_by_itself(make, process):
    process.end(Exit(0, None))
    assert make(process).supervise() == ProgramEnd(Exit(0, None), None)


def test_a_stop_is_sigterm(make):
    process = Process(deadly=[TERM])
    supervisor = make(process)
    supervisor.inbox.put(Stop("early_terminate"))
    supervisor.inbox.put(Stop("stop_run"))
    assert supervisor.supervise() == ProgramEnd(Exit(None, TERM), "early_terminate")
    assert process.signals == [TERM]


@pytest.mark.parametrize("reason", ["stop_run", "early_terminate", "canceled", "lease_lost"])
def test_sigkill_after_the_time_that_a_program_has(make, process, clock, reason):
    supervisor = make(process)
    supervisor.handle(Stop(reason))
    clock.advance(19.9)
    supervisor.check_time()
    assert process.signals == [TERM]
    clock.advance(0.2)
    supervisor.check_time()
    supervisor.check_time()
    assert process.signals == [TERM, KILL]


def test_the_run_timeout(make, process, clock):
    supervisor = make(process, run_timeout_seconds=60.0)
    clock.advance(59)
    supervisor.check_time()
    assert process.signals == []
    clock.advance(1)
    supervisor.check_time()
    assert process.signals == [TERM]
    clock.advance(20)
    supervisor.check_time()
    assert process.signals == [TERM, KILL]
    process.end(Exit(None, KILL))
    assert supervisor.supervise().cause == "run_timeout"


def test_the_timeout_is_kept_by_the_clock_alone():
    """With a real clock, since waiting is what is tested."""
    process = Process(deadly=[TERM])
    supervisor = Supervisor(process, term_timeout_seconds=5.0, run_timeout_seconds=0.01)
    assert supervisor.supervise() == ProgramEnd(Exit(None, TERM), "run_timeout")


class TestSignalsToTheAgent:
    def test_ctrl_c_is_passed_on_and_leaves_time(self, make, process, clock):
        supervisor = make(process)
        supervisor.handle(Interrupt(INT, 1))
        clock.advance(10_000)
        supervisor.check_time()
        assert process.signals == [INT]

    @pytest.mark.parametrize("number", [TERM, HUP, INT])
    def test_a_signal_is_passed_on_with_a_bound(self, make, process, clock, number):
        supervisor = make(process)
        supervisor.handle(Interrupt(number, 1, grace_seconds=20.0))
        clock.advance(19.9)
        supervisor.check_time()
        assert process.signals == [number]
        clock.advance(0.2)
        supervisor.check_time()
        assert process.signals == [number, KILL]

    def test_the_second_ends_it_and_the_third_kills(self, make, process):
        supervisor = make(process)
        for nth in (1, 2, 3):
            supervisor.handle(Interrupt(INT, nth))
        assert process.signals == [INT, TERM, KILL]

    def test_the_second_kills_after_the_grace(self, make, process, clock):
        supervisor = make(process)
        supervisor.handle(Interrupt(INT, 1))
        supervisor.handle(Interrupt(INT, 2))
        clock.advance(20)
        supervisor.check_time()
        assert process.signals == [INT, TERM, KILL]

    def test_insisting_gives_no_more_time(self, make, process, clock):
        supervisor = make(process)
        supervisor.handle(Interrupt(TERM, 1, grace_seconds=20.0))
        clock.advance(15)
        supervisor.handle(Interrupt(TERM, 2, grace_seconds=20.0))
        clock.advance(5)
        supervisor.check_time()
        assert process.signals == [TERM, TERM, KILL]

    @pytest.mark.parametrize(("grace_seconds", "killed_after"), [(5.0, 5.0), (60.0, 10.0)])
    def test_the_shorter_of_two_graces_counts(
        self, make, process, clock, grace_seconds, killed_after
    ):
        supervisor = make(process)
        supervisor.handle(Stop("stop_run"))
        clock.advance(10)
        supervisor.handle(Interrupt(TERM, 1, grace_seconds=grace_seconds))
        clock.advance(killed_after - 0.1)
        supervisor.check_time()
        assert process.signals == [TERM, TERM]
        clock.advance(0.2)
        supervisor.check_time()
        assert process.signals == [TERM, TERM, KILL]

    def test_each_counts_once(self, make, process):
        supervisor = make(process)
        supervisor.handle(Interrupt(INT, 1))
        supervisor.handle(Interrupt(INT, 1))
        assert process.signals == [INT]

    def test_without_forwarding_the_first_leaves_it_alone(self, make, process):
        supervisor = make(process)
        supervisor.inbox.put(Interrupt(TERM, 1, is_forwarded=False))
        process.end(Exit(0, None))
        assert supervisor.supervise() == ProgramEnd(Exit(0, None), None)
        assert process.signals == []

    def test_without_forwarding_the_second_ends_it(self, make, process):
        supervisor = make(process)
        supervisor.handle(Interrupt(TERM, 1, is_forwarded=False))
        supervisor.handle(Interrupt(TERM, 2, is_forwarded=False))
        assert process.signals == [TERM]

    def test_the_cause_is_interrupted(self, make):
        process = Process(deadly=[INT])
        supervisor = make(process)
        supervisor.inbox.put(Interrupt(INT, 1))
        assert supervisor.supervise() == ProgramEnd(Exit(None, INT), "interrupted")

    def test_a_stop_takes_precedence_over_a_later_interrupt(self, make):
        process = Process(deadly=[INT])
        supervisor = make(process)
        supervisor.inbox.put(Stop("canceled"))
        supervisor.inbox.put(Interrupt(INT, 1))
        assert supervisor.supervise().cause == "canceled"


class TestWarnings:
    """A batch system announces the end of its time; the program decides what it does."""

    @pytest.mark.parametrize("found", [Exit(75, None), Exit(None, USR1)])
    def test_a_program_that_makes_room_was_interrupted(self, make, process, found):
        supervisor = make(process)
        supervisor.handle(Warn(USR1))
        process.end(found)
        assert supervisor.supervise() == ProgramEnd(found, "interrupted", USR1)
        assert process.signals == [USR1]

    def test_one_that_goes_on_and_succeeds_was_not(self, make, process):
        supervisor = make(process)
        supervisor.handle(Warn(USR1))
        process.end(Exit(0, None))
        assert supervisor.supervise() == ProgramEnd(Exit(0, None), None, USR1)

    def test_one_that_fails_much_later_has_failed(self, make, process, clock):
        supervisor = make(process)
        supervisor.handle(Warn(USR1))
        clock.advance(601)
        process.end(Exit(1, None))
        assert supervisor.supervise() == ProgramEnd(Exit(1, None), None)

    def test_it_may_arrive_after_the_end(self, make, process):
        supervisor = make(process)
        process.end(Exit(None, USR1))
        supervisor.inbox.put(Exit(None, USR1))
        supervisor.inbox.put(Warn(USR1))
        assert supervisor.supervise() == ProgramEnd(Exit(None, USR1), "interrupted", USR1)

    def test_an_ending_signal_takes_precedence(self, make, process):
        supervisor = make(process)
        supervisor.handle(Warn(USR1))
        supervisor.handle(Interrupt(TERM, 1))
        process.end(Exit(1, None))
        assert supervisor.supervise() == ProgramEnd(Exit(1, None), "interrupted")


class TestTwinSignals:
    """A batch system signals the program and its agent at once; either may be first."""

    def test_the_agents_comes_a_moment_later(self, make, process):
        supervisor = make(process)
        process.end(Exit(None, TERM))
        supervisor.inbox.put(Exit(None, TERM))
        supervisor.inbox.put(Interrupt(TERM, 1))
        assert supervisor.supervise().cause == "interrupted"

    @pytest.mark.parametrize("found", [Exit(None, TERM), Exit(143, None)])
    def test_a_signal_to_the_program_alone_is_its_own_affair(self, make, process, found):
        process.end(found)
        assert make(process).supervise() == ProgramEnd(found, None)

    def test_other_signals_are_not_waited_for(self, make, process):
        supervisor = make(process)
        supervisor.inbox.put(Exit(None, KILL))
        supervisor.inbox.put(Interrupt(TERM, 1))
        process.end(Exit(None, KILL))
        assert supervisor.supervise().cause is None
