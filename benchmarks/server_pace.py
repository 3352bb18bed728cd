"""Hand-out through ``sweep-sdk local``: this source tree beside another one, in turns.

    git worktree add /tmp/other COMMIT
    python benchmarks/server_pace.py /tmp/other [--rounds 6] [--seconds 4] [--processes 8]

Both run in this environment, so it has to have what both import. The order changes from round to
round, since what else runs on a machine slows down whichever is measured meanwhile. On a busy one,
the CPU time of a pair of ask and finish says more than the pairs a second. That of the clients
includes their start: compare it in long rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from handout import drive, local_server, rate

HERE = Path(__file__).resolve().parents[1]
#: Registers a grid that nobody exhausts.
CREATE = """
from sweep_sdk._backend.client import open_client
axis = {"min": 0, "max": 9999}
with open_client() as client:
    config = {"method": "grid", "run_cap": 10**8, "parameters": {"a": axis, "b": axis}}
    print(client.create_sweep(config)["id"])
"""


class Pace(NamedTuple):
    """Of one round: pairs a second, CPU milliseconds of a pair in the server and in the clients."""

    rate: float
    server_ms: float
    clients_ms: float


def cpu_ms(process: int, *, children: bool = False) -> float:
    """The CPU time of a process, or of its children that have ended."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    ticks = sum(int(field) for field in (fields[13:15] if children else fields[11:13]))
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


def measure(tree: Path, n_processes: int, seconds: float) -> Pace:
    """One round with the code of ``tree``."""
    with tempfile.TemporaryDirectory() as folder:
        env = {
            **os.environ,
            "PYTHONPATH": f"{tree / 'sdk'}:{tree / 'functions'}",
            "SWEEP_HOME": folder,
            "XDG_CONFIG_HOME": f"{folder}/config",
            "SWEEP_TOKEN": "of-the-benchmark-" * 2,
        }
        env.pop("SWEEP_URL", None)
        with local_server(env) as (process, clients):
            made = subprocess.run(
                [sys.executable, "-c", CREATE],
                env=clients,
                capture_output=True,
                text=True,
                check=True,
            )
            worker = [sys.executable, str(tree / "benchmarks" / "handout_worker.py")]
            options = [made.stdout.strip(), "--seconds", str(seconds)]
            server_before = cpu_ms(process)
            clients_before = cpu_ms(os.getpid(), children=True)
            results = drive([[*worker, *options]] * n_processes, clients)
            indices = [index for result in results for index in result["indices"]]
            if len(indices) != len(set(indices)):
                raise SystemExit(f"{tree} handed out an index twice")
            return Pace(
                rate(results),
                (cpu_ms(process) - server_before) / len(indices),
                (cpu_ms(os.getpid(), children=True) - clients_before) / len(indices),
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--processes", type=int, default=8)
    args = parser.parse_args()
    trees = {"other": args.other.resolve(), "this": HERE}
    paces: dict[str, list[Pace]] = {name: [] for name in trees}
    for number in range(args.rounds):
        for name in sorted(trees, reverse=number % 2 == 1):
            paces[name].append(measure(trees[name], args.processes, args.seconds))
            print(
                name, "{:.0f} pairs/s, server {:.2f} ms, clients {:.2f} ms".format(*paces[name][-1])
            )
    print(f"\n{'median':14}{'other':>9}{'this':>9}{'ratio':>9}")
    for at, title in enumerate(("pairs/s", "server ms", "clients ms")):
        other, this = (statistics.median(pace[at] for pace in paces[name]) for name in trees)
        print(f"{title:14}{other:9.2f}{this:9.2f}{this / other:9.2f}")


if __name__ == "__main__":
    main()
