"""Seconds until the dashboard shows 1,000 runs, beside optuna-dashboard on the same runs.

Needs the extras ``test`` and ``browser``, Chromium, and optuna-dashboard, which is best installed
into an environment of its own::

    .venv/bin/python benchmarks/dashboard.py --peer /path/to/bin/optuna-dashboard

Each is opened three times in turn, in a fresh browser. For ours the clock stops when every picture
of the overview is drawn, for the peer when the first points of its history are.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/e2e/ui"))
from played import play

N_RUNS, N_STEPS, ROUNDS = 1000, 100, 3
DRAWN = """() => !document.querySelector('.waiting')
  && document.querySelectorAll('.chart').length >= 4
  && [...document.querySelectorAll('.chart')].every(c => c.dataset.drawn)"""
PEER_DRAWN = "() => document.querySelector('.scatterlayer .trace .points path') !== null"


@contextmanager
def running(words, **options):
    """A process for the time of a block."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def seconds_until(chromium, addresses, drawn):
    """Open the last address after the others, and wait until something is drawn."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    for address in addresses[:-1]:
        page.goto(address)
    began = time.perf_counter()
    page.goto(addresses[-1])
    page.wait_for_function(drawn, timeout=180_000)
    seconds = time.perf_counter() - began
    context.close()
    return seconds


def wait_for_port(port):
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("optuna-dashboard does not listen")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", default=shutil.which("optuna-dashboard"), help="its command")
    parser.add_argument("--port", type=int, default=8931, help="for the peer")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        sweep = play(home / "sweeps.db", N_RUNS, N_STEPS, seed=4, n_agents=16)
        environment = {**os.environ, "SWEEP_HOME": name}
        command = [sys.executable, "-m", "sweep_sdk.cli"]
        study = home / "study.db"
        if options.peer:
            export = [*command, "export", sweep, "--optuna", str(study)]
            subprocess.run(export, env=environment, check=True)
        found = {"sweep-sdk ui": [], "optuna-dashboard": []}
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(
                executable_path=shutil.which(os.environ.get("CHROMIUM", "chromium")),
                args=["--no-sandbox", "--disable-gpu"],
            )
            for _ in range(ROUNDS):
                with running([*command, "ui", "--json"], env=environment) as ui:
                    url = json.loads(ui.stdout.readline())["url"]
                    place = f"{url.partition('/open')[0]}/#/s/{sweep}"
                    found["sweep-sdk ui"].append(seconds_until(chromium, [url, place], DRAWN))
                if not options.peer:
                    continue
                words = [options.peer, f"sqlite:///{study}", "--port", str(options.port)]
                with running(words, stderr=subprocess.DEVNULL):
                    wait_for_port(options.port)
                    place = f"http://127.0.0.1:{options.port}/dashboard/studies/1"
                    seconds = seconds_until(chromium, [place], PEER_DRAWN)
                    found["optuna-dashboard"].append(seconds)
            chromium.close()
    for label, times in found.items():
        if times:
            shown = ", ".join(f"{seconds:.1f}" for seconds in times)
            print(f"{label}: median {statistics.median(times):.1f} s of {shown}")
    if found["optuna-dashboard"]:
        ours, peer = (statistics.median(times) for times in found.values())
        print(f"optuna-dashboard takes {peer / ours:.1f} times as long")


if __name__ == "__main__":
    main()
