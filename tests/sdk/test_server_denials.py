"""``sweep-sdk local`` as a process refuses every request that must be refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from denials import Answer, Denial, House, denials

FIRST = "the-first-admins-token"
LOCAL = [sys.executable, "-m", "sweep_sdk.cli", "local"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: Any) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("denials")
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SWEEP_")}
    process = subprocess.Popen(
        [*LOCAL, "--port", "0", "--json", "--token", FIRST],
        env={**kept, "SWEEP_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with requests.Session() as session:
            session.trust_env = False

            def send(method: str, path: str, header: str | None, body: Any, key: str) -> Answer:
                headers = {"Idempotency-Key": key}
                headers |= {} if header is None else {"Authorization": header}
                answer = session.request(method, url + path, headers=headers, json=body, timeout=30)
                return answer.status_code, answer.json() if answer.content else None

            house = House(send, FIRST)
            house.await_expiry()
            yield house
            assert house.is_intact()
    finally:
        process.terminate()
        process.communicate()


@pytest.mark.parametrize("denial", denials(), ids=str)
def test_it_is_refused(house: House, denial: Denial) -> None:
    house.check(denial)


def test_a_refusal_says_why(house: House) -> None:
    for (case, scope), token in house.tokens.items():
        if case in ("expired", "revoked"):
            status, found = house.send("GET", "/v1/sweeps", f"Bearer {token}", None, "a key")
            assert (status, found["code"]) == (401, "unauthorized"), scope
            assert case in found["detail"]
