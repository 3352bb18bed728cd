"""What the commands that serve have in common."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sweep_sdk._exceptions import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from sweep_sdk._server.server import WebServer


@contextmanager
def needing_packages(command: str) -> Iterator[None]:
    """Import the libraries that a command serves with.

    Args:
        command: Name of the command, such as ``ui``.

    Raises:
        UsageError: A library is not installed; the message says how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        from sweep_service.installation import install_hint

        raise UsageError(
            f"'sweep-sdk {command}' needs the package {error.name}; install it with"
            f" {install_hint('local')}"
        ) from None


def stop_on_signals(server: WebServer) -> None:
    """Stop gracefully on the first signal and immediately on the second."""

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  required by signal.signal
        for stopping in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stopping, signal.SIG_DFL)
        server.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
