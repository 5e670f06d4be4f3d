"""The faults that are tried, each at one write of an apply."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from snapplan.devtools.vergeos.web.faults import Fault
from snapplan.devtools.vergeos.web.stage import Stage

from .writes import Names, named

FAULTS: dict[str, tuple[dict[str, Any], ...]] = {
    "late": ({"kind": "latency", "seconds": 1.3},),
    "500 before": ({"kind": "status_before"},),
    "500 after": ({"kind": "status_after"},),
    "drop before": ({"kind": "drop_before"},),
    "drop after": ({"kind": "drop_after"},),
    "truncated": ({"kind": "truncate"},),
    "cut": ({"kind": "cut"},),
    "429": ({"kind": "status_before", "status": 429},),
    "401": ({"kind": "expired"},),
    "read fails": ({"kind": "status_before", "status": 503, "where": "read"},),
    "silence": ({"kind": "drop_after"}, {"kind": "drop_before", "where": "behind"}),
}
"""Fault: what strikes the write itself, the first ``read`` after it, or everything ``behind`` it until the apply ends."""


@dataclass
class Strike(Fault):
    """A fault at the write called ``at``, at the first ``read`` after it, or at all that comes ``behind`` it."""

    at: str = ""
    where: str = "there"
    stage: Stage | None = None
    names: Names = field(default_factory=dict)
    met: bool = field(default=False, init=False)
    struck: int = field(default=0, init=False)

    def strikes(self, method: str, path: str) -> bool:
        """Say whether it strikes the request that came last; the journal has it already."""
        assert self.stage is not None
        behind = self.met
        self.met |= method != "GET" and named(self.stage.journal.latest[-1], self.names) == self.at
        strikes = {
            "there": self.met and not behind,
            "read": behind and method == "GET" and not self.struck,
            "behind": behind,
        }[self.where]
        self.struck += strikes
        return strikes


def strikes(stage: Stage, names: Names, fault: str, at: str) -> list[Strike]:
    """Return what makes the ``fault`` happen at the write called ``at``."""
    return [Strike(at=at, stage=stage, names=names, **each) for each in FAULTS[fault]]
