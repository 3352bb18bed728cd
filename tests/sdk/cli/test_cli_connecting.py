"""``local`` and ``login``, and the messages if the backend is away."""

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
from pathlib import Path

import pytest
from website import website

from sweep_sdk._agent.session import session
from sweep_sdk._backend.transport import InProcessTransport
from sweep_sdk._server.server import LocalServer
from sweep_sdk._settings import load_settings
from sweep_sdk.cli import backend

PATIENCE_SECONDS = 60
CERTIFICATE = str(Path(__file__).parents[1] / "certificates" / "localhost.pem")


@pytest.fixture
def server(home):
    """A server that wants a token, over the test's own database."""
    transport = InProcessTransport(load_settings().local_db)
    with LocalServer(transport, token="secret") as running:
        yield running
    transport.close()


@pytest.fixture
def config(home, tmp_path, monkeypatch):
    """A folder for configuration of this test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config"


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
        n_lines = 1 if "--json" in words else 3
        process.said = [process.stdout.readline() for _ in range(n_lines)]
        yield process, re.search(r"https?://[^\s\"]+", process.said[0]).group()
    finally:
        process.kill()
        process.communicate()


class TestLocal:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_serves_until_it_is_asked_to_stop(self, home, number):
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

    def test_makes_a_token_that_the_commands_of_this_user_find(self, cli, monkeypatch, config):
        with local() as (process, url):
            (file,) = (config / "sweep-sdk" / "servers").iterdir()
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
            token = json.loads(file.read_text())["token"]
            monkeypatch.setenv("SWEEP_URL", url.replace("127.0.0.1", "localhost"))
            assert cli("sweeps", "--json").json == []
            assert cli("login", "--url", url, stdin=b"").code == 0
            monkeypatch.delenv("SWEEP_URL")
            assert cli("sweeps", "--json").json == []
            monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")
            refused = cli("sweeps")
            assert refused.code == 2
            assert "SWEEP_TOKEN" in refused.err
            for shown in (*process.args, refused.out, refused.err):
                assert token not in shown
            process.terminate()
            said = "".join(process.communicate(timeout=PATIENCE_SECONDS))
        assert token not in said
        assert not file.exists()

    def test_says_where_the_token_is(self, config):
        with local() as (process, url):
            words = process.said
        (file,) = [word for line in words for word in line.split() if word.endswith(".json")]
        assert file.startswith(str(config))
        assert words[1] == f"  export SWEEP_URL={url}\n"
        assert len(words) == 3

    def test_as_json(self, home, config):
        with local("--json") as (process, _):
            found = json.loads(process.said[0])
        assert sorted(found) == ["token_file", "url"]
        assert found["token_file"].startswith(str(config))

    def test_takes_the_token_of_the_environment(self, cli, monkeypatch, config):
        monkeypatch.setenv("SWEEP_TOKEN", "of-the-team")
        with local() as (process, url):
            monkeypatch.setenv("SWEEP_URL", url)
            assert cli("sweeps", "--json").json == []
            assert "of-the-team" not in "".join(process.said)
            monkeypatch.delenv("SWEEP_TOKEN")
            assert cli("sweeps").code == 2
        assert not config.exists()

    def test_warns_of_a_token_on_the_command_line(self, cli, monkeypatch):
        with local("--token", "of-the-team") as (process, url):
            monkeypatch.setenv("SWEEP_URL", url)
            monkeypatch.setenv("SWEEP_TOKEN", "of-the-team")
            assert cli("sweeps", "--json").json == []
            process.terminate()
            _, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert err.startswith("warning: other users of this machine can see the token")
        assert err.count("\n") == 1

    @pytest.mark.parametrize("token", ["", "  "])
    def test_refuses_an_empty_token(self, cli, token):
        result = cli("local", "--port", "0", "--token", token)
        assert result.code == 2
        assert "the token is empty" in result.err

    def test_refuses_a_token_that_cannot_be_sent(self, cli, monkeypatch):
        monkeypatch.setenv("SWEEP_TOKEN", "tökén")
        result = cli("local", "--port", "0")
        assert result.code == 2
        assert "cannot send" in result.err

    def test_a_server_that_was_killed_leaves_nothing_that_is_used(self, cli, monkeypatch, config):
        with local() as (process, url):
            process.kill()
            process.wait()
        (file,) = (config / "sweep-sdk" / "servers").iterdir()
        token = json.loads(file.read_text())["token"]
        monkeypatch.setenv("SWEEP_URL", url)
        assert load_settings().token is None
        with local() as (_, other):
            monkeypatch.setenv("SWEEP_URL", other)
            assert load_settings().token not in (None, token)
        assert not file.exists()

    def test_several_servers_have_separate_files(self, monkeypatch, config):
        with local() as (_, first), local() as (_, second):
            tokens = set()
            for url in (first, second):
                monkeypatch.setenv("SWEEP_URL", url)
                tokens.add(load_settings().token)
            assert len(list((config / "sweep-sdk" / "servers").iterdir())) == 2
        assert len(tokens) == 2

    def test_a_place_for_the_token_that_cannot_be_written(self, cli, monkeypatch):
        monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/nobody")
        result = cli("local", "--port", "0")
        assert result.code == 2
        assert "set SWEEP_TOKEN" in result.err
        assert "XDG_CONFIG_HOME" in result.err

    def test_a_port_in_use_is_one_line(self, cli):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = cli("local", "--port", port)
        assert result.code == 2
        assert result.err.count("\n") == 1
        assert f"port {port}" in result.err

    def test_open_to_others_only_with_encryption(self, cli):
        result = cli("local", "--host", "0.0.0.0", "--port", "0", "--token", "of-the-team")
        assert result.code == 2
        assert "--certfile" in result.err
        assert "--insecure" in result.err

    def test_open_to_others_by_https(self, cli, monkeypatch):
        with local("--host", "0.0.0.0", "--certfile", CERTIFICATE) as (_, url):
            assert url.startswith("https://")
            port = url.rpartition(":")[2]
            monkeypatch.setenv("SWEEP_URL", f"https://localhost:{port}")
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", CERTIFICATE)
            assert cli("sweeps", "--json").json == []

    def test_an_invalid_certificate_is_rejected(self, cli, tmp_path):
        (tmp_path / "cert.pem").write_text("nothing")
        result = cli("local", "--port", "0", "--certfile", str(tmp_path / "cert.pem"))
        assert result.code == 2
        assert "cannot use the certificate in" in result.err
        assert cli("local", "--keyfile", str(tmp_path / "cert.pem")).code == 2

    def test_open_to_others_in_a_trusted_network(self, cli, monkeypatch):
        with local("--host", "0.0.0.0", "--insecure") as (process, url):
            assert f"export SWEEP_URL={url} SWEEP_INSECURE=1\n" in process.said[1]
            monkeypatch.setenv("SWEEP_URL", url)
            monkeypatch.setenv("SWEEP_INSECURE", "1")
            assert cli("sweeps", "--json").json == []

    def test_a_database_that_is_none_is_reported_at_once(self, cli, home):
        home.mkdir()
        (home / "sweeps.db").write_bytes(b"this is no database" * 100)
        result = cli("local", "--port", "0")
        assert result.code == 2
        assert "sweeps.db" in result.err


class TestLogin:
    def stored(self, home):
        return json.loads((home / "credentials.json").read_text())

    def test_stores_url_and_token_readable_only_by_the_user(self, cli, home, server):
        result = cli("login", "--url", f"{server.url}/", "--token", "secret")
        assert result.code == 0
        assert server.url in result.out
        assert "secret" not in result.out + result.err
        assert "use --stdin instead of --token" in result.err
        path = home / "credentials.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert self.stored(home) == {"url": server.url, "token": "secret"}
        assert cli("sweeps", "--json").json == []
        assert cli("login", "--url", "local").code == 0
        assert load_settings().url is None

    def test_a_token_from_standard_input(self, cli, home, server):
        assert cli("login", "--url", server.url, "--stdin", stdin=b"secret\n").code == 0
        assert self.stored(home)["token"] == "secret"

    def test_standard_input_is_no_reason_for_a_warning(self, cli, home, server):
        assert cli("login", "--url", server.url, "--stdin", stdin=b"secret\n").err == ""

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

    def test_repairs_a_broken_credentials_file(self, cli, home, server):
        home.mkdir(exist_ok=True)
        (home / "credentials.json").write_text("{broken")
        assert "sweep-sdk login" in cli("sweeps").err
        assert cli("login", "--url", server.url, "--token", "secret").code == 0
        assert cli("sweeps", "--json").code == 0

    def test_says_when_the_environment_takes_precedence(self, cli, server, monkeypatch):
        monkeypatch.setenv("SWEEP_URL", "http://127.0.0.1:9")
        result = cli("login", "--url", server.url, "--token", "secret")
        assert result.code == 0
        assert "SWEEP_URL is set" in result.err

    def test_refuses_to_send_a_token_without_encryption(self, cli, home, monkeypatch):
        result = cli("login", "--url", "http://gpu1.invalid:8787", "--token", "t")
        assert result.code == 2
        assert "without encryption" in result.err
        assert not (home / "credentials.json").exists()
        monkeypatch.setenv("SWEEP_URL", "http://gpu1.invalid:8787")
        assert cli("sweeps").code == 2
        assert cli("login", "--url", "local").code == 0

    @pytest.mark.parametrize("words", [["--token", ""], ["--token", "  "], ["--stdin"]])
    def test_refuses_an_empty_token(self, cli, home, server, words):
        result = cli("login", "--url", server.url, *words, stdin=b"\n")
        assert result.code == 2
        assert "the token is empty" in result.err
        assert not (home / "credentials.json").exists()

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

    def test_another_web_server_is_reported(self, cli, monkeypatch):
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


def test_trouble_is_reported_before_the_patience_ends(cli, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("SWEEP_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setattr(backend, "ATTEMPTS", 2)
    result = cli("sweeps")
    assert result.code == 1
    assert result.err.splitlines()[0].endswith("; trying again")
