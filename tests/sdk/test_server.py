"""The local server: HTTP as clients, browsers and accidents send it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from sweep_sdk._backend.transport import Response
from sweep_sdk._exceptions import BackendUnavailable, UsageError
from sweep_sdk._server import http1 as _http1
from sweep_sdk._server.server import LocalServer

PATIENCE_SECONDS = 20.0


def _can_bind(host):
    try:
        socket.create_server((host, 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


#: A container may lack IPv6.
LOOPBACK = {"127.0.0.1": "http://127.0.0.1:"} | (
    {"::1": "http://[::1]:"} if _can_bind("::1") else {}
)


@dataclass
class EchoTransport:
    """Answers with what it was asked; ``hold`` keeps requests to /held waiting."""

    hold: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)

    def request(self, method, path, query, headers, body, timeout_seconds):
        if path == "/held":
            self.entered.set()
            assert self.hold.wait(PATIENCE_SECONDS)
        if path == "/unusable":
            raise BackendUnavailable("the database is locked")
        if path == "/broken":
            raise RuntimeError("a bug in the backend")
        if path == "/gone":
            return Response(204, {}, b"")
        seen = {
            "method": method,
            "path": path,
            "query": dict(query),
            "body": body.decode(),
            "key": headers.get("idempotency-key"),
        }
        return Response(200, {"Content-Type": "application/json"}, json.dumps(seen).encode())


@pytest.fixture
def server():
    with LocalServer(EchoTransport()) as running:
        yield running


def address_of(server):
    host, _, port = server.url.removeprefix("http://").rpartition(":")
    return host.strip("[]"), int(port)


@contextmanager
def connected(server):
    connection = http.client.HTTPConnection(*address_of(server), timeout=PATIENCE_SECONDS)
    try:
        yield connection
    finally:
        connection.close()


def ask(connection, method="GET", path="/x", body=None, **headers):
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    return response, response.read()


def exchange(server, *pieces):
    """Send raw bytes, read until the server closes."""
    with socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as raw:
        for piece in pieces:
            raw.sendall(piece)
        raw.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: raw.recv(65536), b""))


def status_of(reply):
    return int(reply.split(b" ", 2)[1])


class TestRequests:
    def test_passes_on_what_was_sent(self, server):
        with connected(server) as connection:
            response, body = ask(
                connection,
                "POST",
                "/v1/a%20b?x=1&y=%C3%BC&z=",
                b'{"\xc3\xbc": 1}',
                Idempotency_Key="k",
            )
        assert response.status == 200
        assert json.loads(body) == {
            "method": "POST",
            "path": "/v1/a b",
            "query": {"x": "1", "y": "ü", "z": ""},
            "body": '{"ü": 1}',
            "key": "k",
        }

    def test_one_connection_carries_many_requests(self, server):
        with connected(server) as connection:
            ask(connection)
            first = connection.sock
            for number in range(5):
                _, body = ask(connection, "PUT", "/n", str(number))
                assert json.loads(body)["body"] == str(number)
            assert connection.sock is first

    def test_head_tells_the_length_and_sends_no_body(self, server):
        with connected(server) as connection:
            response, body = ask(connection, "HEAD", "/v1/health")
            assert (response.status, body) == (200, b"")
            assert int(response.getheader("content-length")) > 0
            _, body = ask(connection)
            assert json.loads(body)["method"] == "GET"

    def test_no_content_has_no_length(self, server):
        reply = exchange(server, b"DELETE /gone HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert status_of(reply) == 204
        assert b"content-length" not in reply.lower()

    def test_pipelined_requests_are_answered_in_order(self, server):
        reply = exchange(
            server,
            b"POST /1 HTTP/1.1\r\nContent-Length: 1\r\n\r\na\r\nGET /2 HTTP/1.1\r\n\r\n"
            b"GET /3 HTTP/1.1\r\nConnection: close\r\n\r\n",
        )
        places = [reply.index(f'"/{number}"'.encode()) for number in (1, 2, 3)]
        assert places == sorted(places)

    def test_a_request_in_single_bytes(self, server):
        raw = b"POST /slow HTTP/1.1\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
        reply = exchange(server, *(raw[i : i + 1] for i in range(len(raw))))
        assert json.loads(reply.partition(b"\r\n\r\n")[2])["body"] == "hello"

    def test_http_1_0_closes_unless_it_asks_to_stay(self, server):
        assert b"connection: close" in exchange(server, b"GET /x HTTP/1.0\r\n\r\n")
        stay = b"GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        assert exchange(server, stay + stay).count(b"200 OK") == 2

    def test_expect_continue_is_answered_before_the_body(self, server):
        with socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as raw:
            raw.sendall(b"PUT /x HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
            assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            raw.sendall(b"hi")
            assert status_of(raw.recv(65536)) == 200

    def test_an_absolute_target_is_its_path(self, server):
        reply = exchange(server, b"GET http://localhost/v1/x?a=b HTTP/1.1\r\n\r\n")
        assert b'"path": "/v1/x"' in reply
        assert b'"a": "b"' in reply

    def test_requests_of_many_clients_do_not_mix(self, server):
        def client(name):
            with connected(server) as connection:
                bodies = [ask(connection, "POST", "/x", f"{name}-{n}")[1] for n in range(10)]
            return [json.loads(body)["body"] for body in bodies]

        with ThreadPoolExecutor(40) as pool:
            answers = list(pool.map(client, range(40)))
        assert answers == [[f"{name}-{n}" for n in range(10)] for name in range(40)]


BAD_BYTES = {
    "garbage": (b"\x00\x01\x02 nonsense\r\n\r\n", 400),
    "a TLS hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    "two words": (b"GET /\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "no colon": (b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400),
    "folded header": (b"GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", 400),
    "bare line feed": (b"GET / HTTP/1.1\r\nA: b\nc: d\r\n\r\n", 400),
    "bad target": (b"GET http://[x HTTP/1.1\r\n\r\n", 400),
    "length not a number": (b"POST / HTTP/1.1\r\nContent-Length: ten\r\n\r\n", 400),
    "negative length": (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "length of 400 digits": (
        b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\n",
        400,
    ),
    "chunked": (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
    "huge body": (b"POST / HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n", 413),
    "huge header": (b"GET / HTTP/1.1\r\nA: " + b"b" * 40_000 + b"\r\n\r\n", 431),
    "endless header": (b"GET / HTTP/1.1\r\nA: " + b"b" * 40_000, 431),
}


class TestBadRequests:
    @pytest.mark.parametrize("name", BAD_BYTES)
    def test_gets_a_problem_document_and_a_closed_connection(self, server, name):
        sent, status = BAD_BYTES[name]
        reply = exchange(server, sent)
        head, _, body = reply.partition(b"\r\n\r\n")
        assert status_of(head) == status
        assert b"connection: close" in head
        problem = json.loads(body)
        assert problem["status"] == status
        assert problem["detail"]

    def test_a_client_that_leaves_in_the_middle_harms_nobody(self, server):
        assert exchange(server, b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc") == b""
        with connected(server) as connection:
            assert ask(connection)[0].status == 200

    def test_a_too_large_body_is_told_while_it_is_being_sent(self, server):
        size = _http1.MAX_BODY_BYTES + 1
        with connected(server) as connection:
            response, body = ask(connection, "POST", "/x", b"x" * size)
        assert response.status == 413
        assert str(size) in json.loads(body)["detail"]

    def test_a_bug_of_the_backend_is_a_500_and_the_server_lives_on(self, server, capsys):
        with connected(server) as connection:
            response, body = ask(connection, "GET", "/broken")
        assert response.status == 500
        assert "bug" not in body.decode()
        with connected(server) as connection:
            assert ask(connection)[0].status == 200
        assert "a bug in the backend" in capsys.readouterr().err

    def test_a_backend_that_cannot_be_used_is_told(self, server):
        with connected(server) as connection:
            response, body = ask(connection, "GET", "/unusable")
        assert response.status == 503
        assert "locked" in json.loads(body)["detail"]


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1:80", "localhost", "LOCALHOST:1", "[::1]:9", "127.1.2.3"]
    )
    def test_without_token_programs_of_this_machine(self, server, host):
        with connected(server) as connection:
            assert ask(connection, Host=host)[0].status == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example"},
            {"Host": "[bad"},
            {"Origin": "http://evil.example"},
        ],
        ids=[
            "name that resolves to this machine",
            "name like an address",
            "malformed",
            "request across sites",
        ],
    )
    def test_without_token_no_web_page(self, server, headers):
        with connected(server) as connection:
            response, body = ask(connection, **headers)
        assert response.status == 403
        assert "--token" in json.loads(body)["detail"]

    @pytest.mark.parametrize(
        ("authorization", "status"),
        [
            (None, 401),
            ("Bearer wrong", 401),
            ("Bearer", 401),
            ("Basic secret", 401),
            ("Bearer s\xfcn", 401),
            ("Bearer secret", 200),
            ("bearer secret", 200),
        ],
    )
    def test_with_token_who_has_it(self, authorization, status):
        headers = {} if authorization is None else {"Authorization": authorization}
        with (
            LocalServer(EchoTransport(), token="secret") as server,
            connected(server) as connection,
        ):
            response, _ = ask(connection, Host="any.example", **headers)
        assert response.status == status
        assert (response.getheader("www-authenticate") == "Bearer") == (status == 401)

    def test_health_needs_no_token(self):
        with (
            LocalServer(EchoTransport(), token="secret") as server,
            connected(server) as connection,
        ):
            assert ask(connection, "GET", "/v1/health")[0].status == 200


class TestAddress:
    def test_a_free_port_is_told(self, server):
        assert address_of(server)[1] > 0

    @pytest.mark.parametrize("host", LOOPBACK)
    def test_either_loopback_address(self, host):
        with LocalServer(EchoTransport(), host=host) as server:
            assert server.url.startswith(LOOPBACK[host])
            with connected(server) as connection:
                assert ask(connection)[0].status == 200

    def test_a_port_in_use(self, server):
        with pytest.raises(UsageError, match=r"in use.*--port 0"):
            LocalServer(EchoTransport(), port=address_of(server)[1])

    def test_an_unknown_host(self):
        with pytest.raises(UsageError, match=r"cannot listen on no\.such\.host\.invalid"):
            LocalServer(EchoTransport(), host="no.such.host.invalid")

    @pytest.mark.parametrize("host", ["0.0.0.0", ""])
    def test_open_to_others_only_with_a_token(self, host):
        with pytest.raises(UsageError, match="--token"):
            LocalServer(EchoTransport(), host=host)
        with LocalServer(EchoTransport(), host=host, token="secret"):
            pass


class TestStopping:
    def test_a_request_begun_is_answered(self):
        backend = EchoTransport()
        server = LocalServer(backend)
        serving = threading.Thread(target=server.serve)
        serving.start()
        with ThreadPoolExecutor(1) as pool, connected(server) as connection:
            answer = pool.submit(ask, connection, "POST", "/held", "kept")
            assert backend.entered.wait(PATIENCE_SECONDS)
            server.stop()
            _wait_until_refused(server)
            backend.hold.set()
            response, body = answer.result(PATIENCE_SECONDS)
        serving.join(PATIENCE_SECONDS)
        assert not serving.is_alive()
        assert json.loads(body)["body"] == "kept"
        assert response.getheader("connection") == "close"

    def test_idle_connections_do_not_delay_it(self):
        with connected_pair() as (server, connection):
            ask(connection)
            server.stop()
            assert connection.sock.recv(1) == b""

    def test_one_that_has_ended_may_be_stopped_again(self):
        server = LocalServer(EchoTransport())
        server.stop()
        server.serve()
        server.stop()


@contextmanager
def connected_pair():
    with LocalServer(EchoTransport()) as server, connected(server) as connection:
        yield server, connection


def _wait_until_refused(server):
    for _ in range(10_000):
        if not _is_accepting(server):
            return
    raise AssertionError("a stopping server still takes connections")


def _is_accepting(server):
    try:
        socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True
