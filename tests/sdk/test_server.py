"""The local server: HTTP requests of clients, browsers and faulty senders."""

from __future__ import annotations

import http.client
import json
import select
import socket
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest

from sweep_sdk._backend.transport import Response
from sweep_sdk._exceptions import BackendUnavailable, UsageError
from sweep_sdk._server import access_log
from sweep_sdk._server.limits import Limits
from sweep_sdk._server.server import LocalServer
from sweep_service.access.authenticator import Authenticator
from sweep_service.access.identity import Identity
from sweep_service.access.scopes import Scope
from sweep_service.access.tokens import Token, sha256_of, token_text

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

    def authenticator(self, token, memory_seconds):
        return Authenticator(sha256_of(token), self.no_store, time.time, memory_seconds)

    def no_store(self):
        raise AssertionError("the first admin's token needs no store")

    def request_as(self, identity, method, path, query, headers, body):
        if identity is None and path != "/v1/health":
            return Response(401, {"Content-Type": "application/problem+json"}, b"{}")
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


def serving(backend=None, **options):
    """A server with the token ``secret``."""
    return LocalServer(backend or EchoTransport(), **{"token": "secret"} | options)


@dataclass
class LongAnswers(EchoTransport):
    """Answers that no socket's buffer can hold."""

    n_answered: int = 0

    def request_as(self, identity, method, path, query, headers, body):
        self.n_answered += 1
        return Response(200, {}, b"x" * 4_000_000 if path == "/long" else b"")


@dataclass
class StoredTokens(EchoTransport):
    """Knows one token that an admin has created."""

    text: str = token_text(bytes(32))
    seen: list[Identity] = field(default_factory=list)
    n_reads: int = 0

    def no_store(self):
        return self

    def get_token(self, sha256):
        self.n_reads += 1
        token = Token(sha256_of(self.text), "node 7", Scope.AGENT, None, 0.0, "admin")
        return replace(token, last_used_at=time.time())

    def request_as(self, identity, *request):
        self.seen.append(identity)
        return super().request_as(identity, *request)


@pytest.fixture
def server():
    with serving() as running:
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
    """Send a request, with the token unless another ``Authorization`` is given; None: none."""
    headers = {"Authorization": "Bearer secret"} | headers
    named = {k.replace("_", "-"): v for k, v in headers.items() if v is not None}
    connection.request(method, path, body, named)
    response = connection.getresponse()
    return response, response.read()


def exchange(server, *pieces):
    """Send raw bytes, read until the server closes."""
    with socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as raw:
        for piece in pieces:
            raw.sendall(piece)
        raw.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: raw.recv(65536), b""))


