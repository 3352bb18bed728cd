"""Signing requests with AWS credentials; botocore's own code verifies the signatures."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from emulated_gateway import EmulatedIamGateway
from iam_policies import read_policies
from sweep_sdk._backend.client import open_client
from sweep_sdk._backend.retry import ONCE
from sweep_sdk._backend.signing import signer_of
from sweep_sdk._exceptions import NotAuthorized, UsageError
from sweep_sdk._settings import load_settings
from sweep_service.access.scopes import Scope
from sweep_service.bootstrap import local_services
from sweep_service.model.records.states import RunState
from sweep_service.wire.runs import Ending

API = "https://abc123.execute-api.eu-central-1.amazonaws.com"
CONFIG = {
    "method": "grid",
    "metric": {"name": "loss"},
    "parameters": {"n": {"values": [1, 2]}},
}
ARN = "arn:aws:sts::123456789012:assumed-role/agents/i-0abc"


@pytest.fixture(autouse=True)
def aws(monkeypatch, tmp_path):
    """No AWS settings but those of the test."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)


@pytest.fixture
def be(monkeypatch):
    """Become the owner of an access key."""

    def be(name, secret="secret", session=None):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", name)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        if session is not None:
            monkeypatch.setenv("AWS_SESSION_TOKEN", session)

    return be


@pytest.fixture
def gateway(tmp_path):
    policies = read_policies()
    callers = {
        f"AKID{scope.value.upper()}": ("secret", None, ARN, policies[scope]) for scope in Scope
    }
    callers["ASIAAGENT"] = ("secret", "a/session+token==", ARN, policies[Scope.AGENT])
    services = local_services(tmp_path / "sweeps.db")
    with EmulatedIamGateway(services, callers) as running:
        yield running
    services.store.close()


@pytest.fixture
def connect(gateway, settings):
    """A client as the environment makes it, with SWEEP_AUTH=iam."""
    opened = []

    def connect():
        client = open_client(replace(settings, url=gateway.url, token=None, auth="iam"), ONCE)
        opened.append(client)
        return client

    yield connect
    for client in opened:
        client.close()


def test_an_admin_registers_and_an_agent_works(be, connect):
    be("AKIDADMIN")
    admin = connect()
    sweep = admin.create_sweep(CONFIG, project="a b+c&d/é ~*")["id"]
    assert [found["id"] for found in admin.list_sweeps("a b+c&d/é ~*")] == [sweep]
    be("ASIAAGENT", session="a/session+token==")
    agent = connect()
    run = agent.ask(sweep, "a-fixed-ask-key", "agent")
    rows = [{"step": 0, "at": 1.0, "metrics": {"löss /+": 1.5}}]
    agent.report(run.id, run.attempt, 0, rows, key=run.key)
    assert next(agent.history(run.id, ["löss /+"]))["metrics"] == {"löss /+": 1.5}
    agent.finish(run.id, Ending(run.attempt, RunState.FINISHED, key=run.key))
    assert agent.get_run(run.id)["state"] == "finished"
    assert agent.identity() == {
        "name": ARN, "scope": None, "method": "iam", "sweep": None, "expires_at": None,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["AKIDREADER", "AKIDAGENT"])
def test_who_is_no_admin_changes_nothing(be, connect, name):
    be("AKIDADMIN")
    sweep = connect().create_sweep(CONFIG)["id"]
    be(name)
    client = connect()
    for change in (
        lambda: client.create_sweep(CONFIG),
        lambda: client.change_sweep(sweep, state="canceled"),
        lambda: client.change_sweep(sweep, config={**CONFIG, "program": "evil.py"}),
        lambda: client.delete_sweep(sweep),
        client.list_tokens,
    ):
        with pytest.raises(NotAuthorized):
            change()
    assert client.get_sweep(sweep)["state"] == "pending"


def test_a_reader_asks_for_no_run(be, connect):
    be("AKIDADMIN")
    sweep = connect().create_sweep(CONFIG)["id"]
    be("AKIDREADER")
    with pytest.raises(NotAuthorized):
        connect().ask(sweep, "a-fixed-ask-key", "agent")


