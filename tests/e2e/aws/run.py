"""``make e2e``: an emulated AWS, the template deployed into it, and tests against both.

Makes environments for ministack, SAM CLI and Lambda's runtime client beside ``.venv``, each its
own because their dependencies do not agree. Everything listens on 127.0.0.1, on free ports; what is
started here is ended here.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import deployment

sys.path.append(str(Path(__file__).parents[1]))
from environments import clients, prepare

ROOT = deployment.ROOT
# Name of the environment -> what is installed into it.
ENVIRONMENTS = {
    ".venv-ministack": ("ministack~=1.5", "aws-sam-translator", "boto3"),
    ".venv-sam": ("aws-sam-cli~=1.170",),
    ".venv-runtime": ("awslambdaric~=4.2", "boto3"),  # what Lambda's Python ships
}
START_SECONDS = 60.0
LOG = ".aws-sam/ministack.log"


def main() -> int:
    """Run it all; the exit code of the tests."""
    for name, packages in ENVIRONMENTS.items():
        prepare(ROOT / name, packages)
    wandb, packages = next(iter(clients().items()))
    prepare(ROOT / wandb, ("--editable", str(ROOT), *packages))
    (ROOT / LOG).parent.mkdir(exist_ok=True)
    with ministack() as endpoint:
        os.environ.update(
            AWS_ENDPOINT_URL=endpoint,
            AWS_DEFAULT_REGION="eu-central-1",
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            SWEEP_TEST_DYNAMODB=endpoint,
            SWEEP_TEST_SAM=str(ROOT / ".venv-sam" / "bin" / "sam"),
            SWEEP_TEST_WANDB=str(ROOT / wandb / "bin" / "python"),
            SWEEP_TEST_RUNTIME=str(ROOT / ".venv-runtime" / "bin" / "python"),
        )
        timed("sam validate", deployment.validate)
        timed("sam build", deployment.build)
        suites = (["tests/e2e/aws"], ["tests/contracts", "-k", "wire", "-n", "2"])
        return max(run_tests(suite) for suite in suites)


def run_tests(suite: list[str]) -> int:
    """pytest's exit code."""
    command = [sys.executable, "-m", "pytest", "--durations=5", *suite]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


@contextmanager
def ministack() -> Iterator[str]:
    """A running ministack; yields its URL. What it says is in ``LOG``."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, (ROOT / LOG).open("wb") as log:
        process = subprocess.Popen(
            [ROOT / ".venv-ministack" / "bin" / "ministack"],
            env={**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)},
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            await_listener(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def await_listener(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return once a server that was just started listens.

    Raises:
        RuntimeError: It ended, or takes too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while not is_listening(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"nobody listens on port {port}")
        time.sleep(0.1)


def is_listening(port: int) -> bool:
    """Whether a server takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    return port


def timed(name: str, step: Callable[[], None]) -> None:
    """Say how long a step takes."""
    print(f"{name} ...", end=" ", flush=True)
    start = time.monotonic()
    step()
    print(f"{time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