def raw(line, *fields, body=b"", host="localhost", authorization="Bearer secret"):
    """The bytes of a request."""
    named = {"Host": host, "Authorization": authorization}
    lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items() if value)]
    return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1") + body


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

    def test_head_gives_the_length_and_sends_no_body(self, server):
        with connected(server) as connection:
            response, body = ask(connection, "HEAD", "/v1/health")
            assert (response.status, body) == (200, b"")
            assert int(response.getheader("content-length")) > 0
            _, body = ask(connection)
            assert json.loads(body)["method"] == "GET"

    def test_no_content_has_no_length(self, server):
        reply = exchange(server, raw("DELETE /gone", "Connection: close"))
        assert status_of(reply) == 204
        assert b"content-length" not in reply.lower()

    def test_pipelined_requests_are_answered_in_order(self, server):
        reply = exchange(
            server,
            raw("POST /1", "Content-Length: 1", body=b"a"),
            raw("GET /2"),
            raw("GET /3", "Connection: close"),
        )
        places = [reply.index(f'"/{number}"'.encode()) for number in (1, 2, 3)]
        assert places == sorted(places)

    def test_a_request_in_single_bytes(self, server):
        sent = raw("POST /slow", "Content-Length: 5", "Connection: close", body=b"hello")
        reply = exchange(server, *(sent[i : i + 1] for i in range(len(sent))))
        assert json.loads(reply.partition(b"\r\n\r\n")[2])["body"] == "hello"

    def test_http_1_0_has_one_request_for_each_connection(self, server):
        sent = raw("GET /x").replace(b"HTTP/1.1", b"HTTP/1.0")
        assert exchange(server, sent + sent).count(b"200 OK") == 1

    def test_a_chunked_body(self, server):
        chunks = b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
        sent = raw("PUT /x", "Transfer-Encoding: chunked", "Connection: close", body=chunks)
        assert json.loads(exchange(server, sent).partition(b"\r\n\r\n")[2])["body"] == "hello"

    def test_expect_continue_is_answered_before_the_body(self, server):
        with socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as peer:
            peer.sendall(raw("PUT /x", "Content-Length: 2", "Expect: 100-continue"))
            assert peer.recv(100).startswith(b"HTTP/1.1 100 ")
            peer.sendall(b"hi")
            assert status_of(peer.recv(65536)) == 200

    def test_what_follows_a_chunked_body_is_no_header(self, server):
        sent = raw("PUT /x", "Transfer-Encoding: chunked", "Connection: close", authorization=None)
        trailer = b"2\r\nhi\r\n0\r\nAuthorization: Bearer secret\r\n\r\n"
        assert status_of(exchange(server, sent + trailer)) == 401
        key = b"2\r\nhi\r\n0\r\nIdempotency-Key: k\r\n\r\n"
        sent = raw("PUT /x", "Transfer-Encoding: chunked", "Connection: close")
        assert json.loads(exchange(server, sent + key).partition(b"\r\n\r\n")[2])["key"] is None

    def test_head_on_a_connection_that_goes_on(self, server):
        reply = exchange(server, raw("HEAD /1") + raw("GET /2", "Connection: close"))
        assert reply.count(b"HTTP/1.1 200 OK") == 2
        assert b'"/2"' in reply

    def test_an_absolute_target_is_its_path(self, server):
        reply = exchange(server, raw("GET http://localhost/v1/%C3%BC?a=b", "Connection: close"))
        assert json.loads(reply.partition(b"\r\n\r\n")[2])["path"] == "/v1/ü"
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
    "no host": (raw("GET /", host=None), 400),
    "two hosts": (raw("GET /", "Host: localhost"), 400),
    "two hosts in HTTP/1.0": (raw("GET /", "Host: x").replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "HTTP/0.9": (b"GET /v1/health\r\n\r\n", 400),
    "HTTP/1.2": (raw("GET /").replace(b"HTTP/1.1", b"HTTP/1.2"), 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "lines without a carriage return": (raw("GET /").replace(b"\r\n", b"\n"), 400),
    "a folded field": (raw("GET /", "X: a\r\n b"), 400),
    "a NUL in a field": (raw("GET /", "X: a\0b"), 400),
    "another protocol": (raw("GET /", "Connection: upgrade", "Upgrade: websocket"), 400),
    "a tunnel": (raw("CONNECT /"), 400),
    "an unknown method": (raw("FETCH /"), 400),
    "no colon": (raw("GET /", "nonsense"), 400),
    "space before colon": (raw("GET /", "X : x"), 400),
    "bad target": (raw("GET http://[x"), 400),
    "target without a path": (raw("CONNECT there:443"), 400),
    "length not a number": (raw("POST /", "Content-Length: ten"), 400),
    "negative length": (raw("POST /", "Content-Length: -1"), 400),
    "two lengths": (raw("POST /", "Content-Length: 1", "Content-Length: 2", body=b"ab"), 400),
    "length of 400 digits": (raw("POST /", f"Content-Length: {'9' * 400}"), 400),
    "the same length twice": (raw("POST /", *["Content-Length: 1"] * 2, body=b"a"), 400),
    "length with a sign": (raw("POST /", "Content-Length: +1", body=b"a"), 400),
    "a length and chunks": (
        raw("PUT /", "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400,
    ),
    "unknown coding": (raw("POST /", "Transfer-Encoding: gzip"), 501),
    "two codings": (raw("POST /", "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501),
    "chunked twice": (raw("POST /", *["Transfer-Encoding: chunked"] * 2, body=b"0\r\n\r\n"), 400),
    "chunk with a sign": (raw("PUT /", "Transfer-Encoding: chunked", body=b"+2\r\nab\r\n"), 400),
    "chunk of 2^80 bytes": (
        raw("PUT /", "Transfer-Encoding: chunked", body=b"1" + b"0" * 20 + b"\r\n"), 400,
    ),
    "chunk without a size": (raw("PUT /", "Transfer-Encoding: chunked", body=b"x\r\n"), 400),
    "huge body": (raw("POST /", "Content-Length: 9999999999"), 413),
    "huge header": (raw("GET /", f"A: {'b' * 40_000}"), 431),
    "endless header": (raw("GET /", f"A: {'b' * 40_000}")[:-4], 431),
    "endless target": (b"GET /" + b"x" * 40_000, 431),
    "ten thousand fields": (raw("GET /", *["A: b"] * 10_000), 431),
}  # fmt: skip


class TestBadRequests:
    @pytest.mark.parametrize("name", BAD_BYTES)
    def test_gets_a_problem_document(self, server, name):
        sent, status = BAD_BYTES[name]
        reply = exchange(server, sent)
        head, _, body = reply.partition(b"\r\n\r\n")
        assert status_of(head) == status
        assert b"sweep-backend:" in head.lower()
        assert b"content-type: application/problem+json" in head.lower()
        problem = json.loads(body)
        assert problem["status"] == status
        assert problem["detail"]

    def test_it_is_refused_also_behind_a_request_that_was_answered(self, server):
        with silent(server) as peer:
            peer.sendall(raw("GET /1"))
            assert status_of(peer.recv(65536)) == 200
            peer.sendall(b"nonsense\r\n\r\n")
            assert status_of(everything_from(peer)) == 400

    def test_its_refusal_is_not_the_answer_to_an_earlier_request(self):
        backend = EchoTransport()
        with serving(backend) as server, silent(server) as peer:
            peer.sendall(raw("GET /held"))
            assert backend.entered.wait(PATIENCE_SECONDS)
            peer.sendall(b"nonsense\r\n\r\n")
            with suppress(ConnectionResetError):
                assert everything_from(peer) == b""
            backend.hold.set()

    @pytest.mark.parametrize(
        "endless", [b"0\r\nX: " + b"y" * 100_000, b"1;" + b"x" * 100_000], ids=["trailer", "chunk"]
    )
    def test_what_surrounds_chunks_is_bounded(self, endless):
        limits = Limits(head_bytes=1000, body_bytes=10_000)
        with serving(limits=limits) as server:
            sent = raw("PUT /x", "Transfer-Encoding: chunked", body=endless)
            assert status_of(exchange(server, sent)) == 413

    def test_few_requests_are_taken_before_the_first_is_answered(self):
        backend = EchoTransport()
        with serving(backend) as server, silent(server) as peer:
            peer.sendall(raw("GET /held") + raw("GET /x") * 1000)
            assert backend.entered.wait(PATIENCE_SECONDS)
            with suppress(ConnectionResetError):
                assert everything_from(peer) == b""
            backend.hold.set()

    def test_a_client_that_leaves_in_the_middle_harms_nobody(self, server):
        assert exchange(server, raw("POST /", "Content-Length: 10", body=b"abc")) == b""
        with connected(server) as connection:
            assert ask(connection)[0].status == 200

    @pytest.mark.parametrize("is_chunked", [False, True])
    def test_a_client_that_sends_a_too_large_body_gets_the_reason(self, server, is_chunked):
        size = Limits().body_bytes + 1
        body = (b"x" * size for _ in range(1)) if is_chunked else b"x" * size
        with connected(server) as connection:
            response, body = ask(connection, "POST", "/x", body)
            assert response.status == 413
            assert str(Limits().body_bytes) in json.loads(body)["detail"]
            assert ask(connection)[0].status == 200

    def test_the_largest_body_of_a_client_of_wandb_is_taken(self, server):
        with connected(server) as connection:
            assert ask(connection, "POST", "/x", b"x" * 11_000_000)[0].status == 200

    def test_a_bug_of_the_backend_is_a_500_and_the_server_lives_on(self, server, capsys):
        with connected(server) as connection:
            response, body = ask(connection, "GET", "/broken")
        assert response.status == 500
        assert "bug" not in body.decode()
        with connected(server) as connection:
            assert ask(connection)[0].status == 200
        assert "a bug in the backend" in capsys.readouterr().err

    def test_the_reason_why_a_backend_cannot_be_used_is_passed_on(self, server):
        with connected(server) as connection:
            response, body = ask(connection, "GET", "/unusable")
        assert response.status == 503
        assert "locked" in json.loads(body)["detail"]


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        ("authorization", "status"),
        [
            (None, 401),
            ("Bearer wrong", 401),
            ("Bearer", 401),
            ("Bearer ", 401),
            ("Basic secret", 401),
            ("Bearer s\xfcn", 401),
            ("Bearer secret", 200),
            ("bearer secret", 200),
        ],
    )
    def test_clients_with_the_token(self, server, authorization, status):
        with connected(server) as connection:
            response, _ = ask(connection, Authorization=authorization)
        assert response.status == status
        assert (response.getheader("www-authenticate") == "Bearer") == (
            status == 401 and authorization is not None
        )

    def test_a_refused_token_gets_the_reason(self, server):
        with connected(server) as connection:
            _, body = ask(connection, Authorization="Bearer wrong")
        assert "does not know the token" in json.loads(body)["detail"]

    def test_health_needs_no_token(self, server):
        with connected(server) as connection:
            assert ask(connection, "GET", "/v1/health", Authorization=None)[0].status == 200

    def test_a_stored_token(self):
        backend = StoredTokens()
        with serving(backend) as server, connected(server) as connection:
            for _ in range(2):
                assert ask(connection, Authorization=f"Bearer {backend.text}")[0].status == 200
        assert [seen.name for seen in backend.seen] == ["node 7", "node 7"]
        assert backend.n_reads == 1

    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1:80", "localhost", "LOCALHOST:1", "[::1]:9", "10.0.0.7", socket.gethostname(),
            f"{socket.gethostname().partition('.')[0]}:8787", "proxy.example"],
    )  # fmt: skip
    def test_clients_that_use_a_name_of_the_server(self, host):
        with (
            serving(allowed_hosts=["proxy.example"]) as server,
            connected(server) as connection,
        ):
            assert ask(connection, Host=host)[0].status == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "evil.example"},
            {"Host": "127.0.0.1.evil.example"},
            {"Host": "localhost.evil.example"},
            {"Host": "[bad"},
            {"Host": ""},
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
        ],
        ids=str,
    )
    def test_web_pages_are_refused(self, server, headers):
        with connected(server) as connection:
            response, body = ask(connection, **headers)
        assert response.status == 403
        assert json.loads(body)["detail"].startswith(f"header '{next(iter(headers))}'")

    def test_the_body_of_a_stranger_is_not_kept(self, server):
        with connected(server) as connection:
            response, _ = ask(connection, "POST", "/x", b"x" * 100_000, Authorization=None)
            assert response.status == 401
            assert ask(connection)[0].status == 200


