"""The watchdog's own program: ends the children of an agent that is gone.

Run by path, without the package: standard input is a pipe whose only writers are the agent and,
between fork and exec, its children. ``+<pid>`` announces the leader of a process group, ``-<pid>``
takes it back. When the last writer is gone, the groups that are left are ended.
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.02


def main() -> None:
    """Watch until the pipe ends, then end what is left."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    end_groups(watch(sys.stdin.fileno()))


def watch(descriptor: int) -> set[int]:
    """The groups that were announced and not taken back when the pipe ended."""
    groups: set[int] = set()
    with os.fdopen(descriptor, "rb", closefd=False) as pipe:
        for line in pipe:
            if line.startswith(b"+"):
                groups.add(int(line[1:]))
            else:
                groups.discard(int(line[1:]))
    return groups


def end_groups(groups: set[int]) -> None:
    """SIGTERM, a moment of grace, SIGKILL."""
    left = {group for group in groups if _send(group, signal.SIGTERM)}
    give_up_at = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < give_up_at:
        time.sleep(_POLL_SECONDS)
        left = {group for group in left if _send(group, 0)}
    for group in left:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    """Whether the group is still there, or may be."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # a member that changed its user; macOS: only zombies are left
        return True
    return True


if __name__ == "__main__":
    main()
