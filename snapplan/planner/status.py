"""The state of each target: how many restore points, how old, what is due next, what needs attention."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snapplan.diagnostics import Severity
from snapplan.ids import format_instant
from snapplan.models.durations import format_duration
from snapplan.models.order import Focus, Orders
from snapplan.models.plan import plain
from snapplan.models.snapshot import Condition
from snapplan.models.target import Quiesce
from snapplan.planner import safety
from snapplan.planner.acceptance import suspicious_since
from snapplan.planner.build import plan
from snapplan.planner.context import prepare
from snapplan.planner.due import due, start_tracking
from snapplan.planner.listing import Listed, is_held_by_platform, listed
from snapplan.planner.native import native_name
from snapplan.planner.slots import calendar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from snapplan.models.plan import Plan
    from snapplan.models.policy import Policy
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Scope
    from snapplan.models.world import Triple, World
    from snapplan.planner.context import Context
    from snapplan.planner.resolve import Resolved

PLATFORM_PATIENCE = timedelta(minutes=15)
"""How long after its slot a platform's own snapshot may appear before it is called late."""


def status(policy: Policy, world: World, now: datetime, focus: Focus | None = None) -> dict[str, Any]:
    """Return ``{"as_of", "targets", "attention", "drift", "foreign", "backends"}`` as JSON data.

    One row per target: ``target``, ``profiles``, ``snapshots``, ``newest``, ``oldest``, ``quiesced`` (of the newest),
    ``next_due``, ``state`` (ok, due, late, new, missing, unadopted, orphan, unprotected) and ``attention`` (sentences).
    What a platform should have taken more than 15 minutes ago and has not is ``late``; one whose profile there carries no
    mark of ours is ``unadopted``. ``attention`` has ``{"subject", "code", "text", "hint"}`` for what backends and the plan
    of now say a person has to look at: a target that may still be frozen, a guard that stops something, a warning.
    """
    context = prepare(policy, world, now, Orders(), focus or Focus())
    addresses = {(t.backend, t.scope, t.id): t.address for state in context.backends.values() for t in state.targets}
    looks = _looks(context, addresses)
    by_target: dict[str, list[Listed]] = {}
    foreign = 0
    for one in listed(policy, world, now, focus):
        if one.state == "foreign":
            foreign += 1
        else:
            address = addresses.get(_place(world, one.snapshot), one.snapshot.target_address)
            by_target.setdefault(address, []).append(one)
    resolved: dict[str, list[Resolved]] = {}
    for item in context.resolution.triples.values():
        if context.in_focus(item.target.address):
            resolved.setdefault(item.target.address, []).append(item)
    live = {address for address in addresses.values() if context.in_focus(address)}
    interrupted: dict[str, list[str]] = {}
    for restore in safety.pending(context):
        interrupted.setdefault(restore.target, []).extend(each.summary for each in safety.findings([restore]))
    rows = [
        _row(context, address, resolved.get(address, []), by_target.get(address, []), address in live, looks)
        for address in sorted(live | by_target.keys())
    ]
    for row in rows:
        row["attention"] += [f"see {code}" for code in interrupted.get(row["target"], ())]
        row["attention"] += [
            f"see {each.code}"
            for state in context.backends.values()
            for each in state.attention
            if each.subject == row["target"]
        ]
    made = plan(policy, world, now, focus=focus)
    drift = _drift(context, made)
    return {
        "as_of": format_instant(now),
        "targets": rows,
        "attention": _attention(context, made),
        "clocks": _clocks(made),
        "drift": [{"kind": kind, "subject": subject, "text": text} for kind, subject, text in drift],
        "foreign": foreign,
        "backends": [
            {
                "name": name,
                "error": None if state.error is None else state.error.text,
                "hint": "" if state.error is None else state.error.hint,
                "exit_code": 0 if state.error is None else state.error.exit_code,
                "notices": list(state.notices),
            }
            for name, state in sorted(world.backends.items())
        ],
    }


def _place(world: World, snapshot: Snapshot) -> tuple[str, Scope, str]:
    """Return backend, scope and id of the target that a snapshot counts for now."""
    id_ = world.catalog.successions.get((snapshot.backend, snapshot.target_id), snapshot.target_id)
    return (snapshot.backend, snapshot.scope, id_)


