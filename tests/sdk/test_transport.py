"""Network faults with real sockets on this machine, and the messages that users read."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from made_answers import REGISTERED

from sweep_sdk import _exceptions as errors
from sweep_sdk._backend import bodies
from sweep_sdk._backend.client import Client, open_client
from sweep_sdk._backend.proxies import proxy_of
from sweep_sdk._backend.retry import ONCE, Retrier
from sweep_sdk._backend.transport import (
    HttpTransport,
    InProcessTransport,
    open_transport,
)
from sweep_sdk._settings import load_settings

CERTIFICATES = Path(__file__).with_name("certificates")


#: What a backend answers to a question after its health, and to a new sweep.
WELL = {"status": "ok", "version": "0.0.9", **REGISTERED}


class Server(ThreadingHTTPServer):
    """Answers every request with ``answer``; counts connections and keeps requests."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = (200, {}, json.dumps(WELL).encode())
        self.seen = []
        self.n_connections = 0
        self.n_handshakes = 0
        self.tls = None
        self.delay = threading.Event()

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.server_port}"

    def use_tls(self, certificate):
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(CERTIFICATES / certificate)

    def finish_request(self, request, client_address):
        self.n_connections += 1
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError):
                return
            self.n_handshakes += 1
        try:
            super().finish_request(request, client_address)
        finally:
            request.close()

    def handle_error(self, request, client_address):
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        self.server.delay.wait(getattr(self.server, "delay_seconds", 0))
        status, headers, content = self.server.answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.delay.set()
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def opened():
    transports = []

    def connect(url, token=None, ca_bundle=None):
        transports.append(HttpTransport(url, token, ca_bundle))
        return Client(transports[-1], Retrier(ONCE))

    yield connect
    for transport in transports:
        transport.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TestRequests:
    def test_what_is_sent(self, server, opened):
        client = opened(server.url, token="secret")
        client.create_sweep({"method": "grid"}, dry_run=True)
        method, path, headers, body = server.seen[-1]
        assert (method, path) == ("POST", "/v1/sweeps?dry_run=true")
        assert headers["Authorization"] == "Bearer secret"
        assert headers["User-Agent"].startswith("sweep-sdk/")
        assert len(headers["Idempotency-Key"]) >= 8
        assert json.loads(body)["config"] == {"method": "grid"}

    def test_without_a_token_none_is_sent(self, server, opened, tmp_path, monkeypatch):
        """Not even one that ~/.netrc has for this host."""
        (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password hidden\n")
        (tmp_path / "netrc").chmod(0o600)
        monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
        opened(server.url).health()
        opened(server.url, token="secret").health()
        assert "Authorization" not in server.seen[0][2]
        assert server.seen[1][2]["Authorization"] == "Bearer secret"

    def test_one_connection_for_all(self, server, opened):
        client = opened(server.url)
        for _ in range(5):
            client.health()
        assert server.n_connections == 1

    def test_one_tls_handshake_for_all(self, server, opened, monkeypatch):
        server.use_tls("localhost.pem")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATES / "localhost.pem"))
        client = opened(server.url)
        for _ in range(5):
            client.health()
        assert server.n_handshakes == 1

    def test_a_proxy_by_the_usual_variable(self, server, opened, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", server.url)
        opened("http://backend.invalid").health()
        assert server.seen[0][1] == "http://backend.invalid/v1/health"

    @pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
    def test_this_machine_is_never_reached_through_a_proxy(
        self, server, opened, monkeypatch, variable
    ):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{free_port()}")
        opened(server.url).health()
        opened(server.url.replace("127.0.0.1", "localhost")).health()
        assert [seen[1] for seen in server.seen] == ["/v1/health"] * 2

    def test_what_a_proxy_answers_is_reported_as_its_answer(self, server, opened, monkeypatch):
        monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", "//user:secret@"))
        server.answer = (403, {"Content-Type": "text/html"}, b"<html>denied</html>")
        with pytest.raises(errors.NotAuthorized) as caught:
            opened("http://backend.invalid").health()
        assert f"through the proxy of HTTP_PROXY={server.url}" in str(caught.value)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "setting"),
        [
            ("http://backend.invalid", "http_proxy=http://proxy:3128"),
            ("https://backend.invalid", "ALL_PROXY=socks5://proxy:1080"),
            ("http://127.0.0.1:8787", None),
            ("http://127.4.5.6:8787", None),
            ("http://[::1]:8787", None),
            ("http://localhost:8787", None),
            ("http://my.localhost:8787", None),
            ("http://inside.example", None),
        ],
    )
    def test_which_proxy_applies(self, monkeypatch, url, setting):
        monkeypatch.setenv("http_proxy", "http://user:secret@proxy:3128")
        monkeypatch.setenv("ALL_PROXY", "socks5://proxy:1080")
        monkeypatch.setenv("NO_PROXY", "inside.example")
        assert proxy_of(url) == setting


