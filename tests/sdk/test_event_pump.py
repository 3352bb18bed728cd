from __future__ import annotations

import threading

import pytest

from sweep_sdk._agent.view import event_pump as _event_pump
from sweep_sdk._agent.view.event_pump import EventPump
from sweep_sdk._agent.view.events import Notice, Output, Quiet


@pytest.fixture
def gate():
    """A watcher that is stuck until the gate is opened."""
    return threading.Event()


@pytest.fixture
def seen():
    return []


@pytest.fixture
def stuck(gate, seen):
    def watch(event):
        assert gate.wait(10)
        seen.append(event)

    return watch


def output(size):
    return Output("r-0", b"x" * size, is_stderr=False)


def test_events_arrive_in_order_from_one_thread(seen):
    names = set()

    def watch(event):
        names.add(threading.current_thread().name)
        seen.append(event.message)

    with EventPump(watch) as pump:
        for number in range(100):
            pump.emit(Notice(str(number)))
    assert seen == [str(number) for number in range(100)]
    assert names == {"events"}


def test_a_stuck_watcher_loses_output_but_no_other_event(stuck, gate, seen, monkeypatch):
    monkeypatch.setattr(_event_pump, "_PATIENCE_SECONDS", 0.01)
    with EventPump(stuck) as pump:
        for _ in range(12):
            pump.emit(output(1_000_000))
        pump.emit(Notice("the end"))
        gate.set()
    assert 4 <= sum(isinstance(event, Output) for event in seen) <= 6
    assert seen[-1] == Notice("the end")


def test_output_waits_for_a_watcher_that_is_slow(stuck, gate, seen):
    with EventPump(stuck) as pump:
        for _ in range(5):
            pump.emit(output(1_000_000))
        waiting = threading.Thread(target=pump.emit, args=(output(1),))
        waiting.start()
        gate.set()
        waiting.join()
    assert sum(len(event.data) for event in seen) == 5_000_001


def test_once_it_moves_again_output_is_shown_again(stuck, gate, seen, monkeypatch):
    monkeypatch.setattr(_event_pump, "_PATIENCE_SECONDS", 0.01)
    with EventPump(stuck) as pump:
        for _ in range(6):
            pump.emit(output(1_000_000))
        gate.set()
        with pump._changed:
            assert pump._changed.wait_for(lambda: pump._n_output_bytes == 0, 10)
        pump.emit(output(1))
    assert len(seen[-1].data) == 1


def test_the_end_does_not_wait_for_ever(stuck, gate, monkeypatch):
    monkeypatch.setattr(_event_pump, "_CLOSE_SECONDS", 0.01)
    with EventPump(stuck) as pump:
        pump.emit(Notice("one"))
    gate.set()


@pytest.mark.parametrize(
    "error", [ValueError("I/O operation on closed file"), OSError(), BrokenPipeError()]
)
def test_a_watcher_that_cannot_write_is_called_again(seen, error):
    def watch(event):
        seen.append(event)
        raise error

    with EventPump(watch) as pump:
        pump.emit(Notice("one"))
        pump.emit(Notice("two"))
    assert [event.message for event in seen] == ["one", "two"]


def test_after_output_the_watcher_hears_that_all_is_quiet(seen, monkeypatch):
    monkeypatch.setattr(_event_pump, "_QUIET_SECONDS", 0.001)
    was_quiet = threading.Event()

    def watch(event):
        seen.append(event)
        if isinstance(event, Quiet):
            was_quiet.set()

    with EventPump(watch) as pump:
        pump.emit(Notice("one"))
        pump.emit(output(1))
        assert was_quiet.wait(10)
    assert seen[:3] == [Notice("one"), output(1), Quiet()]
