"""Reads a behaviour case: a policy, a world and an instant in, the actions out.

See ``tests/cases/README.md`` for the language of the files.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from snapplan.config.defaults import complete
from snapplan.models.durations import parse_duration
from snapplan.models.order import Focus, Orders, PinOrder, RestoreOrder, SnapshotOrder
from snapplan.models.plan import Plan, Verb
from snapplan.models.policy import ConfigFile, Policy, PolicyFile
from snapplan.models.snapshot import Mark, Pin, Snapshot
from snapplan.models.target import Capabilities, RestoreMode, RestorePath, Scope, Target
from snapplan.models.world import (
    BackendState,
    CatalogState,
    ManualKey,
    ManualRecord,
    RestoreRecord,
    Tracked,
    Triple,
    World,
)
from snapplan.planner.expiry import judge
from snapplan.planner.ownership import renames, sort_out

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
EVERYTHING = Capabilities(
    scopes=frozenset(Scope),
    quiesce=frozenset(Scope),
    restores=frozenset(RestorePath(s, t, m) for s in Scope for t in Scope for m in RestoreMode),
    period_fields=frozenset({"quiesce"}),
)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def policy_of(case: dict[str, Any]) -> Policy:
    config = {"version": 1, "project": "case", "backends": {"lab": {"driver": "memory"}}, **case.get("config", {})}
    files = dict(case.get("files", {}))
    if "policy" in case:
        profile = {"periods": case["policy"], **case.get("profile", {})}
        files.setdefault("profiles", {})["gold"] = profile
        everything = {"profile": "gold", "targets": [{"backend": "*", "scope": "volume"}], **case.get("assignment", {})}
        files.setdefault("assignments", {})["everything"] = everything
    merged = PolicyFile.model_validate(files)
    parsed = ConfigFile.model_validate(config)
    return Policy(
        parsed,
        complete(merged.profiles, parsed.defaults),
        merged.assignments,
        merged.snapshots,
        merged.restores,
        merged.objectives,
        merged.moved,
    )


def world_of(case: dict[str, Any], policy: Policy) -> World:
    targets = [target_of(one) for one in case.get("targets", ["lab/volume/a"])]
    snapshots = [snapshot_of(one, policy) for one in case.get("snapshots", [])]
    error = case.get("unreachable")
    state = BackendState(
        "lab",
        EVERYTHING,
        tuple(targets),
        snapshots,
        live_runs=frozenset(case.get("live_runs", [])),
        error=error,
    )
    return World(_catalog(case, policy, targets), {"lab": state})


def _catalog(case: dict[str, Any], policy: Policy, targets: list[Target]) -> CatalogState:
    recorded = case.get("catalog", {})
    since = instant(case["since"]) if "since" in case else LONG_AGO
    last = {period: instant(text) for period, text in recorded.get("last_slot", {}).items()}
    tracked = {}
    if not case.get("new", False):
        for name, assignment in policy.assignments.items():
            assert name
            for target in targets:
                for period in policy.profiles[assignment.profile].periods:
                    triple = Triple("lab", target.id, assignment.profile, period)
                    tracked[triple] = Tracked(since, last.get(period, since))
    for text in recorded.get("tracked", []):
        target, profile, period = text.split(" ")
        tracked[Triple("lab", target_of(target).id, profile, period)] = Tracked(since, since)
    manual = {}
    for text in recorded.get("manual", []):
        target, _, key = text.partition("@")
        manual[ManualKey("lab", target_of(target).id, key)] = ManualRecord(since)
    orphaned = {}
    for text, at in recorded.get("orphaned", {}).items():
        target, profile, period = text.split(" ")
        orphaned[Triple("lab", target_of(target).id, profile, period)] = instant(at)
    applied = {} if case.get("new", False) else policy.profiles
    return CatalogState(
        revision=1,
        high_water=instant(recorded["high_water"]) if "high_water" in recorded else None,
        profiles={name: profile.model_dump(mode="json", by_alias=True) for name, profile in applied.items()},
        tracked=tracked,
        orphaned=orphaned,
        manual=manual,
        restores={key: RestoreRecord(*fields) for key, fields in recorded.get("restores", {}).items()},
        rebuilt=recorded.get("rebuilt", False),
    )


def target_of(one: str | dict[str, Any]) -> Target:
    fields = {"target": one} if isinstance(one, str) else one
    backend, _, rest = fields["target"].partition("/")
    scope, _, name = rest.partition("/")
    return Target(
        backend,
        Scope(scope),
        name,
        fields.get("id", rest),
        frozenset(fields.get("tags", [])),
        can_quiesce=fields.get("can_quiesce", True),
        in_place_blocker=fields.get("in_place_blocker", ""),
    )


def snapshot_of(one: str | dict[str, Any], policy: Policy) -> Snapshot:
    fields: dict[str, Any] = {"snapshot": one} if isinstance(one, str) else one
    address, _, name = fields["snapshot"].rpartition("@")
    target = target_of(address or "lab/volume/a")
    profile, period, slot, key = _identity(name, fields)
    taken = instant(fields["taken"]) if "taken" in fields else slot
    assert taken is not None
    known = policy.profiles.get(profile or "")
    rule = known.periods.get(period or "") if known else None
    retention = parse_duration(fields["retention"]) if "retention" in fields else (rule.retention if rule else None)
    expires = taken + retention if retention is not None else None
    if "expires" in fields:
        expires = None if fields["expires"] == "never" else instant(fields["expires"])
    pin = fields.get("pin")
    mark = Mark(
        project=fields.get("project", "case"),
        target_id=fields.get("target_id", target.id),
        run=fields.get("run", "r1"),
        taken_at=taken,
        expires_at=expires,
        profile=profile,
        period=period,
        slot=slot,
        key=key,
        minimum=fields.get("minimum", (rule.min_snapshots or 0) if rule else 0),
        pin=Pin(pin["owner"], pin["reason"], instant(pin["until"]) if "until" in pin else None) if pin else None,
    )
    if profile and "." not in name.partition(".")[2]:
        name = f"{profile}.{name}"
    return Snapshot(
        backend=target.backend,
        native_id=f"{target.id}@{name}",
        name=name,
        scope=target.scope,
        target_id=fields.get("target_id", target.id),
        target_name=target.name,
        taken_at=taken,
        completed_at=taken if fields.get("complete", True) else None,
        mark=None if fields.get("foreign") else mark,
        managed=fields.get("managed", False),
        locked_until=instant(fields["locked_until"]) if "locked_until" in fields else None,
        in_use=fields.get("in_use", ""),
        contains=tuple(fields.get("contains", ())),
    )


def _identity(name: str, fields: dict[str, Any]) -> tuple[str | None, str | None, datetime | None, str | None]:
    """``daily.20261115T0200Z`` and ``gold.daily.20261115T0200Z`` are scheduled, ``manual.KEY`` is manual."""
    first, _, rest = name.partition(".")
    if first == "manual":
        return None, None, None, rest
    profile = "gold"
    if "." in rest:
        profile, first, rest = first, *rest.split(".", 1)
    if fields.get("foreign") and "taken" in fields:
        return None, None, None, name
    return profile, first, datetime.strptime(rest, "%Y%m%dT%H%MZ").replace(tzinfo=UTC), None


def orders_of(case: dict[str, Any]) -> Orders:
    asked = case.get("orders", {})
    snapshots = tuple(
        SnapshotOrder(tuple(o["targets"]), o["key"], parse_duration(o["expires"]) if "expires" in o else None)
        for o in asked.get("snapshots", [])
    )
    restores = tuple(
        RestoreOrder(
            o["key"],
            o["target"],
            o.get("snapshot", "latest"),
            instant(o["before"]) if "before" in o else None,
            Scope(o["via"]) if "via" in o else None,
            RestoreMode(o.get("mode", "clone")),
            o.get("as", ""),
        )
        for o in asked.get("restores", [])
    )
    pins = tuple(
        PinOrder(o["snapshot"], Pin(o["owner"], o["reason"]) if "owner" in o else None) for o in asked.get("pins", [])
    )
    return Orders(snapshots, restores, pins)


def focus_of(case: dict[str, Any]) -> Focus:
    focus = case.get("focus", {})
    return Focus(tuple(focus.get("targets", ["*"])), tuple(focus.get("backends", ["*"])))


def observed(plan: Plan, policy: Policy, world: World, now: datetime) -> dict[str, Any]:
    """What a case's ``expect`` speaks of; empty parts are left out."""
    found: dict[str, Any] = {
        "assign": {
            f"{a.target} {a.profile}": {word: a.change[word] for word in ("begins", "ends") if a.change[word]}
            for a in plan.actions
            if a.verb is Verb.ASSIGN
        },
        "profile": [a.profile for a in plan.actions if a.verb is Verb.PROFILE],
        "snapshot": sorted(short(a.snapshot) for a in plan.actions if a.verb is Verb.SNAPSHOT),
        "expire": sorted(short(a.snapshot) for a in plan.actions if a.verb is Verb.EXPIRE),
        "restore": {a.target: short(a.snapshot) for a in plan.actions if a.verb is Verb.RESTORE},
        "change": {short(a.snapshot): _becomes(a.change) for a in plan.actions if a.verb is Verb.CHANGE},
        "missed": sorted(f"{m.period}.{m.slot:%Y%m%dT%H%MZ}" for m in plan.missed),
        "held": held(policy, world, now),
        "because": {
            f"{a.verb} {short(a.snapshot or a.target)}": a.reasons[0].code
            for a in plan.actions
            if a.verb in (Verb.EXPIRE, Verb.SNAPSHOT, Verb.CHANGE)
        },
        "after": {
            short(a.snapshot): sorted(short(plan.actions[n - 1].snapshot or "assign") for n in a.after)
            for a in plan.actions
            if a.after and a.verb in (Verb.EXPIRE, Verb.RESTORE)
        },
        "findings": sorted({finding.code for finding in plan.diagnostics}),
    }
    return {key: value for key, value in found.items() if value}


def short(address: str | None) -> str:
    """``lab/volume/a@gold.daily.20261115T0200Z`` becomes ``daily.20261115T0200Z``; other targets keep theirs."""
    assert address is not None
    target, _, name = address.rpartition("@")
    name = name.removeprefix("gold.")
    return name if target in ("", "lab/volume/a") else f"{target}@{name}"


def _becomes(change: dict[str, Any]) -> str:
    if "pin" in change:
        return "pinned" if change["pin"][1] else "unpinned"
    after = change["expires_at"][1]
    return f"{after:%Y-%m-%dT%H:%MZ}" if after else "never"


def held(policy: Policy, world: World, now: datetime) -> dict[str, str]:
    texts = {}
    for state in world.backends.values():
        owned = sort_out(state.snapshots, policy.config.project, renames(policy), now)
        for triple, group in owned.scheduled.items():
            profile = policy.profiles.get(triple.profile)
            rule = profile.periods.get(triple.period) if profile else None
            minimum = (rule.min_snapshots or 0) if rule else 0
            for verdict in judge(group, minimum, now):
                if verdict.code == "held":
                    texts[short(verdict.snapshot.address)] = verdict.text.partition(",")[0]
    return texts