SHORT = Limits(
    head_seconds=0.2,
    body_seconds=0.2,
    unread_seconds=0.2,
    idle_seconds=30.0,
    stranger_idle_seconds=0.2,
    linger_seconds=0.1,
)


@contextmanager
def silent(server):
    """A connection on which nothing is sent."""
    with socket.create_connection(address_of(server), timeout=PATIENCE_SECONDS) as peer:
        yield peer


def everything_from(peer):
    return b"".join(iter(lambda: peer.recv(65536), b""))


class TestDeadlines:
    """Nobody holds a connection by doing nothing."""

    @pytest.fixture
    def server(self):
        with serving(limits=SHORT) as running:
            yield running

    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"", None),
            (b"GET /v1/health HTTP/1.1\r\nX: ", 408),
            (raw("POST /x", "Content-Length: 10", body=b"abc"), 408),
            (raw("POST /x", "Transfer-Encoding: chunked", body=b"2\r\nab\r\n"), 408),
            (raw("POST /x", "Content-Length: 10", authorization=None, body=b"abc"), 401),
            (raw("GET /v1/health", authorization=None), 200),
            (raw("GET /v1/health", authorization=None) + b"GET /x", 200),
        ],
        ids=["nothing", "half a header", "half a body", "half a chunked body",
             "half a body of a stranger", "a stranger's request", "and half of another"],
    )  # fmt: skip
    def test_a_silent_client_is_sent_away(self, server, sent, status):
        with silent(server) as peer:
            peer.sendall(sent)
            reply = everything_from(peer)
        assert (status_of(reply) if reply else None) == status

    def test_the_rest_of_a_refused_body_is_not_read_for_long(self, server):
        with silent(server) as peer:
            peer.sendall(raw("POST /x", "Content-Length: 1000000", authorization=None))
            assert status_of(peer.recv(65536)) == 401
            peer.settimeout(0.02)
            for _ in range(1000):
                with suppress(TimeoutError):
                    try:
                        peer.sendall(b"x")
                        is_closed = peer.recv(65536) == b""
                    except ConnectionError:
                        is_closed = True
                    if is_closed:
                        break
            else:
                raise AssertionError("the connection is still open")

    def test_a_byte_now_and_then_makes_no_difference(self, server):
        with silent(server) as peer:
            peer.sendall(b"GET /v1/health HTTP/1.1\r\n")
            peer.settimeout(0.02)
            reply = b""
            for _ in range(10_000):
                with suppress(TimeoutError, ConnectionError):
                    peer.sendall(b"X: y\r\n")
                    reply = peer.recv(65536)
                    break
        assert status_of(reply) == 408

    def test_a_client_with_the_token_stays(self, server):
        with connected(server) as connection:
            ask(connection)
            held = connection.sock
            with silent(server) as stranger:  # for longer than a stranger may be idle
                assert everything_from(stranger) == b""
            ask(connection)
            assert connection.sock is held

    def test_so_does_one_whose_answer_takes_long(self):
        backend = EchoTransport()
        with (
            serving(backend, limits=SHORT) as server,
            silent(server) as stranger,
            ThreadPoolExecutor(1) as pool,
            connected(server) as connection,
        ):
            answer = pool.submit(ask, connection, "POST", "/held", "kept")
            assert backend.entered.wait(PATIENCE_SECONDS)
            assert everything_from(stranger) == b""
            backend.hold.set()
            assert answer.result(PATIENCE_SECONDS)[0].status == 200

    def test_a_client_that_does_not_read_its_answers_is_dropped(self):
        with serving(LongAnswers(), limits=SHORT) as server, silent(server) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(raw("GET /long"))
            dropped = select.poll()
            dropped.register(peer, 0)
            for _ in range(1000):  # the kernel says so to those who send
                if dropped.poll(20):
                    break
                peer.sendall(b"\r\n")
            else:
                raise AssertionError("the connection is still open")

    def test_unread_answers_are_not_piled_up(self):
        backend = LongAnswers()
        with serving(backend) as server, silent(server) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(raw("GET /long") * 20)
            with connected(server) as connection:
                for _ in range(20):
                    ask(connection)
            assert backend.n_answered < 20 + 5


