"""The agent's overhead per run: from one program's exit to the next one's first statement.

    python benchmarks/agent_overhead.py [--runs 100]

A real agent works off a grid: with the backend in its own process, and through ``sweep-sdk local``.
Each program notes the time of its first statement and of its last; the clock is the same for all
processes of a machine. In between lie the end of a process, the delivery of its row and of its end,
the ask, and the start of an interpreter, which is also measured alone. The bar is 100 ms and one
request (an ask, measured after the runs); the exit code is 1 where a median is above it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

from handout import local_server
from sweep_sdk._backend.client import Client, new_key, open_client
from sweep_sdk._settings import load_settings

MOST_SECONDS = 0.1
INTERPRETER = [sys.executable, "-S"]  # without site-packages: the least that a program can cost
PROGRAM = """
import time
began_at = time.monotonic()
import os
with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
    file.write('{"loss": 1.0}\\n')
with open("times", "a") as file:
    file.write(f"{began_at} {time.monotonic()}\\n")
os._exit(0)
"""


def main() -> int:
    """Print the figures; 1 where one is over the bar."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=100)
    n_runs = parser.parse_args().runs
    bare = median(start_up_seconds() for _ in range(n_runs))
    print(f"start of a bare interpreter: {bare * 1000:.1f} ms (median)\n")
    print(f"{'ms':<12}{'median':>8}{'p90':>8}{'request':>9}{'median less it':>16}{'/ start':>9}")
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "SWEEP_HOME": folder}
        environ.pop("SWEEP_URL", None)
        is_within = show("in-process", environ, n_runs, bare)
        with local_server(environ) as (_, http_environ):
            is_within &= show("HTTP", http_environ, n_runs, bare)
    return 0 if is_within else 1


def show(name: str, environ: dict[str, str], n_runs: int, bare: float) -> bool:
    """Measure one kind of backend and print it; whether it is within the bar."""
    with open_client(load_settings(environ)) as client, tempfile.TemporaryDirectory() as folder:
        gaps = gaps_of_an_agent(client, environ, Path(folder), n_runs)
        request = median(ask_seconds(client, n_runs))
    overhead = median(gaps) - request
    p90 = quantiles(gaps, n=10)[-1]
    print(
        f"{name:<12}{median(gaps) * 1000:8.1f}{p90 * 1000:8.1f}{request * 1000:9.1f}"
        f"{overhead * 1000:16.1f}{median(gaps) / bare:9.1f}",
        flush=True,
    )
    return overhead <= MOST_SECONDS


def gaps_of_an_agent(
    client: Client, environ: dict[str, str], folder: Path, n_runs: int
) -> list[float]:
    """Seconds from each program's last statement to the next one's first, shape (n_runs,)."""
    (folder / "train.py").write_text(PROGRAM)
    sweep = register(client, n_runs + 1)
    agent = [sys.executable, "-m", "sweep_sdk.cli", "agent", sweep]
    subprocess.run(agent, env=environ, cwd=folder, stdout=subprocess.DEVNULL, check=True)
    lines = (folder / "times").read_text().splitlines()
    times = [[float(word) for word in line.split()] for line in lines]
    return [following[0] - earlier[1] for earlier, following in pairwise(times)]


def ask_seconds(client: Client, n_asks: int) -> list[float]:
    """What it takes to be handed a run of a fresh grid, shape (n_asks,)."""
    sweep = register(client, n_asks)
    taken = []
    for _ in range(n_asks):
        began_at = time.monotonic()
        client.ask(sweep, new_key(), "benchmark")
        taken.append(time.monotonic() - began_at)
    return taken


def register(client: Client, n_points: int) -> str:
    """The id of a new grid with this many points."""
    config = {
        "method": "grid",
        "program": "train.py",
        "command": [*INTERPRETER, "${program}", "${args}"],
        "metric": {"name": "loss"},
        "parameters": {"n": {"min": 1, "max": n_points}},
    }
    return str(client.create_sweep(config)["id"])


def start_up_seconds() -> float:
    """From the start of an interpreter to its first statement."""
    command = [*INTERPRETER, "-c", "import time; print(time.monotonic())"]
    began_at = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout) - began_at


if __name__ == "__main__":
    sys.exit(main())
