"""What an update costs after many runs, and then the first ask of a function that knows nothing.

    python benchmarks/update_cost.py [N_RUNS ...]

The space is weighted (a range, categories with probabilities), so that every draw of the random
search works out an order of 600 combinations. Runs are claimed, not made: what is measured is what
the backend works out from their number.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from sweep_service.model.language.sweep_config import parse_object
from sweep_service.operations.ask import ask
from sweep_service.operations.services import Services
from sweep_service.operations.sweeps import NewSweep, create_sweep
from sweep_service.operations.update import update_config
from sweep_service.protocol.leases import Requester
from sweep_service.storage.sqlite.store import SqliteStore

_SIZES = (300, 1000, 4000)


def document(n_values: int, lease_seconds: int = 300) -> dict[str, Any]:
    """A sweep over ``n_values`` times 600 points."""
    weights = {"values": [1, 2, 3], "probabilities": [0.5, 0.3, 0.2]}
    steps = {"distribution": "q_uniform", "min": 0, "max": 199}
    parameters = {"a": {"values": list(range(n_values))}, "w": weights, "q": steps}
    return {
        "method": "random",
        "seed": 1,
        "lease_seconds": lease_seconds,
        "parameters": parameters,
    }


def cold_ask(store: SqliteStore, sweep: str) -> float:
    """Milliseconds."""
    services = Services(store, time.time, random.Random(1))
    begin = time.perf_counter()
    ask(services, sweep, Requester(f"key-{begin}", "agent", "host", ""))
    return 1000 * (time.perf_counter() - begin)


def update(store: SqliteStore, sweep: str, config: dict[str, Any]) -> float:
    """Milliseconds."""
    services = Services(store, time.time, random.Random(1))
    begin = time.perf_counter()
    update_config(services, sweep, parse_object(config))
    return 1000 * (time.perf_counter() - begin)


def main() -> None:
    """Print a line for each number of runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", metavar="N_RUNS", type=int, nargs="*", default=_SIZES)
    sizes = parser.parse_args().sizes
    print("runs   cold ask   update of the same space   cold ask   of another space   cold ask")
    for n_runs in sizes:
        with tempfile.TemporaryDirectory() as folder, SqliteStore(Path(folder) / "s.db") as store:
            services = Services(store, time.time, random.Random(1))
            new = NewSweep(parse_object(document(500)))
            sweep = str(create_sweep(services, new, is_dry_run=False).sweep)
            for _ in range(n_runs):
                store.claim_index(sweep)
            figures = [cold_ask(store, sweep)]
            figures += [update(store, sweep, document(500, 60)), cold_ask(store, sweep)]
            figures += [update(store, sweep, document(501)), cold_ask(store, sweep)]
            print(f"{n_runs:5,}" + "".join(f"{figure:12,.1f} ms" for figure in figures))


if __name__ == "__main__":
    main()
