"""Restores, declared in the policy or ordered on the command line: each is done once."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.diagnostics import Diagnostic, Location, Severity
from snapplan.ids import compact_instant, format_instant, parse_target
from snapplan.models.durations import format_duration
from snapplan.models.plan import Reason, Verb
from snapplan.models.request import RestoreRequest
from snapplan.models.target import RestoreMode, RestorePath, Scope
from snapplan.models.world import ManualKey
from snapplan.planner import powering
from snapplan.planner.addressed import targets_called, two_things
from snapplan.planner.manual import manual_request
from snapplan.planner.resolve import matches
from snapplan.planner.safety import SAFETY_PREFIX, SAFETY_RETENTION, open_sources, pending
from snapplan.planner.steps import precondition, whereabouts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from snapplan.ids import TargetAddress
    from snapplan.models.request import SnapshotRequest
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.models.world import BackendState
    from snapplan.planner.context import Context, Draft


class Wish(NamedTuple):
    """One restore that somebody wants."""

    key: str
    target: str
    snapshot: str
    before: datetime | None
    via: Scope | None
    mode: RestoreMode
    as_name: str
    options: tuple[str, ...] = ()
    not_after: datetime | None = None
    where: Location | None = None
    declared: bool = False


class Found(NamedTuple):
    """What a wish comes to: what is restored (``live`` is ``None`` where it is gone) and out of which snapshot."""

    address: TargetAddress
    target_id: str
    live: Target | None
    source: Snapshot


class RefusalError(Exception):
    """A restore that cannot be planned; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.summary)
        self.diagnostic = diagnostic


def add_restores(context: Context, draft: Draft, *, declared: bool) -> dict[str, list[int]]:
    """Add the restores that were not done yet, each in-place one after its safety snapshot.

    After the clock stepped back declared ones wait: one that went stale would look fresh again.
    Returns the numbers of the restore actions by the address of their target: its expiries wait for them.
    """
    numbers: dict[str, list[int]] = {}
    due = declared and not context.clock_stepped_back
    wishes = [*(_declared(context) if due else ()), *_ordered(context)]
    for wish in wishes:
        if not context.in_focus(wish.target) or not _still_wanted(context, draft, wish):
            continue
        try:
            found = _find(context, wish)
        except RefusalError as refusal:
            draft.diagnostics.append(refusal.diagnostic)
            continue
        if found is not None:
            numbers.setdefault(str(found.address), []).append(_add(context, draft, wish, found))
    return numbers


def sources_of_restores(context: Context, draft: Draft) -> frozenset[str]:
    """Return the native ids that restores of this plan, and those that are open, need: they do not expire."""
    planned = {
        action.request.source.native_id for action in draft.actions if isinstance(action.request, RestoreRequest)
    }
    return open_sources(context) | planned


def _declared(context: Context) -> Iterator[Wish]:
    for key in sorted(context.policy.restores):
        entry = context.policy.restores[key]
        yield Wish(
            key=key,
            target=entry.target,
            snapshot=entry.source.snapshot,
            before=entry.source.before,
            via=entry.source.via,
            mode=entry.mode,
            as_name=entry.as_name or "",
            options=powering.asked(entry),
            not_after=entry.not_after,
            where=context.policy.location("restores", key),
            declared=True,
        )


NOTHING_LEFT = ("refused", "undone")
"""How a restore ended of which nothing is left on the backend, so that it may be begun again."""


def _ordered(context: Context) -> Iterator[Wish]:
    for order in context.orders.restores:
        options = powering.asked(order)
        yield Wish(order.key, order.target, order.snapshot, order.before, order.via, order.mode, order.as_name, options)


def content_digest(wish: Wish) -> str:
    """Return the digest of what a restore's declaration says, but for its deadline."""
    fields = [wish.target, wish.snapshot, format_instant(wish.before) if wish.before else None, wish.via, wish.mode]
    return hashlib.sha256(json.dumps([*fields, wish.as_name, *wish.options]).encode()).hexdigest()


