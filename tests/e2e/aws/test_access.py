"""Access control in the deployed stack, with tokens and with AWS credentials."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from deployment import TOKEN, Deployed, deploy

from denials import Answer, Denial, House, denials
from sweep_sdk._backend.client import open_client
from sweep_sdk._exceptions import NotFound
from sweep_sdk._settings import load_settings

CONFIG = {
    "method": "grid",
    "metric": {"name": "loss"},
    "program": "train.py",
    "parameters": {"n": {"values": [1, 2]}},
}


@pytest.fixture(scope="module")
def house(deployed: Deployed) -> Iterator[House]:
    with requests.Session() as session:

        def send(method: str, path: str, header: str | None, body: Any, key: str) -> Answer:
            headers = {"Idempotency-Key": key}
            headers |= {} if header is None else {"Authorization": header}
            url = deployed.url + path
            answer = session.request(method, url, headers=headers, json=body, timeout=60)
            return answer.status_code, answer.json() if answer.content else None

        house = House(send, TOKEN)
        house.await_expiry()
        yield house


@pytest.mark.parametrize("denial", denials(), ids=str)
def test_it_is_refused(house: House, denial: Denial) -> None:
    house.check(denial)


def test_nothing_was_changed_by_all_of_them(house: House) -> None:
    assert house.is_intact()


def test_a_token_of_one_sweep_works_off_that_sweep(deployed: Deployed, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sweep_sdk\nsweep_sdk.init().log({'loss': 1})\n")
    environ = deployed.environ(tmp_path / "home")

    def cli(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sweep_sdk.cli", *words]
        return subprocess.run(
            command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    with open_client(load_settings(environ)) as client:
        sweep = client.create_sweep(CONFIG)["id"]
        joined = cli("join", sweep, "--for", "1h")
        assert joined.returncode == 0, joined.stderr
        token = joined.stdout.split("SWEEP_TOKEN=")[1].split()[0]
        environ["SWEEP_TOKEN"] = token
        done = cli("agent", sweep)
        assert done.returncode == 0, done.stderr
        assert {run["state"] for run in client.list_runs(sweep)} == {"finished"}
        (known,) = [item for item in client.list_tokens() if item["sweep"] == sweep]
        assert known["last_used_at"] is not None


class TestSigned:
    """The API for callers with AWS credentials; the emulated AWS checks no signatures."""

    def test_unsigned_requests_are_refused(self, deployed: Deployed) -> None:
        health = requests.get(f"{deployed.iam_url}/v1/health", timeout=30)
        assert health.status_code == 200
        for path in ("/v1/sweeps", "/v1/identity"):
            answer = requests.get(f"{deployed.iam_url}{path}", timeout=30)
            assert answer.status_code in (401, 403)
        token = {"Authorization": f"Bearer {TOKEN}"}
        answer = requests.get(f"{deployed.iam_url}/v1/sweeps", headers=token, timeout=30)
        assert answer.status_code in (401, 403)

    def test_a_signed_request_is_routed_and_its_signer_known(
        self, deployed: Deployed, tmp_path: Path
    ) -> None:
        environ = deployed.environ(tmp_path / "home")
        del environ["SWEEP_TOKEN"]
        settings = load_settings({**environ, "SWEEP_URL": deployed.iam_url, "SWEEP_AUTH": "iam"})
        with open_client(settings) as client:
            caller = client.identity()
            assert caller is not None
            assert (caller["method"], caller["scope"]) == ("iam", None)
            assert caller["name"].startswith("arn:aws:")
            sweep = client.create_sweep(CONFIG)["id"]
            assert client.get_sweep(sweep)["command_changed_by"] == caller["name"]


def test_a_restored_table_takes_the_place_of_the_stacks_own(tmp_path: Path) -> None:
    """Restore the table of a stack under another name, deploy the stack with it, and go on."""
    aws = boto3.client("dynamodb")
    before = Deployed(deploy("rehearsal"))
    own, restored = before.outputs["TableName"], "sweeps-restored"
    with open_client(load_settings(before.environ(tmp_path / "home"))) as client:
        kept = client.create_sweep(CONFIG)["id"]
        aws.restore_table_to_point_in_time(
            SourceTableName=own, TargetTableName=restored, UseLatestRestorableTime=True
        )
        lost = client.create_sweep(CONFIG)["id"]
    after = Deployed(deploy("rehearsal", ExistingTable=restored))
    assert after.outputs["TableName"] == restored
    with open_client(load_settings(after.environ(tmp_path / "home"))) as client:
        assert client.get_sweep(kept)["state"] == "pending"
        with pytest.raises(NotFound):
            client.get_sweep(lost)
        assert client.change_sweep(kept, state="canceled")["state"] == "canceled"
    assert aws.describe_table(TableName=own)["Table"]["TableStatus"] == "ACTIVE"
