"""What every write works with: the system, whose project it is, its options, the budget, and how to wait."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from snapplan import clock
from snapplan.errors import BackendError, OutcomeUnknownError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from snapplan.drivers.vergeos.api import Api
    from snapplan.drivers.vergeos.budget import Budget
    from snapplan.drivers.vergeos.options import VergeosOptions
    from snapplan.models.target import Capabilities

FIRST_PAUSE = 0.25
GROWTH = 1.5
PAUSE = 2.0
"""Seconds between two looks in the first minute."""
LONG_PAUSE = 10.0
"""Seconds between two looks after that: each look is a request of the hour's budget."""
PATIENT_AFTER = 60.0


class Connection(NamedTuple):
    """One system, as one run of one project writes to it. ``wait`` pauses for so many seconds."""

    api: Api
    project: str
    options: VergeosOptions
    budget: Budget
    wait: Callable[[float], None]
    capabilities: Capabilities

    @property
    def backend(self) -> str:
        """The system's name in the policy."""
        return self.api.backend

    def looks(self, limit: float) -> Iterator[None]:
        """Yield for each look at something that takes its time, with growing pauses, for ``limit`` seconds; at least once.

        Pauses count by their own length too, so that it ends where time does not pass.
        """
        began, paused, pause = clock.monotonic(), 0.0, FIRST_PAUSE
        while True:
            yield
            passed = max(paused, clock.monotonic() - began)
            if passed >= limit:
                return
            longest = PAUSE if passed < PATIENT_AFTER else LONG_PAUSE
            pause = min(pause, longest, limit - passed)
            self.wait(pause)
            paused += pause
            pause = min(pause * GROWTH if pause else FIRST_PAUSE, longest) if passed < PATIENT_AFTER else longest

    @contextmanager
    def looking(self, said: str) -> Iterator[None]:
        """Look at what became of a write: where that fails, its outcome is unknown, whatever ``said`` of it."""
        try:
            yield
        except (OutcomeUnknownError, RefusedError):
            raise
        except BackendError as error:
            raise OutcomeUnknownError(self.backend, f"{said}; could not look: {error}") from error

    def refuse(self, text: str, hint: str = "") -> RefusedError:
        """Return the error of what is refused; nothing was done."""
        return RefusedError(self.backend, f"{self.backend}: {text}", hint=hint)

    def failed(self, text: str, hint: str = "") -> BackendError:
        """Return the error of what did not succeed."""
        return BackendError(self.backend, f"{self.backend}: {text}", hint=hint)
