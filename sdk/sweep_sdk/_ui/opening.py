"""Opens the dashboard in a browser without showing its secret to other users.

A command line can be read by everybody on a machine, and a browser is started with one. So it is
given the path of a file that this user alone can read, and that leads on to the real address.
"""

from __future__ import annotations

import html
import os
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE = """<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={url}"><title>sweep-sdk</title>
<p><a href="{url}">Open the dashboard</a></p>
"""


@contextmanager
def redirect_file(url: str) -> Iterator[Path]:
    """A file that leads a browser to an address, and that this user alone can read.

    It exists for the time of a block.

    Args:
        url: The address, with the secret.
    """
    descriptor, name = tempfile.mkstemp(prefix="sweep-sdk-", suffix=".html")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(_PAGE.format(url=html.escape(url)))
        yield Path(name)
    finally:
        with suppress(OSError):
            os.unlink(name)


def has_browser() -> bool:
    """Whether a browser with a window can be started here."""
    if any(name in os.environ for name in ("SSH_CONNECTION", "SSH_TTY")):
        return False
    if sys.platform == "darwin":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


def open_browser(path: Path) -> bool:
    """Open a file in the user's browser; whether that could be started."""
    import webbrowser

    try:
        return webbrowser.open(path.as_uri())
    except (webbrowser.Error, OSError):
        return False
