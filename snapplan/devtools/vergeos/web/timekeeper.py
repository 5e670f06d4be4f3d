"""What time it is in the simulation: it runs with the real clock's pace, stands still, or steps at each request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from snapplan import clock
from snapplan.devtools.vergeos.rules import events

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.rules.system import System


@dataclass
class Timekeeper:
    """``held`` seconds since 1970, plus what passed since ``started`` on the real clock if it runs."""

    held: float
    started: float | None = None
    per_request: int = 0

    def now(self) -> int:
        """Return the simulation's time, epoch seconds."""
        return int(self.held + (clock.monotonic() - self.started if self.started is not None else 0))

    def run(self, running: bool) -> None:
        """Let the clock run, or stop it."""
        self.held = self.now()
        self.started = clock.monotonic() if running else None

    def put_off(self, now: int, *, follow: bool) -> None:
        """Continue from ``now``, or with ``follow`` from the present if that is later."""
        self.held = max(self.now(), now) if follow else now
        self.started = clock.monotonic() if self.started is not None else None

    def arrive(self, system: System) -> None:
        """Bring a system to the present, before a request is answered."""
        events.advance(system, self.now())
        self.held += self.per_request

    def put(self, system: System, now: int) -> None:
        """Set the time, earlier ones included."""
        self.held = now
        self.started = clock.monotonic() if self.started is not None else None
        events.set_back(system, now)
