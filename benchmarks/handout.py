"""Hand-out: pairs of ask and finish a second, beside Optuna's ask and tell, in one run.

    python benchmarks/handout.py [--seconds 5] [--points 5000] [--cache DIR]

1. Scale: 200 simulated agents (8 processes of 25) drain a grid, in-process and through
   ``sweep-sdk local``: every point exactly once, none lost (the run fails otherwise).
2. Rate: 1, 8 and 32 processes, in-process, over HTTP, and Optuna on SQLite and on its journal.

Ratios are what counts: absolute figures are those of the machine at that hour.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
LEVELS = (1, 8, 32)


def drive(commands: list[list[str]], env: dict[str, str]) -> list[dict]:
    """Start all processes, let them go at once, and collect what each prints."""
    processes = [
        subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for command in commands
    ]
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise SystemExit(f"a worker did not start: {process.args}")
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [json.loads(process.communicate()[0]) for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("a worker failed")
    return results


def rate(results: list[dict]) -> float:
    """Pairs a second, from the first start to the last end."""
    n_pairs = sum(len(result["indices"]) for result in results)
    started_at = min(result["started_at"] for result in results)
    return n_pairs / (max(result["ended_at"] for result in results) - started_at)


def ours(
    env: dict[str, str], n_processes: int, n_agents: int, points: int, seconds: float
) -> list[dict]:
    """Drive a fresh grid of ``points`` points for at most ``seconds``."""
    from sweep_sdk._backend.client import open_client
    from sweep_sdk._settings import load_settings

    with open_client(load_settings(env)) as client:
        axis = {"min": 0, "max": 9999}
        config = {"method": "grid", "run_cap": points, "parameters": {"a": axis, "b": axis}}
        sweep = client.create_sweep(config)["id"]
    worker = [sys.executable, str(HERE / "handout_worker.py"), sweep]
    options = ["--agents", str(n_agents), "--seconds", str(seconds)]
    return drive([[*worker, *options, "--name", str(n)] for n in range(n_processes)], env)


def check_exactly_once(results: list[dict], points: int) -> None:
    """Fail unless every index below ``points`` was handed out once."""
    indices = sorted(index for result in results for index in result["indices"])
    if indices != list(range(points)):
        twice = len(indices) - len(set(indices))
        raise SystemExit(f"{points - len(set(indices))} points lost, {twice} handed out twice")


def peer(python: Path, folder: Path, kind: str, n_processes: int, seconds: float) -> list[dict]:
    """Optuna's ask and tell on a fresh storage."""
    path = folder / f"optuna-{kind}-{n_processes}"
    command = [str(python), str(HERE / "handout_peer.py"), kind, str(path)]
    options = ["--seconds", str(seconds)]
    subprocess.run([*command, *options, "--create"], check=True)
    return drive([[*command, *options] for _ in range(n_processes)], dict(os.environ))


def peer_python(cache: Path) -> Path:
    """The interpreter of an environment that holds the peer."""
    python = cache / "optuna" / "bin" / "python"
    if not python.exists():
        print("installing the peer ...", file=sys.stderr)
        venv.create(cache / "optuna", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "optuna"], check=True)
    return python


@contextmanager
def local_server(env: dict[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """``sweep-sdk local`` on a free port; yields its process and the environment of its clients."""
    command = [sys.executable, "-m", "sweep_sdk.cli", "local", "--port", "0", "--json"]
    server = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        yield server.pid, {**env, "SWEEP_URL": url}
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--points", type=int, default=5000)
    default_cache = Path(tempfile.gettempdir()) / "sweep-sdk-benchmarks"
    parser.add_argument("--cache", type=Path, default=default_cache)
    args = parser.parse_args()
    python = peer_python(args.cache)
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "SWEEP_HOME": folder}
        env.pop("SWEEP_URL", None)
        with local_server(env) as (_, http_env):
            for name, place in (("in-process", env), ("HTTP", http_env)):
                results = ours(place, 8, 25, args.points, 600.0)
                check_exactly_once(results, args.points)
                print(f"{name:12} 200 agents, {args.points} points: {rate(results):7.0f} pairs/s")
            print(f"\n{'pairs/s':12}" + "".join(f"{n:>6} proc" for n in LEVELS))
            rows: dict[str, list[float]] = {}
            for name, place in (("in-process", env), ("HTTP", http_env)):
                rows[name] = [rate(ours(place, n, 1, 10**8, args.seconds)) for n in LEVELS]
            for kind in ("sqlite", "journal"):
                peers = [peer(python, Path(folder), kind, n, args.seconds) for n in LEVELS]
                rows[f"Optuna {kind}"] = [rate(results) for results in peers]
            for name, rates in rows.items():
                print(f"{name:14}" + "".join(f"{value:11.0f}" for value in rates))
            print()
            for name in ("in-process", "HTTP"):
                for kind in ("sqlite", "journal"):
                    pairs = zip(rows[name], rows[f"Optuna {kind}"], strict=True)
                    ratios = "".join(f"{a / b:11.1f}" for a, b in pairs)
                    print(f"{name} / {kind}".ljust(20) + ratios)


if __name__ == "__main__":
    main()
