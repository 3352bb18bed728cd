"""This process: its id, its machine and its signal handlers."""

from __future__ import annotations

import os as _os
import signal as _signal
import socket as _socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[int, Any], Any] | int | None


def own_id() -> int:
    """The id of this process."""
    return _os.getpid()


def host_name() -> str:
    """The name of this machine."""
    return _socket.gethostname()


def stop_itself() -> None:
    """Stop this process, as Ctrl-Z does, until it is continued."""
    _os.kill(_os.getpid(), _signal.SIGSTOP)


def handler_of(number: int) -> Handler:
    """The handler of a signal, as from ``signal.getsignal``."""
    return _signal.getsignal(number)


def set_handler(number: int, handler: Handler) -> Handler:
    """Set the handler of a signal and return the previous one; main thread only."""
    return _signal.signal(number, _signal.SIG_DFL if handler is None else handler)
