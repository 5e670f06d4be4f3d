"""What ``list`` and ``show`` print, as rows of JSON data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.models.plan import plain

if TYPE_CHECKING:
    from snapplan.catalog.base import RunRow
    from snapplan.models.policy import Policy
    from snapplan.models.world import World
    from snapplan.workspace import Workspace


def target_rows(policy: Policy, world: World) -> list[dict[str, Any]]:
    """Return ``{"target", "id", "tags", "can_quiesce", "profiles"}`` for each target, by address."""
    from snapplan.planner.resolve import resolve

    backends = {name: state for name, state in world.backends.items() if state.error is None}
    applied: dict[str, set[str]] = {}
    for triple, resolved in resolve(policy, backends).triples.items():
        applied.setdefault(resolved.target.address, set()).add(triple.profile)
    rows = [
        {
            "target": target.address,
            "id": target.id,
            "tags": sorted(target.tags),
            "can_quiesce": target.can_quiesce,
            "profiles": sorted(applied.get(target.address, ())),
        }
        for state in backends.values()
        for target in state.targets
    ]
    return sorted(rows, key=lambda row: str(row["target"]))


def profile_rows(policy: Policy) -> list[dict[str, Any]]:
    """Return ``{"profile", "description", "timezone", "where", "periods"}`` for each profile, as the policy says it."""
    rows = []
    for name, profile in sorted(policy.profiles.items()):
        document = profile.model_dump(mode="json", by_alias=True)
        where = policy.location("profiles", name)
        rows.append({"profile": name, "where": str(where) if where else None, **document})
    return rows


def assignment_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """Return ``{"target", "profile", "assignment", "applied_at"}`` for each applied (target, profile)."""
    names = {
        (backend, target.id): target.address
        for backend in workspace.policy.config.backends
        for target in workspace.catalog.known_targets(backend)
    }
    rows = [
        {
            "target": names.get((row.backend, row.target_id), f"{row.backend}/{row.target_id}"),
            "profile": row.profile,
            "assignment": row.assignment,
            "applied_at": plain(row.applied_at),
        }
        for row in workspace.catalog.assignments()
    ]
    return sorted(rows, key=lambda row: (row["target"], row["profile"]))


def run_row(run: RunRow) -> dict[str, Any]:
    """Return one run: who, when, from which commit, by which plan, what was allowed and why, and what was done."""
    return {
        "run": run.number,
        "id": run.id,
        "command": run.command,
        "owner": str(run.owner),
        "started_at": plain(run.started_at),
        "ended_at": plain(run.ended_at),
        "state": run.state,
        "policy": run.policy_commit,
        "digest": run.plan_digest,
        "allowed": list(run.allowed),
        "reason": run.reason,
        "counts": dict(run.counts),
        "notices": list(run.notices),
    }
