"""An agent in a terminal; shared by ``agent`` and ``sweep --agent``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sweep_sdk.cli.agent_view import AgentView
from sweep_sdk.cli.algebra import load_numpy
from sweep_sdk.cli.backend import connected

if TYPE_CHECKING:
    from sweep_sdk._agent.options import AgentOptions


def run_agent_in_terminal(sweep: str, options: AgentOptions | None = None) -> int:
    """Work on a sweep until it has ended, showing what happens; the exit code."""
    from sweep_sdk._agent.agent import run_agent
    from sweep_sdk._agent.options import AgentOptions

    view = AgentView(click.get_current_context().color)
    with connected(sweep) as client:
        if client.transport.is_local and client.get_sweep(sweep)["config"]["method"] == "bayes":
            load_numpy()
        return run_agent(client, sweep, options or AgentOptions(), view)
