"""What the API and the control interface share: the system, its users, its time, its faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from snapplan.devtools.vergeos.web.faults import Faults
from snapplan.devtools.vergeos.web.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.devtools.vergeos.rules.access import Access
    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.web.timekeeper import Timekeeper


@dataclass
class Stage:
    """One simulation. Everything that touches it runs in one thread, one request after the other."""

    system: System
    access: Access
    time: Timekeeper
    faults: Faults = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
    state_file: Path | None = None
