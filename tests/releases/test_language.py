"""Sweep files with keys that a client, agent or backend does not know are rejected by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from versions import MAIN, TOKEN, server

from releases import Release
from sweep_sdk import __version__
from sweep_sdk._backend.client import Client
from sweep_sdk._backend.transport import HttpTransport, InProcessTransport
from sweep_sdk._exceptions import UsageError
from sweep_sdk._server.server import LocalServer
from sweep_service.lambdas.edge import make_handler
from sweep_service.model.language import command, features, keys, normalise, sections
from sweep_service.model.language.features import FIRST_FEATURES, known_features
from sweep_service.model.language.fields import Field

BASE = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"n": {"values": [1, 2]}},
    "command": ["python", "train.py", "${args}"],
}
USES = {
    "budget": {**BASE, "budget": 3},
    "metric.patience": {**BASE, "metric": {"name": "loss", "patience": 2}},
    "${args_toml}": {**BASE, "command": ["python", "train.py", "${args_toml}"]},
}
FOR_AGENTS = ["budget", "${args_toml}"]
KNOWN_THERE = """
import json
from sweep_service.model{0} import command, keys, sections
names = [*keys.KNOWN_KEYS, "early_terminate.type", *command.MACROS]
names += [f"metric.{{field.name}}" for field in sections.METRIC_FIELDS]
names += [f"early_terminate.{{field.name}}" for field in sections.HYPERBAND_FIELDS]
print(json.dumps(names))
"""


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process knows three names more than any release: two keys and a macro."""
    budget = Field("budget", "integer", "Most epochs.")
    patience = Field("patience", "integer", "Epochs without progress.")
    known = keys.KNOWN_KEYS | {"budget"}
    for module in (keys, normalise):
        monkeypatch.setattr(module, "KNOWN_KEYS", known)
    monkeypatch.setattr(normalise, "SCALAR_FIELDS", (*keys.SCALAR_FIELDS, budget))
    monkeypatch.setattr(sections, "METRIC_FIELDS", (*sections.METRIC_FIELDS, patience))
    monkeypatch.setattr(command, "MACROS", (*command.MACROS, "${args_toml}"))


@pytest.fixture
def backends(tmp_path: Path) -> Iterator[InProcessTransport]:
    transport = InProcessTransport(tmp_path / "sweeps.db", ("overlay", "tmpfs"))
    yield transport
    transport.close()


def test_every_release_knows_what_is_assumed_of_the_first(
    release: Release, old: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KNOWN_THERE.format("")], env=old, capture_output=True, check=True
    )
    known = set(json.loads(done.stdout))
    assert known == FIRST_FEATURES if release.name == "0.1.0" else known > FIRST_FEATURES
    assert known_features() >= FIRST_FEATURES, "a name was taken out of the language"


class TestAnOlderBackend:
    """A newer client registers a sweep with it."""

    @pytest.mark.parametrize("is_old", [True, False], ids=["release", "today"])
    @pytest.mark.parametrize("feature", USES)
    def test_what_it_does_not_know_is_an_error(self, old, today, is_old, feature, port, newer):
        with server(old if is_old else today, port) as url:
            client = Client(HttpTransport(url, TOKEN))
            sweep = client.create_sweep(BASE)["id"]
            for attempt in (
                lambda: client.create_sweep(USES[feature]),
                lambda: client.create_sweep(yaml=json.dumps(USES[feature])),
                lambda: client.create_sweep(USES[feature], dry_run=True),
                lambda: client.change_sweep(sweep, config=USES[feature]),
            ):
                with pytest.raises(UsageError) as refused:
                    attempt()
                assert str(refused.value) == (
                    f"the backend at {url} has version 0.1.0 and does not know `{feature}`, which"
                    f" sweep-sdk {__version__} knows: deploy the backend again, from that version"
                )
                assert refused.value.exit_code == 2
            assert [found["id"] for found in client.list_sweeps()] == [sweep]
            client.close()

    def test_what_neither_knows_is_a_warning_as_ever(self, old, port, newer):
        with server(old, port) as url:
            client = Client(HttpTransport(url, TOKEN))
            assert "not known" in str(client.create_sweep({**BASE, "colour": 1})["warnings"])
            client.close()

    def test_the_command_line_exits_with_2(self, old, today, port, tmp_path):
        Path("sweep.yaml").write_text(json.dumps(USES["budget"]))
        known = "import sweep_service.model.language.keys as keys; keys.KNOWN_KEYS |= {'budget'}\n"
        with server(old, port) as url:
            done = subprocess.run(
                [sys.executable, "-c", known + MAIN, "sweep", "sweep.yaml"],
                env={**today, "SWEEP_URL": url}, capture_output=True, text=True, check=False,
            )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert "`budget`" in done.stderr
        assert "Traceback" not in done.stderr


def through_gateway(backend, headers, path):
    from sweep_service.access.identity import LOCAL_ADMIN
    from sweep_service.gateway import handle

    body = b'{"agent": "a"}'
    answer = handle(backend.services, "POST", path, {}, headers, body, identity=LOCAL_ADMIN)
    return answer.status, json.loads(answer.body)