def _still_wanted(context: Context, draft: Draft, wish: Wish) -> bool:
    """Whether the restore was neither begun before nor has gone stale; what there is to say goes into the draft."""
    record = context.world.catalog.restores.get(wish.key)
    begun = {r.key: r.done for state in context.backends.values() for r in state.restores}
    if wish.key not in begun and (record is None or record.state in NOTHING_LEFT):
        return _in_time(context, draft, wish)
    if record is not None and record.content and record.content != content_digest(wish):
        _say(
            draft,
            wish,
            "SP421",
            Severity.ERROR,
            "has another content than when it was carried out",
            "A key is carried out once; changing its entry does nothing.",
            "give the new restore a key of its own",
        )
    elif any(one.key == wish.key for one in pending(context)):
        return False  # said of all interrupted restores, declared or not
    elif begun.get(wish.key) is False or (record is not None and record.state == "started" and wish.key not in begun):
        _say(
            draft,
            wish,
            "SP422",
            Severity.WARNING,
            "was begun and is neither completed nor undone",
            "It is never begun twice.",
            "snapplan apply completes or undoes it, or says how to decide",
        )
    return False


def _in_time(context: Context, draft: Draft, wish: Wish) -> bool:
    if wish.not_after is not None and wish.not_after <= context.now:
        _say(
            draft,
            wish,
            "SP420",
            Severity.NOTE,
            f"went stale at {format_instant(wish.not_after)} and is not done",
            "",
            "remove the entry, or move not_after",
        )
        return False
    if wish.declared and context.world.catalog.rebuilt:
        _say(
            draft,
            wish,
            "SP424",
            Severity.WARNING,
            "is unknown: the catalog was rebuilt and nothing shows it",
            "It may have been done before; it is not done by itself.",
            "give it a new key to do it",
        )
        return False
    if wish.not_after is not None:
        draft.instants.add(wish.not_after)
    return True


def _find(context: Context, wish: Wish) -> Found | None:
    address = parse_target(wish.target)
    state = context.world.backends.get(address.backend)
    if state is None:
        raise RefusalError(_refuse(wish, "SP425", f"there is no backend {address.backend!r}"))
    if state.error is not None:
        return None
    called = targets_called(context.world.backends, wish.target)
    if len(called) > 1:
        raise RefusalError(two_things(wish.target, called, wish.where))
    live = called[0] if called else None
    address = parse_target(live.address) if live is not None else address
    source = _source(context, wish, address, live, state)
    _check_abilities(wish, RestorePath(source.scope, address.scope, wish.mode), state)
    _check_blockers(wish, address, live, state)
    target_id = live.id if live is not None else _id_of_gone(address, source)
    return Found(address, target_id, live, source)


def _check_abilities(wish: Wish, path: RestorePath, state: BackendState) -> None:
    can = state.capabilities
    if path in can.unavailable or path not in can.restores:
        summary = f"{state.name} cannot restore a {path.target} out of a {path.source} snapshot as {path.mode}"
        hint = can.unavailable.get(path, "snapplan drivers shows what each driver can do")
        raise RefusalError(_refuse(wish, "SP427", summary, hint))
    missing = powering.missing(wish.options, can)
    if missing:
        summary = f"{state.name} has no {' and no '.join(missing)} for a restore"
        raise RefusalError(_refuse(wish, "SP427", summary, "snapplan drivers shows what each driver can do"))


def _id_of_gone(address: TargetAddress, source: Snapshot) -> str:
    return source.target_id if source.scope is address.scope else ""


def _source(context: Context, wish: Wish, address: TargetAddress, live: Target | None, state: BackendState) -> Snapshot:
    inside = f"{address.scope}/{address.name}"
    own = wish.via is None or wish.via is address.scope
    candidates = [
        snapshot
        for snapshot in state.snapshots
        if snapshot.standing.restores
        and snapshot.taken_at <= context.now
        and (
            _is_of(context, wish, snapshot, live)
            if own
            else snapshot.scope is wish.via and _holds(snapshot, inside, certain=wish.snapshot == "latest")
        )
    ]
    if wish.snapshot != "latest":
        named = [snapshot for snapshot in candidates if snapshot.name == wish.snapshot]
        if not named:
            _refuse_damaged(wish, state)
            hint = f"snapplan list snapshots --target '{wish.target}'"
            raise RefusalError(
                _refuse(wish, "SP426", f"{wish.target} has no complete snapshot {wish.snapshot!r}", hint)
            )
        return named[0]
    project = context.policy.config.project
    before = wish.before or context.now
    ours = [
        s
        for s in candidates
        if s.standing.latest and s.mark is not None and s.mark.project == project and s.taken_at <= before
    ]
    if not ours:
        via = f" of scope {wish.via} that holds it" if not own else ""
        limit = f" taken by {format_instant(wish.before)}" if wish.before else ""
        raise RefusalError(_refuse(wish, "SP426", f"{wish.target} has no complete snapshot{via}{limit}"))
    return max(ours, key=lambda snapshot: (snapshot.taken_at, snapshot.native_id))


