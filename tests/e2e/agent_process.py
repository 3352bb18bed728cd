"""An agent in its own process, for tests that send signals; prints events as JSON lines.

Arguments: the sweep's id, and the agent's options as JSON. Among the events is ``Acknowledged``
for each report with rows that the backend has answered.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace

from sweep_sdk._agent.agent import run_agent
from sweep_sdk._agent.options import AgentOptions
from sweep_sdk._backend.client import open_client


class ReportingTransport:
    """A transport that reports what the backend has acknowledged."""

    def __init__(self, transport) -> None:
        self._transport = transport
        self.is_local, self.place = transport.is_local, transport.place

    def request(self, method, path, query, headers, body, timeout_seconds):
        answer = self._transport.request(method, path, query, headers, body, timeout_seconds)
        if path.endswith("/reports") and answer.status == 200:
            *_, run, _ = path.split("/")
            report = json.loads(body)
            if report["rows"]:
                n_rows = report["offset"] + len(report["rows"])
                reported = {"event": "Acknowledged", "run": run, "attempt": report["attempt"]}
                show_line({**reported, "n_rows": n_rows})
        return answer

    def renew_credential(self):
        return self._transport.renew_credential()

    def hurry(self, silence_seconds) -> None:
        self._transport.hurry(silence_seconds)

    def close(self) -> None:
        self._transport.close()


def show(event) -> None:
    show_line({"event": type(event).__name__, **asdict(event)})


def show_line(found) -> None:
    sys.stdout.write(json.dumps(found, default=str) + "\n")  # one write: threads do not mix lines
    sys.stdout.flush()


if __name__ == "__main__":
    with open_client() as client:
        reporting = replace(client, transport=ReportingTransport(client.transport))
        sys.exit(run_agent(reporting, sys.argv[1], AgentOptions(**json.loads(sys.argv[2])), show))
