"""Code shared by the programs: the run, the length of the training, and an early stop."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import sweep_sdk

#: Rows after which a training that is to be interrupted is interrupted.
ROWS_BEFORE_STOP = 3
ENDLESS_STEPS = 1_000_000

run = sweep_sdk.init(config={"lr": 0.05, "stop": None})
n_steps = ENDLESS_STEPS if run.config.stop else 4


def end(n_done: int) -> None:
    """Record that the library returned from its training, and that the program has finished."""
    handler = signal.getsignal(signal.SIGTERM)
    report = {"steps": n_done, "is_default_handler": handler == signal.SIG_DFL}
    Path("ended.json").write_text(json.dumps(report))
    run.finish()


def _stop(how: str) -> None:
    path = Path(os.environ["SWEEP_METRICS_FILE"])
    while path.read_bytes().count(b"\n") < ROWS_BEFORE_STOP:
        time.sleep(0.02)
    if how == "run":
        subprocess.run(["sweep-sdk", "sweep", "--stop-run", run.id], check=True)
    else:
        os.kill(int(os.environ["AGENT_PID"]), signal.SIGTERM)


if run.config.stop:
    threading.Thread(target=_stop, args=(run.config.stop,), daemon=True).start()
