"""What a bayes ask costs end to end, beside a random one and the model alone.

    python benchmarks/ask_cost.py [--runs 100] [--asks 30]

A sweep of eight parameters with ``--runs`` finished runs, asked through the gateway over a local
database: CPU of an ask by a process that knows the sweep (warm) and by one that does not (cold:
its caches are emptied first), of the same sweep by ``random``, and of the model alone on the same
results. Needs nothing but the product.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from sweep_service.bootstrap import local_services
from sweep_service.gateway import handle
from sweep_service.model.language.sweep_config import parse_object
from sweep_service.operations.services import Services
from sweep_service.search import registry
from sweep_service.search.suggestion import Evidence

PARAMETERS: dict[str, dict[str, Any]] = {
    **{f"x{i}": {"min": 0.0, "max": 1.0} for i in range(3)},
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1.0},
    "n": {"min": 1, "max": 64},
    "m": {"min": 1, "max": 8},
    "kind": {"values": ["a", "b", "c"]},
    "flag": {"values": [False, True]},
}


class Asker:
    """One sweep, asked and reported through the gateway."""

    def __init__(self, services: Services, method: str) -> None:
        self._services = services
        self.document = {"method": method, "metric": {"name": "loss"}, "parameters": PARAMETERS}
        self._config = parse_object(self.document).config
        self.sweep = str(self._call("/v1/sweeps", {"config": self.document})["id"])
        self._n_asked = 0

    def ask(self) -> dict[str, Any]:
        self._n_asked += 1
        path = f"/v1/sweeps/{self.sweep}/runs"
        return self._call(path, {"agent": "agent", "host": "host"}, f"ask-{self._n_asked:06}")

    def finish(self, run: dict[str, Any]) -> None:
        loss = float(sum((run["config"][f"x{i}"] - 0.4) ** 2 for i in range(3)))
        result = {"attempt": run["attempt"], "state": "finished", "summary": {"loss": loss}}
        self._call(f"/v1/sweeps/{self.sweep}/runs/{run['id']}/finish", result)

    def model_seconds(self) -> float:
        """CPU seconds of the suggestion that an ask at this moment needs, and of nothing else."""
        observations = self._services.store.list_observations(self.sweep, 0.0)
        start = time.process_time()
        registry.suggest(self._config, self._n_asked, 1, Evidence(observations))
        return time.process_time() - start

    def forget(self) -> None:
        self._services.forget(self.sweep)

    def _call(self, path: str, body: object, key: str = "") -> dict[str, Any]:
        headers = {"idempotency-key": key} if key else {}
        answer = handle(self._services, "POST", path, {}, headers, json.dumps(body).encode())
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {answer.body!r}")
        return dict(json.loads(answer.body))


def cpu_of_asks(asker: Asker, n_asks: int, is_cold: bool) -> tuple[float, float]:
    """Median CPU seconds of an ask, and of the model alone on the same results."""
    asks, models = [], []
    for _ in range(n_asks):
        if is_cold:
            asker.forget()
        models.append(asker.model_seconds())
        start = time.process_time()
        run = asker.ask()
        asks.append(time.process_time() - start)
        asker.finish(run)
    return statistics.median(asks), statistics.median(models)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--asks", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        services = local_services(Path(folder) / "sweeps.db")
        askers = {method: Asker(services, method) for method in ("random", "bayes")}
        for asker in askers.values():
            for _ in range(arguments.runs):
                asker.finish(asker.ask())
        for is_cold in (False, True):
            (random, _), (bayes, model) = (
                cpu_of_asks(asker, arguments.asks, is_cold) for asker in askers.values()
            )
            print(
                f"{'cold' if is_cold else 'warm'}: random {random * 1000:.2f} ms, bayes"
                f" {bayes * 1000:.2f} ms, of which the model {model * 1000:.2f};"
                f" the rest is {(bayes - model) / random:.1f} times random"
            )


if __name__ == "__main__":
    main()
