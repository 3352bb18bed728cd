"""The errors of the client; each carries one line that says what to do.

SweepError                   exit code 1
├── UsageError               exit code 2: the request is at fault; repeating it changes nothing
│   ├── InvalidConfig        a sweep config with problems; carries all of them
│   ├── InvalidRequest       the backend finds the request malformed or too large
│   ├── NotFound             no such sweep or run
│   │   └── SweepDeleted     there was one, and it was deleted
│   ├── NotPossible          the sweep's state does not allow it; says what is possible
│   └── NotAuthorized        the token is missing or not accepted
├── BackendUnavailable       not reachable, or in trouble
│   └── WrongBackend         exit code 2: somebody else answers at this address
├── BackendGone              its database was removed or replaced while it was in use
├── LeaseLost                another agent holds the run by now: stop working on it
├── SweepEnded               the sweep hands out no more runs
└── AgentGaveUp              too many runs failed

RunStopped                   raised by ``log()`` in a function run that must end; like
                             KeyboardInterrupt no Exception, so that it passes by handlers which
                             are meant for errors
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class SweepError(Exception):
    """Base class of the errors that sweep-sdk raises deliberately; messages have one line."""

    exit_code = 1


class UsageError(SweepError):
    """The request is at fault; repeating it changes nothing."""

    exit_code = 2


@dataclass(frozen=True)
class ConfigProblem:
    """An error or a warning about a sweep config.

    Attributes:
        path: Dotted path in the config, such as ``parameters.lr.min``; empty for the whole config.
        line: 1-based line in the file's text, if the text is known.
    """

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.path}: {self.message}" if self.path else f"{place}{self.message}"


class InvalidConfig(UsageError):
    """A sweep config that cannot be run.

    Attributes:
        problems: All errors in the config.
        warnings: Warnings about the config.
    """

    def __init__(
        self,
        message: str,
        problems: Sequence[ConfigProblem] = (),
        warnings: Sequence[ConfigProblem] = (),
    ) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__(message)


class InvalidRequest(UsageError):
    """The backend finds the request malformed or too large."""


class NotFound(UsageError):
    """The sweep or run does not exist."""


class SweepDeleted(NotFound):
    """The sweep existed and was deleted for good."""


class NotPossible(UsageError):
    """The state of the sweep or run does not allow the request."""


class NotAuthorized(UsageError):
    """The credential is missing, or the backend does not accept it.

    Attributes:
        was_accepted: Whether the backend had answered before, so that the token has probably been
            replaced by another.
    """

    def __init__(self, message: str, *, was_accepted: bool = False) -> None:
        self.was_accepted = was_accepted
        super().__init__(message)


class BackendUnavailable(SweepError):
    """There is no usable answer from the backend.

    Attributes:
        is_temporary: Whether repeating the request is likely to succeed soon.
        retry_after_seconds: How long the backend asked to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        is_temporary: bool = True,
        retry_after_seconds: float | None = None,
    ) -> None:
        self.is_temporary = is_temporary
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class WrongBackend(BackendUnavailable):
    """The answer is not from a sweep backend: a wrong address, or a network's login page."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        super().__init__(message, is_temporary=False)


class BackendGone(SweepError):
    """The backend's database was removed or replaced while it was in use."""


class LeaseLost(SweepError):
    """The attempt no longer holds the run."""


class SweepEnded(SweepError):
    """The sweep hands out no more runs."""

    exit_code = 0


class RunStopped(BaseException):
    """The run must end; ``reason`` says why.

    Attributes:
        reason: ``stop_run``, ``canceled``, ``early_terminate`` or ``lease_lost``.
    """

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"this run must stop: {reason}")


class AgentGaveUp(SweepError):
    """Too many runs of an agent failed, or none succeeded, or the backend stayed away too long."""
