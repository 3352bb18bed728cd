"""Simulated ``threads``: the same classes as the standard library's, on the kernel."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from queue import Empty
from types import SimpleNamespace
from typing import Any

from simulation.kernel import Kernel
from simulation.kernel import Thread as Running


def thread_classes(kernel: Kernel) -> dict[str, Any]:
    """What replaces ``sweep_sdk._world.threads``, by name."""

    class Lock:
        def __init__(self) -> None:
            self._holder: Running | None = None
            self._waiting: list[Running] = []

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            kernel.step("lock")
            while self._holder is not None:
                if not blocking or not kernel.wait(self._waiting, None if timeout < 0 else timeout):
                    return False
            self._holder = kernel.current()
            return True

        def release(self) -> None:
            assert self._holder is not None, "release of a lock that nobody holds"
            self._holder = None
            kernel.wake(self._waiting, 1)

        def locked(self) -> bool:
            return self._holder is not None

        def __enter__(self) -> bool:
            return self.acquire()

        def __exit__(self, *_: object) -> None:
            if self._holder is not None:  # a thread that is being killed may not have it
                self.release()

    class RLock(Lock):
        def __init__(self) -> None:
            super().__init__()
            self._depth = 0

        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            if self._holder is kernel.current() or super().acquire(blocking, timeout):
                self._depth += 1
                return True
            return False

        def release(self) -> None:
            self._depth -= 1
            if not self._depth:
                super().release()

        def __exit__(self, *_: object) -> None:
            if self._holder is kernel.current():
                self.release()

    class Condition:
        def __init__(self) -> None:
            self._lock = Lock()
            self._waiting: list[Running] = []

        def __enter__(self) -> bool:
            return self._lock.acquire()

        def __exit__(self, *_: object) -> None:
            self._lock.__exit__()

        def wait(self, timeout: float | None = None) -> bool:
            self._lock.release()
            try:
                return kernel.wait(self._waiting, timeout)
            finally:
                self._lock.acquire()

        def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
            until = None if timeout is None else kernel.now + timeout / kernel.machine().rate
            while not (result := predicate()):
                left = None if until is None else (until - kernel.now) * kernel.machine().rate
                if left is not None and left <= 0:
                    break
                self.wait(left)
            return result

        def notify(self, n: int = 1) -> None:
            kernel.wake(self._waiting, n)

        def notify_all(self) -> None:
            kernel.wake(self._waiting)

    class Event:
        def __init__(self) -> None:
            self._is_set = False
            self._waiting: list[Running] = []

        def is_set(self) -> bool:
            kernel.step("is_set")
            return self._is_set

        def set(self) -> None:
            kernel.step("set")
            self._is_set = True
            kernel.wake(self._waiting)

        def clear(self) -> None:
            self._is_set = False

        def wait(self, timeout: float | None = None) -> bool:
            kernel.step("wait")
            if not self._is_set:
                kernel.wait(self._waiting, timeout)
            return self._is_set

    class SimpleQueue:
        def __init__(self) -> None:
            self._items: deque[Any] = deque()
            self._waiting: list[Running] = []

        def __class_getitem__(cls, _: object) -> type[SimpleQueue]:
            return cls

        def put(self, item: Any) -> None:
            self._items.append(item)
            kernel.wake(self._waiting, 1)
            kernel.step("put")

        def get(self, block: bool = True, timeout: float | None = None) -> Any:
            kernel.step("get")
            until = None if timeout is None else kernel.now + timeout / kernel.machine().rate
            while not self._items:
                left = None if until is None else (until - kernel.now) * kernel.machine().rate
                if not block or (left is not None and left <= 0):
                    raise Empty
                kernel.wait(self._waiting, left)
            return self._items.popleft()

        def get_nowait(self) -> Any:
            return self.get(block=False)

        def empty(self) -> bool:
            return not self._items

        def qsize(self) -> int:
            return len(self._items)

    class Thread:
        def __init__(
            self,
            target: Callable[..., object] | None = None,
            name: str = "thread",
            args: Iterable[Any] = (),
            kwargs: dict[str, Any] | None = None,
            daemon: bool | None = None,
        ) -> None:
            self.name, self.daemon = name, daemon
            self._target, self._args, self._kwargs = target, tuple(args), kwargs or {}
            self._running: Running | None = None

        def run(self) -> None:
            if self._target is not None:
                self._target(*self._args, **self._kwargs)

        def start(self) -> None:
            self._running = kernel.start_thread(kernel.process(), self.name, self.run)
            kernel.step("start")

        def join(self, timeout: float | None = None) -> None:
            kernel.step("join")
            if self._running is not None and not self._running.is_over:
                kernel.wait(self._running.joining, timeout)

        def is_alive(self) -> bool:
            return self._running is not None and not self._running.is_over

    class Timer(Thread):
        def __init__(
            self,
            interval: float,
            function: Callable[..., object],
            args: Iterable[Any] = (),
            kwargs: dict[str, Any] | None = None,
        ) -> None:
            super().__init__(function, "timer", args, kwargs)
            self._interval = interval
            self._canceled = Event()

        def cancel(self) -> None:
            self._canceled.set()

        def run(self) -> None:
            if not self._canceled.wait(self._interval):
                super().run()

    main = object()
    threading = SimpleNamespace(
        main_thread=lambda: main,
        current_thread=lambda: main if kernel.current() is kernel.process().main else object(),
    )
    classes = (Condition, Event, Lock, RLock, SimpleQueue, Thread, Timer)
    return {one.__name__: one for one in classes} | {"_threading": threading, "_NAP_SECONDS": 1e9}
