"""Reads a behaviour case: a policy, a world and an instant.

``tests/cases/README.md`` describes the language of the files, ``case_answers.py`` what their ``expect`` may speak of.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from case_platforms import with_platform

from snapplan.config.defaults import complete
from snapplan.drivers.memory.deadlines import deadline
from snapplan.models.durations import parse_duration
from snapplan.models.order import AdoptOrder, Capture, Focus, LockOrder, Orders, PinOrder, RestoreOrder, SnapshotOrder
from snapplan.models.policy import ConfigFile, Policy, PolicyFile
from snapplan.models.request import Progress, StartedRestore
from snapplan.models.snapshot import Mark, Pin, Snapshot
from snapplan.models.target import Capabilities, Quiesce, RestoreMode, RestorePath, Scope, Target
from snapplan.models.world import (
    Accepted,
    BackendState,
    CatalogState,
    Drift,
    Failure,
    ManualKey,
    ManualRecord,
    RestoreRecord,
    Tracked,
    Triple,
    Vanished,
    World,
)
from snapplan.planner.powering import OPTIONS
from snapplan.planner.resolve import Resolved, resolve
from snapplan.planner.slots import calendar

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
EVERYTHING = Capabilities(
    scopes=frozenset(Scope),
    quiesce=frozenset(Scope),
    restores=frozenset(RestorePath(s, t, m) for s in Scope for t in Scope for m in RestoreMode),
    period_fields=frozenset({"quiesce"}),
    adopts_unmarked=True,
    adopts_projects=True,
    restore_options=frozenset(OPTIONS),
)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def policy_of(case: dict[str, Any]) -> Policy:
    config = {"version": 1, "project": "case", "backends": {"lab": {"driver": "memory"}}, **case.get("config", {})}
    files = {section: dict(entries) for section, entries in case.get("files", {}).items() if section != "moved"}
    files["moved"] = case.get("files", {}).get("moved", [])
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


def applied_policy_of(case: dict[str, Any]) -> Policy:
    """Return the policy that was applied last: that of ``before``, which replaces single words of the case."""
    return policy_of({**case, **case.get("before", {})})


def world_of(case: dict[str, Any], policy: Policy) -> World:
    applied = applied_policy_of(case)
    targets = [target_of(one) for one in case.get("targets", ["lab/volume/a"])]
    snapshots = [snapshot_of(one, applied) for one in case.get("snapshots", [])]
    error = case.get("unreachable", {})
    names = {*policy.config.backends, *(target.backend for target in targets)}
    states = {
        name: BackendState(
            name,
            _capabilities(case.get("capabilities", {})),
            tuple(target for target in targets if target.backend == name),
            [snapshot for snapshot in snapshots if snapshot.backend == name],
            tuple(_started(one) for one in case.get("started_restores", []) if one.get("backend", "lab") == name),
            live_runs=frozenset(case.get("live_runs", [])),
            drift=[Drift(**one) for one in case.get("drift", []) if one["subject"].startswith(f"{name}/")],
            error=Failure(error[name]) if name in error else None,
            clock=instant(case["backend_clock"]) if "backend_clock" in case else None,
            vanished=Vanished(**case.get("vanished", {})),
            deletes_at=_deadlines(case, [snapshot for snapshot in snapshots if snapshot.backend == name]),
            notices=tuple(case.get("notices", ())),
            requests=case.get("requests", {}).get("read", 0),
            requests_spent=case.get("requests", {}).get("spent", 0),
        )
        for name in sorted(names)
    }
    second = instant(case["second_clock"]) if "second_clock" in case else None
    states = {name: with_platform(state, case, applied) for name, state in states.items()}
    return World(_catalog(case, applied, states), states, second)


def _capabilities(fields: dict[str, Any]) -> Capabilities:
    """``unavailable`` is ``{volume in_place from cloud: SENTENCE}``."""
    unavailable = {}
    for path, text in fields.get("unavailable", {}).items():
        target, mode, _, source = path.split(" ")
        unavailable[RestorePath(Scope(source), Scope(target), RestoreMode(mode))] = text
    return EVERYTHING._replace(**{**fields, "unavailable": unavailable})


def _deadlines(case: dict[str, Any], snapshots: list[Snapshot]) -> dict[str, datetime | None]:
    """Return when a platform that expires by itself deletes each of ours, unless the case says another instant."""
    if not case.get("capabilities", {}).get("expires_itself"):
        return {}
    found = {one.native_id: deadline(one.mark) for one in snapshots if one.mark is not None and not one.managed}
    named = {one["snapshot"]: one["deletes_at"] for one in case.get("snapshots", []) if "deletes_at" in one}
    for native_id in found:
        for name, at in named.items():
            if native_id.endswith(f"{name.rpartition('@')[2]}"):
                found[native_id] = None if at == "never" else instant(at)
    return found


def _catalog(case: dict[str, Any], applied: Policy, states: dict[str, BackendState]) -> CatalogState:
    recorded = case.get("catalog", {})
    fresh = case.get("new", False)
    since = instant(case["since"]) if "since" in case else LONG_AGO
    manual = [_manual_key(text) for text in recorded.get("manual", [])]
    return CatalogState(
        revision=1,
        high_water=instant(recorded["high_water"]) if "high_water" in recorded else None,
        profiles={} if fresh else {n: p.model_dump(mode="json", by_alias=True) for n, p in applied.profiles.items()},
        tracked=_tracked(case, applied, states, since),
        orphaned={triple_of(text): instant(at) for text, at in recorded.get("orphaned", {}).items()},
        manual=dict.fromkeys(manual, ManualRecord(since)),
        restores={key: _restore_record(fields) for key, fields in recorded.get("restores", {}).items()},
        rebuilt=recorded.get("rebuilt", False),
        accepted={
            (subject, kind): Accepted(value, instant(at)) for subject, kind, value, at in recorded.get("accepted", [])
        },
        identities=recorded.get("identities", {}),
        blocked={(code, subject): instant(at) for code, subject, at in recorded.get("blocked", [])},
        assigned={}
        if fresh or "named" not in recorded
        else {triple[:3]: r.assignment for triple, r in _known(case, applied, states).items()},
        named=_named(case),
        successions=_successions(case),
    )


def _named(case: dict[str, Any]) -> dict[tuple[str, str, str], str]:
    """``named: {ASSIGNMENT: {TARGET_ID: NAME}}``: what targets of ``lab`` were called when an assignment selected them."""
    named = case.get("catalog", {}).get("named", {})
    return {("lab", id_, assignment): name for assignment, names in named.items() for id_, name in names.items()}


def _successions(case: dict[str, Any]) -> dict[tuple[str, str], str]:
    return {("lab", old): new for old, new in case.get("catalog", {}).get("successions", {}).items()}


def _known(case: dict[str, Any], applied: Policy, states: dict[str, BackendState]) -> dict[Triple, Resolved]:
    """Return what ``applied`` selects of the targets that are not said to be new."""
    known = {name: state._replace(error=None) for name, state in states.items()}
    new = {target_of(one).id for one in case.get("targets", []) if isinstance(one, dict) and one.get("new")}
    triples = resolve(applied, known, CatalogState(named=_named(case), successions=_successions(case))).triples
    return {triple: resolved for triple, resolved in triples.items() if triple.target_id not in new}


def _tracked(
    case: dict[str, Any], applied: Policy, states: dict[str, BackendState], since: datetime
) -> dict[Triple, Tracked]:
    """Return how far each triple is that ``applied`` makes, of targets that are not said to be new."""
    recorded = case.get("catalog", {})
    tracked = {}
    for triple, resolved in _known(case, applied, states).items():
        if case.get("new", False):
            continue
        last: datetime | None = since
        if case.get("nothing_due", False):
            last = calendar(resolved.period, resolved.timezone).latest(instant(case["now"])) or since
        if triple.period in recorded.get("last_slot", {}):
            text = recorded["last_slot"][triple.period]
            last = None if text is None else instant(text)
        tracked[triple] = Tracked(since, last)
    tracked.update({triple_of(text): Tracked(since, since) for text in recorded.get("tracked", [])})
    return tracked


def _restore_record(fields: str | dict[str, str]) -> RestoreRecord:
    """``done``, or ``{state: done, content: ...}``; without content it is that of the declaration."""
    if isinstance(fields, str):
        return RestoreRecord("", fields, "r1")
    return RestoreRecord(fields["content"], fields["state"], "r1")


def _started(one: dict[str, Any]) -> StartedRestore:
    target_id = one.get("target_id", "volume/a")
    exchanged = Progress(one["exchanged"]) if "exchanged" in one else None
    return StartedRestore(one["key"], one.get("run", "r1"), target_id, LONG_AGO, one.get("done", False), exchanged)


def triple_of(text: str) -> Triple:
    """``lab/volume/a gold daily``."""
    address, profile, period = text.split(" ")
    target = target_of(address)
    return Triple(target.backend, target.id, profile, period)


def _manual_key(text: str) -> ManualKey:
    address, _, key = text.partition("@")
    target = target_of(address)
    return ManualKey(target.backend, target.id, key)


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


def snapshot_of(one: str | dict[str, Any], applied: Policy) -> Snapshot:
    fields: dict[str, Any] = {"snapshot": one} if isinstance(one, str) else one
    address, _, name = fields["snapshot"].rpartition("@")
    target = target_of(address or "lab/volume/a")
    target_id = fields.get("target_id", target.id)
    profile, period, slot, key = _identity(name, fields)
    taken = instant(fields["taken"]) if "taken" in fields else slot
    assert taken is not None, f"{name} needs `taken`"
    known = applied.profiles.get(profile or "")
    rule = known.periods.get(period or "") if known else None
    retention = parse_duration(fields["retention"]) if "retention" in fields else (rule.retention if rule else None)
    expires = taken + retention if retention is not None else None
    if "expires" in fields:
        expires = None if fields["expires"] == "never" else instant(fields["expires"])
    pin = fields.get("pin")
    mark = Mark(
        project=fields.get("project", "case"),
        target_id=target_id,
        run=fields.get("run", "r1"),
        taken_at=taken,
        expires_at=expires,
        profile=profile,
        period=period,
        slot=slot,
        key=key,
        minimum=fields.get("minimum", (rule.min_snapshots or 0) if rule else 0),
        pin=_pin(pin) if pin else None,
        set=fields.get("set"),
    )
    if profile and "." not in name.partition(".")[2]:
        name = f"{profile}.{name}"
    return Snapshot(
        backend=target.backend,
        native_id=f"{target_id}@{name}",
        name=name,
        scope=target.scope,
        target_id=target_id,
        target_name=target.name,
        taken_at=taken,
        completed_at=taken if fields.get("complete", True) else None,
        mark=None if fields.get("foreign") else mark,
        quiesced=fields.get("quiesced"),
        managed=fields.get("managed", False),
        locked_until=instant(fields["locked_until"]) if "locked_until" in fields else None,
        in_use=fields.get("in_use", ""),
        contains=tuple(fields.get("contains", ())),
        **{flaw: fields[flaw] for flaw in ("damage", "suspicion", "gaps", "set_aside", "stray") if flaw in fields},
    )


def _identity(name: str, fields: dict[str, Any]) -> tuple[str | None, str | None, datetime | None, str | None]:
    """``daily.20261115T0200Z`` and ``gold.daily.20261115T0200Z`` are scheduled, ``manual.KEY`` is manual."""
    first, _, rest = name.partition(".")
    if first == "manual":
        return None, None, None, rest
    if fields.get("foreign"):
        return None, None, None, name
    profile = "gold"
    if "." in rest:
        profile, first, rest = first, *rest.split(".", 1)
    return profile, first, datetime.strptime(rest, "%Y%m%dT%H%MZ").replace(tzinfo=UTC), None


def orders_of(case: dict[str, Any]) -> Orders:
    asked = case.get("orders", {})
    return Orders(
        tuple(_snapshot_order(one) for one in asked.get("snapshots", [])),
        tuple(_restore_order(one) for one in asked.get("restores", [])),
        tuple(PinOrder(one["snapshot"], _pin(one) if "owner" in one else None) for one in asked.get("pins", [])),
        tuple(LockOrder(one["snapshot"], one["lock"]) for one in asked.get("locks", [])),
        tuple(_adoption(one) for one in asked.get("adoptions", [])),
    )


def _snapshot_order(one: dict[str, Any]) -> SnapshotOrder:
    quiesce = Quiesce(one.get("quiesce", "never"))
    capture = Capture(**one.get("capture", {}))
    return SnapshotOrder(tuple(one["targets"]), one["key"], _expiration(one), quiesce=quiesce, capture=capture)


def _adoption(one: dict[str, Any]) -> AdoptOrder:
    if "profile" in one:
        return AdoptOrder("", None, one.get("backend", "lab"), one["profile"])
    return AdoptOrder(one["snapshot"], _expiration(one))


def _restore_order(one: dict[str, Any]) -> RestoreOrder:
    return RestoreOrder(
        one["key"],
        one["target"],
        one.get("snapshot", "latest"),
        instant(one["before"]) if "before" in one else None,
        Scope(one["via"]) if "via" in one else None,
        RestoreMode(one.get("mode", "clone")),
        one.get("as", ""),
        **{name: one[name] for name in OPTIONS if name in one},
    )


def _expiration(one: dict[str, Any]) -> timedelta | datetime | None:
    """A duration or an instant; never where nothing is said."""
    text = one.get("expires")
    if text is None:
        return None
    return instant(text) if "T" in text else parse_duration(text)


def _pin(one: dict[str, Any]) -> Pin:
    return Pin(one["owner"], one["reason"], instant(one["until"]) if "until" in one else None)


def focus_of(case: dict[str, Any]) -> Focus:
    focus = case.get("focus", {})
    return Focus(tuple(focus.get("targets", ["*"])), tuple(focus.get("backends", ["*"])))


def later(now: datetime, step: dict[str, Any]) -> datetime:
    """Return the instant of a step of ``then``: its ``now``, or ``after`` so long."""
    if "now" in step:
        return instant(step["now"])
    return now + (parse_duration(step["after"]) if "after" in step else timedelta(0))
