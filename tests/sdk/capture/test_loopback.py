"""The web server for an agent's programs, with real sockets and all kinds of clients."""

import http.client
import socket
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import pytest

from sweep_sdk._world.loopback import Answer, listen
from sweep_sdk._world.loopback_http import MAX_BODY_BYTES


@pytest.fixture
def server():
    with listen() as server:
        yield server


def ask(address, method="POST", path="/x", body=b"", headers=None):
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    try:
        connection.request(method, url.path + path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_program_is_answered_under_its_own_address_alone(server):
    first = server.add(lambda request: Answer(200, b"first " + request.path.encode()))
    second = server.add(lambda request: Answer(201, request.body[::-1]))
    assert ask(first, path="/a/b?c") == (200, b"first a/b?c")
    assert ask(second, body=b"abc") == (201, b"cba")
    assert ask(first.rpartition("/")[0] + "/guess")[0] == 404
    server.remove(first, 1.0)
    assert ask(first)[0] == 404
    assert ask(second)[0] == 201


def test_one_connection_serves_many_requests(server):
    url = urlsplit(server.add(lambda request: Answer(200, request.body)))
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    for number in range(50):
        connection.request("POST", url.path + "/x", str(number).encode())
        assert connection.getresponse().read() == str(number).encode()
    connection.close()


def test_a_body_of_16_mb_is_taken_and_a_larger_one_refused(server):
    address = server.add(lambda request: Answer(200, str(len(request.body)).encode()))
    assert ask(address, body=b"x" * MAX_BODY_BYTES) == (200, str(MAX_BODY_BYTES).encode())
    length = {"Content-Length": str(MAX_BODY_BYTES + 1)}
    assert ask(address, headers=length)[0] == 413
    assert ask(address, headers={"Transfer-Encoding": "chunked"})[0] == 411
    assert ask(address, headers={"Content-Length": "-1"})[0] == 411


def test_an_error_ends_neither_the_connection_nor_the_server(server):
    def fail(request):
        raise ValueError(request.path)

    address = server.add(fail)
    assert ask(address)[0] == 500
    assert ask(address)[0] == 500


def test_removing_waits_for_what_has_been_sent_and_for_nothing_else(server):
    taken = []
    address = server.add(lambda request: taken.append(request.body) or Answer())
    url = urlsplit(address)
    silent = socket.create_connection((url.hostname, url.port))
    last = socket.create_connection((url.hostname, url.port))
    body = b"y" * 5_000_000
    head = f"POST {url.path}/x HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    sender = threading.Thread(target=last.sendall, args=(head.encode() + body,))
    sender.start()
    sender.join()
    last.close()
    server.remove(address, 10.0)
    assert taken == [body]
    began = time.monotonic()
    server.remove(server.add(lambda _: Answer()), 10.0)
    assert time.monotonic() - began < 5.0
    silent.close()


def test_a_request_that_hangs_delays_the_end_of_a_program_for_a_bounded_time(server):
    release = threading.Event()

    def answer_late(_):
        release.wait(30)
        return Answer()

    address = server.add(answer_late)
    client = threading.Thread(target=ask, args=(address,))
    client.start()
    began = time.monotonic()
    while not server._connections and time.monotonic() - began < 10:
        time.sleep(0.001)
    began = time.monotonic()
    server.remove(address, 0.2)
    assert time.monotonic() - began < 5.0
    release.set()
    client.join()


@pytest.mark.parametrize(
    "noise", [b"", b"\0" * 1000, b"GET", b"GET / HTTP/9\r\n\r\n", b"\r\n" * 99]
)
def test_noise_is_survived(server, noise):
    address = server.add(lambda _: Answer(200, b"here"))
    url = urlsplit(address)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(noise)
    assert ask(address) == (200, b"here")


def test_a_closed_server_is_gone():
    server = listen()
    address = server.add(lambda _: Answer())
    server.close()
    with pytest.raises(ConnectionError):
        ask(address)


def test_listening_loads_nothing_that_speaks_http():
    program = (
        "import sys; from sweep_sdk._world import loopback; from sweep_sdk._capture import capture;"
        "server = loopback.listen(); server.add(None);"
        "print('http.server' in sys.modules, 'sweep_sdk._capture.protocol' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"False", b"False"]
