"""An agent in a terminal, as ``agent`` and ``sweep --agent`` start it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sweep_sdk._process.terminal import printable
from sweep_sdk.cli.agent_view import AgentView
from sweep_sdk.cli.algebra import load_numpy
from sweep_sdk.cli.backend import connected
from sweep_sdk.cli.output import note

if TYPE_CHECKING:
    from sweep_sdk._agent.options import AgentOptions


def run_agent_in_terminal(
    sweep: str, options: AgentOptions | None = None, project: str | None = None
) -> int:
    """Work on a sweep until it ends, and show what happens.

    Args:
        sweep: Id or path of the sweep.
        options: Options of the agent; by default those of ``AgentOptions``.
        project: The project given by the user; a different one is reported.

    Returns:
        The exit code.
    """
    from sweep_sdk._agent.agent import run_agent
    from sweep_sdk._agent.options import AgentOptions
    from sweep_sdk._agent.session.session import find_sweep

    view = AgentView(click.get_current_context().color)
    with connected(sweep) as client:
        found = find_sweep(client, sweep, note)
        if project not in (None, found["project"]):
            note(
                f"sweep {found['id']} belongs to project '{printable(found['project'])}'; --project"
                " is ignored"
            )
        if client.transport.is_local and found["config"]["method"] == "bayes":
            load_numpy()
        return run_agent(client, sweep, options or AgentOptions(), view)
