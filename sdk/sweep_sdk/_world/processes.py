"""This process: its number, its machine, and the signals that it gets."""

from __future__ import annotations

import os as _os
import signal as _signal
import socket as _socket
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[int, Any], Any] | int | None


def own_id() -> int:
    """This process's number."""
    return _os.getpid()


def host_name() -> str:
    """This machine's name."""
    return _socket.gethostname()


def stop_itself() -> None:
    """Stop, as Ctrl-Z does, until somebody continues this process."""
    _os.kill(_os.getpid(), _signal.SIGSTOP)


def handler_of(number: int) -> Handler:
    """What is done about a signal, as ``signal.getsignal`` gives it."""
    return _signal.getsignal(number)


def set_handler(number: int, handler: Handler) -> Handler:
    """Say what is to be done about a signal; what was done before. In the main thread alone."""
    return _signal.signal(number, _signal.SIG_DFL if handler is None else handler)
