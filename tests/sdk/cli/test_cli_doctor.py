"""``doctor``: its checks of the environment of a sweep."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path

import pytest
from website import website

from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer
from sweep_sdk._version import __version__
from sweep_sdk.cli import checkup


@pytest.fixture
def server(home, tmp_path):
    with LocalServer(InProcessTransport(tmp_path / "other.db"), token="secret") as started:
        yield started


@pytest.fixture
def look(cli):
    """The findings by what was looked at, and the exit code."""

    def call():
        result = cli("doctor", "--json")
        assert result.err == ""
        return {item["check"]: item for item in result.json}, result.code

    return call


def backend_with(health):
    """Answers a request for its health in this way, and lists no sweeps."""
    sweeps = {"sweeps": [], "cursor": None}
    return lambda path: json.dumps(health if path == "/v1/health" else sweeps).encode()


def test_a_line_for_each_with_its_level(cli):
    result = cli("doctor")
    assert result.code == 0
    assert result.err == ""
    assert result.lines[0].startswith(f"ok    sweep-sdk    version {__version__} on Python ")
    assert all(line[:6] in ("ok    ", "warn  ") for line in result.lines)


def test_without_a_backend_and_without_a_database_none_is_made(look, home):
    found, code = look()
    assert code == 0
    assert "it will be created with the first sweep" in found["backend"]["text"]
    assert not home.exists()


def test_the_local_database(look, grid):
    found, code = look()
    assert (code, found["backend"]["level"]) == (0, "ok")
    assert found["file system"]["level"] == "ok"


def test_a_damaged_database(look, home):
    home.mkdir()
    (home / "sweeps.db").write_bytes(b"this is no database" * 100)
    found, code = look()
    assert (code, found["backend"]["level"]) == (1, "fail")
    assert "sweeps.db" in found["backend"]["text"]


def test_a_backend_that_takes_the_token(look, server, monkeypatch):
    monkeypatch.setenv("SWEEP_URL", server.url)
    monkeypatch.setenv("SWEEP_TOKEN", "secret")
    found, code = look()
    assert code == 0
    for check in ("backend", "credential", "clock"):
        assert found[check]["level"] == "ok", check
    assert server.url in found["backend"]["text"]
    assert "secret" not in json.dumps(found)


@pytest.mark.parametrize("token", ["wrong", ""])
def test_a_token_that_is_refused(look, server, monkeypatch, token):
    monkeypatch.setenv("SWEEP_URL", server.url)
    monkeypatch.setenv("SWEEP_TOKEN", token)
    found, code = look()
    assert (code, found["credential"]["level"]) == (1, "fail")
    assert "sweep-sdk login" in found["credential"]["text"]
    assert "GPUs" in found


def test_a_backend_that_does_not_answer(look, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("SWEEP_URL", f"http://127.0.0.1:{port}")
    found, code = look()
    assert (code, found["backend"]["level"]) == (1, "fail")
    assert "no connection" in found["backend"]["text"]
    assert "GPUs" in found


@pytest.mark.parametrize("health", [{}, [], "x", {"status": "ok"}])
def test_another_server_that_answers(look, monkeypatch, health):
    with website("application/json", backend_with(health)) as url:
        monkeypatch.setenv("SWEEP_URL", url)
        found, code = look()
    assert (code, found["backend"]["level"]) == (1, "fail")
    assert "check" in found["backend"]["text"]


def test_a_different_version_and_clock_are_reported(monkeypatch):
    health = {"status": "ok", "version": "9.9.9", "now": 1_000_000.0}
    assert checkup._version("there", health).level == "warn"
    assert "9.9.9" in checkup._version("there", health).text
    assert checkup._clock(1_000_000.0, 1_000_003.0).level == "ok"
    assert "120 s ahead of" in checkup._clock(1_000_000.0, 1_000_120.0).text
    assert "120 s behind" in checkup._clock(1_000_000.0, 999_880.0).text
    assert checkup._clock(None, time.time()).level == "ok"


@pytest.mark.parametrize("settings", [{"SWEEP_URL": "nonsense"}, {"SWEEP_REPORT_INTERVAL": "x"}])
def test_settings_that_are_not_understood(look, monkeypatch, settings):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    found, code = look()
    assert (code, found["settings"]["level"]) == (1, "fail")
    assert "GPUs" in found


def test_a_folder_that_cannot_be_written(look, monkeypatch):
    monkeypatch.setenv("SWEEP_RUNS_DIR", "/proc/nowhere/runs")
    found, code = look()
    assert (code, found["runs folder"]["level"]) == (1, "fail")
    assert "SWEEP_RUNS_DIR" in found["runs folder"]["text"]


@pytest.mark.parametrize(("n_bytes", "level"), [(10**7, "fail"), (10**9, "warn"), (10**10, "ok")])
def test_room_on_the_disk(look, monkeypatch, n_bytes, level):
    usage = type("Usage", (), {"free": n_bytes})
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda _: usage)
    found, code = look()
    assert (code, found["data folder"]["level"]) == (int(level == "fail"), level)


class TestGpus:
    @pytest.fixture
    def nvidia_smi(self, tmp_path, monkeypatch):
        def install(script):
            path = tmp_path / "bin" / "nvidia-smi"
            path.parent.mkdir()
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
            monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")

        return install

    LISTS_TWO = "echo 'GPU 0: A (UUID: GPU-1)'; echo 'GPU 1: A (UUID: GPU-2)'"

    @pytest.mark.parametrize(
        ("script", "visible", "level", "words"),
        [
            (LISTS_TWO, None, "ok", ["2 GPUs"]),
            (LISTS_TWO, "1", "ok", ["2 GPUs", "visible to this shell: 1"]),
            (LISTS_TWO, "GPU-1", "ok", ["visible to this shell: GPU-1"]),
            (LISTS_TWO, "", "ok", ["visible to this shell: none"]),
            (LISTS_TWO, "0,2", "warn", ["GPU 2 does not exist", "CUDA_VISIBLE_DEVICES"]),
            ("echo broken driver >&2; exit 9", None, "warn", ["broken driver"]),
        ],
    )
    def test_what_is_seen_and_allotted(
        self, look, monkeypatch, nvidia_smi, script, visible, level, words
    ):
        nvidia_smi(script)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        found = look()[0]["GPUs"]
        assert found["level"] == level
        for word in words:
            assert word in found["text"]


def test_a_database_on_a_network_file_system(look, monkeypatch, home):
    from sweep_service.storage.sqlite import place

    mounts = home.parent / "mounts"
    mounts.write_text(f"server:/x {Path(home.parent).resolve()} nfs4 rw 0 0\n")
    monkeypatch.setattr(place, "_MOUNTS", mounts)
    found, code = look()
    assert (code, found["file system"]["level"]) == (1, "fail")
    assert "nfs4" in found["file system"]["text"]
