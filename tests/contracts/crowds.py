"""Many concurrent workers on one store: threads of one process, or processes."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

from store_kinds import open_store

from sweep_service.storage.store import Store

N_THREADS, N_PROCESSES = 8, 4
_PATIENCE_SECONDS = 120

Job = Callable[[Store, int], Any]
Crowd = Callable[[Job], list[Any]]

_start: Any = None  # a worker process's barrier


@contextmanager
def crowd_of_threads(store: Store) -> Iterator[Crowd]:
    """Runs a job in 8 threads that share one store."""
    start = threading.Barrier(N_THREADS, timeout=_PATIENCE_SECONDS)

    def work(job: Job, worker: int) -> Any:
        start.wait()
        return job(store, worker)

    with ThreadPoolExecutor(N_THREADS) as pool:
        yield lambda job: _run(pool, partial(work, job), N_THREADS)


@contextmanager
def process_pool() -> Iterator[Executor]:
    """4 processes that meet before each job, so that each does one and all do it at once."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(N_PROCESSES, timeout=_PATIENCE_SECONDS)
    with ProcessPoolExecutor(N_PROCESSES, context, _set_start, (barrier,)) as pool:
        yield pool


def crowd_of_processes(pool: Executor, kind: str, address: str) -> Crowd:
    """Runs a job, a function of a module, in 4 processes that each open the store."""
    return lambda job: _run(pool, partial(_work_in_process, kind, address, job), N_PROCESSES)


def _run(pool: Executor, work: Callable[[int], Any], n_workers: int) -> list[Any]:
    return list(pool.map(work, range(n_workers), timeout=_PATIENCE_SECONDS))


def _set_start(barrier: Any) -> None:
    global _start  # noqa: PLW0603 - the one way from a pool's initializer to its jobs
    _start = barrier


def _work_in_process(kind: str, address: str, job: Job, worker: int) -> Any:
    with open_store(kind, address) as store:
        _start.wait()
        return job(store, worker)