class TestManyConnections:
    @pytest.mark.parametrize(
        "limits",
        [Limits(client_connections=20), Limits(connections=20)],
        ids=["of one client", "of all"],
    )
    def test_strangers_give_way_to_those_who_have_the_token(self, limits):
        with ExitStack() as stack:
            server = stack.enter_context(serving(limits=limits))
            agent = stack.enter_context(connected(server))
            ask(agent)
            held = agent.sock
            strangers = [stack.enter_context(silent(server)) for _ in range(50)]
            for stranger in strangers:
                with suppress(OSError):
                    stranger.sendall(b"GET /v1/health HTTP/1.1\r\nX: ")
            for _ in range(3):
                late = stack.enter_context(connected(server))
                assert ask(late)[0].status == 200
            assert ask(agent)[0].status == 200
            assert agent.sock is held
            assert status_of(everything_from(strangers[0])) == 503

    def test_a_client_at_its_limit_gets_no_further_connection(self):
        with ExitStack() as stack:
            server = stack.enter_context(serving(limits=Limits(client_connections=3)))
            for _ in range(3):
                ask(stack.enter_context(connected(server)))
            surplus = stack.enter_context(silent(server))
            assert status_of(everything_from(surplus)) == 503

    def test_room_is_free_again_once_connections_are_closed(self):
        with serving(limits=Limits(client_connections=2)) as server:
            for _ in range(20):
                with connected(server) as connection:
                    assert ask(connection)[0].status == 200

    def test_few_files_mean_few_connections(self):
        assert Limits().within(128) == (72, 96)
        assert Limits().within(1_000_000) == (4096, 16_384)
        assert Limits().within(1) == (1, 1)


