"""Manual snapshots, declared in the policy or ordered on the command line: taken once per (target, key)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.ids import format_instant
from snapplan.models.durations import format_duration
from snapplan.models.order import Capture
from snapplan.models.plan import Reason, Verb
from snapplan.models.request import ChangeRequest, ExpireRequest, SnapshotRequest
from snapplan.models.snapshot import Mark
from snapplan.models.target import PLATFORM_MARGIN, Quiesce
from snapplan.models.world import ManualKey
from snapplan.planner.addressed import is_meant, targets_called, two_things
from snapplan.planner.expiry import judge_manual
from snapplan.planner.foresight import is_foreseen
from snapplan.planner.names import fitting, manual_name
from snapplan.planner.options import capture_options, emptiness
from snapplan.planner.resolve import GLOB_CHARACTERS, TargetIndex
from snapplan.planner.safety import SAFETY_PREFIX
from snapplan.planner.sets import held
from snapplan.planner.steps import add_expiry, precondition, whereabouts
from snapplan.planner.timekeeping import reckoned

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from snapplan.models.order import SnapshotOrder
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.expiry import Verdict


class Wanted(NamedTuple):
    """One manual snapshot that somebody wants: of each target, under ``key``."""

    key: str
    targets: Sequence[Target]
    expires: timedelta | datetime | None
    description: str
    quiesce: Quiesce
    capture: Capture
    where: str | None
    declared: bool


def add_manual_snapshots(
    context: Context, draft: Draft, *, declared: bool, sources: Collection[str] = ()
) -> dict[str, Verdict]:
    """Add the manual snapshots that were not taken yet, and the changes of expiration of those that were.

    After the clock stepped back declared ones wait: their expiration would count from a time that has been.
    Returns, by native id, the verdicts on those that a new expiration in the past lets expire: they are not changed first.
    """
    wanted = list(_ordered(context, draft))
    if declared:
        wanted = [*_declared(context), *wanted]
    ended: dict[str, Verdict] = {}
    for one in wanted:
        fresh = [target for target in one.targets if not _taken(context, target, one.key)]
        if one.declared:
            ended.update(_add_new_expirations(context, draft, one, sources))
        if not fresh or (one.declared and context.clock_stepped_back):
            continue
        if one.declared and context.world.catalog.rebuilt:
            draft.diagnostics.append(_unknown(context, one, fresh))
        elif isinstance(one.expires, datetime) and one.expires <= context.now:
            draft.diagnostics.append(_too_late(context, one))
        elif not _set_waits(context, draft, one, fresh):
            _add_set(context, draft, one, fresh)
    return ended


def add_manual_expiries(
    context: Context,
    draft: Draft,
    sources: Collection[str],
    ended: Mapping[str, Verdict],
    waits_for: Callable[[Snapshot], Collection[int]],
) -> None:
    """Add the expiries of manual snapshots whose own expiration is over; they have no minimum.

    ``ended`` is what ``add_manual_snapshots`` returned; ``waits_for`` says which actions must have succeeded before.
    """
    changed = {action.snapshot for action in draft.actions if action.verb is Verb.CHANGE}
    removed = {a.request.snapshot.native_id for a in draft.actions if isinstance(a.request, ExpireRequest)}
    for backend in sorted(context.owned):
        live = context.world.backends[backend].live_runs
        groups = context.owned[backend].manual
        for key in sorted(groups):
            for snapshot in groups[key]:
                verdict = ended.get(snapshot.native_id) or judge_manual(
                    snapshot, context.now, live_runs=live, sources=sources
                )
                if not context.in_focus(snapshot.target_address) or snapshot.native_id in removed:
                    continue
                if verdict.expires and not context.clock_stepped_back and snapshot.address not in changed:
                    code = "retroactive" if snapshot.native_id in ended else verdict.code
                    after, foreseen = waits_for(snapshot), is_foreseen(context, snapshot, code)
                    add_expiry(draft, verdict, snapshot, where=None, code=code, after=after, foreseen=foreseen)
                    continue
                draft.kept += 1
                draft.pinned += verdict.code == "pinned"
                expiration = snapshot.mark.expires_at if snapshot.mark else None
                if expiration is not None and expiration > context.now:
                    draft.instants.add(expiration)


def manual_request(
    context: Context,
    target: Target,
    key: str,
    expires: timedelta | datetime | None,
    *,
    description: str = "",
    quiesce: Quiesce = Quiesce.NEVER,
    capture: Capture | None = None,
    set_name: str | None = None,
) -> SnapshotRequest:
    """Return the request for a manual snapshot of one target."""
    state = context.world.backends[target.backend]
    taken = {
        s.name
        for s in state.snapshots
        if s.target_id == target.id and (s.damage or s.mark is None or s.mark.key != key)
    }
    project = context.policy.config.project
    relative = expires if isinstance(expires, timedelta) else None
    start = reckoned(context.world, context.now)
    expires_at = start + relative if relative is not None else expires
    if start != context.now:
        relative = None  # the clock is behind: what counts is not when it will be taken by that clock
    mark = Mark(
        project=project,
        target_id=target.id,
        run="",
        taken_at=context.now,
        expires_at=expires_at if isinstance(expires_at, datetime) else None,
        key=key,
        set=set_name,
    )
    name = fitting(manual_name(key), "\n".join([project, target.id, key]), state.capabilities, taken)
    options = {} if capture is None else capture_options(capture, state.capabilities, target.scope)
    may_be_empty = any(r.may_be_empty for r in context.resolution.triples.values() if r.target == target)
    # Who restores a target knows what has become of it: its safety snapshot tells nothing new.
    options |= emptiness(context.world, target, allowed=may_be_empty or key.startswith(SAFETY_PREFIX))
    return SnapshotRequest(target, name, mark, quiesce, relative, description, options)


def _declared(context: Context) -> Iterator[Wanted]:
    index = TargetIndex(context.backends, context.world.catalog.successions.keys())
    for key in sorted(context.policy.snapshots):
        entry = context.policy.snapshots[key]
        targets = {t.address: t for selector in entry.targets for t, _ in index.select(selector)}
        chosen = [targets[address] for address in sorted(targets) if context.in_focus(address)]
        where = context.where("snapshots", key)
        capture = Capture(*(getattr(entry, field) for field in Capture._fields))
        yield Wanted(key, chosen, entry.expires, entry.description, entry.quiesce, capture, where, declared=True)


def _ordered(context: Context, draft: Draft) -> Iterator[Wanted]:
    for order in context.orders.snapshots:
        targets = [t for t in _all_targets(context) if any(_is_ordered(context, glob, t) for glob in order.targets)]
        draft.diagnostics.extend(_unmatched(context, order, targets))
        for target in targets:
            if _taken(context, target, order.key):
                _meet_again(context, draft, order, target)
        if _impossible(context, draft, order, targets):
            continue
        yield Wanted(
            order.key, targets, order.expires, order.description, order.quiesce, order.capture, None, declared=False
        )


def _impossible(context: Context, draft: Draft, order: SnapshotOrder, targets: Sequence[Target]) -> bool:
    """Say what of an order the backend cannot do; nothing is taken then, as it would not be what was asked for."""
    for target in targets:
        capabilities = context.backends[target.backend].capabilities
        unable = [field for field in order.capture.asked if not capabilities.honours(field, target.scope)]
        if unable:
            summary = f"{target.address} cannot be taken with {', '.join(unable)}"
            hint = "VergeOS takes system snapshots so, nothing else"
            draft.diagnostics.append(Diagnostic("SP434", Severity.ERROR, summary, hint=hint))
            return True
    return False


def _all_targets(context: Context) -> list[Target]:
    targets = [target for state in context.backends.values() for target in state.targets]
    return sorted(targets, key=lambda target: target.address)


def _taken(context: Context, target: Target, key: str) -> bool:
    identity = ManualKey(target.backend, target.id, key)
    if identity in context.world.catalog.manual:
        return True
    existing = context.owned[target.backend].manual.get(identity, ())
    return any(snapshot.standing.restores for snapshot in existing)


def _set_waits(context: Context, draft: Draft, one: Wanted, targets: Sequence[Target]) -> bool:
    """Whether a declared set failed too recently to be tried again; an order is tried whenever it is given."""
    name = _set_name(one, targets)
    if not one.declared or name is None:
        return False
    where = context.policy.location("snapshots", one.key)
    return held(context, draft, name, sorted({target.backend for target in targets}), len(targets), where)


def _set_name(one: Wanted, targets: Sequence[Target]) -> str | None:
    return f"manual.{one.key}" if len(targets) > 1 else None


def _add_set(context: Context, draft: Draft, one: Wanted, targets: Sequence[Target]) -> None:
    set_name = _set_name(one, targets)
    start = reckoned(context.world, context.now)
    if isinstance(one.expires, timedelta) and start != context.now:
        draft.diagnostics.append(_behind(context, one, start))
    for target in targets:
        removed = _add_removals(context, draft, ManualKey(target.backend, target.id, one.key))
        request = manual_request(
            context,
            target,
            one.key,
            one.expires,
            description=one.description,
            quiesce=one.quiesce,
            capture=one.capture,
            set_name=set_name,
        )
        draft.add(
            Verb.SNAPSHOT,
            backend=target.backend,
            target=target.address,
            snapshot=f"{target.address}@{request.name}",
            expires_at=request.mark.expires_at,
            after=removed,
            change={"key": one.key}
            | {name: request.options[name] for name in one.capture.asked if name in request.options},
            precondition=whereabouts(target),
            reasons=(
                Reason("manual", one.description or f"manual snapshot {one.key}", one.where),
                *_on_platform(context, request),
            ),
            request=request,
        )


def _on_platform(context: Context, request: SnapshotRequest) -> tuple[Reason, ...]:
    """Say what will stand on a platform that deletes by itself, which is not what was asked for: a margin, or a lock."""
    if not context.world.backends[request.target.backend].capabilities.expires_itself:
        return ()
    at = request.mark.expires_at
    if request.options.get("immutable"):
        ends = "it has no end" if at is None else f"at {format_instant(at)}"
        text = f"the platform locks it: nobody can delete it before that ends, {ends}"
        return (Reason("platform", text if at is None else f"{text}, and then the platform does"),)
    if at is None:
        return (Reason("platform", "the platform keeps it for ever"),)
    later = format_instant(at + PLATFORM_MARGIN)
    return (Reason("platform", f"the platform itself would delete it at {later}, where no apply did before"),)


def _add_removals(context: Context, draft: Draft, key: ManualKey) -> tuple[int, ...]:
    """Add the removal of what earlier attempts left incomplete, so that a retry that takes it over is not removed."""
    live = context.world.backends[key.backend].live_runs
    verdicts = [judge_manual(s, context.now, live_runs=live) for s in context.owned[key.backend].manual.get(key, ())]
    return tuple(
        add_expiry(draft, verdict, verdict.snapshot, where=None, code=verdict.code)
        for verdict in verdicts
        if verdict.code == "incomplete"
    )


def _add_new_expirations(
    context: Context, draft: Draft, one: Wanted, sources: Collection[str]
) -> Iterator[tuple[str, Verdict]]:
    for target in one.targets:
        for snapshot in context.owned[target.backend].manual.get(ManualKey(target.backend, target.id, one.key), ()):
            mark = snapshot.mark
            if mark is None or not _may_change(snapshot) or snapshot.taken_at > context.now:
                continue
            after = mark.taken_at + one.expires if isinstance(one.expires, timedelta) else one.expires
            if after == mark.expires_at or (after is not None and after <= context.now and _is_over(mark, context.now)):
                continue
            desired = mark._replace(expires_at=after)
            verdict = judge_manual(snapshot._replace(mark=desired), context.now, sources=sources)
            if verdict.expires and not context.clock_stepped_back:
                yield snapshot.native_id, verdict
            else:
                _add_change(context, draft, one, target.address, ChangeRequest(snapshot, desired), mark.expires_at)


def _add_change(
    context: Context, draft: Draft, one: Wanted, target: str, request: ChangeRequest, before: datetime | None
) -> None:
    snapshot, after = request.snapshot, request.mark.expires_at
    if after is not None and after > context.now:
        draft.instants.add(after)
    shorter = after is not None and (before is None or after < before)
    draft.add(
        Verb.CHANGE,
        backend=snapshot.backend,
        target=target,
        snapshot=snapshot.address,
        expires_at=after,
        reversible=not shorter,
        change={"expires_at": [before, after]},
        precondition={**precondition(snapshot), "expires_at": before},
        foreseen=not shorter,
        reasons=(Reason("declared", "the declared expiration changed", one.where),),
        request=request,
    )


def _may_change(snapshot: Snapshot) -> bool:
    return snapshot.completed_at is not None and snapshot.standing.expires


def _is_over(mark: Mark, now: datetime) -> bool:
    return mark.expires_at is not None and mark.expires_at <= now


def _is_ordered(context: Context, glob: str, target: Target) -> bool:
    """Whether an order means a target; what a restore left under the old id of one is meant by its address only."""
    is_copy = (target.backend, target.id) in context.world.catalog.successions
    return is_meant(glob, target) and (not is_copy or GLOB_CHARACTERS.isdisjoint(glob))


def _unmatched(context: Context, order: SnapshotOrder, targets: Sequence[Target]) -> list[Diagnostic]:
    missing = [glob for glob in order.targets if not any(is_meant(glob, target) for target in targets)]
    return [
        two_things(glob, several)
        if len(several := targets_called(context.backends, glob)) > 1
        else Diagnostic(
            "SP410", Severity.ERROR, f"{glob!r} matches no target", hint="snapplan list targets shows what there is"
        )
        for glob in missing
    ]


def _meet_again(context: Context, draft: Draft, order: SnapshotOrder, target: Target) -> None:
    """Say of an order that is repeated that it was carried out, or why its key cannot be used again."""
    held = context.owned[target.backend].manual.get(ManualKey(target.backend, target.id, order.key), ())
    snapshot = next((one for one in held if one.standing.restores), None)
    if snapshot is None or snapshot.mark is None or _is_over(snapshot.mark, context.now):
        draft.diagnostics.append(_key_used(order, target, "which is gone or past its expiration"))
        return
    other = _difference(order, snapshot, snapshot.mark)
    if other:
        draft.diagnostics.append(_key_used(order, target, other))
        return
    draft.existing.append(snapshot.address)
    draft.diagnostics.append(
        Diagnostic(
            "SP415",
            Severity.NOTE,
            f"{target.address} was already taken as {snapshot.name} at {format_instant(snapshot.mark.taken_at)}",
            detail="A key is taken once, so that a repeated run does not take it again.",
        )
    )


def _difference(order: SnapshotOrder, snapshot: Snapshot, mark: Mark) -> str:
    """Return in what a snapshot differs from the order with its key, or nothing; its description is not recorded."""
    after = mark.taken_at + order.expires if isinstance(order.expires, timedelta) else order.expires
    if after != mark.expires_at:
        return f"which expires at {format_instant(mark.expires_at)}" if mark.expires_at else "which never expires"
    if order.quiesce is Quiesce.REQUIRE and snapshot.quiesced is False:
        return "for which I/O was not frozen"
    return ""


def _key_used(order: SnapshotOrder, target: Target, other: str) -> Diagnostic:
    return Diagnostic(
        "SP411",
        Severity.ERROR,
        f"the key {order.key!r} was used for a snapshot of {target.address} before, {other}",
        detail="A key is taken once, so that a repeated run does not take it again. The same order again is no error.",
        hint="choose another --key",
    )


def _behind(context: Context, one: Wanted, start: datetime) -> Diagnostic:
    return Diagnostic(
        "SP416",
        Severity.WARNING,
        f"the clock is behind: it is {format_instant(context.now)} by it, and {format_instant(start)} by what was confirmed"
        f" or by a second clock; the expiration of {one.key!r} counts from the later",
        detail="By the clock of now it would expire as soon as the clock is right.",
        hint="set the clock right; snapplan catalog clock shows the clocks",
    )


def _too_late(context: Context, one: Wanted) -> Diagnostic:
    at = format_instant(one.expires) if isinstance(one.expires, datetime) else ""
    return Diagnostic(
        "SP412",
        Severity.NOTE,
        f"manual snapshot {one.key!r} is not taken: it would have expired at {at}",
        where=context.policy.location("snapshots", one.key),
        hint="remove the entry, or move its expiration",
    )


def _unknown(context: Context, one: Wanted, targets: Sequence[Target]) -> Diagnostic:
    return Diagnostic(
        "SP413",
        Severity.WARNING,
        f"manual snapshot {one.key!r} of {len(targets)} targets is unknown: the catalog was rebuilt and nothing shows it",
        where=context.policy.location("snapshots", one.key),
        detail="It may have been taken and have expired since; it is not taken again by itself.",
        hint=f"snapplan snapshot TARGET --key {one.key}-again --expires {_shown(one.expires)} takes a new one",
    )


def _shown(expires: timedelta | datetime | None) -> str:
    if expires is None:
        return "never"
    return format_duration(expires) if isinstance(expires, timedelta) else format_instant(expires)
