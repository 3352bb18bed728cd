"""Threads and their synchronisation."""

from __future__ import annotations

import threading as _threading
from queue import Empty, SimpleQueue
from threading import Condition, Event, Lock, RLock, Thread, Timer
from typing import TypeVar

from sweep_sdk._world import clock

__all__ = [
    "Condition",
    "Event",
    "Lock",
    "RLock",
    "SimpleQueue",
    "Thread",
    "Timer",
    "in_main_thread",
    "take",
    "take_between_signals",
]

Item = TypeVar("Item")
_NAP_SECONDS = 0.25


def in_main_thread() -> bool:
    """Whether this is the main thread, which can handle signals."""
    return _threading.current_thread() is _threading.main_thread()


def take(queue: SimpleQueue[Item], timeout_seconds: float | None = None) -> Item | None:
    """The next item of a queue; None if there is none within the timeout."""
    try:
        return queue.get(timeout=timeout_seconds)
    except Empty:
        return None


def take_between_signals(
    queue: SimpleQueue[Item], timeout_seconds: float | None = None
) -> Item | None:
    """As ``take``, for the main thread, whose signal handlers add items to the queue.

    It only sleeps for short intervals: a signal that arrives just before a thread falls asleep does
    not wake it, and Python runs the handler only when the thread wakes up.
    """
    until = None if timeout_seconds is None else clock.monotonic() + timeout_seconds
    while True:
        left = _NAP_SECONDS if until is None else min(until - clock.monotonic(), _NAP_SECONDS)
        item = take(queue, max(left, 0.0))
        if item is not None or left <= 0:
            return item