class TestAccessLog:
    def test_a_line_for_each_request(self):
        lines = []
        with serving(log=lines.append) as server:
            exchange(server, raw("GET /v1/a%20b?token=hidden", "Connection: close"))
            exchange(server, raw("GET /x", "Connection: close", authorization="Bearer wrong"))
            exchange(server, raw("GET /x", "Connection: close", host="evil.example"))
        found = [json.loads(line) for line in lines]
        assert [(f["who"], f["method"], f["path"], f["status"]) for f in found] == [
            ("first token", "GET", "/v1/a%20b", 200),
            (None, "GET", "/x", 401),
            (None, "GET", "/x", 403),
        ]
        assert {f["client"] for f in found} == {"127.0.0.1"}
        assert all(f["ms"] >= 0 and f["time"].endswith("Z") for f in found)
        assert "hidden" not in "".join(lines)
        assert "wrong" not in "".join(lines)

    def test_its_file_is_private_and_bounded(self, tmp_path, monkeypatch):
        monkeypatch.setattr(access_log, "MAX_BYTES", 100)
        path = tmp_path / "access.log"
        with access_log.access_log(path) as log:
            for number in range(20):
                log(f"line {number:03}")
        assert path.read_text().endswith("line 019\n")
        assert sorted(file.name for file in tmp_path.iterdir()) == ["access.log", "access.log.1"]
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert file.stat().st_size <= 100

    def test_its_file_is_not_a_link(self, tmp_path):
        (tmp_path / "access.log").symlink_to(tmp_path / "precious")
        with (
            pytest.raises(UsageError, match=r"symbolic links.*--access-log"),
            access_log.access_log(tmp_path / "access.log"),
        ):
            pass
        assert not (tmp_path / "precious").exists()


