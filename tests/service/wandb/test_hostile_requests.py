"""Whatever a client sends, every operation and every stream has an answer, and none is a 5xx."""

from __future__ import annotations

import json
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings
from wandb_client import GRID, WandbClient

from sweep_service.wandb.graphql import OPERATIONS

texts = st.text(max_size=12) | st.sampled_from(["\ud800", "\x00", "{}", "[]", "NaN", "9" * 30])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(10**400), 10**400) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
VARIABLES = (
    *("id", "name", "run", "runId", "runName", "sweep", "state", "config", "runState", "filters"),
    *("specs", "spec", "minStep", "maxStep", "pageSize", "perPage", "cursor", "order", "samples"),
    *("projectName", "project", "displayName", "display_name", "priorRunsFilters", "host", "tags"),
    *("notes", "groupName", "summaryMetrics", "entity"),
)
#: Texts that come near to what is expected; ``{sweep}`` and ``{agent}`` are replaced.
near = st.sampled_from(
    [
        *("{sweep}", "{sweep}-0", "{sweep}-0-a2", "{sweep}-9", "{agent}", "RUNNING", "CANCELED"),
        *('{"sweep": "{sweep}"}', '{"{sweep}-0": true}', '{"$or": [{"name": "{sweep}-0"}]}'),
        *('{"n": {"value": NaN}}', '{"keys": ["loss"], "minStep": 1e400}', '{"keys": 3}', "+loss"),
        *('{"keys": ["_step", "loss"], "minStep": 0, "maxStep": 9}', "-created_at", "3", "a" * 300),
        json.dumps(GRID),
    ]
)
variables = st.dictionaries(st.sampled_from(VARIABLES), near | junk, max_size=6)
operations = st.tuples(st.sampled_from(sorted(OPERATIONS)), variables)
lines = st.lists(
    st.sampled_from(['{"loss": NaN, "_step": 1e308}', '{"loss": {"min": 1}}', "{", "[]"]) | junk,
    max_size=4,
)
files = st.fixed_dictionaries(
    {},
    optional={
        "wandb-history.jsonl": st.fixed_dictionaries({"offset": junk, "content": lines}) | junk,
        "wandb-summary.json": st.fixed_dictionaries({"content": lines}) | junk,
        "output.log": st.fixed_dictionaries({"content": lines}) | junk,
    },
)
streams = st.fixed_dictionaries(
    {"files": files | junk},
    optional={"complete": st.booleans() | junk, "exitcode": junk, "preempting": junk},
)


def filled(value: Any, sweep: str, agent: str) -> Any:
    if not isinstance(value, str):
        return value
    return value.replace("{sweep}", sweep).replace("{agent}", agent)


def test_every_request_has_an_answer(backend: Any, wandb: WandbClient) -> None:
    @settings(suppress_health_check=list(HealthCheck))
    @given(st.lists(operations | streams, min_size=1, max_size=10))
    def send(found: list[Any]) -> None:
        sweep = wandb.create_sweep(GRID)
        agent = wandb.create_agent(sweep)
        run = wandb.next_run(agent)
        for request in found:
            if isinstance(request, tuple):
                name, given_ = request
                sent = {key: filled(value, sweep, agent) for key, value in given_.items()}
                status, body = wandb.ask(name, **sent)
                assert status == 200 or body["data"] is None
            else:
                status, body = wandb.stream(run, request)
            assert status < 500, (request, body)
        backend.runs(sweep)
        backend.run(run)
        backend.call("GET", f"/v1/sweeps/{sweep}/runs/{run}/history")

    send()
