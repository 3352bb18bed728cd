"""No token is sent to, and no command accepted from, another user's server."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager, suppress
from ipaddress import ip_address

import pytest

from sweep_sdk._backend.client import Client
from sweep_sdk._backend.retry import ONCE, Retrier
from sweep_sdk._backend.transport import HttpTransport, InProcessTransport
from sweep_sdk._exceptions import WrongBackend
from sweep_sdk._server.server import LocalServer
from sweep_sdk._world import listeners

NOBODY = 65534
OWN = os.geteuid()


@contextmanager
def foreign_listener(monkeypatch, port=0, host="127.0.0.1"):
    """A socket of another user, which listens."""
    if OWN == 0:  # a socket belongs to the user who makes it
        os.seteuid(NOBODY)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: OWN + 1)
    try:
        opened = socket.create_server((host, port))
    finally:
        if OWN == 0:
            os.seteuid(0)
    with opened:
        yield opened
    monkeypatch.undo()


def received_by(listener):
    """All that was sent to it so far."""
    listener.settimeout(0.0)
    data = b""
    with suppress(BlockingIOError):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                data += connection.recv(1000)
    return data


def client_of(port, host="127.0.0.1"):
    return Client(HttpTransport(f"http://{host}:{port}", "secret"), Retrier(ONCE))


def test_nothing_is_sent_to_another_user(monkeypatch):
    with foreign_listener(monkeypatch) as theirs:
        port = theirs.getsockname()[1]
        with client_of(port) as client, pytest.raises(WrongBackend, match="another user") as error:
            client.health()
        assert received_by(theirs) == b""
    assert error.value.exit_code == 2
    assert "check SWEEP_URL" in str(error.value)


def test_one_who_takes_the_port_of_a_dead_server_gets_nothing(monkeypatch, tmp_path):
    transport = InProcessTransport(tmp_path / "sweeps.db", ("overlay", "tmpfs"))
    with LocalServer(transport, token="secret") as server:
        port = int(server.url.rpartition(":")[2])
        client = client_of(port)
        sweep = client.create_sweep({"method": "random", "parameters": {"x": {"values": [1]}}})[
            "id"
        ]
    with foreign_listener(monkeypatch, port) as theirs:
        with pytest.raises(WrongBackend, match="another user") as error:
            client.ask(sweep, "a-key-of-mine", "agent")
        assert error.value.is_temporary  # agents wait for the server to come back
        assert received_by(theirs) == b""
    with LocalServer(transport, token="secret", port=port):
        assert client.ask(sweep, "a-key-of-mine", "agent").index == 0
    client.close()
    transport.close()


def row(local, remote, state, uid, port=8787, remote_port=0):
    """A line of the kernel's table."""
    queues = "00000000:00000000 00:00000000 00000000"
    return f"  0: {local}:{port:04X} {remote}:{remote_port:04X} {state} {queues}  {uid} 0 1"


LOOPBACK, ANY, MAPPED = "0100007F", "00000000", "0000000000000000FFFF00000100007F"
LOOPBACK_6, ANY_6 = "00000000000000000000000001000000", "0" * 32
LISTENING, ESTABLISHED = "0A", "01"


class Connected:
    """A socket that is connected."""

    def __init__(self, peer="127.0.0.1"):
        self._peer = peer

    def getpeername(self):
        return (self._peer, 8787, 0, 0) if ":" in self._peer else (self._peer, 8787)

    def getsockname(self):
        return (self._peer, 50000)


@pytest.fixture
def refuses(tmp_path, monkeypatch):
    """Whether a connection is refused, given the rows of the table."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    def refuses(*rows, peer="127.0.0.1"):
        table = tmp_path / "tcp"
        table.write_text("\n".join(["  sl  local_address rem_address ...", *rows]) + "\n")
        try:
            listeners.check_listener(Connected(peer), [table, tmp_path / "missing"])
        except listeners.ForeignListenerError:
            return True
        return False

    return refuses


@pytest.mark.parametrize("uid", [1000, 0])
@pytest.mark.parametrize("local", [LOOPBACK, ANY, ANY_6, MAPPED])
def test_a_server_of_this_user_or_of_root(refuses, local, uid):
    assert not refuses(row(local, ANY, LISTENING, uid))


@pytest.mark.parametrize("local", [LOOPBACK, ANY, ANY_6, MAPPED])
def test_a_server_of_another_user(refuses, local):
    assert refuses(row(local, ANY, LISTENING, 1001))


def test_the_one_that_listens_on_the_very_address_answers(refuses):
    own, theirs = row(LOOPBACK, ANY, LISTENING, 1000), row(ANY_6, ANY_6, LISTENING, 1001)
    assert not refuses(own, theirs)
    assert refuses(theirs, row(LOOPBACK_6, ANY_6, LISTENING, 1000))


def test_the_address_of_the_other_version(refuses):
    theirs = row(LOOPBACK_6, ANY_6, LISTENING, 1001)
    assert refuses(theirs, row(LOOPBACK, ANY, LISTENING, 1000), peer="::1")
    assert not refuses(theirs, row(LOOPBACK, ANY, LISTENING, 1000), peer="127.0.0.1")


def test_one_who_has_accepted_and_listens_no_more(refuses):
    accepted = row(LOOPBACK, LOOPBACK, ESTABLISHED, 1001, remote_port=50000)
    assert refuses(accepted)
    assert refuses(accepted, row(LOOPBACK, ANY, LISTENING, 1000))
    assert not refuses(row(LOOPBACK, LOOPBACK, ESTABLISHED, 1001, remote_port=50001))


def test_other_ports_and_other_machines_are_no_matter(refuses):
    theirs = row(LOOPBACK, ANY, LISTENING, 1001)
    assert not refuses(row(LOOPBACK, ANY, LISTENING, 1001, port=8788))
    assert not refuses(theirs, peer="10.0.0.7")
    assert not refuses()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_kernel_is_understood(host):
    with (
        suppress(OSError),
        socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ) as own,
    ):  # a container may lack IPv6
        port = own.getsockname()[1]
        found = [entry for table in listeners._TABLES for entry in listeners._read(table, port)]
        if any(table.exists() for table in listeners._TABLES):  # not on other systems
            assert (ip_address(host), port) in [entry.local for entry in found]
            assert {entry.uid for entry in found} == {OWN}
