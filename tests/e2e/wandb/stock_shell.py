"""A user's shell in which the commands of wandb work with a backend."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 170.0
TRAIN = """
import json, sys
import wandb

run = wandb.init(config={"n": -1, "width": 3})
for step in range(5):
    run.log({"loss": (run.config.n - 2) ** 2 + 1 / (step + 1), "nested": {"a": step}})
"""
GRID = {
    "program": "train.py",
    "method": "grid",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {"n": {"values": [1, 2, 3, 4]}, "lr": {"value": 1e-05}},
}


@dataclass
class Shell:
    """A user's shell, in a folder with a program, that uses a backend through wandb."""

    folder: Path
    python: Path
    url: str
    token: str
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def environ(self) -> dict[str, str]:
        path = os.pathsep.join([str(self.python.parent), os.environ["PATH"]])
        own = {"WANDB_BASE_URL": self.url, "WANDB_API_KEY": self.token, "WANDB_CONSOLE": "off"}
        ours = {"SWEEP_URL": self.url, "SWEEP_TOKEN": self.token, "WANDB_X_DISABLE_STATS": "true"}
        return {**os.environ, **own, **ours, "PATH": path, "NO_COLOR": "1"}

    def start(self, *command: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            list(map(str, command)),
            env=self.environ(),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *command: str | Path, code: int | None = 0) -> str:
        """What a command prints; it must end with ``code``, if that is given."""
        return self.end(self.start(*command), code)

    def end(self, process: subprocess.Popen[str], code: int | None = 0) -> str:
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        assert code in (None, process.returncode), said
        return said

    def wandb(self, *arguments: str, code: int | None = 0) -> str:
        return self.run(self.python.with_name("wandb"), *arguments, code=code)

    def agent(self, sweep: str, *options: str) -> subprocess.Popen[str]:
        return self.start(self.python.with_name("wandb"), "agent", *options, sweep)

    def program(self, text: str, name: str = "train.py") -> None:
        (self.folder / name).write_text(text)

    def execute(self, text: str, code: int | None = 0) -> str:
        """What a program prints."""
        return self.run(self.python, "-c", text, code=code)

    def sweep_sdk(self, *arguments: str) -> str:
        return self.run(sys.executable, "-m", "sweep_sdk.cli", *arguments)

    def runs(self, sweep: str) -> list[dict[str, Any]]:
        """The runs as ``sweep-sdk`` shows them."""
        found: list[dict[str, Any]] = json.loads(self.sweep_sdk("runs", sweep, "--json"))
        return found

    def states(self, sweep: str) -> list[tuple[int, str, int]]:
        return [(run["config"]["n"], run["state"], run["attempt"]) for run in self.runs(sweep)]

    def register(self, *options: str, **changes: object) -> str:
        (self.folder / "sweep.yaml").write_text(json.dumps({**GRID, **changes}))
        said = self.wandb("sweep", *options, "sweep.yaml")
        found = re.search(r"ID: *(\w+)", said)
        assert found is not None, said
        return found[1]

    def close(self) -> None:
        """End what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.communicate()
