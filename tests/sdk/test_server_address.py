from __future__ import annotations

import socket

import pytest

from sweep_sdk._server.address import connects, reachable_url


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "http://[::1]:80", "http://10.0.0.7:80"])
def test_one_interface_is_named_as_it_is(url):
    assert reachable_url(url, lambda *_: pytest.fail("nothing to try")) == url


@pytest.mark.parametrize("url", ["http://0.0.0.0:8787", "http://[::]:8787"])
def test_of_every_interface_one_that_answers_is_named(url):
    tried = []

    def answers(host, port):
        tried.append((host, port))
        return host == "127.0.0.1"

    assert reachable_url(url, answers) == "http://127.0.0.1:8787"
    assert tried[0] == (socket.gethostname(), 8787)
    name = f"http://{socket.gethostname()}:8787"
    assert reachable_url(url, lambda *_: True) == name


def test_a_listening_port_connects_and_a_closed_one_does_not():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert connects("127.0.0.1", port)
    assert not connects("127.0.0.1", port)
    assert not connects("no.such.host.invalid", port)