def _refuse_damaged(wish: Wish, state: BackendState) -> None:
    """Raise ``RefusalError`` where the snapshot that was named is there, but nothing can be restored from it."""
    target = f"{wish.target}@{wish.snapshot}"
    damaged = next((s for s in state.snapshots if s.address == target and s.damage), None)
    if damaged is not None:
        summary = f"{target} is damaged: {damaged.damage}"
        raise RefusalError(_refuse(wish, "SP426", summary, f"snapplan list snapshots --target '{wish.target}'"))


def _holds(snapshot: Snapshot, inside: str, *, certain: bool) -> bool:
    """Whether a snapshot holds ``scope/name``; a name may have the signs of a glob, so equal ones come first.

    What perhaps is not in it counts only where it need not be ``certain``: the newest snapshot that is known to hold it is
    better than a newer one of which nobody knows.
    """
    entries = [entry if certain else entry.removeprefix("?") for entry in snapshot.contains]
    return inside in entries or any(matches(entry, inside) for entry in entries if not entry.startswith("?"))


def _is_of(context: Context, wish: Wish, snapshot: Snapshot, live: Target | None) -> bool:
    """Whether a snapshot is of a target; what was taken before a restore gave it a new id can only be cloned."""
    address = parse_target(wish.target)
    if snapshot.scope is not address.scope:
        return False
    if live is None:
        return snapshot.target_name == address.name
    if snapshot.target_id == live.id:
        return True
    later = context.world.catalog.successions.get((snapshot.backend, snapshot.target_id))
    return wish.mode is RestoreMode.CLONE and later == live.id


def _check_blockers(wish: Wish, address: TargetAddress, live: Target | None, state: BackendState) -> None:
    if wish.mode is RestoreMode.CLONE:
        if state.capabilities.clone_blocker:
            summary = f"{address.backend} cannot make a clone: {state.capabilities.clone_blocker}"
            raise RefusalError(_refuse(wish, "SP427", summary, "restore in place instead"))
        if any(t.scope is address.scope and wish.as_name in (t.name, t.own_name) for t in state.targets):
            summary = f"there already is a {address.scope} {wish.as_name!r} on {address.backend}"
            raise RefusalError(_refuse(wish, "SP428", summary, "choose another name for the clone"))
    elif live is not None and (blocker := powering.blocker(live, wish.options)):
        summary = f"{wish.target} cannot be restored in place: {blocker}"
        raise RefusalError(_refuse(wish, "SP429", summary, powering.way_out(live, state.capabilities)))


def _add(context: Context, draft: Draft, wish: Wish, found: Found) -> int:
    after = []
    in_place = wish.mode is RestoreMode.IN_PLACE
    keeps = in_place and context.world.backends[found.address.backend].capabilities.keeps_replaced
    set_aside = _kept(context, wish, found.live) if keeps and found.live is not None else None
    if in_place and not keeps and found.live is not None:
        after.append(_add_safety(context, draft, wish, found.live))
    options: Mapping[str, Any] = dict.fromkeys(wish.options, True)
    request = RestoreRequest(
        key=wish.key,
        run="",
        backend=found.address.backend,
        scope=found.address.scope,
        name=found.address.name,
        target_id=found.target_id,
        source=found.source,
        mode=wish.mode,
        as_name=wish.as_name,
        content=content_digest(wish),
        set_aside=set_aside,
        **options,
    )
    return draft.add(
        Verb.RESTORE,
        backend=found.address.backend,
        target=str(found.address),
        snapshot=found.source.address,
        reversible=not in_place or found.live is not None,
        after=tuple(after),
        change=_effect(wish, found, set_aside),
        precondition={
            **precondition(found.source),
            **({} if found.live is None or not in_place else whereabouts(found.live)),
            "target_id": found.target_id,
        },
        reasons=(
            Reason("restore", _sentence(context, wish, found, set_aside), str(wish.where) if wish.where else None),
        ),
        request=request,
    )


