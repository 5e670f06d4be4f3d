"""The exceptions, each with the data that its message is made of, and the exit code that each leads to.

SnapplanError                     1
├── PolicyInvalidError            4    the files are wrong; carries all diagnostics
├── CommandLineError              64   an argument or option is wrong
├── BlockedError                  3    a guard or a missing approval stopped it
├── PlanStaleError                5    the plan is old, used, or not the approved one
├── LockedError                   6    somebody else applies; carries the holder
├── AppliedInPartError            7    some actions failed; carries the run
├── CatalogError                  1    the catalog cannot be read or written
│   ├── CatalogMissingError       1    there is none where there was one
│   └── FencedError               6    our lease was taken over; nothing more is done
└── BackendError                  1    a backend could not do it; carries what is known of the outcome
    ├── UnreachableError               nothing was done
    ├── NotSupportedError              the backend cannot do this at all
    ├── RefusedError                   the backend will not do this now; nothing was done
    │   ├── StoreLockedError      6    another process writes to it; carries the holder
    │   ├── NameTakenError             something else has this name
    │   ├── NotFoundError              what it was about is not there
    │   ├── RequestBudgetError         the requests of this hour are used up
    │   └── QuiesceError               I/O could not be frozen and the request requires it
    ├── LostRequestError               a look showed that nothing was done; it may be asked again
    └── OutcomeUnknownError            it may or may not have been done; look before trying again
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.diagnostics import Diagnostic


class SnapplanError(Exception):
    """Root of all errors that are not bugs. ``str()`` is a sentence for the operator; ``hint`` says what to do."""

    exit_code = 1

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class PolicyInvalidError(SnapplanError):
    """The policy files have errors; ``diagnostics`` are all findings, warnings included."""

    exit_code = 4

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__()
        self.diagnostics = tuple(diagnostics)

    def __str__(self) -> str:
        return "; ".join(f"{d.code}: {d.summary}" for d in self.diagnostics)


class CommandLineError(SnapplanError):
    """An argument or option is wrong."""

    exit_code = 64


class BlockedError(SnapplanError):
    """A guard or a missing approval stopped it; nothing was done."""

    exit_code = 3


class PlanStaleError(SnapplanError):
    """The plan is old, used, or not the approved one; nothing was done. ``findings`` are all reasons, where known."""

    exit_code = 5

    def __init__(self, message: str = "", *, findings: Sequence[Diagnostic] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return super().__str__() or "; ".join(f"{d.code}: {d.summary}" for d in self.findings)


class LockedError(SnapplanError):
    """Another process holds the lease of a backend."""

    exit_code = 6

    def __init__(self, backend: str, holder: str, *, hint: str = "") -> None:
        super().__init__(hint=hint)
        self.backend = backend
        self.holder = holder

    def __str__(self) -> str:
        return f"backend {self.backend!r} is locked by {self.holder}"


class AppliedInPartError(SnapplanError):
    """Some actions failed or were not tried; what was done is recorded under ``run``."""

    exit_code = 7

    def __init__(self, run: int, message: str) -> None:
        super().__init__(message)
        self.run = run


class CatalogError(SnapplanError):
    """The catalog cannot be read or written."""


class CatalogMissingError(CatalogError):
    """There is no catalog where one is needed."""


class FencedError(CatalogError):
    """Our lease ended and another process took over; nothing more may be done."""

    exit_code = 6


class BackendError(SnapplanError):
    """A backend could not do what was asked. ``backend`` is its name in the policy."""

    def __init__(self, backend: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.backend = backend


class UnreachableError(BackendError):
    """The backend did not answer; nothing was done."""


class NotSupportedError(BackendError):
    """The backend cannot do this at all."""


class RefusedError(BackendError):
    """The backend will not do this now; nothing was done."""


class StoreLockedError(RefusedError):
    """Another process writes to the backend's store, and holds the kernel's lock on it; nothing was done."""

    exit_code = 6

    def __init__(self, backend: str, holder: str, *, hint: str = "") -> None:
        super().__init__(backend, f"the store is locked by {holder}", hint=hint)
        self.holder = holder


class NameTakenError(RefusedError):
    """Something else has this name."""


class NotFoundError(RefusedError):
    """What it was about is not there."""


class RequestBudgetError(RefusedError):
    """The requests that may be made in an hour are used up; nothing was done."""


class QuiesceError(RefusedError):
    """I/O could not be frozen and the request requires it; nothing was taken."""


class LostRequestError(BackendError):
    """The request or its answer was lost, and a look showed that nothing was done: it may be asked again."""


class OutcomeUnknownError(BackendError):
    """It may or may not have been done; look before trying again."""
