"""Small worlds to try guards on: written as behaviour cases, so that the numbers are in sight."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from case_files import policy_of, world_of

from snapplan.models.plan import Action, GuardResult, Plan
from snapplan.models.world import World
from snapplan.planner.build import plan

NOW = "2026-11-22T12:00Z"
AT = datetime.fromisoformat(NOW)
DAILY = {"frequency": "daily", "hour": 2, "retention": "30d"}


def dailies(count: int, target: str = "lab/volume/a", period: str = "daily") -> list[str]:
    """Snapshots of the last ``count`` days, the newest today's."""
    newest = AT.replace(hour=2)
    return [f"{target}@gold.{period}.{newest - timedelta(days=back):%Y%m%dT%H%MZ}" for back in range(count)]


def case(**words: Any) -> dict[str, Any]:
    return {"policy": {"daily": DAILY}, "nothing_due": True, "now": NOW, **words}


def cut(retention: str = "3d", *, count: int = 30, targets: tuple[str, ...] = ("a",), **words: Any) -> dict[str, Any]:
    """A case in which the retention of ``count`` daily snapshots per target was 30 days."""
    addresses = [f"lab/volume/{name}" for name in targets]
    return case(
        before={"policy": {"daily": DAILY}},
        policy={"daily": {**DAILY, "retention": retention}},
        profile={"retroactive": True},
        targets=addresses,
        snapshots=[one for address in addresses for one in dailies(count, address)],
        **words,
    )


def world(one: dict[str, Any]) -> World:
    return world_of(one, policy_of(one))


def made(
    one: dict[str, Any], changed: World | None = None, *, at: datetime = AT, allowed: tuple[str, ...] = ()
) -> Plan:
    return plan(policy_of(one), world(one) if changed is None else changed, at, allowed=allowed)


def with_catalog(one: dict[str, Any], **fields: Any) -> World:
    found = world(one)
    return found._replace(catalog=found.catalog._replace(**fields))


def with_backend(one: dict[str, Any], **fields: Any) -> World:
    found = world(one)
    return found._replace(backends={**found.backends, "lab": found.backends["lab"]._replace(**fields)})


def guard(planned: Plan, code: str, backend: str | None = "lab") -> GuardResult:
    (found,) = [one for one in planned.guards if one.code == code and one.backend == backend]
    return found


def blocked(planned: Plan) -> dict[str, list[Action]]:
    """The blocked actions by the codes that stop them."""
    found: dict[str, list[Action]] = {}
    for action in planned.actions:
        for code in action.blocked_by:
            found.setdefault(code, []).append(action)
    return found


def verbs(planned: Plan, code: str) -> set[str]:
    return {str(action.verb) for action in blocked(planned).get(code, [])}
