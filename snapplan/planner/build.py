"""Puts the parts together: (policy, world, instant) to plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.ids import format_instant
from snapplan.models.order import Focus, Orders
from snapplan.models.plan import (
    BackendSummary,
    CatalogRevision,
    Drifted,
    NextDue,
    Plan,
    PolicyRevision,
    Summary,
    Verb,
)
from snapplan.planner.context import Draft, prepare
from snapplan.planner.digest import digest
from snapplan.planner.impact import impacts
from snapplan.planner.manual import add_manual_expiries, add_manual_snapshots
from snapplan.planner.orphans import orphaned
from snapplan.planner.pins import add_pins
from snapplan.planner.protection import begin_protection, end_protection
from snapplan.planner.restores import add_restores, sources_of_restores
from snapplan.planner.schedule import decide
from snapplan.planner.slots import calendar
from snapplan.planner.steps import add_changes, add_expiry, add_missed, add_snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from snapplan.models.policy import Policy
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import Tracked, Triple, World
    from snapplan.planner.context import Context
    from snapplan.planner.expiry import Verdict
    from snapplan.planner.orphans import Orphaned
    from snapplan.planner.resolve import Resolved
    from snapplan.planner.schedule import Decision


def plan(
    policy: Policy,
    world: World,
    now: datetime,
    *,
    orders: Orders | None = None,
    focus: Focus | None = None,
) -> Plan:
    """Return what has to happen at ``now`` for the world to be as the policy says.

    With ``orders`` (a command such as ``snapshot`` or ``restore``) only what they ask for is planned. ``focus`` limits
    the plan to some targets. Equal input gives an equal plan, whatever the order of its parts.
    """
    context = prepare(policy, world, now, orders or Orders(), focus or Focus())
    draft = Draft(diagnostics=_clock_finding(context))
    if context.orders:
        _plan_orders(context, draft)
    else:
        _plan_policy(context, draft)
    return _finish(context, draft)


def _plan_orders(context: Context, draft: Draft) -> None:
    add_pins(context, draft)
    add_restores(context, draft, declared=False)
    add_manual_snapshots(context, draft, declared=False)


def _plan_policy(context: Context, draft: Draft) -> None:
    draft.diagnostics.extend(context.resolution.diagnostics)
    assigned, begun = begin_protection(context, draft)
    tracked = {**context.tracked, **begun}
    restores = add_restores(context, draft, declared=True)
    sources = sources_of_restores(context, draft)
    decisions = _decisions(context, tracked, sources)
    add_missed(draft, decisions)
    made = add_snapshots(context, draft, decisions, tracked, assigned)
    add_manual_snapshots(context, draft, declared=True)
    lost = list(orphaned(context, sources))
    for resolved, decision in decisions:
        add_changes(context, draft, resolved, decision.changes)
    _add_expiries(context, draft, decisions, made, restores)
    for group in lost:
        _add_orphan_expiries(context, draft, group, restores)
    add_manual_expiries(context, draft, sources)
    end_protection(context, draft)
    _note_instants(context, draft, decisions, lost)


def _decisions(
    context: Context, tracked: Mapping[Triple, Tracked], sources: frozenset[str]
) -> list[tuple[Resolved, Decision]]:
    decisions = []
    for triple, resolved in context.resolution.triples.items():
        if not context.in_focus(resolved.target.address):
            continue
        snapshots = context.owned[triple.backend].scheduled.get(triple, ())
        decision = decide(
            resolved,
            tracked[triple],
            snapshots,
            context.now,
            live_runs=context.world.backends[triple.backend].live_runs,
            sources=sources,
            clock_stepped_back=context.clock_stepped_back,
        )
        decisions.append((resolved, decision))
    return decisions


def _add_expiries(
    context: Context,
    draft: Draft,
    decisions: Sequence[tuple[Resolved, Decision]],
    made: Mapping[Triple, int],
    restores: Mapping[str, Sequence[int]],
) -> None:
    for resolved, decision in decisions:
        triple = resolved.triple
        snapshots = context.owned[triple.backend].scheduled.get(triple, ())
        shortened = {change.snapshot.native_id for change in decision.shortened}
        where = context.where("profiles", triple.profile, "periods", triple.period, "retention")
        waits = restores.get(resolved.target.address, ())
        originals = {snapshot.native_id: snapshot for snapshot in snapshots} if decision.verdicts else {}
        draft.kept += len(snapshots)
        for verdict in decision.verdicts:
            _count(draft, verdict)
            if verdict.expires:
                after = {*waits, made[triple]} if verdict.needs_new else set(waits)
                code = "retroactive" if verdict.snapshot.native_id in shortened else verdict.code
                original = originals[verdict.snapshot.native_id]
                add_expiry(draft, verdict, original, where=where, code=code, after=after)


def _add_orphan_expiries(
    context: Context, draft: Draft, group: Orphaned, restores: Mapping[str, Sequence[int]]
) -> None:
    draft.kept += len(group.snapshots)
    draft.orphans += len(group.snapshots)
    for verdict in group.verdicts:
        address = verdict.snapshot.target_address
        if not context.in_focus(address):
            continue
        _count(draft, verdict)
        if verdict.expires:
            draft.orphans -= 1
            code = "orphan" if verdict.code == "expired" else verdict.code
            after = restores.get(address, ())
            add_expiry(draft, verdict, verdict.snapshot, where=None, code=code, note=" (orphan)", after=after)


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


def _finish(context: Context, draft: Draft) -> Plan:
    next_due = _next_due(context)
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
        policy=PolicyRevision(context.policy.commit, context.policy.dirty),
        catalog=CatalogRevision(context.world.catalog.revision),
        missed=tuple(draft.missed),
        impact=impacts(context, draft.actions),
        drift=_drift(context),
        backends=_backends(context),
        next_due=next_due,
        diagnostics=(*draft.diagnostics, *_backend_findings(context)),
        digest=digest(draft.actions),
    )


def _drift(context: Context) -> tuple[Drifted, ...]:
    found = {
        Drifted(drift.kind, drift.subject, drift.text)
        for state in context.backends.values()
        for drift in state.drift
        if context.in_focus(drift.subject.rpartition("@")[0] or drift.subject)
    }
    return tuple(sorted(found, key=lambda drift: (drift.kind, drift.subject, drift.text)))


def _backends(context: Context) -> tuple[BackendSummary, ...]:
    return tuple(
        BackendSummary(name, len(state.targets), len(state.snapshots), state.error)
        for name, state in sorted(context.world.backends.items())
    )


def _backend_findings(context: Context) -> list[Diagnostic]:
    return [
        Diagnostic(
            "SP440",
            Severity.WARNING,
            f"backend {name!r} is left out: {state.error}",
            detail="Nothing is planned for it, and nothing of it reads as gone.",
        )
        for name, state in sorted(context.world.backends.items())
        if state.error is not None
    ]


def _clock_finding(context: Context) -> list[Diagnostic]:
    high_water = context.world.catalog.high_water
    if not context.clock_stepped_back or high_water is None:
        return []
    return [
        Diagnostic(
            "SP441",
            Severity.WARNING,
            f"the clock stepped back: it is {format_instant(context.now)}, "
            f"and an apply was confirmed at {format_instant(high_water)}",
            detail="Nothing is due and nothing expires in this run.",
            hint="set the clock right",
        )
    ]
