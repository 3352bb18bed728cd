"""``local`` and ``login``, and what is said when the backend is not there."""

from __future__ import annotations

import http.client
import json
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest
from website import website

from sweep_sdk._agent.session import session
from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer
from sweep_sdk._settings import load_settings
from sweep_sdk.cli import backend

PATIENCE_SECONDS = 60


@pytest.fixture
def server(home):
    """A server that wants a token, over the test's own database."""
    transport = InProcessTransport(load_settings().local_db)
    with LocalServer(transport, token="secret") as running:
        yield running
    transport.close()


def allow_few_files():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, most))


@contextmanager
def local(*words, **options):
    """``sweep-sdk local`` as a process; its first lines."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sweep_sdk.cli", "local", "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
    try:
        lines = [process.stdout.readline() for _ in range(3)]
        yield process, re.search(r"SWEEP_URL=(\S+)", lines[-1]).group(1)
    finally:
        process.kill()
        process.communicate()


class TestLocal:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_serves_until_it_is_told_to_stop(self, home, number):
        with local() as (process, url):
            with urllib.request.urlopen(f"{url}/v1/health", timeout=PATIENCE_SECONDS) as answer:
                assert json.load(answer)["status"] == "ok"
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert (process.returncode, out, err) == (0, "stopped\n", "")

    def test_commands_reach_it_and_share_its_sweeps(self, cli, grid, monkeypatch):
        with local() as (_, url):
            monkeypatch.setenv("SWEEP_URL", url)
            assert cli("sweeps", "--json").json[0]["id"] == grid
            assert cli("ask", grid, "--json").json["index"] == 0
        monkeypatch.setenv("SWEEP_URL", "local")
        assert cli("ask", grid, "--json").json["index"] == 1

    def test_carries_more_agents_than_the_usual_file_limit(self, home):
        with local(preexec_fn=allow_few_files) as (_, url):
            host, port = url.removeprefix("http://").split(":")
            agents = [http.client.HTTPConnection(host, int(port)) for _ in range(150)]
            for agent in agents:
                agent.connect()
            for agent in agents:
                agent.request("GET", "/v1/health")
                assert agent.getresponse().read()
            for agent in agents:
                agent.close()

    def test_generates_a_token_and_asks_for_it(self, cli, monkeypatch):
        with local("--token") as (process, url):
            line = process.stdout.readline()
            token = re.search(r"SWEEP_TOKEN=(\S+)", line).group(1)
            assert len(token) >= 24
            monkeypatch.setenv("SWEEP_URL", url)
            refused = cli("sweeps")
            assert refused.code == 2
            assert "sweep-sdk login" in refused.err
            monkeypatch.setenv("SWEEP_TOKEN", token)
            assert cli("sweeps", "--json").json == []

    def test_a_port_in_use_is_one_line(self, cli):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = cli("local", "--port", port)
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert f"port {port}" in result.err

    def test_open_to_others_only_with_a_token(self, cli):
        result = cli("local", "--host", "0.0.0.0", "--port", "0")
        assert result.code == 2
        assert "--token" in result.err

    def test_a_database_that_is_none_is_told_at_once(self, cli, home):
        home.mkdir()
        (home / "sweeps.db").write_bytes(b"this is no database" * 100)
        result = cli("local", "--port", "0")
        assert result.code == 2
        assert "sweeps.db" in result.err


class TestLogin:
    def stored(self, home):
        return json.loads((home / "credentials.json").read_text())

    def test_keeps_url_and_token_for_the_user_alone(self, cli, home, server):
        result = cli("login", "--url", f"{server.url}/", "--token", "secret")
        assert result.code == 0
        assert server.url in result.out
        assert "secret" not in result.out + result.err
        path = home / "credentials.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert self.stored(home) == {"url": server.url, "token": "secret"}
        assert cli("sweeps", "--json").json == []
        assert cli("login", "--url", "local").code == 0
        assert load_settings().url is None

    def test_a_token_from_standard_input(self, cli, home, server):
        assert cli("login", "--url", server.url, "--stdin", stdin=b"secret\n").code == 0
        assert self.stored(home)["token"] == "secret"

    @pytest.mark.parametrize(
        ("words", "problem"),
        [(["--token", "wrong"], "does not accept this token"), ([], "requires a token")],
    )
    def test_a_token_that_is_refused_is_not_kept(self, cli, home, server, words, problem):
        result = cli("login", "--url", server.url, *words)
        assert result.code == 2
        assert problem in result.err
        assert not (home / "credentials.json").exists()

    def test_a_backend_that_is_not_there_is_the_url_that_was_given(self, cli, home, monkeypatch):
        monkeypatch.setenv("SWEEP_URL", "http://127.0.0.1:10")
        result = cli("login", "--url", "http://127.0.0.1:9", "--token", "t")
        assert result.code == 1
        assert "no connection to http://127.0.0.1:9" in result.err
        assert "check the given URL" in result.err
        assert "SWEEP_URL" not in result.err
        assert not (home / "credentials.json").exists()

    @pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'{"status": "ok"}', b"\xff"])
    def test_what_is_no_backend_is_the_url_that_was_given(self, cli, body):
        with website("text/html", lambda _: body) as url:
            result = cli("login", "--url", url, "--token", "t")
        assert result.code == 2
        assert "check the given URL" in result.err
        assert "SWEEP_URL" not in result.err

    def test_later_commands_speak_of_the_url_that_is_kept(self, cli, server):
        assert cli("login", "--url", server.url, "--token", "secret").code == 0
        server.stop()
        result = cli("sweeps")
        assert "check the URL that 'sweep-sdk login' keeps" in result.err

    @pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://", "https://h?x=1"])
    def test_what_is_no_url(self, cli, url):
        result = cli("login", "--url", url, "--token", "t")
        assert result.code == 2
        assert result.err.count("\n") == 1

    def test_a_token_that_cannot_be_sent(self, cli, server):
        result = cli("login", "--url", server.url, "--stdin", stdin="tökén\n".encode())
        assert result.code == 2
        assert "token" in result.err

    def test_mends_a_broken_credentials_file(self, cli, home, server):
        home.mkdir(exist_ok=True)
        (home / "credentials.json").write_text("{broken")
        assert "sweep-sdk login" in cli("sweeps").err
        assert cli("login", "--url", server.url, "--token", "secret").code == 0
        assert cli("sweeps", "--json").code == 0

    def test_says_when_the_environment_goes_before(self, cli, server, monkeypatch):
        monkeypatch.setenv("SWEEP_URL", "http://127.0.0.1:9")
        result = cli("login", "--url", server.url, "--token", "secret")
        assert result.code == 0
        assert "SWEEP_URL is set" in result.err

    def test_one_way_to_give_the_token(self, cli):
        assert cli("login", "--url", "http://x", "--token", "t", "--stdin").code == 2


class TestNobodyThere:
    @pytest.fixture(autouse=True)
    def impatience(self, monkeypatch):
        monkeypatch.setattr(backend, "ATTEMPTS", 1)

    @pytest.fixture
    def closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            return taken.getsockname()[1]

    @pytest.mark.parametrize("words", [["sweeps"], ["runs", "abcdefgh"]])
    def test_is_one_line_and_exit_code_1(self, cli, monkeypatch, closed_port, words):
        monkeypatch.setenv("SWEEP_URL", f"http://127.0.0.1:{closed_port}")
        result = cli(*words)
        assert result.code == 1
        assert result.out == ""
        assert result.err.count("\n") == 1
        assert f"no connection to http://127.0.0.1:{closed_port}" in result.err

    def test_an_agent_waits_some_seconds_for_a_server_that_starts(
        self, cli, monkeypatch, closed_port
    ):
        monkeypatch.setenv("SWEEP_URL", f"http://127.0.0.1:{closed_port}")
        monkeypatch.setattr(session, "START_SECONDS", 1.0)
        result = cli("agent", "abcdefgh")
        assert (result.code, result.out) == (1, "")
        waits, gives_up = result.err.splitlines()
        assert waits.startswith(f"no connection to http://127.0.0.1:{closed_port}")
        assert gives_up.startswith(f"error: no connection to http://127.0.0.1:{closed_port}")

    def test_another_web_server(self, cli, monkeypatch):
        with website("text/html", lambda _: b"<html>Welcome</html>") as url:
            monkeypatch.setenv("SWEEP_URL", url)
            result = cli("sweeps")
        assert result.code == 2
        assert "check SWEEP_URL" in result.err

    def test_a_home_that_cannot_be_written(self, cli, home, monkeypatch):
        monkeypatch.setenv("SWEEP_HOME", "/dev/null/nowhere")
        result = cli("sweeps")
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert "/dev/null/nowhere" in result.err


def test_trouble_is_told_before_the_patience_ends(cli, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("SWEEP_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(backend, "ATTEMPTS", 2)
    result = cli("sweeps")
    assert result.code == 1
    assert result.err.splitlines()[0].endswith("; trying again")
