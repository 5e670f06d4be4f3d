"""Puts the parts together: (policy, world, instant) to plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.order import Focus, Orders
from snapplan.models.plan import (
    CatalogRevision,
    Drifted,
    NextDue,
    Plan,
    PolicyRevision,
    Summary,
    Verb,
)
from snapplan.planner import safety
from snapplan.planner.addressed import ambiguous
from snapplan.planner.backends import findings, summaries
from snapplan.planner.context import CLOCK_CODE, Draft, prepare
from snapplan.planner.digest import digest
from snapplan.planner.entries import idle_entries
from snapplan.planner.expiry import newest_sound
from snapplan.planner.foresight import is_foreseen, is_released, promised_minimum
from snapplan.planner.guards import stand
from snapplan.planner.impact import impacts
from snapplan.planner.manual import add_manual_expiries, add_manual_snapshots
from snapplan.planner.orphans import orphaned
from snapplan.planner.platform import survey
from snapplan.planner.policy_digest import policy_digest
from snapplan.planner.protection import begin_protection, end_protection
from snapplan.planner.restores import add_restores, sources_of_restores
from snapplan.planner.schedule import decide
from snapplan.planner.sets import hold_broken_sets
from snapplan.planner.slots import calendar
from snapplan.planner.steps import (
    add_changes,
    add_expiry,
    add_leftover_removals,
    add_missed,
    add_removals,
    add_snapshots,
    is_retried,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from snapplan.models.plan import GuardResult
    from snapplan.models.policy import Policy
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import Tracked, Triple, World
    from snapplan.planner.context import Context
    from snapplan.planner.expiry import Verdict
    from snapplan.planner.orphans import Orphaned
    from snapplan.planner.resolve import Resolved
    from snapplan.planner.schedule import Decision

    WaitsFor = Callable[[Snapshot], Sequence[int]]


def plan(
    policy: Policy,
    world: World,
    now: datetime,
    *,
    orders: Orders | None = None,
    focus: Focus | None = None,
    allowed: Collection[str] = (),
) -> Plan:
    """Return what has to happen at ``now`` for the world to be as the policy says.

    With ``orders`` (a command such as ``snapshot`` or ``restore``) only what they ask for is planned. ``focus`` limits
    the plan to some targets. ``allowed`` are the codes of the guards that are lifted; what the others stop stays in it
    as blocked. Equal input gives an equal plan, whatever the order of its parts.
    """
    context = prepare(policy, world, now, orders or Orders(), focus or Focus(), allowed)
    draft = Draft()
    if context.orders:
        _plan_orders(context, draft)
    else:
        _plan_policy(context, draft)
    guards = stand(context, draft, allowed)
    if not context.orders and _keeps_longer(context, draft):
        guards = stand(context, draft, allowed)
    if context.clock_in_doubt and CLOCK_CODE not in allowed:
        draft.missed.clear()  # what was missed depends on the time, and is recorded for good
    return _finish(context, draft, guards)


def _keeps_longer(context: Context, draft: Draft) -> bool:
    """Whether changes were added that keep a platform from deleting by itself what stays."""
    if not any(state.capabilities.expires_itself for state in context.backends.values()):
        return False
    from snapplan.planner.keeping import add_keeping

    return bool(add_keeping(context, draft, sources_of_restores(context, draft)))


def _plan_orders(context: Context, draft: Draft) -> None:
    # Imported here, as the plan of a policy, which is made much more often, needs none of it.
    from snapplan.planner.adoption import add_adoptions
    from snapplan.planner.locks import add_locks
    from snapplan.planner.pins import add_pins

    add_pins(context, draft)
    add_locks(context, draft)
    add_adoptions(context, draft)
    add_restores(context, draft, declared=False)
    add_manual_snapshots(context, draft, declared=False)
    add_leftover_removals(context, draft, sources_of_restores(context, draft))


def _plan_policy(context: Context, draft: Draft) -> None:
    draft.diagnostics.extend(context.resolution.diagnostics)
    draft.diagnostics.extend(idle_entries(context))
    draft.diagnostics.extend(ambiguous(context.backends, context.focus))
    platforms = survey(context, draft)
    assigned, begun = begin_protection(context, draft, platforms)
    tracked = {**context.tracked, **begun}
    restores = add_restores(context, draft, declared=True)
    sources = sources_of_restores(context, draft)
    decisions = _decisions(context, draft, tracked, sources)
    add_missed(draft, decisions)
    removed = add_removals(draft, decisions)
    made = add_snapshots(context, draft, decisions, tracked, assigned, removed)
    ended = add_manual_snapshots(context, draft, declared=True, sources=sources)
    add_leftover_removals(context, draft, sources)
    lost = list(orphaned(context, sources))
    for resolved, decision in decisions:
        add_changes(context, draft, resolved, decision.changes)
    waits_for = _waits_for(context, restores)
    _add_expiries(context, draft, decisions, made, waits_for)
    for group in lost:
        _add_orphan_expiries(context, draft, group, waits_for)
    add_manual_expiries(context, draft, sources, ended, waits_for)
    end_protection(context, draft, platforms)
    _note_instants(context, draft, decisions, lost)


def _decisions(
    context: Context, draft: Draft, tracked: Mapping[Triple, Tracked], sources: frozenset[str]
) -> list[tuple[Resolved, Decision]]:
    decisions = [
        (resolved, _decide(context, resolved, tracked.get(triple), sources))
        for triple, resolved in context.resolution.triples.items()
        if context.in_focus(resolved.target.address)
    ]
    waiting = hold_broken_sets(context, draft, [(r, d.due.slot) for r, d in decisions if d.due.slot is not None])
    if not waiting:
        return decisions
    return [
        (r, _decide(context, r, tracked[r.triple], sources, waits=True) if r.triple in waiting else decision)
        for r, decision in decisions
    ]


def _decide(
    context: Context, resolved: Resolved, tracked: Tracked | None, sources: frozenset[str], *, waits: bool = False
) -> Decision:
    triple, owned = resolved.triple, context.owned[resolved.triple.backend]
    return decide(
        resolved,
        tracked,
        owned.scheduled.get(triple, ()),
        context.now,
        live_runs=context.world.backends[triple.backend].live_runs,
        sources=sources,
        clock_stepped_back=context.clock_stepped_back,
        waits=waits,
        managed=owned.managed_scheduled.get(triple, ()) if resolved.native else (),
    )


def _waits_for(context: Context, restores: Mapping[str, Sequence[int]]) -> WaitsFor:
    """Return what says which restores a snapshot's expiry waits for: those of its target, whatever it is called now."""
    by_id = {
        (target.backend, target.id): numbers
        for state in (context.backends.values() if restores else ())
        for target in state.targets
        if (numbers := restores.get(target.address))
    }

    def waits_for(snapshot: Snapshot) -> Sequence[int]:
        if not restores:
            return ()
        own = by_id.get((snapshot.backend, snapshot.target_id))
        return restores.get(snapshot.target_address, ()) if own is None else own

    return waits_for


