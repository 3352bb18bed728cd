"""The errors of the backend; each class says what the CALLER should do.

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
    """Root of the errors that the backend raises on purpose.

    Attributes:
        status: HTTP status of the answer.
        title: What kind of error it is, for people.
        code: The same for programs: the name of the class, such as ``lease-lost``.
    """

    status = 500
    title = "Internal error"
    code = "service-error"

    def __init_subclass__(cls) -> None:
        """Derive the code from the name."""
        cls.code = _WORD.sub("-", cls.__name__).lower()


class FixRequest(ServiceError):
    """The request is at fault."""

    status = 400
    title = "Bad request"


class InvalidRequest(FixRequest):
    """The request is not what the API documents."""


class Unauthorized(FixRequest):
    """The request came without a credential, or with one that proves nothing."""

    status = 401
    title = "Not authenticated"


class Forbidden(FixRequest):
    """The credential does not allow the request."""

    status = 403
    title = "Not allowed"


class InvalidConfig(FixRequest):
    """A sweep config that cannot run.

    Attributes:
        problems: Every reason.
        warnings: What else is odd about it.
    """

    status = 422
    title = "Invalid sweep config"

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class NotFound(FixRequest):
    """No such thing."""

    status = 404
    title = "Not found"


class SweepDeleted(NotFound):
    """The sweep was deleted: it will not come back."""

    title = "Sweep deleted"


class MethodNotAllowed(FixRequest):
    """The path exists but not with this method; ``allowed`` holds those that it takes."""

    status = 405
    title = "Method not allowed"

    def __init__(self, message: str, allowed: Sequence[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(message)


class NotPossible(FixRequest):
    """The sweep's state does not allow what was asked."""

    status = 409
    title = "Not possible now"


class TooLarge(FixRequest):
    """More than the backend stores in one item."""

    status = 413
    title = "Too large"


class UpgradeRequired(FixRequest):
    """The agent is too old for the sweep; the text names both versions."""

    status = 426
    title = "Upgrade required"


class GiveUp(ServiceError):
    """The time for this request has passed."""

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
    """The database refused for capacity."""

    status = 429
    title = "Too many requests"


class Busy(TryAgain):
    """Too much contention for now."""

    title = "Busy"


class StoreUnavailable(TryAgain):
    """The disk is full or fails; nothing was written."""

    title = "Store unavailable"


class FixSetup(ServiceError):
    """The machine is not set up correctly: no request can succeed until that is fixed."""


class StoreUnusable(FixSetup):
    """The place where sweeps should be kept cannot be used as it is."""

    title = "Store unusable"


class StoreGone(FixSetup):
    """The database was removed or replaced under those who work with it."""

    title = "Store gone"


class StoreSignal(ServiceError):
    """A record is not in the state that was expected."""


class LeaseHeld(StoreSignal):
    """Somebody else holds the lease."""


class OutcomeKnown(StoreSignal):
    """The run has an outcome, which never changes."""


class Exhausted(StoreSignal):
    """Every index below the limit has been given out."""


class NotRunning(StoreSignal):
    """The sweep's state is not ``running``."""


class Stale(StoreSignal):
    """What was read has changed since.

    Attributes:
        stored: The record that is stored now, of the same type; None where there is none.
    """

    def __init__(self, message: str, stored: Any = None) -> None:
        self.stored = stored
        super().__init__(message)