class TestCertificates:
    @pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    def test_a_private_ca_by_the_usual_variables(self, server, opened, monkeypatch, variable):
        server.use_tls("localhost.pem")
        monkeypatch.setenv(variable, str(CERTIFICATES / "localhost.pem"))
        assert opened(server.url).health() == WELL

    def test_ssl_cert_file(self, server, monkeypatch, home):
        server.use_tls("localhost.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "localhost.pem"))
        monkeypatch.setenv("SWEEP_URL", server.url)
        with open_client(load_settings(), ONCE) as client:
            assert client.health() == WELL

    def test_an_unknown_ca(self, server, opened):
        server.use_tls("localhost.pem")
        with pytest.raises(errors.BackendUnavailable, match="REQUESTS_CA_BUNDLE") as caught:
            opened(server.url).health()
        assert "self-signed" in str(caught.value)
        assert not caught.value.is_temporary

    def test_an_expired_certificate(self, server, opened, monkeypatch):
        server.use_tls("expired.pem")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATES / "expired.pem"))
        with pytest.raises(errors.BackendUnavailable, match="certificate has expired"):
            opened(server.url).health()

    def test_another_hosts_certificate(self, server, opened, monkeypatch):
        server.use_tls("localhost.pem")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATES / "localhost.pem"))
        with pytest.raises(errors.BackendUnavailable, match=r"127\.0\.0\.2"):
            opened(server.url.replace("127.0.0.1", "127.0.0.2")).health()

    def test_a_bundle_that_is_not_there(self, server, opened, monkeypatch):
        server.use_tls("localhost.pem")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
        with pytest.raises(errors.UsageError, match="/nowhere/bundle"):
            opened(server.url).health()

    def test_http_where_https_is_spoken_and_the_other_way_round(self, server, opened):
        with pytest.raises(errors.BackendUnavailable):
            opened(server.url.replace("http:", "https:")).health()
        server.use_tls("localhost.pem")
        with pytest.raises(errors.BackendUnavailable):
            opened(server.url.replace("https:", "http:")).health()


