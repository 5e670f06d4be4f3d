"""What the API and the control interface share: the system, its users, its time, its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from snapplan.devtools.vergeos.seed import Seed, grow
from snapplan.devtools.vergeos.web.faults import Faults
from snapplan.devtools.vergeos.web.journal import Journal
from snapplan.devtools.vergeos.web.timekeeper import Timekeeper

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.devtools.vergeos.rules.access import Access
    from snapplan.devtools.vergeos.rules.system import System


@dataclass
class Stage:
    """One simulation. Everything that touches it runs in one thread, one request after the other."""

    system: System
    access: Access
    time: Timekeeper
    faults: Faults = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
    state_file: Path | None = None

    @classmethod
    def of(cls, seed: Seed, now: int) -> Stage:
        """Return the simulation of a seed, which begins ``now`` (epoch seconds) where the seed does not say."""
        system, access = grow(seed, now)
        time = Timekeeper(system.now)
        time.run(seed.clock == "running")
        return cls(system, access, time)

    def begin_anew(self, seed: Seed, now: int) -> None:
        """Become the simulation of another seed, for the servers that have this one already; for tests."""
        fresh = Stage.of(seed, now)
        self.system, self.access, self.time = fresh.system, fresh.access, fresh.time
        self.faults, self.journal = fresh.faults, fresh.journal