def _add_expiries(
    context: Context,
    draft: Draft,
    decisions: Sequence[tuple[Resolved, Decision]],
    made: Mapping[Triple, int],
    waits_for: WaitsFor,
) -> None:
    for resolved, decision in decisions:
        triple = resolved.triple
        snapshots = context.owned[triple.backend].scheduled.get(triple, ())
        shortened = {change.snapshot.native_id for change in decision.shortened}
        where = context.where("profiles", triple.profile, "periods", triple.period, "retention")
        originals = {snapshot.native_id: snapshot for snapshot in snapshots} if decision.verdicts else {}
        draft.kept += len(snapshots)
        promised = promised_minimum(decision.verdicts, originals)
        newest = newest_sound(originals.values(), resolved.minimum, context.now)
        for verdict in decision.verdicts:
            _count(draft, verdict)
            if verdict.expires and not is_retried(verdict, decision.due.slot):
                waits = waits_for(verdict.snapshot)
                after = {*waits, made[triple]} if verdict.needs_new else set(waits)
                original = originals[verdict.snapshot.native_id]
                code = "released" if is_released(verdict, original, promised) else verdict.code
                code = "retroactive" if original.native_id in shortened else code
                foreseen = is_foreseen(context, original, code)
                add_expiry(
                    draft, verdict, original, where=where, code=code, after=after, foreseen=foreseen, newest=newest
                )