class TestTrouble:
    def check(self, client, kind, *texts):
        with pytest.raises(kind) as caught:
            client.health()
        message = str(caught.value)
        assert "\n" not in message
        assert "0x" not in message
        assert len(message) < 250
        for text in texts:
            assert text in message

    def test_refused(self, opened):
        client = opened(f"http://127.0.0.1:{free_port()}")
        self.check(client, errors.BackendUnavailable, "refused", "SWEEP_URL")

    def test_an_unknown_host(self, opened):
        self.check(opened("http://nowhere.invalid"), errors.BackendUnavailable, "nowhere.invalid")

    def test_a_proxy_that_is_away(self, opened, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
        client = opened("https://backend.invalid")
        self.check(client, errors.BackendUnavailable, "proxy", "HTTPS_PROXY")

    def test_no_answer_in_time(self, server, opened):
        server.delay_seconds = 30
        transport = opened(server.url).transport
        with pytest.raises(errors.BackendUnavailable, match="no answer"):
            transport.request("GET", "/v1/health", {}, {}, b"", timeout_seconds=0.05)

    def test_a_connection_that_breaks_off(self, opened):
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def slam():
                connection, _ = listener.accept()
                connection.recv(10)
                connection.close()

            thread = threading.Thread(target=slam)
            thread.start()
            client = opened(f"http://127.0.0.1:{listener.getsockname()[1]}")
            self.check(client, errors.BackendUnavailable)
            thread.join()

    def test_a_wrong_url(self, server, opened):
        server.answer = (404, {"Content-Type": "text/html"}, b"<html>not here</html>")
        self.check(opened(server.url), errors.WrongBackend, "not a sweep backend", "SWEEP_URL")

    def test_a_captive_portal(self, server, opened):
        server.answer = (200, {"Content-Type": "text/html"}, b"<html>welcome to the hotel</html>")
        self.check(opened(server.url), errors.WrongBackend, "web page", "sign in")

    def test_a_redirect_is_not_followed(self, server, opened):
        server.answer = (302, {"Location": f"{server.url}/portal"}, b"")
        self.check(opened(server.url, token="secret"), errors.WrongBackend, "/portal")
        assert len(server.seen) == 1

    def test_a_token_that_is_not_accepted(self, server, opened):
        server.answer = (401, {}, b'{"message":"Unauthorized"}')
        self.check(opened(server.url, "bad"), errors.NotAuthorized, f"login --url {server.url}")

    @pytest.mark.parametrize("token", ["two\nlines", "snow\u2603man"])
    def test_a_token_that_cannot_be_sent(self, opened, token):
        with pytest.raises(errors.UsageError, match="SWEEP_TOKEN"):
            opened("http://127.0.0.1:1", token)

    def test_a_url_that_cannot_be(self, opened):
        self.check(opened("http://.."), errors.SweepError, "SWEEP_URL")


class TestInProcess:
    def test_the_backend_is_in_this_process(self, settings):
        with open_client(settings) as client:
            assert client.health()["status"] == "ok"
            assert client.transport.is_local
            assert client.transport.place == str(settings.local_db)
            assert not settings.local_db.exists()  # nothing has needed it yet
            assert list(client.list_sweeps()) == []
        assert settings.local_db.exists()

    def test_a_dry_run_needs_no_database(self, settings):
        nowhere = replace(settings, local_db=settings.home / "sweeps.db" / "no" / "folder")
        settings.home.mkdir()
        (settings.home / "sweeps.db").write_text("a file in the way")
        config = {"method": "grid", "parameters": {"a": {"values": [1, 2]}}}
        with open_client(nowhere) as client:
            assert client.create_sweep(config, dry_run=True)["grid_points"] == 2
            with pytest.raises(errors.UsageError, match="cannot keep sweeps in"):
                client.create_sweep(config)

    def test_threads_share_it(self, settings):
        with open_client(settings) as client:
            states = []
            threads = [
                threading.Thread(target=lambda: states.append(client.health()["status"]))
                for _ in range(8)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert states == ["ok"] * 8

    def test_a_place_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        transport = InProcessTransport(tmp_path / "file" / "sweeps.db")
        with pytest.raises(errors.UsageError) as caught:
            list(Client(transport, Retrier(ONCE)).list_sweeps())
        assert "\n" not in str(caught.value)

    def test_a_file_that_is_no_database(self, tmp_path):
        (tmp_path / "sweeps.db").write_bytes(b"not a database" * 1000)
        transport = InProcessTransport(tmp_path / "sweeps.db")
        with pytest.raises(errors.UsageError, match="database"):
            list(Client(transport, Retrier(ONCE)).list_sweeps())


def test_the_settings_decide(settings, home, monkeypatch):
    assert isinstance(open_transport(settings), InProcessTransport)
    monkeypatch.setenv("SWEEP_URL", "http://127.0.0.1:1")
    transport = open_transport(load_settings())
    assert isinstance(transport, HttpTransport)
    assert not transport.is_local


def test_a_forked_child_has_connections_of_its_own(server):
    """Two processes on one connection would read each other's answers."""
    script = """
    import os, sys
    from sweep_sdk._backend.transport import HttpTransport

    transport = HttpTransport(sys.argv[1])

    def ask():
        return transport.request("GET", "/v1/health", {}, {}, b"", 10).status == 200

    assert ask()
    child = os.fork()
    if not child:
        os._exit(0 if ask() else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert ask()
    """
    words = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), server.url]
    subprocess.run(words, check=True, timeout=30)
    assert server.n_connections == 2


def test_urls_that_only_urllib3_refuses(opened):
    with pytest.raises(errors.UsageError, match="cannot be used as URL"):
        opened("http://a..b").health()