class TestAddress:
    def test_a_free_port_is_chosen(self, server):
        assert address_of(server)[1] > 0

    @pytest.mark.parametrize("host", LOOPBACK)
    def test_either_loopback_address(self, host):
        with serving(host=host) as server:
            assert server.url.startswith(LOOPBACK[host])
            with connected(server) as connection:
                assert ask(connection)[0].status == 200

    def test_a_port_in_use(self, server):
        with pytest.raises(UsageError, match=r"in use.*--port 0"):
            serving(port=address_of(server)[1])

    def test_an_unknown_host(self):
        with pytest.raises(UsageError, match=r"cannot listen on no\.such\.host\.invalid"):
            serving(host="no.such.host.invalid")

    @pytest.mark.parametrize("host", ["0.0.0.0", ""])
    def test_open_to_others_only_with_encryption(self, host):
        with pytest.raises(UsageError, match=r"--certfile.*--insecure"):
            serving(host=host)
        with serving(host=host, is_insecure=True):
            pass

    @pytest.mark.parametrize("token", ["", " ", "t\xf6ken", "two\nlines", " padded"])
    def test_only_a_token_that_can_be_sent(self, token):
        with pytest.raises(UsageError, match="the token"):
            serving(token=token)


class TestStopping:
    def test_a_request_begun_is_answered(self):
        backend = EchoTransport()
        server = serving(backend)
        thread = threading.Thread(target=server.serve)
        thread.start()
        with ThreadPoolExecutor(1) as pool, connected(server) as connection:
            answer = pool.submit(ask, connection, "POST", "/held", "kept")
            assert backend.entered.wait(PATIENCE_SECONDS)
            server.stop()
            _wait_until_refused(server)
            backend.hold.set()
            response, body = answer.result(PATIENCE_SECONDS)
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive()
        assert (response.status, json.loads(body)["body"]) == (200, "kept")

    def test_idle_connections_do_not_delay_it(self):
        with connected_pair() as (server, connection):
            ask(connection)
            server.stop()
            assert connection.sock.recv(1) == b""

    def test_a_body_that_does_not_come_delays_it_for_the_time_of_draining(self):
        with serving(limits=Limits(drain_seconds=1)) as server, silent(server) as peer:
            peer.sendall(raw("POST /x", "Content-Length: 5"))
            server.stop()
            with suppress(ConnectionResetError):
                assert peer.recv(65536) == b""

    def test_one_that_has_ended_may_be_stopped_again(self):
        server = serving()
        server.stop()
        server.serve()
        server.stop()


@contextmanager
def connected_pair():
    with serving() as server, connected(server) as connection:
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
