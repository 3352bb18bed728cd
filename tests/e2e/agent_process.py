"""An agent as a process of its own, for tests that send it signals; prints events as JSON lines.

Arguments: the sweep's id, and the agent's options as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._backend.client import open_client


def show(event) -> None:
    found = {"event": type(event).__name__, **asdict(event)}
    print(json.dumps(found, default=str), flush=True)


if __name__ == "__main__":
    with open_client() as client:
        sys.exit(run_agent(client, sys.argv[1], AgentOptions(**json.loads(sys.argv[2])), show))