def _kept(context: Context, wish: Wish, live: Target) -> SnapshotRequest:
    """Return how the driver keeps what the restore replaces; a restore that was undone before may have kept some too."""
    key = f"{SAFETY_PREFIX}{wish.key}"
    earlier = [manual.key for manual in context.owned[live.backend].manual if manual.target_id == live.id]
    number = sum(other == key or other.startswith(f"{key}~") for other in earlier)
    key = f"{key}~{number + 1}" if number else key
    return manual_request(context, live, key, SAFETY_RETENTION, description=f"replaced by restore {wish.key}")


def _add_safety(context: Context, draft: Draft, wish: Wish, live: Target) -> int:
    key = f"{SAFETY_PREFIX}{wish.key}"
    if context.owned[live.backend].manual.get(ManualKey(live.backend, live.id, key)):
        key = f"{key}.{compact_instant(context.now)}"
    request = manual_request(context, live, key, SAFETY_RETENTION, description=f"before restore {wish.key}")
    request = request._replace(urgent=True)
    return draft.add(
        Verb.SNAPSHOT,
        backend=live.backend,
        target=live.address,
        snapshot=f"{live.address}@{request.name}",
        expires_at=request.mark.expires_at,
        change={"key": request.mark.key},
        precondition=whereabouts(live),
        reasons=(Reason("safety", "safety snapshot before the restore", str(wish.where) if wish.where else None),),
        request=request,
    )


def _effect(wish: Wish, found: Found, set_aside: SnapshotRequest | None) -> dict[str, Any]:
    effect: dict[str, Any] = {"key": wish.key, "mode": str(wish.mode), "from": found.source.address}
    if wish.mode is RestoreMode.CLONE:
        effect["as"] = f"{found.address.backend}/{found.address.scope}/{wish.as_name}"
    elif found.live is not None:
        effect["loses_since"] = found.source.taken_at
    if set_aside is not None:
        effect["keeps"] = f"{set_aside.target.address}@{set_aside.name}"
    return {**effect, **dict.fromkeys(wish.options, True)}


def _sentence(context: Context, wish: Wish, found: Found, set_aside: SnapshotRequest | None) -> str:
    as_name = f"{found.address.backend}/{found.address.scope}/{wish.as_name}"
    restored = as_name if wish.mode is RestoreMode.CLONE else wish.target
    parts = [_loss(context, wish, found), *_worth(found.source)]
    if set_aside is not None:
        parts.append(f"what it replaces is kept as {set_aside.name} for {format_duration(SAFETY_RETENTION)}")
    if wish.mode is RestoreMode.IN_PLACE and found.live is not None and found.live.inside:
        others = context.world.backends[found.address.backend].targets
        inside = sorted(other.address for other in others if other.id in found.live.inside)
        parts.append(f"{', '.join(inside)} inside it {'stays' if len(inside) == 1 else 'stay'} as now")
    return "; ".join([*parts, *powering.told(wish.options, wish.mode, found.live, restored)])


def _worth(source: Snapshot) -> Iterator[str]:
    """Say what is to be known of a source that is less than whole."""
    if source.set_aside:
        yield "the source is what an earlier restore replaced: its files may have changed afterwards"
    if source.suspicion:
        yield f"the source is suspicious: {source.suspicion}"
    if source.gaps:
        yield f"the source has gaps: {source.gaps}"


def _loss(context: Context, wish: Wish, found: Found) -> str:
    age = format_duration(context.now - found.source.taken_at)
    if wish.mode is RestoreMode.CLONE:
        return f"as {wish.as_name}, {age} old; nothing is replaced"
    if found.live is None:
        return f"it is gone; comes back as it was {age} ago"
    return f"in place; what was written in the last {age} is lost"


def _say(draft: Draft, wish: Wish, code: str, severity: Severity, what: str, detail: str, hint: str) -> None:
    draft.diagnostics.append(Diagnostic(code, severity, f"restore {wish.key!r} {what}", wish.where, detail, hint))


def _refuse(wish: Wish, code: str, summary: str, hint: str = "") -> Diagnostic:
    return Diagnostic(code, Severity.ERROR, f"restore {wish.key!r}: {summary}", wish.where, hint=hint)