def _looks(context: Context, addresses: Mapping[tuple[str, Scope, str], str]) -> dict[str, str]:
    """Return by address what is odd about the names of targets."""
    found = context.resolution.looks
    return {address: found[place[::2]] for place, address in addresses.items() if place[::2] in found} if found else {}


NO_ATTENTION = frozenset({"SP440", "SP443", "SP444"})
"""Codes of findings that status shows in another way, or that a later run settles by itself."""


def _attention(context: Context, made: Plan) -> list[dict[str, str]]:
    """Return what needs a person, each thing once: what backends list, guards that stop something, the plan's warnings."""
    found = [each._asdict() for state in context.backends.values() for each in state.attention]
    listed = {(each["code"], each["text"]) for each in found}
    found += [
        {"subject": guard.backend or "", "code": guard.code, "text": guard.text, "hint": ""}
        for guard in made.guards
        if guard.state == "blocked"
    ]
    found += [
        {"subject": str(one.where or ""), "code": one.code, "text": one.summary, "hint": one.hint}
        for one in made.diagnostics
        if one.severity is not Severity.NOTE and one.code not in NO_ATTENTION and (one.code, one.summary) not in listed
    ]
    return sorted(found, key=lambda each: (each["code"], each["subject"], each["text"]))


def _clocks(made: Plan) -> list[dict[str, Any]]:
    """Return the clocks that prove this machine's wrong, and since when; its own second one has no ``backend``."""
    return [
        {
            "backend": guard.backend,
            "now": plain(guard.value["now"]),
            "says": plain(guard.value["disagrees"]),
            "since": plain(guard.value["since"]),
            "lasted": guard.value["lasted"],
        }
        for guard in made.guards
        if guard.value.get("disagrees") and guard.state == "blocked"
    ]


def _drift(context: Context, made: Plan) -> list[tuple[str, str, str]]:
    """Return kind, subject and text of what changed outside: as backends show it, and as the plan puts it right."""
    listed = {(d.kind, d.subject, d.text) for state in context.backends.values() for d in state.drift}
    return sorted(listed.union(_platform_drift(made)))


def _platform_drift(made: Plan) -> Iterator[tuple[str, str, str]]:
    """Yield what differs on a platform from what was applied: the plan puts it right."""
    for action in made.actions:
        for reason in action.reasons:
            if reason.code == "drift":
                subject = action.target or f"{action.backend}/profile/{action.profile}"
                yield ("platform", subject, f"{action.profile}: {reason.text}")


def _row(
    context: Context,
    address: str,
    resolved: Sequence[Resolved],
    snapshots: Sequence[Listed],
    exists: bool,
    looks: Mapping[str, str],
) -> dict[str, Any]:
    now = context.now
    points = [
        one.snapshot for one in snapshots if one.snapshot.standing.restores and one.state not in ("future", "discarded")
    ]
    newest = max(points, key=lambda snapshot: snapshot.taken_at, default=None)
    oldest = min(points, key=lambda snapshot: snapshot.taken_at, default=None)
    state, attention = _judge(context, resolved, snapshots, exists=exists)
    upcoming = [at for item in resolved if (at := calendar(item.period, item.timezone).next(now))]
    ours = [item for item in resolved if not item.native]
    next_due = now if ours and state in ("due", "new") else min(upcoming, default=None)
    return {
        "target": address,
        "profiles": sorted({item.triple.profile for item in resolved}),
        "snapshots": len(points),
        "newest": format_instant(newest.taken_at) if newest else None,
        "oldest": format_instant(oldest.taken_at) if oldest else None,
        "quiesced": newest.quiesced if newest else None,
        "next_due": format_instant(next_due) if next_due else None,
        "state": state,
        "attention": [*([looks[address]] if address in looks else []), *attention],
    }


