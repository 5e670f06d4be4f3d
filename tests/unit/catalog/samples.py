"""Small things to put into a catalog."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from snapplan.catalog.base import Acceptance, Approval, Observation, Owner
from snapplan.catalog.owner import current_owner
from snapplan.models.plan import Action, Verb
from snapplan.models.request import ExpireRequest
from snapplan.models.snapshot import Mark, Snapshot
from snapplan.models.target import Scope, Target
from snapplan.models.world import Triple

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog

PROJECT = "prod"
NOW = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)
DAILY = Triple("dc1", "id-a", "gold", "daily")
HOURLY = Triple("dc1", "id-a", "gold", "hourly")
ACCEPTED = Acceptance({"max_unassign": {"percent": 10}}, frozenset({"dc1"}), "4f2c1e9")
ELSEWHERE = Owner("ada", "another-host", "another-boot", 4242, "77/pid:[1]", "GitLab job 9")


def mark(**fields: Any) -> Mark:
    return Mark(
        **{
            "project": PROJECT,
            "target_id": "id-a",
            "run": "1-aaaa",
            "taken_at": NOW,
            "expires_at": NOW + timedelta(days=14),
            "profile": "gold",
            "period": "daily",
            "slot": NOW - timedelta(minutes=15),
            "minimum": 1,
            **fields,
        }
    )


def snapshot(native_id: str = "s1", **fields: Any) -> Snapshot:
    return Snapshot(
        **{
            "backend": "dc1",
            "native_id": native_id,
            "name": f"gold.daily.{native_id}",
            "scope": Scope.VOLUME,
            "target_id": "id-a",
            "target_name": "a",
            "taken_at": NOW,
            "completed_at": NOW,
            "mark": mark(),
            **fields,
        }
    )


def foreign(native_id: str = "f1", **fields: Any) -> Snapshot:
    return snapshot(native_id, mark=None, name=f"by-hand.{native_id}", **fields)


def target(identity: str = "id-a", name: str = "a", **fields: Any) -> Target:
    return Target("dc1", Scope.VOLUME, name, identity, **fields)


def observation(at: datetime = NOW, **fields: Any) -> Observation:
    empty: dict[str, Any] = {"targets": [], "targets_gone": [], "changed": [], "gone": []}
    return Observation(backend="dc1", started_at=at, **{**empty, **fields})


def take(number: int = 1, shot: Snapshot | None = None) -> Action:
    return Action(number, Verb.SNAPSHOT, "dc1", "dc1/volume/a", (shot or snapshot()).address)


def expire(number: int, shot: Snapshot) -> Action:
    return Action(number, Verb.EXPIRE, "dc1", shot.target_address, shot.address, request=ExpireRequest(shot))


def begin(catalog: Catalog, at: datetime = NOW) -> int:
    return catalog.begin_run("apply", current_owner({}), at, "4f2c1e9").number


def accept(catalog: Catalog, at: datetime = NOW, **fields: Any) -> int:
    """End a run at ``at`` that confirms, and return its number."""
    run = begin(catalog, at)
    catalog.end_run(run, "done", at, confirm=ACCEPTED._replace(**fields))
    return run


def document(identity: str = "p1", digest: str = "d1", **fields: Any) -> dict[str, Any]:
    """Return a plan as far as the catalog looks at it."""
    return {
        "id": identity,
        "digest": digest,
        "as_of": "2026-11-22T02:15:00Z",
        "summary": {"snapshot": 1, "expire": 0},
        "actions": [{"number": 1, "verb": "snapshot"}],
        **fields,
    }


def approval(identity: str = "p1", digest: str = "d1", **fields: Any) -> Approval:
    return Approval(**{"document": document(identity, digest), "saved": True, **fields})


def unforeseen(number: int, shot: Snapshot) -> Action:
    return replace(expire(number, shot), foreseen=False)
