"""The connections of an HTTP session, which can be cut while a request waits for its answer."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from requests.adapters import HTTPAdapter
from urllib3.poolmanager import PoolManager, ProxyManager

from sweep_sdk._world.listeners import check_listener


class CuttableAdapter(HTTPAdapter):
    """An adapter that knows the connections of requests in progress."""

    def __init__(self) -> None:
        self._connections: WeakSet[Any] = WeakSet()
        self._lock = threading.Lock()
        super().__init__()

    def init_poolmanager(self, *values: Any, **named: Any) -> None:
        """Create the pools of direct connections."""
        super().init_poolmanager(*values, **named)
        self._follow(self.poolmanager)

    def proxy_manager_for(self, *values: Any, **named: Any) -> Any:
        """Create the pools of connections through a proxy."""
        manager = super().proxy_manager_for(*values, **named)
        self._follow(manager)
        return manager

    def cut(self) -> None:
        """Close every connection; threads that wait on one get an error."""
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            open_socket = getattr(connection, "sock", None)
            if isinstance(open_socket, socket.socket):
                with suppress(OSError):  # below TLS, whose own shutdown would wait for an answer
                    socket.socket.shutdown(open_socket, socket.SHUT_RDWR)

    def _follow(self, manager: Any) -> None:
        if type(manager) not in (PoolManager, ProxyManager):  # other managers have other pools
            return
        is_direct = type(manager) is PoolManager
        manager.pool_classes_by_scheme = {
            scheme: self._followed(pool, is_checked=is_direct and scheme == "http")
            for scheme, pool in manager.pool_classes_by_scheme.items()
        }

    def _followed(self, pool: Any, *, is_checked: bool) -> Any:
        """A subclass of a pool class whose connections are tracked.

        Args:
            pool: A pool class of urllib3.
            is_checked: Whether to check the owner of the listener, because no certificate proves
                it.
        """
        can_connect = hasattr(pool.ConnectionCls, "connect")  # not for TLS without the ssl module
        if getattr(pool, "is_followed", False) or not can_connect:
            return pool
        adapter = self

        def connect(connection: Any) -> None:
            with adapter._lock:
                adapter._connections.add(connection)
            pool.ConnectionCls.connect(connection)
            if is_checked:
                check_listener(connection.sock)

        followed = type("FollowedConnection", (pool.ConnectionCls,), {"connect": connect})
        return type("FollowedPool", (pool,), {"ConnectionCls": followed, "is_followed": True})
