"""Sends requests made by schemathesis from ``infra/openapi.yaml`` to a local server.

    make fuzz-requests EXAMPLES=60

Every operation gets requests that follow its schema and requests that violate it, most of them
about a sweep and a run that exist; those that were deleted are replaced. A 5xx fails.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer

DOCUMENT = Path(__file__).parents[2] / "infra" / "openapi.yaml"
TOKEN = "of-the-requests-that-are-made-up"
CONFIG = {
    "method": "random",
    "metric": {"name": "loss"},
    "parameters": {"a": {"values": [1, 2]}},
}


class Target:
    """A server with a sweep and a run that exist."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {TOKEN}"
        self.session.trust_env = False
        self.statuses: Counter[int] = Counter()
        self.failures: list[str] = []
        self._places: dict[str, str] = {}
        self._random = random.Random(0)  # hypothesis resets the one of the module before each call

    def send(self, case: Any) -> None:
        """Send one request and note its status."""
        self._renew()
        for name in set(case.path_parameters or ()) & set(self._places):
            if self._random.random() < 0.8:
                case.path_parameters[name] = self._places[name]
        with suppress(requests.exceptions.InvalidHeader, UnicodeError):  # it cannot be sent
            answer = case.call(base_url=self.url, session=self.session)
            self.statuses[answer.status_code] += 1
            if answer.status_code >= 500:
                self.failures.append(f"{answer.status_code}: {case.as_curl_command()}")

    def _renew(self) -> None:
        sweeps = f"{self.url}/v1/sweeps"
        if self._places and self.session.get(f"{sweeps}/{self._places['sweep']}").ok:
            return
        sweep = self.session.post(sweeps, json={"config": CONFIG}).json()["id"]
        asked = self.session.post(
            f"{sweeps}/{sweep}/runs",
            json={"agent": "a", "host": "h"},
            headers={"Idempotency-Key": "the-key-of-the-agent"},
        )
        self._places = {"sweep": sweep, "run": asked.json()["id"]}


def main() -> None:
    """Exit with 1 and the requests that failed, if any did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--examples", type=int, default=20, help="of each operation and kind")
    n_examples = parser.parse_args().examples
    profile = settings(
        max_examples=n_examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    with tempfile.TemporaryDirectory() as folder:
        backend = InProcessTransport(Path(folder) / "sweeps.db")
        with LocalServer(backend, token=TOKEN) as server:
            target = Target(server.url)
            for found in schemathesis.openapi.from_path(str(DOCUMENT)).get_all_operations():
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    with suppress(Unsatisfiable):  # nothing violates a schema without fields
                        profile(given(found.ok().as_strategy(generation_mode=mode))(target.send))()
        backend.close()
    print(f"{target.statuses.total()} answers: {dict(sorted(target.statuses.items()))}")
    if target.failures:
        raise SystemExit("\n".join(target.failures))


if __name__ == "__main__":
    main()
