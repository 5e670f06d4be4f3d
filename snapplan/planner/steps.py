"""Turns decisions about triples into the actions of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.ids import format_instant
from snapplan.models.durations import format_duration
from snapplan.models.plan import Missed, Reason, Verb
from snapplan.models.request import ChangeRequest, ExpireRequest, SnapshotRequest
from snapplan.models.snapshot import Mark
from snapplan.models.target import Quiesce
from snapplan.planner.expiry import Verdict, active_pin, age_order
from snapplan.planner.names import fitting, scheduled_name
from snapplan.planner.options import capture_options, emptiness
from snapplan.planner.sets import BROKEN, BROKEN_PREFIX, set_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.models.world import Tracked, Triple
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.platform import Protection
    from snapplan.planner.resolve import Resolved
    from snapplan.planner.retention import RetentionChange
    from snapplan.planner.schedule import Decision


def add_missed(draft: Draft, decisions: Iterable[tuple[Resolved, Decision]]) -> None:
    """Record the slots that no snapshot will be taken for."""
    for resolved, decision in decisions:
        triple = resolved.triple
        for slot in decision.due.missed:
            draft.missed.append(Missed(resolved.target.address, triple.profile, triple.period, slot, triple))


def add_removals(draft: Draft, decisions: Iterable[tuple[Resolved, Decision]]) -> dict[Triple, list[int]]:
    """Add the removal of what earlier attempts at a slot that is due left incomplete; return the numbers by triple.

    The retry waits for them: otherwise one that takes the incomplete snapshot over would be removed after it.
    """
    numbers: dict[Triple, list[int]] = {}
    for resolved, decision in decisions:
        for verdict in decision.verdicts:
            if is_retried(verdict, decision.due.slot):
                number = add_expiry(draft, verdict, verdict.snapshot, where=None, code=verdict.code)
                numbers.setdefault(resolved.triple, []).append(number)
    return numbers


def is_retried(verdict: Verdict, due: datetime | None) -> bool:
    """Whether ``verdict`` is on an incomplete snapshot of the slot that is ``due``: it is removed before the retry."""
    mark = verdict.snapshot.mark
    return verdict.code == "incomplete" and mark is not None and due is not None and mark.slot == due


def add_snapshots(
    context: Context,
    draft: Draft,
    decisions: Iterable[tuple[Resolved, Decision]],
    tracked: Mapping[Triple, Tracked],
    assigned: Mapping[Protection, int],
    removed: Mapping[Triple, Sequence[int]],
) -> dict[Triple, int]:
    """Add the snapshots that are due; return their numbers by triple.

    ``assigned`` and ``removed`` are the numbers of the actions that have to come first.
    """
    due = [(resolved, decision.due.slot) for resolved, decision in decisions if decision.due.slot is not None]
    sets = set_names(due)
    taken = _names_taken(context, {resolved.target.id for resolved, _ in due})
    numbers = {}
    for resolved, slot in due:
        request = scheduled_request(context, resolved, slot, taken, sets.get(resolved.triple))
        protection = assigned.get(resolved.triple[:3])
        first = slot == tracked[resolved.triple].since and tracked[resolved.triple].last_slot is None
        numbers[resolved.triple] = draft.add(
            Verb.SNAPSHOT,
            backend=resolved.triple.backend,
            target=resolved.target.address,
            snapshot=f"{resolved.target.address}@{request.name}",
            profile=resolved.triple.profile,
            period=resolved.triple.period,
            slot=slot,
            expires_at=request.mark.expires_at,
            after=(*(() if protection is None else (protection,)), *removed.get(resolved.triple, ())),
            change={"quiesce": str(request.quiesce)} if request.quiesce is not Quiesce.NEVER else {},
            precondition=whereabouts(resolved.target),
            reasons=(_due_reason(context, resolved, slot, first=first),),
            request=request,
        )
    return numbers


def scheduled_request(
    context: Context, resolved: Resolved, slot: datetime, taken: Mapping[str, set[str]], set_name: str | None
) -> SnapshotRequest:
    """Return the request for the snapshot of a slot."""
    triple, period, project = resolved.triple, resolved.period, context.policy.config.project
    capabilities = context.world.backends[triple.backend].capabilities
    wanted = scheduled_name(
        context.policy.config.naming.template, resolved.target, project, triple.profile, triple.period, slot
    )
    identity = "\n".join([project, triple.target_id, triple.profile, triple.period, format_instant(slot)])
    retention = period.retention
    mark = Mark(
        project=project,
        target_id=triple.target_id,
        run="",
        taken_at=context.now,
        expires_at=None if retention is None else context.now + retention,
        profile=triple.profile,
        period=triple.period,
        slot=slot,
        minimum=resolved.minimum,
        set=set_name,
    )
    return SnapshotRequest(
        target=resolved.target,
        name=fitting(wanted, identity, capabilities, taken.get(triple.target_id, ())),
        mark=mark,
        quiesce=period.quiesce or Quiesce.NEVER,
        retention=retention,
        options=capture_options(period, capabilities, resolved.target.scope)
        | emptiness(context.world, resolved.target, allowed=resolved.may_be_empty),
    )


def add_changes(context: Context, draft: Draft, resolved: Resolved, changes: Iterable[RetentionChange]) -> None:
    """Add what a changed retention does to existing snapshots that stay."""
    triple = resolved.triple
    for change in changes:
        mark = change.snapshot.mark
        if mark is None:
            continue
        cause = "retention is shorter, and retroactive" if change.shorter else "retention is longer"
        where = context.where("profiles", triple.profile, "periods", triple.period, "retention")
        draft.add(
            Verb.CHANGE,
            backend=triple.backend,
            target=resolved.target.address,
            snapshot=change.snapshot.address,
            profile=triple.profile,
            period=triple.period,
            slot=mark.slot,
            expires_at=change.after,
            reversible=not change.shorter,
            change={"expires_at": [change.before, change.after]},
            precondition={**precondition(change.snapshot), "expires_at": change.before},
            foreseen=not change.shorter,
            reasons=(Reason("shortened" if change.shorter else "lengthened", cause, where),),
            request=ChangeRequest(change.snapshot, mark._replace(expires_at=change.after, minimum=resolved.minimum)),
        )


def add_expiry(
    draft: Draft,
    verdict: Verdict,
    original: Snapshot,
    *,
    where: str | None,
    code: str,
    note: str = "",
    after: Collection[int] = (),
    foreseen: bool = True,
    newest: Sequence[Snapshot] = (),
) -> int:
    """Add the expiry that ``verdict`` says, and return its number; ``original`` is the snapshot as it stands now.

    ``newest`` are the newest sound snapshots of its period; those that are newer than it are its witnesses.
    """
    mark = original.mark
    return draft.add(
        Verb.EXPIRE,
        backend=original.backend,
        target=original.target_address,
        snapshot=original.address,
        profile=mark.profile if mark else None,
        period=mark.period if mark else None,
        slot=mark.slot if mark else None,
        expires_at=mark.expires_at if mark else None,
        reversible=False,
        after=tuple(sorted(after)),
        precondition={**precondition(original), "witnesses": [precondition(one) for one in _newer(newest, original)]},
        foreseen=foreseen,
        reasons=(Reason(code, f"{verdict.text}{note}", where),),
        request=ExpireRequest(original, orphan=original.managed),
    )


def add_leftover_removals(context: Context, draft: Draft, sources: Collection[str]) -> None:
    """Add the removal of what earlier tries left of the sets in the draft, once all members of the new try are there.

    What is left of a broken set is kept for a day in case nothing better comes; when the set is whole, it would only be
    there twice. ``sources`` are the native ids that restores need.
    """
    sets: dict[tuple[str, str], list[int]] = {}
    for action in draft.actions:
        if isinstance(action.request, SnapshotRequest) and action.request.mark.set is not None:
            sets.setdefault((action.request.target.backend, action.request.mark.set), []).append(action.number)
    gone = {a.request.snapshot.native_id for a in draft.actions if isinstance(a.request, ExpireRequest)}
    for (backend, name), numbers in sorted(sets.items()):
        for key, snapshots in sorted(context.owned[backend].manual.items()):
            for snapshot in snapshots if key.key.startswith(BROKEN_PREFIX) else ():
                if snapshot.mark is None or snapshot.mark.set != name or snapshot.native_id in {*gone, *sources}:
                    continue
                if not _is_needed(snapshot, context.now):
                    text = f"left of a try at set {name!r} that failed; the set is whole without it"
                    verdict = Verdict(snapshot, True, BROKEN, text)
                    add_expiry(draft, verdict, snapshot, where=None, code=BROKEN, after=numbers)


def _is_needed(snapshot: Snapshot, now: datetime) -> bool:
    locked = snapshot.locked_until is not None and snapshot.locked_until > now
    return locked or bool(snapshot.in_use) or active_pin(snapshot, now) is not None or snapshot.taken_at > now


def _newer(newest: Sequence[Snapshot], original: Snapshot) -> list[Snapshot]:
    if original.completed_at is None:
        return []
    return [one for one in newest if age_order(one) > age_order(original)]


def precondition(snapshot: Snapshot) -> dict[str, Any]:
    """Return what must still hold of a snapshot when it is changed or expired."""
    return {"native_id": snapshot.native_id, "taken_at": snapshot.taken_at}


def whereabouts(target: Target) -> dict[str, Any]:
    """Return what must still hold of a target that is captured or written to: its id, and where it lies."""
    place = {} if target.fingerprint is None else {"path": target.fingerprint.path}
    return {"target_id": target.id, **place}


def _due_reason(context: Context, resolved: Resolved, slot: datetime, *, first: bool) -> Reason:
    triple = resolved.triple
    where = context.where("profiles", triple.profile, "periods", triple.period)
    if first:
        return Reason("initial", f"first {triple.period} snapshot", where)
    late = context.now - slot
    text = f"{triple.period} slot {slot:%Y-%m-%d %H:%MZ}"
    return Reason("due", f"{text}, {format_duration(late)} ago" if late.total_seconds() >= 60 else text, where)


def _names_taken(context: Context, target_ids: Collection[str]) -> dict[str, set[str]]:
    """Return the names in use on these targets by anything else than what is about to be taken."""
    taken: dict[str, set[str]] = {}
    if not target_ids:
        return taken
    for state in context.backends.values():
        for snapshot in state.snapshots:
            if snapshot.target_id in target_ids and snapshot.completed_at is not None:  # a damaged one's name too
                taken.setdefault(snapshot.target_id, set()).add(snapshot.name)
    return taken