def _judge(
    context: Context, resolved: Sequence[Resolved], snapshots: Sequence[Listed], *, exists: bool
) -> tuple[str, list[str]]:
    attention = [f"{one.snapshot.name} is incomplete" for one in snapshots if one.state == "incomplete"]
    attention += _flawed(context, snapshots)
    attention += [f"{one.snapshot.name} is dated in the future" for one in snapshots if one.state == "future"]
    if not resolved:
        if not snapshots:
            return "unprotected", attention
        if exists and all(one.triple is None and not one.snapshot.managed for one in snapshots):
            return "unprotected", attention
        gone = "no assignment selects it" if exists else "the target is gone"
        stay = "1 snapshot stays" if len(snapshots) == 1 else f"{len(snapshots)} snapshots stay"
        return "orphan", [*attention, f"{gone}; {stay}", *_held(context, snapshots)]
    attention += _of_the_platform(context, resolved, snapshots)
    unadopted = sorted({item.triple.profile for item in resolved if _is_unadopted(context, item)})
    if unadopted:
        what = f"profile {unadopted[0]} of its platform is not adopted: what it takes is foreign, and not followed"
        return "unadopted", [*attention, what]
    overdue = [text for item in resolved if (text := _overdue(context, item))]
    if any(item.triple not in context.tracked for item in resolved):
        return "new", [*attention, *overdue]
    late = any(item.native and _overdue(context, item) for item in resolved)
    had_some = late or any(context.tracked[item.triple].last_slot is not None for item in resolved if not item.native)
    if had_some and not any(one.snapshot.standing.latest for one in snapshots):
        return "missing", [*attention, "no complete snapshot of it is left", *overdue]
    state = "late" if late else "due" if overdue else "ok"
    return state, [*attention, *overdue]


def _flawed(context: Context, snapshots: Sequence[Listed]) -> list[str]:
    """Say what is damaged, and what the newest snapshot is not."""
    texts = []
    damaged = [one.snapshot for one in snapshots if one.snapshot.condition is Condition.DAMAGED]
    if damaged:
        newest = max(damaged, key=lambda snapshot: snapshot.taken_at)
        count = "1 snapshot is" if len(damaged) == 1 else f"{len(damaged)} snapshots are"
        texts.append(f"{count} damaged and count for nothing, the newest {newest.name}: {newest.damage}")
    telling = [one.snapshot for one in snapshots]
    first = suspicious_since(telling, context.now)
    if first is not None:
        texts.append(f"suspicious since {first.name}, so nothing of it expires: {first.suspicion}")
    usable = [one for one in telling if one.standing.latest and one.taken_at <= context.now]
    latest = max(usable, key=lambda snapshot: snapshot.taken_at, default=None)
    if latest is not None and latest.condition is Condition.GAPS:
        texts.append(f"the newest, {latest.name}, has gaps: {latest.gaps}")
    return texts


def _is_unadopted(context: Context, item: Resolved) -> bool:
    """Whether the platform's profile carries no mark of ours: what it takes is not known to be ours then."""
    platform = context.backends[item.triple.backend].platform if item.native else None
    if platform is None:
        return False
    name = native_name(item.triple.profile, item.profile)
    standing = [profile for profile in platform.profiles if profile.name == name]
    return bool(standing) and standing[0].project != context.policy.config.project


def _overdue(context: Context, item: Resolved) -> str:
    triple: Triple = item.triple
    tracked = context.tracked.get(triple) or start_tracking(item.profile.initial, context.now)
    slot = due(item.period, item.timezone, tracked, context.now).slot
    if slot is None or (item.native and context.now - slot < PLATFORM_PATIENCE):
        return ""
    waited = format_duration(context.now - slot)
    return (
        f"the platform has not taken {triple.period}, due {waited} ago"
        if item.native
        else f"{triple.period} is due since {waited}"
    )


def _of_the_platform(context: Context, resolved: Sequence[Resolved], snapshots: Sequence[Listed]) -> list[str]:
    """Say what the platform holds past its expiration, and which periods it takes without having frozen I/O."""
    texts = _held(context, snapshots)
    for item in resolved:
        if not item.native or item.period.quiesce is not Quiesce.REQUIRE:
            continue
        taken = context.owned[item.triple.backend].managed_scheduled.get(item.triple, ())
        newest = max(taken, key=lambda snapshot: snapshot.taken_at, default=None)
        if newest is not None and newest.quiesced is False:
            texts.append(f"the newest of {item.triple.period}, {newest.name}, is not quiesced")
    return texts


def _held(context: Context, snapshots: Sequence[Listed]) -> list[str]:
    held = sum(is_held_by_platform(one.snapshot, context.now) for one in snapshots)
    return [f"{held} past {'its' if held == 1 else 'their'} expiration, held by the platform"] if held else []
