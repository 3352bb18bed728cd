"""Load on AWS: what one sweep carries by its write units, and 32 real agents on the template.

    python benchmarks/load_aws.py [--agents 32] [--runs 320] [--no-deployment]

1. Write units by partition, counted request by request over a run's life, and from them how many
   agents one sweep carries: DynamoDB writes 1,000 units a second to a partition.
2. The template deployed into ministack, and real agents, each as on a machine of its own: every
   run exactly once, none lost (the run fails otherwise). ministack is no measure of AWS's speed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._backend.client import Client, new_key, open_client
from sweep_sdk._backend.retry import RetryPolicy
from sweep_sdk._backend.transport import Response, Transport
from sweep_sdk._settings import load_settings
from sweep_service.model.records.states import RunState
from sweep_service.operations.services import Services
from sweep_service.storage.dynamodb.store import DynamoStore
from sweep_service.wire.runs import Ending

TESTS = Path(__file__).parents[1] / "tests"
sys.path += [str(TESTS / folder) for folder in ("contracts", "e2e/aws", "e2e/faults")]
item_size = import_module("capacity").item_size
kinds = import_module("dynamodb_kinds")
GatewayTransport: Any = import_module("lossy").GatewayTransport

UNITS_A_SECOND = 1_000  # what DynamoDB writes to one partition
REPORT_SECONDS = 10.0  # between two reports with rows, by default
BEAT_SECONDS = 150.0  # half a lease: a heartbeat before that is read only
RUN_SECONDS = {"10 s": 10.0, "1 min": 60.0, "10 min": 600.0, "1 h": 3600.0}
PATIENT = RetryPolicy(attempts=None, deadline_seconds=900.0)
PROGRAM = """
import json, os, time
for step in range(5):
    with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
        file.write(json.dumps({"loss": step}) + "\\n")
    time.sleep(0.2)
"""


# Write units


@contextmanager
def counting(store: DynamoStore):
    """Write units by what a partition is of: ``S`` for the sweep's, ``RUN`` for a run's."""
    units: Counter[str] = Counter()

    def remember(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> None:
        context["sent"] = params

    def count(parsed: Mapping[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        if model.name in ("PutItem", "UpdateItem", "DeleteItem"):
            sent = context["sent"]
            written = sent.get("Item") or parsed.get("Attributes") or {}
            kind = sent.get("Key", written)["pk"]["S"].partition("#")[0]
            units[kind] += max(1, math.ceil(item_size(written) / 1024))

    events = store._table._connection.connection.client.meta.events
    events.register("provide-client-params.dynamodb", remember)
    events.register("after-call.dynamodb", count)
    yield units


def measure_units(method: str) -> dict[str, Counter[str]]:
    """Units by partition of an ask, a report with one row, a beat and a finish."""
    found: dict[str, Counter[str]] = {}
    axes = {name: {"min": 0.0, "max": 1.0} for name in "abcdefgh"}
    if method == "grid":
        axes = {name: {"min": 0, "max": 99} for name in "abcdefgh"}
    now = [1_700_000_000.0]
    with kinds.moto_place(Path()) as address, kinds.open_dynamodb(address) as store:
        services = Services(store, lambda: now[0], random.Random(1))
        client = Client(GatewayTransport(services, lambda: lambda: None))
        config = {"method": method, "metric": {"name": "loss"}, "parameters": axes}
        sweep = client.create_sweep(config)["id"]
        with counting(store) as units:

            def step(name: str, call: Any) -> Any:
                units.clear()
                answer = call()
                found[name] = units.copy()
                return answer

            run = step("ask", lambda: client.ask(sweep, new_key(), "agent-1", "0", "host-1"))
            row = {"step": 1, "at": 1.7e9, "metrics": {"loss": 0.123456, "acc": 0.654321}}
            step("report", lambda: client.report(run.id, 1, 0, [row]))
            now[0] += BEAT_SECONDS + 1
            step("heartbeat", lambda: client.report(run.id, 1, 1, []))
            ending = Ending(1, RunState.FINISHED, summary={"loss": 0.123456})
            step("finish", lambda: client.finish(run.id, ending))
    return found


def agents_carried(units: dict[str, Counter[str]], run_seconds: float) -> int:
    """How many agents keep the sweep's partition just busy, without a pause between their runs.

    A report with rows every 10 s, as by default, which makes heartbeats needless.
    """
    n_reports = max(1.0, run_seconds / REPORT_SECONDS)
    a_run = units["ask"]["S"] + n_reports * units["report"]["S"] + units["finish"]["S"]
    return int(UNITS_A_SECOND * run_seconds / a_run)


def print_units() -> None:
    print("write units (sweep's partition + run's own)")
    for method in ("grid", "bayes"):
        units = measure_units(method)
        costs = ", ".join(f"{name} {part['S']} + {part['RUN']}" for name, part in units.items())
        carried = ", ".join(
            f"{agents_carried(units, seconds):,} ({name})" for name, seconds in RUN_SECONDS.items()
        )
        print(f"  {method:5} {costs}; agents a sweep carries with runs of: {carried}", flush=True)


# The template deployed


class TimedTransport:
    """A transport that keeps how long each request took."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.is_local, self.place = transport.is_local, transport.place
        self.seconds: list[float] = []

    def request(self, *request: Any) -> Response:
        begun_at = time.monotonic()
        try:
            return self._transport.request(*request)
        finally:
            self.seconds.append(time.monotonic() - begun_at)

    def close(self) -> None:
        self._transport.close()


