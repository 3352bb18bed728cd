"""A damaged file is reported in one line that names it, whatever the damage."""

from __future__ import annotations

import json
import random
import sqlite3
from contextlib import closing

import pytest

from sweep_service.access.identity import LOCAL_ADMIN
from sweep_service.bootstrap import local_services
from sweep_service.gateway import handle

SEEDS = range(12)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """The bytes of a database with a sweep and three runs, and the sweep's id."""
    path = tmp_path_factory.mktemp("sound") / "sweeps.db"
    services = local_services(path)
    config = {
        "method": "grid",
        "metric": {"name": "loss"},
        "parameters": {"a": {"values": [1, 2, 3]}},
    }
    sweep = _call(services, "POST", "/v1/sweeps", {"config": config})["id"]
    for number in range(3):
        run = _call(
            services, "POST", f"/v1/sweeps/{sweep}/runs", {"agent": "a"}, f"key-{number:08}"
        )
        path_of_run = f"/v1/sweeps/{sweep}/runs/{run['id']}"
        rows = [{"metrics": {"loss": number}}]
        _call(services, "POST", f"{path_of_run}/reports", {"attempt": 1, "offset": 0, "rows": rows})
        _call(services, "POST", f"{path_of_run}/finish", {"attempt": 1, "state": "finished"})
    services.store.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.read_bytes(), sweep


def _call(services, method, path, body=None, key="key-of-a-test"):
    raw = b"" if body is None else json.dumps(body).encode()
    answer = handle(services, method, path, {}, {"idempotency-key": key}, raw, identity=LOCAL_ADMIN)
    assert answer.status < 300, answer
    return json.loads(answer.body)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_damage_is_reported(sound, tmp_path, seed, caplog):
    content, sweep = sound
    rng = random.Random(seed)
    data = bytearray(content)
    for _ in range(rng.choice((1, 4, 200))):
        place = rng.choice((rng.randrange(len(data)), rng.randrange(4096)))
        data[place] ^= rng.randrange(1, 256)
    path = tmp_path / "damaged.db"
    path.write_bytes(data)
    services = local_services(path)
    for route in ("", f"/{sweep}", f"/{sweep}/runs", f"/{sweep}/runs/{sweep}-1", f"/{sweep}/best"):
        answer = handle(services, "GET", f"/v1/sweeps{route}", {}, {}, b"", identity=LOCAL_ADMIN)
        problem = json.loads(answer.body)
        if answer.status == 500:
            assert problem["code"] == "store-unusable"
            assert "\n" not in problem["detail"]
    services.store.close()
    assert caplog.records == []


def test_a_table_definition_that_is_no_text(sound, tmp_path):
    content, _ = sound
    path = tmp_path / "damaged.db"
    path.write_bytes(content.replace(b"CREATE TABLE", b"CRE\xf2TE TABLE"))
    answer = handle(local_services(path), "GET", "/v1/sweeps", {}, {}, b"", identity=LOCAL_ADMIN)
    detail = json.loads(answer.body)["detail"]
    assert answer.status == 500
    assert str(path) in detail
    assert "damaged" in detail
    assert "SWEEP_LOCAL_DB" in detail
