"""Checks which user owns the server of a connection on this machine.

On a shared machine, any user can listen on a port as soon as the server that used it has ended.
That
user would receive the token, and could hand out commands to agents that wait for the server. The
kernel knows the user of every socket (proc_net_tcp.txt in its documentation).
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Iterable, Iterator

    Address = IPv4Address | IPv6Address

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"
_ROOT = 0


class ForeignListenerError(OSError):
    """Another user of this machine listens where a server of this user was expected."""


class Socket(NamedTuple):
    """A row of the kernel's table of TCP sockets."""

    local: tuple[Address, int]
    remote: tuple[Address, int]
    is_listening: bool
    uid: int


def check_listener(connected: socket.socket, tables: Iterable[Path] = _TABLES) -> None:
    """Reject a connection to a server of another user of this machine.

    Servers of root are accepted, since the machine itself publishes ports and opens tunnels. All
    servers are accepted if the kernel does not show their owners.

    Args:
        connected: A connected socket.
        tables: The kernel's tables of TCP sockets.

    Raises:
        ForeignListenerError: The server belongs to another user.
    """
    peer = connected.getpeername()
    server = (_plain(ip_address(peer[0].partition("%")[0])), int(peer[1]))
    if not server[0].is_loopback:
        return
    own = connected.getsockname()
    client = (_plain(ip_address(own[0].partition("%")[0])), int(own[1]))
    found = [entry for table in tables for entry in _read(table, server[1])]
    for uid in owners(found, server, client):
        if uid not in (os.geteuid(), _ROOT):
            raise ForeignListenerError(
                f"another user of this machine ({_name_of(uid)}) listens there; nothing was sent"
            )


def owners(
    sockets: Collection[Socket], server: tuple[Address, int], client: tuple[Address, int]
) -> set[int]:
    """The users of the sockets that answer a connection.

    Args:
        sockets: The sockets of this machine.
        server: Address and port of the server.
        client: Address and port of the client's end.
    """
    address, port = server
    listening = [entry for entry in sockets if entry.is_listening and entry.local[1] == port]
    exact = [entry for entry in listening if entry.local[0] == address]
    everywhere = [
        entry
        for entry in listening
        if entry.local[0].is_unspecified and entry.local[0].version >= address.version
    ]
    accepted = [
        entry
        for entry in sockets
        if not entry.is_listening and (entry.local, entry.remote) == (server, client)
    ]
    return {entry.uid for entry in (*(exact or everywhere), *accepted)}


def _read(table: Path, port: int) -> Iterator[Socket]:
    """The rows whose local port is ``port``."""
    text = ""
    with suppress(OSError):  # this is not Linux
        text = table.read_text(encoding="ascii")
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 7 and fields[1].endswith(f":{port:04X}"):
            yield Socket(
                _address(fields[1]), _address(fields[2]), fields[3] == _LISTENING, int(fields[7])
            )


def _address(text: str) -> tuple[Address, int]:
    """Parse an address as the kernel prints it: 32-bit words in the machine's byte order."""
    words, _, port = text.partition(":")
    packed = b"".join(
        int(words[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(words), 8)
    )
    return _plain(ip_address(packed)), int(port, 16)


def _plain(address: Address) -> Address:
    """Convert an IPv4-mapped IPv6 address to IPv4."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _name_of(uid: int) -> str:
    with suppress(ImportError, KeyError):
        import pwd

        return f"{pwd.getpwuid(uid).pw_name}, uid {uid}"
    return f"uid {uid}"
