"""The errors of the backend; each class says what the caller should do.

ServiceError
├── FixRequest                    the request is at fault: fix it, do not repeat it
│   ├── InvalidRequest            400  malformed JSON, a missing or ill-typed field
│   ├── Unauthorized              401  no credential, or one that proves nothing
│   ├── Forbidden                 403  the credential does not allow this request
│   ├── InvalidConfig             422  a sweep config with problems; carries all of them
│   ├── NotFound                  404  no such route, sweep or run
│   │   └── SweepDeleted          404  there was one, and it was deleted
│   ├── MethodNotAllowed          405  the path exists, the method does not
│   ├── NotPossible               409  an illegal state transition or edit; says what is possible
│   ├── TooLarge                  413  a config over 100 KB or a row over 256 KB
│   └── UpgradeRequired           426  the sweep needs a newer agent; says which
├── GiveUp                        the request was valid, but is too late: let go
│   ├── LeaseLost                 409  this attempt no longer holds the run
│   └── SweepEnded                410  no further runs in this sweep
├── TryAgain                      nothing is wrong: repeat after ``retry_after_seconds``
│   ├── Throttled                 429  the database refused for capacity
│   ├── Busy                      503  too much contention for now
│   └── StoreUnavailable          503  the disk is full or fails: free space on it
├── FixSetup                      the machine that keeps the sweeps is at fault: for an operator
│   ├── StoreUnusable             500  no database file, one of a newer version, no permission, NFS
│   └── StoreGone                 500  the file was removed or replaced while it was in use
└── StoreSignal                   a conditional write met another state; never leaves ``operations``
    ├── LeaseHeld                 somebody else holds the lease
    ├── OutcomeKnown              the run has an outcome
    ├── Exhausted                 every index has been given out
    ├── NotRunning                the sweep does not hand out indices in its state
    └── Stale                     what was read has changed since; read and decide again
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sweep_service.model.language.problems import Problem


_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")


class ServiceError(Exception):
    """Base class of the errors that the backend raises deliberately.

    Attributes:
        status: HTTP status of the answer.
        title: Kind of the error, for people.
        code: Kind of the error, for programs: the name of the class, such as ``lease-lost``.
    """

    status = 500
    title = "Internal error"
    code = "service-error"

    def __init_subclass__(cls) -> None:
        """Derive the code from the name of the class."""
        cls.code = _WORD.sub("-", cls.__name__).lower()


class FixRequest(ServiceError):
    """The request is at fault."""

    status = 400
    title = "Bad request"


class InvalidRequest(FixRequest):
    """The request is not what the API documents."""


class Unauthorized(FixRequest):
    """The request has no credential, or an invalid one."""

    status = 401
    title = "Not authenticated"


class Forbidden(FixRequest):
    """The credential does not allow the request."""

    status = 403
    title = "Not allowed"


class InvalidConfig(FixRequest):
    """A sweep config that cannot be run.

    Attributes:
        problems: All errors in the config.
        warnings: Warnings about the config.
    """

    status = 422
    title = "Invalid sweep config"

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class NotFound(FixRequest):
    """The route, sweep or run does not exist."""

    status = 404
    title = "Not found"


class SweepDeleted(NotFound):
    """The sweep existed and was deleted for good."""

    title = "Sweep deleted"


class MethodNotAllowed(FixRequest):
    """The path exists but not with this method; ``allowed`` lists the methods it supports."""

    status = 405
    title = "Method not allowed"

    def __init__(self, message: str, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(message)


class NotPossible(FixRequest):
    """The state of the sweep or run does not allow the request."""

    status = 409
    title = "Not possible now"


class TooLarge(FixRequest):
    """The request has more data than the backend stores in one item."""

    status = 413
    title = "Too large"


class UpgradeRequired(FixRequest):
    """The agent is too old for the sweep; the message names both versions."""

    status = 426
    title = "Upgrade required"


class GiveUp(ServiceError):
    """The request is too late."""

    status = 409
    title = "Too late"


class LeaseLost(GiveUp):
    """This attempt no longer holds the run: stop working on it."""

    title = "Lease lost"


class SweepEnded(GiveUp):
    """The sweep hands out no more runs."""

    status = 410
    title = "Sweep ended"


class TryAgain(ServiceError):
    """Repeat the same request after ``retry_after_seconds``."""

    status = 503
    title = "Try again"

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(message)


class Throttled(TryAgain):
    """The database is out of capacity."""

    status = 429
    title = "Too many requests"


class Busy(TryAgain):
    """There is too much contention at the moment."""

    title = "Busy"


class StoreUnavailable(TryAgain):
    """The database or its disk fails; nothing was written."""

    title = "Store unavailable"


class FixSetup(ServiceError):
    """The backend is misconfigured: no request can succeed until that is fixed."""


class StoreUnusable(FixSetup):
    """The database cannot be used."""

    title = "Store unusable"


class StoreGone(FixSetup):
    """The database was removed or replaced while it was in use."""

    title = "Store gone"


class StoreSignal(ServiceError):
    """A record is not in the expected state."""


class LeaseHeld(StoreSignal):
    """Another requester holds the lease."""


class OutcomeKnown(StoreSignal):
    """The run has an outcome."""


class Exhausted(StoreSignal):
    """Every index below the limit has been given out."""


class NotRunning(StoreSignal):
    """The sweep's state is not ``running``."""


class Stale(StoreSignal):
    """The record has changed since it was read.

    Attributes:
        stored: The record that is stored now, of the same type, or None.
    """

    def __init__(self, message: str, stored: Any = None) -> None:
        self.stored = stored
        super().__init__(message)