def test_a_proxy_that_cannot_be(opened, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "foo:bar")
    with pytest.raises(errors.UsageError, match="the proxy of HTTP_PROXY=foo:bar: "):
        opened("http://backend.invalid").health()


@pytest.mark.parametrize(
    ("number", "is_temporary"), [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True)]
)
def test_a_host_that_nobody_knows_is_no_passing_trouble(opened, monkeypatch, number, is_temporary):
    def look_up(*_, **__):
        raise socket.gaierror(number, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(errors.BackendUnavailable, match="not known") as caught:
        opened("http://backend.example").health()
    assert caught.value.is_temporary is is_temporary


class TestHurry:
    """An agent that has to end waits for no network that says nothing."""

    def cut(self, client, server):
        """Cut a request that has reached the server; what its caller learns."""
        n_before = len(server.seen)
        server.delay_seconds = 60
        failures = []

        def ask():
            try:
                client.health()
            except errors.BackendUnavailable as error:
                failures.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        while len(server.seen) == n_before:
            threading.Event().wait(0.01)
        client.transport.hurry(0.05)
        asking.join(30)
        server.delay_seconds = 0
        return failures

    @pytest.mark.parametrize("is_secure", [False, True])
    @pytest.mark.parametrize("n_before", [0, 1])
    def test_what_is_in_flight_is_cut(self, server, opened, is_secure, n_before):
        """On a new connection, and on one that has been used before."""
        if is_secure:
            server.use_tls("localhost.pem")
        client = opened(server.url, ca_bundle=str(CERTIFICATES / "localhost.pem"))
        for _ in range(n_before):
            client.health()
        (failure,) = self.cut(client, server)
        assert failure.is_temporary
        assert client.health() == WELL

    def test_through_a_proxy(self, server, opened, monkeypatch):
        monkeypatch.setenv("http_proxy", server.url)
        assert len(self.cut(opened("http://backend.example"), server)) == 1

    def test_later_requests_bear_no_longer_silence(self, server, opened):
        client = opened(server.url)
        client.transport.hurry(0.1)
        server.delay_seconds = 60
        with pytest.raises(errors.BackendUnavailable, match=r"no (answer|connection)"):
            client.health()


class TestHostileAnswers:
    def test_a_small_answer_that_unpacks_to_a_large_one(self, server, opened, monkeypatch):
        monkeypatch.setattr(bodies, "MOST_BYTES", 1_000_000)
        gzipped = {"Content-Encoding": "gzip"}
        server.answer = (200, gzipped, gzip.compress(json.dumps(WELL).encode()))
        assert opened(server.url).health() == WELL
        server.answer = (200, gzipped, gzip.compress(b" " * 50_000_000))
        with pytest.raises(errors.BackendUnavailable, match="more than 1,000,000 bytes") as caught:
            opened(server.url).health()
        assert not caught.value.is_temporary

    def test_a_damaged_gzip(self, server, opened):
        server.answer = (200, {"Content-Encoding": "gzip"}, b"no gzip")
        with pytest.raises(errors.WrongBackend):
            opened(server.url).health()

    @pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"])
    def test_an_answer_that_trickles(self, opened, monkeypatch, head):
        """Each byte comes in time, and the whole never."""
        monkeypatch.setattr("sweep_sdk._backend.transport.LONGEST_EXCHANGE_SECONDS", 0.5)
        is_over = threading.Event()

        def trickle():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head or b"HTTP/1.1 200 OK\r\nX: ")
                with suppress(OSError):
                    while not is_over.wait(0.02):
                        connection.sendall(b" ")

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=trickle)
            thread.start()
            try:
                with pytest.raises(errors.BackendUnavailable, match=r"no whole answer .* within"):
                    opened(f"http://127.0.0.1:{listener.getsockname()[1]}").health()
            finally:
                is_over.set()
                thread.join()

    @pytest.mark.parametrize("limit", [1, 1001])
    def test_a_list_without_an_end(self, server, opened, monkeypatch, limit):
        pages = iter(range(10**6))

        def page(_):
            return [], f"cursor {next(pages) % limit}"

        client = opened(server.url)
        monkeypatch.setattr(Client, "_get", lambda *_: page(None))
        with pytest.raises(errors.WrongBackend, match="has no end"):
            list(client.list_sweeps())
        assert next(pages) <= 1002