def test_the_change_is_signed_with_the_name(be, connect):
    be("AKIDADMIN")
    client = connect()
    sweep = client.create_sweep(CONFIG)["id"]
    assert client.get_sweep(sweep)["command_changed_by"] == ARN


@pytest.mark.parametrize(
    ("name", "secret", "session"),
    [
        ("AKIDADMIN", "another", None),
        ("AKIDNOBODY", "secret", None),
        ("ASIAAGENT", "secret", "another"),
    ],
)
def test_wrong_credentials_are_refused(be, connect, name, secret, session):
    be(name, secret, session)
    with pytest.raises(NotAuthorized, match="does not accept these AWS credentials"):
        list(connect().list_sweeps())


def test_a_signature_is_good_for_one_request_alone(be, connect, gateway, monkeypatch):
    """Its method, path, query and body are what was signed."""
    be("AKIDADMIN")
    seen = []
    answer = gateway.answer
    monkeypatch.setattr(
        gateway, "answer", lambda *request: seen.append(request) or answer(*request)
    )
    connect().create_sweep(CONFIG)
    method, target, headers, body = next(found for found in seen if found[0] == "POST")
    assert answer(method, target, headers, body)[0] == 201
    changed = [
        ("GET", target, headers, body),
        (method, f"{target}?dry_run=true", headers, body),
        (method, target.replace("sweeps", "tokens"), headers, body),
        (method, target, headers, body.replace(b"grid", b"gird")),
        (method, target, {**headers, "x-amz-date": "20260101T000000Z"}, body),
    ]
    assert [answer(*request)[0] for request in changed] == [403] * 5


class TestFindingOut:
    def test_credentials_at_hand_sign_for_an_api_of_api_gateway(self, be):
        be("AKIDADMIN")
        signer = signer_of(API, None, None)
        assert signer.region == "eu-central-1"
        assert signer_of(f"{API}.cn", None, None).region == "eu-central-1"

    @pytest.mark.parametrize(
        ("url", "token", "auth"),
        [
            (API, "a token", None),
            (API, None, "token"),
            ("https://sweeps.example.com", None, None),
            ("https://abc.execute-api.eu-central-1.amazonaws.com.evil.example", None, None),
            ("https://evil.example/abc.execute-api.eu-central-1.amazonaws.com", None, None),
            ("http://127.0.0.1:8787", None, None),
        ],
    )
    def test_otherwise_nothing_is_signed(self, be, url, token, auth):
        be("AKIDADMIN")
        assert signer_of(url, token, auth) is None

    def test_without_credentials_there_is_no_signature(self):
        assert signer_of(API, None, None) is None
        with pytest.raises(UsageError, match="no AWS credentials"):
            signer_of(API, None, "iam")

    def test_an_address_of_ones_own_needs_a_region(self, be, monkeypatch):
        be("AKIDADMIN")
        assert signer_of("https://sweeps.example.com", None, "iam").region == "eu-central-1"
        monkeypatch.delenv("AWS_DEFAULT_REGION")
        monkeypatch.delenv("AWS_REGION")
        with pytest.raises(UsageError, match="set AWS_REGION"):
            signer_of("https://sweeps.example.com", None, "iam")

    def test_without_botocore_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "botocore.session", None)
        assert signer_of(API, None, None) is None
        with pytest.raises(UsageError, match=r"\.\[aws\]|aws"):
            signer_of(API, None, "iam")

    def test_a_token_loads_no_botocore(self):
        code = (
            "from sweep_sdk._backend.transport import HttpTransport\n"
            "from sweep_sdk._backend.signing import signer_of\n"
            f"signer_of({API!r}, 'a token', None); signer_of('http://127.0.0.1:1', None, None)\n"
            "import sys; print('botocore' in sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert done.stdout == "False\n"

    def test_the_setting_is_checked(self):
        assert load_settings({"SWEEP_AUTH": "iam", "HOME": "/home/a"}).auth == "iam"
        assert load_settings({"SWEEP_AUTH": "", "HOME": "/home/a"}).auth is None
        with pytest.raises(UsageError, match="needs token or iam"):
            load_settings({"SWEEP_AUTH": "saml", "HOME": "/home/a"})
