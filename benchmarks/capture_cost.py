"""What it costs that an agent takes what programs log with wandb.

    python benchmarks/capture_cost.py --python PYTHON [--pairs 7] [--runs 500]

1. A run whose program never uses wandb: the endpoint is prepared and closed (limit 0.3 ms).
2. A program with five logs, captured and offline in turn (limit 0.15 s). PYTHON has wandb, such as
   that of ``.venv-wandb-0.31.0``, which ``make e2e-wandb`` makes.

The exit code is 1 where a limit is exceeded.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from sweep_sdk._capture.capture import Capture, capturing
from sweep_service.wire.runs import HandOut

MOST_UNUSED_SECONDS, MOST_SECONDS = 0.0003, 0.15
PROGRAM = """
import wandb
run = wandb.init(project="p", config={"epochs": 5})
for epoch in range(5):
    run.log({"loss": 1 / (epoch + 1)})
run.finish()
"""


def handout() -> HandOut:
    config = {"lr": 0.1, "layers": 3, "optimizer": {"name": "adam", "eps": 1e-8}}
    return HandOut("abcd1234-0", "abcd1234", "p", 0, config, 1, 1, 60.0)


def unused_seconds(capture: Capture, folder: Path) -> float:
    folder.mkdir()
    began = time.perf_counter()
    program = capture.begin(handout(), folder, folder / "metrics.jsonl", "loss", os.environ)
    program.close()
    return time.perf_counter() - began


def run_seconds(python: str, folder: Path, changes: dict[str, str | None]) -> float:
    environ = {name: value for name, value in os.environ.items() if "WANDB" not in name}
    environ |= {name: value for name, value in changes.items() if value is not None}
    began = time.perf_counter()
    subprocess.run(
        [python, "-c", PROGRAM], cwd=folder, env=environ, capture_output=True, check=True
    )
    return time.perf_counter() - began


def captured_seconds(capture: Capture, python: str, folder: Path) -> float:
    metrics = folder / "metrics.jsonl"
    metrics.write_bytes(b"")
    program = capture.begin(handout(), folder, metrics, "loss", {})
    seconds = run_seconds(python, folder, program.variables)
    began = time.perf_counter()
    program.close()
    seconds += time.perf_counter() - began
    if metrics.read_bytes().count(b'"loss"') != 5:
        raise SystemExit("rows are missing")
    return seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", required=True, type=os.path.abspath)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--runs", type=int, default=500)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        capturing("capture", {}, lambda _: None) as capture,
    ):
        folder = Path(name)
        assert capture is not None
        unused = statistics.median(
            unused_seconds(capture, folder / str(number)) for number in range(given.runs)
        )
        print(f"a run that never uses wandb: {unused * 1e3:.3f} ms")
        offline = {"WANDB_MODE": "offline", "WANDB_DIR": name}
        pairs = [
            (run_seconds(given.python, folder, offline),
             captured_seconds(capture, given.python, folder))
            for _ in range(given.pairs)
        ]  # fmt: skip
    without, captured = (statistics.median(column) for column in zip(*pairs, strict=True))
    extra = statistics.median(second - first for first, second in pairs)
    print(f"offline {without:.2f} s, captured {captured:.2f} s: {extra:+.2f} s a run")
    return int(unused > MOST_UNUSED_SECONDS or extra > MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
