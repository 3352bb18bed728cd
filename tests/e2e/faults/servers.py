"""``sweep-sdk local`` as a process that can be restarted on the same port."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Below those that systems give to connections: a client that looks for a dead server on one of
# those may be given that very port and talk to itself.
PORTS = range(15_000, 30_000)


class Server:
    """The local server over the database of ``home``."""

    def __init__(self, home: Path, before: str = "") -> None:
        """Start it; ``before`` is Python code that its process runs first."""
        program = f"{before}\nimport sys; from sweep_sdk.cli import main; sys.exit(main())"
        self._env = {**os.environ, "SWEEP_HOME": str(home)}
        self._env.pop("SWEEP_URL", None)
        port = _free_port()
        words = ["local", "--json", "--port", str(port)]
        self._command = [sys.executable, "-c", program, *words]
        self.url = f"http://127.0.0.1:{port}"
        self.start()

    def start(self) -> None:
        """Start it, and return once it answers."""
        self.process = subprocess.Popen(
            self._command, env=self._env, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert json.loads(self.process.stdout.readline())["url"] == self.url

    def kill(self) -> None:
        """kill -9; returns when it is gone."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@contextmanager
def server_at(home: Path, before: str = "") -> Iterator[Server]:
    """A server for the time of a block."""
    server = Server(home, before)
    try:
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")