def be_agent(sweep: str) -> int:
    """A real agent; prints ``ready``, then how long its requests took and when it worked."""
    with open_client() as opened:
        client = opened.with_retries(PATIENT)
        client.get_sweep(sweep)  # for this, the emulation may have to start a function first
        print("ready", flush=True)
        timed = TimedTransport(client.transport)
        begun_at = time.time()
        code = run_agent(replace(client, transport=timed), sweep)
        results = {"seconds": timed.seconds, "began": begun_at, "ended": time.time()}
        print(json.dumps(results))
    return code


def measure_deployment(n_agents: int, n_runs: int) -> None:
    from deployment import TOKEN, Deployed, build, deploy

    aws = module_of(TESTS / "e2e" / "aws" / "run.py")
    for name, packages in aws.ENVIRONMENTS.items():
        aws.prepare(aws.ROOT / name, packages)
    (aws.ROOT / aws.LOG).parent.mkdir(exist_ok=True)
    with aws.ministack() as endpoint, tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            AWS_ENDPOINT_URL=endpoint,
            AWS_DEFAULT_REGION="eu-central-1",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            SWEEP_TEST_SAM=str(aws.ROOT / ".venv-sam" / "bin" / "sam"),
        )
        build()
        deployed = Deployed(deploy())
        os.chdir(folder)
        Path("train.py").write_text(PROGRAM)
        with open_client(load_settings(deployed.environ(Path(folder), TOKEN))) as client:
            work_off(client, deployed, Path(folder), n_agents, n_runs)


def work_off(client: Client, deployed: Any, folder: Path, n_agents: int, n_runs: int) -> None:
    """Have real agents work off a sweep, and print how it went."""
    config = {
        "method": "grid",
        "program": "train.py",
        "command": ["${interpreter}", "-S", "${program}"],
        "metric": {"name": "loss"},
        "run_cap": n_runs,
        "parameters": {"n": {"min": 0, "max": n_runs}},
    }
    sweep = client.create_sweep(config)["id"]
    command = [sys.executable, str(Path(__file__).absolute()), "--be-agent", sweep]
    agents: list[subprocess.Popen[str]] = []
    try:
        for number in range(n_agents):  # one by one: the emulation starts few functions at a time
            env = deployed.environ(folder / f"home-{number}")
            agents.append(subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True))
            assert agents[-1].stdout is not None
            agents[-1].stdout.readline()
        results = [json.loads(agent.communicate()[0]) for agent in agents]
    finally:
        for agent in agents:
            agent.kill()
    runs = list(client.list_runs(sweep))
    states = Counter((run["state"], run["attempt"]) for run in runs)
    if [run["index"] for run in runs] != list(range(n_runs)) or set(states) != {("finished", 1)}:
        raise SystemExit(f"not every run was made once: {states}")
    names = Counter(run["agent"] for run in runs)
    seconds = [s for part in results for s in part["seconds"]]
    wall = max(part["ended"] for part in results) - min(part["began"] for part in results)
    centiles = statistics.quantiles(seconds, n=100)
    print(
        f"deployed in ministack: {n_agents} real agents ({len(names)} had runs), {n_runs} runs,"
        f" each once, none lost: {wall:.0f} s, {len(seconds) / wall:.0f} requests/s,"
        f" p50 {centiles[49] * 1e3:.0f} ms, p99 {centiles[98] * 1e3:.0f} ms"
    )


def module_of(path: Path) -> Any:
    """A module by its path: there are two of this name."""
    spec = importlib.util.spec_from_file_location(f"aws_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    if sys.argv[1:2] == ["--be-agent"]:
        return be_agent(sys.argv[2])
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--agents", type=int, default=32)
    parser.add_argument("--runs", type=int, default=320)
    parser.add_argument("--no-deployment", action="store_true", help="count write units only")
    args = parser.parse_args()
    print_units()
    if not args.no_deployment:
        measure_deployment(args.agents, args.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
