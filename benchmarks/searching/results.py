"""Simulated sweeps, computed where they are missing, kept as JSON lines."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from searching.environments import BENCHMARKS, one_thread, python_of

SOURCE = BENCHMARKS.parent.parent / "functions" / "sweep_service"


@dataclass(frozen=True)
class Job:
    """One sweep to simulate."""

    optimiser: str
    problem: str
    seed: int
    n_runs: int
    n_agents: int


Results = dict[Job, dict[str, Any]]


def results_of(jobs: Iterable[Job], cache: Path, tables: Path, n_processes: int) -> Results:
    """The result of each job: ``regrets`` after each run, ``cpu_seconds`` of the optimiser.

    Peers never change, so theirs are kept for good; the product's are kept per version of its
    source.
    """
    wanted = list(dict.fromkeys(jobs))
    known = {job: result for job, result in _read(cache).items() if job in set(wanted)}
    for optimiser in dict.fromkeys(job.optimiser for job in wanted):
        missing = [job for job in wanted if job.optimiser == optimiser and job not in known]
        if missing:
            print(f"{optimiser}: {len(missing)} sweeps", flush=True)
            known |= _simulate(optimiser, missing, cache, tables, n_processes)
    return known


def _simulate(
    optimiser: str, jobs: list[Job], cache: Path, tables: Path, n_processes: int
) -> Results:
    python = python_of(optimiser, cache)
    file = _file(optimiser, cache)
    file.parent.mkdir(parents=True, exist_ok=True)
    queue = deque(jobs)
    found: Results = {}

    def serve() -> None:
        command = [python, "-m", "searching.simulate", str(tables)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one_thread()
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            while queue:
                job = queue.popleft()
                process.stdin.write(json.dumps(asdict(job)) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError(f"the process of {optimiser} ended at {job}")
                with file.open("a") as log:
                    log.write(line)
                found[job] = json.loads(line)
            process.stdin.close()

    with ThreadPoolExecutor(n_processes) as pool:
        for future in [pool.submit(serve) for _ in range(min(n_processes, len(jobs)))]:
            future.result()
    return found


def _read(cache: Path) -> Results:
    found: Results = {}
    for file in (cache / "results").glob("*.jsonl"):
        if not file.name.startswith("sweep_sdk-") or file == _file("sweep_sdk", cache):
            found |= {_job_of(entry): entry for entry in _entries(file)}
    return found


def _entries(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text().splitlines():
        yield json.loads(line)


def _job_of(entry: dict[str, Any]) -> Job:
    return Job(**{name: entry[name] for name in Job.__dataclass_fields__})


def _file(optimiser: str, cache: Path) -> Path:
    version = f"-{_source_digest()}" if optimiser == "sweep_sdk" else ""
    return cache / "results" / f"{optimiser}{version}.jsonl"


def _source_digest() -> str:
    files = sorted((SOURCE / "search").rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
