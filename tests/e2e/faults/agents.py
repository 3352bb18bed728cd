"""Real agents as processes, and the training program that they run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sweep_sdk._backend.client import Client

AGENT = Path(__file__).parents[1] / "agent_process.py"
PATIENCE_SECONDS = 60
END_SECONDS = 600
#: Has root bound by permissions like anybody: drops CAP_DAC_OVERRIDE, then becomes the command.
_BIND = """
import ctypes, os, sys
pr_capbset_drop, cap_dac_override = 24, 1
ctypes.CDLL(None).prctl(pr_capbset_drop, cap_dac_override, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
#: Of programs: ``log(loss=1)`` as any language would do it.
LOG = """
    import json, os, sys, time
    def log(**row):
        with open(os.environ["SWEEP_METRICS_FILE"], "a") as file:
            file.write(json.dumps(row) + "\\n")
"""


def register(client: Client, program: str, n_runs: int = 1, **config: Any) -> str:
    """A grid whose runs start ``program``, Python that may ``log``; the sweep's id."""
    Path("train.py").write_text(textwrap.dedent(LOG) + textwrap.dedent(program))
    document = {
        "method": "grid",
        "program": "train.py",
        "command": ["${interpreter}", "-S", "${program}"],
        "metric": {"name": "loss"},
        "run_cap": n_runs,
        "parameters": {"n": {"min": 0, "max": n_runs}},
        **config,
    }
    return str(client.create_sweep(document)["id"])


def python(program: str, *words: str) -> list[str]:
    """A command line that runs Python code as a user whom permissions bind."""
    return [sys.executable, "-I", "-S", "-c", _BIND, sys.executable, "-c", program, *words]


class Agent:
    """A running agent.

    Attributes:
        events: What it and others have reported so far; each with ``by``, who, and ``seen_at``.
    """

    def __init__(
        self,
        sweep: str,
        events: list[dict[str, Any]],
        env: dict[str, str] | None = None,
        before: str = "",
        **options: float,
    ) -> None:
        """Start it.

        Args:
            sweep: On what.
            events: Where to add its events.
            env: Variables of its environment beside those of this process.
            before: Python code that its process runs first.
            options: Its options, by name.
        """
        self.events = events
        program = f"{before}\nimport runpy; runpy.run_path({str(AGENT)!r}, run_name='__main__')"
        chosen = {"row_interval_seconds": 0.02, "report_interval_seconds": 0.3, **options}
        self.process = subprocess.Popen(
            python(program, sweep, json.dumps(chosen)),
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def notices(self) -> list[str]:
        return [event["message"] for event in self._own() if event["event"] == "Notice"]

    @property
    def open_run(self) -> str | None:
        """The run that it has begun and whose end it has not reported."""
        is_open: dict[str, bool] = {}
        for event in self._own():
            if event["event"] in ("RunStarted", "RunEnded"):
                is_open[event["run"]] = event["event"] == "RunStarted"
        return next((run for run, still in is_open.items() if still), None)

    def kill(self) -> None:
        """kill -9; returns when it is gone."""
        self.process.kill()
        self.await_end()

    def await_end(self) -> int:
        """Wait until it ends; the exit code."""
        code = self.process.wait(END_SECONDS)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def _own(self) -> list[dict[str, Any]]:
        return [event for event in tuple(self.events) if event["by"] == id(self)]

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith("}\n"):  # a killed agent's last line may be cut
                event = json.loads(line)
                self.events.append({**event, "by": id(self), "seen_at": time.monotonic()})


def await_true(condition: Callable[[], bool]) -> None:
    """Wait until something is so; a busy machine may take its time."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < give_up_at, "waited in vain"
        time.sleep(0.01)
