"""``wandb agent``: the runs it is handed, and the meaning of its heartbeats.

A heartbeat is an ask: repeated, it gets the same run, since all asks of an agent have the same key.
Heartbeats name the runs whose programs are running, but not how a program ended. Programs report
that themselves (``streaming``), or not at all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sweep_service.errors import InvalidRequest, LeaseLost, SweepEnded, TryAgain
from sweep_service.handlers.http import text_field
from sweep_service.model.records.records import RowBatch
from sweep_service.operations.ask import ask
from sweep_service.operations.finish import finish
from sweep_service.operations.report import report
from sweep_service.operations.saving import update
from sweep_service.protocol import leases
from sweep_service.protocol.leases import Requester
from sweep_service.wandb.attempts import ending_of, has_ended_itself
from sweep_service.wandb.names import MAX_HOST, Agent, RunName, parse_agent, parse_run_name
from sweep_service.wire.runs import HandOut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sweep_service.operations.services import Services
    from sweep_service.wandb.call import Call

    Commands = list[dict[str, Any]]

#: Seconds from an answer that was received to the agent's next heartbeat. A request whose answer
#: was lost is repeated after about 1, 2, 4, 8, 16 and 32 seconds.
_NEXT_HEARTBEAT = (5.0, 8.0)
#: Time after which clients no longer repeat a request.
_LONGEST_REPEATING_SECONDS = 600.0


def sweep_of(variables: Mapping[str, Any]) -> str:
    """The sweep of a heartbeat."""
    return parse_agent(variables.get("id")).sweep


def create_agent(call: Call) -> dict[str, Any]:
    """Give an agent an id. Nothing is stored.

    Raises:
        NotFound: No such sweep.
    """
    sweep = call.text("sweep") or ""
    call.services.store.get_status(sweep)
    nonce = f"{call.services.rng.getrandbits(64):016x}"
    agent = Agent(sweep, text_field(call.variables, "host", MAX_HOST) or "", nonce)
    return {"createAgent": {"agent": {"id": agent.id, "name": agent.name}}}


def heartbeat(call: Call) -> dict[str, Any]:
    """Renew the leases of an agent's runs, or hand it the next run.

    Raises:
        NotFound: The sweep no longer exists.
    """
    agent = parse_agent(call.variables.get("id"))
    key = agent.key(call.request.identity)
    live = _live_runs(call.text("runState"), agent.sweep)
    try:
        commands = _kept(call.services, key, live) if live else _next(call.services, agent, key)
    except TryAgain:  # the agent sends another heartbeat in five seconds
        commands = []
    return {"agentHeartbeat": {"agent": {"id": agent.id}, "commands": json.dumps(commands)}}


def _live_runs(text: str | None, sweep: str) -> list[RunName]:
    """The runs of the sweep with a running program, from ``{"NAME": true}``."""
    try:
        states = json.loads(text or "{}")
    except (ValueError, RecursionError):
        states = None
    if not isinstance(states, dict):
        raise InvalidRequest("variable 'runState': needs an object with the names of runs")
    names = [parse_run_name(name) for name, is_live in states.items() if is_live]
    for name in names:
        if name.sweep != sweep:
            raise InvalidRequest(f"run {name} is of another sweep than the agent, {sweep}")
    return names


def _kept(services: Services, key: str, live: list[RunName]) -> Commands:
    """Renew the leases of running runs, and stop those that must end."""
    stopped = [name for name in live if _is_stopped(services, key, name)]
    return [{"type": "stop", "run_id": str(name)} for name in stopped]


def _is_stopped(services: Services, key: str, name: RunName) -> bool:
    sweep, index, attempt = name.sweep, name.index, name.attempt
    lease = services.store.get_lease(sweep, index)
    try:
        if lease is not None and lease.key == key:
            update(services.store, sweep, lease, lambda stored: leases.begin(stored, attempt))
        return report(services, sweep, index, RowBatch(attempt, 0, ()), key=key).is_stop
    except LeaseLost:
        return not has_ended_itself(services, name)


def _next(services: Services, agent: Agent, key: str) -> Commands:
    """The next run for an agent without a running program."""
    again = _settle(services, agent.sweep, key)
    if again is not None:
        return [again]
    requester = Requester(key, agent.name, agent.host, "")
    try:
        answer = ask(services, agent.sweep, requester)
    except SweepEnded:
        return [{"type": "exit"}]
    if not isinstance(answer, HandOut):
        return []
    name = RunName(answer.sweep, answer.index, answer.attempt)
    return [_run_command(services, name, answer.config, answer.config_version)]


def _settle(services: Services, sweep: str, key: str) -> dict[str, Any] | None:
    """Handle a run that an agent still holds although it has no running program.

    Either the answer with the run was lost, or the program ended without reporting. If the program
    is known to have started, it has ended. Otherwise it may have died before ``wandb.init``, in
    which case another start would be futile; so the run is handed out again only once.

    Returns:
        The command that hands out the run again; None if the agent no longer holds a run.
    """
    held = services.store.list_leases(sweep)
    lease = next((item for item in held if item.key == key and not item.is_released), None)
    run = None if lease is None else services.store.get_run(sweep, lease.index)
    if lease is None or run is None or run.outcome is not None or run.attempt != lease.attempt:
        return None  # the ask completes what was interrupted
    name = RunName(sweep, lease.index, lease.attempt)
    config = services.load_config(sweep, run.config_version).config
    now, seconds = services.clock(), config.lease_seconds
    soonest, latest = _NEXT_HEARTBEAT
    is_next = soonest <= now - (lease.lease_end - seconds) < latest
    is_doubted = is_next and lease.suspect_at is not None
    is_late = now - run.started_at > _LONGEST_REPEATING_SECONDS
    if not (leases.has_begun(lease) or is_doubted or is_late):
        end, doubted_at = now + seconds, now if is_next else None
        update(
            services.store,
            sweep,
            lease,
            lambda stored: leases.answer_again(stored, name.attempt, end, doubted_at),
        )
        return _run_command(services, name, run.config, run.config_version)
    state = services.store.get_status(sweep).state
    finish(services, sweep, name.index, ending_of(lease, state, exit_code=None))
    return None


def _run_command(
    services: Services, name: RunName, config: Mapping[str, Any], version: int
) -> dict[str, Any]:
    document = services.load_config(name.sweep, version).config.document
    return {
        "type": "run",
        "id": str(name),
        "run_id": str(name),
        "program": document.get("program"),
        "args": {parameter: {"value": value} for parameter, value in config.items()},
    }