def _add_orphan_expiries(context: Context, draft: Draft, group: Orphaned, waits_for: WaitsFor) -> None:
    draft.kept += len(group.snapshots)
    draft.orphans += len(group.snapshots)
    newest = newest_sound(group.snapshots, group.minimum, context.now) if group.verdicts else ()
    for verdict in group.verdicts:
        address = verdict.snapshot.target_address
        if not context.in_focus(address):
            continue
        _count(draft, verdict)
        if verdict.expires:
            draft.orphans -= 1
            code = "orphan" if verdict.code == "expired" else verdict.code
            original, after = verdict.snapshot, waits_for(verdict.snapshot)
            foreseen = is_foreseen(context, original, code)
            add_expiry(
                draft,
                verdict,
                original,
                where=None,
                code=code,
                note=" (orphan)",
                after=after,
                foreseen=foreseen,
                newest=newest,
            )


def _count(draft: Draft, verdict: Verdict) -> None:
    draft.kept -= verdict.expires
    draft.pinned += verdict.code == "pinned"


def _note_instants(
    context: Context, draft: Draft, decisions: Sequence[tuple[Resolved, Decision]], lost: Sequence[Orphaned]
) -> None:
    """Collect the instants at which the plan would differ: the first of them is ``exact_until``."""
    for _, decision in decisions:
        for instant in (decision.turns_at, decision.due.lapses_at):
            if instant is not None:
                draft.instants.add(instant)
        _note_releases(context, draft, decision.verdicts)
    for group in lost:
        for instant in (group.turns_at, group.released_at):
            if instant is not None:
                draft.instants.add(instant)
        _note_releases(context, draft, group.verdicts)


def _note_releases(context: Context, draft: Draft, verdicts: Sequence[Verdict]) -> None:
    for verdict in verdicts:
        snapshot: Snapshot = verdict.snapshot
        pin = snapshot.mark.pin if snapshot.mark else None
        for instant in (pin.until if pin else None, snapshot.locked_until):
            if instant is not None and instant > context.now:
                draft.instants.add(instant)


def _next_due(context: Context) -> NextDue | None:
    """Return the earliest slot after now; each distinct schedule is asked once."""
    soonest: dict[int, datetime | None] = {}
    best: NextDue | None = None
    for triple, resolved in context.resolution.triples.items():
        if not context.in_focus(resolved.target.address):
            continue
        slots = calendar(resolved.period, resolved.timezone)
        if id(slots) not in soonest:
            soonest[id(slots)] = slots.next(context.now)
        at = soonest[id(slots)]
        if at is not None and (best is None or (at, resolved.target.address) < (best.at, best.target)):
            best = NextDue(at, resolved.target.address, triple.profile, triple.period)
    return best


def _finish(context: Context, draft: Draft, guards: tuple[GuardResult, ...]) -> Plan:
    next_due = _next_due(context)
    interrupted = safety.pending(context)
    instants = {*draft.instants, *([next_due.at] if next_due else [])}
    counts = dict.fromkeys(Verb, 0)
    for action in draft.actions:
        counts[action.verb] += 1
    foreign = sum(len(owned.foreign) for owned in context.owned.values())
    return Plan(
        as_of=context.now,
        exact_until=min((instant for instant in instants if instant > context.now), default=None),
        summary=Summary(
            **{str(verb): count for verb, count in counts.items()},
            keep=draft.kept,
            foreign=foreign,
            pinned=draft.pinned,
            orphan=draft.orphans,
        ),
        actions=tuple(draft.actions),
        policy=_policy_revision(context.policy),
        catalog=CatalogRevision(context.world.catalog.revision, context.world.catalog.id),
        guards=guards,
        missed=tuple(draft.missed),
        impact=impacts(context, draft.actions),
        drift=_drift(context),
        backends=summaries(context, draft.actions),
        next_due=next_due,
        existing=tuple(draft.existing),
        settled=tuple(draft.settled),
        diagnostics=(*draft.diagnostics, *findings(context, draft.actions), *safety.findings(interrupted)),
        pending=interrupted,
        target_globs=context.focus.targets,
        backend_globs=context.focus.backends,
        refreshed=context.world.refreshed,
        digest=digest(draft.actions, interrupted),
    )


def _policy_revision(policy: Policy) -> PolicyRevision:
    return PolicyRevision(policy.commit, policy.dirty, policy_digest(policy), policy.config.project)


def _drift(context: Context) -> tuple[Drifted, ...]:
    found = {
        Drifted(drift.kind, drift.subject, drift.text)
        for state in context.backends.values()
        for drift in state.drift
        if context.in_focus(drift.subject.rpartition("@")[0] or drift.subject)
    }
    return tuple(sorted(found, key=lambda drift: (drift.kind, drift.subject, drift.text)))
