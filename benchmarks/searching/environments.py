"""Environments of the peers: made once, under the benchmark's cache folder."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

#: What each environment installs; the product itself runs in the Python of the benchmark.
PACKAGES = {
    "optuna": ("optuna", "scipy", "torch"),
    "wandb": ("sweeps==0.3.0",),
    "tables": ("scikit-learn",),
}
ENVIRONMENT_OF = {"optuna_tpe": "optuna", "optuna_gp": "optuna", "wandb": "wandb"}
BENCHMARKS = Path(__file__).resolve().parent.parent


def python_of(optimiser: str, cache: Path) -> str:
    """The interpreter that runs an optimiser; makes its environment if there is none."""
    name = ENVIRONMENT_OF.get(optimiser)
    return sys.executable if name is None else environment(name, cache)


def environment(name: str, cache: Path) -> str:
    """The interpreter of an environment of ``PACKAGES``."""
    folder = cache / "environments" / name
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        print(f"making the environment of {name}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES[name]], check=True)
        done.touch()
    return str(python)


def one_thread() -> dict[str, str]:
    """This process's environment, with numerical libraries held to one thread."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": str(BENCHMARKS)}


def make_tables(cache: Path) -> Path:
    """The folder of the real tuning tables; computes those that are missing."""
    folder = cache / "tables"
    command = [environment("tables", cache), "-m", "searching.make_tables", str(folder)]
    subprocess.run(command, check=True, env=one_thread())
    return folder
