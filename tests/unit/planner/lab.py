"""A policy, a world and an instant out of the words of ``tests/cases``, for what a case file cannot ask."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from case_files import focus_of, instant, orders_of, policy_of, world_of

from snapplan.diagnostics import Location
from snapplan.models.plan import Plan
from snapplan.models.policy import Policy
from snapplan.models.world import World
from snapplan.planner.build import plan

NOW = "2026-11-22T12:00Z"
DAILY = {"daily": {"frequency": "daily", "hour": 2, "retention": "2d"}}
PERIOD = ("profiles", "gold", "periods", "daily")


class Lab(NamedTuple):
    policy: Policy
    world: World
    now: datetime
    case: dict[str, Any]

    def plan(self) -> Plan:
        return plan(self.policy, self.world, self.now, orders=orders_of(self.case), focus=focus_of(self.case))


def lab(**case: Any) -> Lab:
    """Return the lab that the words of a case file describe; ``now`` is noon of 22 November 2026 unless it is given."""
    case.setdefault("now", NOW)
    case.setdefault("policy", DAILY)
    policy = policy_of(case)._replace(
        where={
            ("profiles", "gold"): Location("p.yaml", 2, 3),
            PERIOD: Location("p.yaml", 4, 7),
            (*PERIOD, "retention"): Location("p.yaml", 5, 9),
            ("assignments", "everything"): Location("p.yaml", 8, 3),
            ("snapshots", "before-26.2"): Location("p.yaml", 12, 3),
            ("restores", "CHG-1"): Location("p.yaml", 16, 3),
        }
    )
    return Lab(policy, world_of(case, policy), instant(case["now"]), case)