def through_lambda(backend, headers, path):
    class Context:
        function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"

    event = {
        "rawPath": path,
        "headers": headers,
        "body": '{"agent": "a"}',
        "requestContext": {
            "stage": "$default",
            "http": {"method": "POST"},
            "authorizer": {"lambda": None},  # as the authorizer of version 0.1.0 has it
        },
    }
    answer = make_handler(backend.services)(event, Context())
    return answer["statusCode"], json.loads(answer["body"])


class TestAnOlderAgent:
    """It asks a newer backend for a run of a sweep that needs more than it knows."""

    @pytest.mark.parametrize("ask", [through_gateway, through_lambda])
    @pytest.mark.parametrize("feature", FOR_AGENTS)
    def test_is_refused_with_both_versions(self, backend, newer, ask, feature):
        sweep = backend.create(USES[feature])
        path = f"/v1/sweeps/{sweep}/runs"
        headers = {"idempotency-key": "a-key-of-an-agent", "sweep-sdk-version": "0.0.9"}
        status, body = ask(backend, headers, path)
        assert (status, body["code"]) == (426, "upgrade-required")
        assert body["detail"] == (
            f"sweep {sweep} uses {feature}, which sweep-sdk 0.0.9 does not know:"
            f" this agent needs version {__version__}"
        )
        assert backend.get(sweep)["n_handed_out"] == 0
        assert ask(backend, headers | {"sweep-features": f"other,{feature}"}, path)[0] == 201

    @pytest.mark.parametrize("feature", ["${args}", "seed", "run_cap", "retry_failed"])
    def test_works_on_what_it_has_always_known(self, backend, newer, feature):
        config = BASE if feature.startswith("$") else {**BASE, feature: 1}
        headers = {"idempotency-key": "a-key-of-an-agent", "sweep-sdk-version": "0.0.9"}
        path = f"/v1/sweeps/{backend.create(config)}/runs"
        assert through_gateway(backend, headers, path)[0] == 201

    def test_works_on_what_only_the_backend_has_to_know(self, backend, newer, monkeypatch):
        monkeypatch.setattr(features, "BACKEND_KEYS", features.BACKEND_KEYS | {"budget"})
        headers = {"idempotency-key": "a-key-of-an-agent", "sweep-sdk-version": "0.0.9"}
        path = f"/v1/sweeps/{backend.create(USES['budget'])}/runs"
        assert through_gateway(backend, headers, path)[0] == 201

    def test_that_is_another_program_is_not_checked(self, backend, newer):
        sweep = backend.create(USES["budget"])
        headers = {"idempotency-key": "a-key-of-an-agent"}
        assert through_gateway(backend, headers, f"/v1/sweeps/{sweep}/runs")[0] == 201

    def test_is_refused_once_an_update_uses_newer_keys(self, backend, newer):
        sweep = backend.create(BASE)
        headers = {"idempotency-key": "a-key-of-an-agent", "sweep-sdk-version": "0.0.9"}
        path = f"/v1/sweeps/{sweep}/runs"
        assert through_gateway(backend, headers, path)[0] == 201
        changed = backend.call("PATCH", f"/v1/sweeps/{sweep}", {"config": USES["${args_toml}"]})
        assert changed.status == 200
        headers["idempotency-key"] = "another-key-of-it"
        assert through_gateway(backend, headers, path)[0] == 426

    @pytest.mark.parametrize("feature", FOR_AGENTS)
    def test_as_a_process_ends_with_exit_code_2(self, old, newer, backends, feature):
        with LocalServer(backends, token=TOKEN) as server, open_http(server.url) as client:
            Path("train.py").touch()
            sweep = client.create_sweep(USES[feature])["id"]
            done = subprocess.run(
                [sys.executable, "-c", MAIN, "agent", sweep],
                env={**old, "SWEEP_URL": server.url, "SWEEP_TOKEN": TOKEN},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 2, done
            assert "0.1.0" in done.stderr
            assert "Traceback" not in done.stderr
            assert client.get_sweep(sweep)["n_handed_out"] == 0

    def test_of_today_says_which_versions(self, newer, backends, monkeypatch):
        with LocalServer(backends, token=TOKEN) as server, open_http(server.url) as client:
            sweep = client.create_sweep(USES["budget"])["id"]
            monkeypatch.setattr("sweep_sdk._backend.exchange._features", dict)
            with pytest.raises(UsageError, match=r"uses budget, which sweep-sdk 0\.1\.0 .* needs "):
                client.ask(sweep, "a-key-of-an-agent", "agent")
            monkeypatch.undo()

    def test_that_knows_it_gets_its_runs(self, newer, backends):
        with LocalServer(backends, token=TOKEN) as server, open_http(server.url) as client:
            for feature in FOR_AGENTS:
                sweep = client.create_sweep(USES[feature])["id"]
                run: Any = client.ask(sweep, "a-key-of-an-agent", "agent")
                assert run.index == 0


@contextmanager
def open_http(url: str) -> Iterator[Client]:
    with Client(HttpTransport(url, TOKEN)) as client:
        yield client
