"""Holds an approved plan against the plan and the world of now: what is done, what is skipped, what refuses. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.applier.approve import Matched, match, stopped
from snapplan.applier.board import told
from snapplan.applier.omit import omit, whole_sets
from snapplan.applier.stale import refusal
from snapplan.applier.unneeded import Absent, Fate, unneeded
from snapplan.diagnostics import Diagnostic
from snapplan.ids import format_instant
from snapplan.models.plan import Verb

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from snapplan.models.plan import Action, Plan
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import World


class Verified(NamedTuple):
    """What may be carried out.

    ``skipped`` are the approved actions that are not carried out, ``left`` sentences about actions of ``plan`` that nobody
    approved. With ``refusals`` nothing may be done.
    """

    plan: Plan
    skipped: tuple[Absent, ...] = ()
    left: tuple[str, ...] = ()
    refusals: tuple[Diagnostic, ...] = ()


def verify(
    approved: Sequence[Action],
    summaries: Mapping[str, str],
    current: Plan,
    doing: Plan,
    world: World,
    *,
    allowed: Collection[str] = (),
) -> Verified:
    """Return what of ``doing`` was approved, and what has changed since.

    ``approved`` are the actions of the approved document; ``summaries`` gives the identity of each backend in it.
    ``current`` is the whole plan of now, made of ``world``; ``doing`` is what of it is to be done after guards and the
    command line left something out.
    """
    matched = match(approved, doing.actions, allowed)
    whole = match(approved, current.actions, allowed)
    absent = whole.absent
    verdicts = [unneeded(action, world) for action in absent]
    refusals = [
        *_backends(approved, summaries, world),
        *(verdict for verdict in verdicts if isinstance(verdict, Diagnostic)),
        *(found for pair in matched.differing if (found := _restore_moved(*pair)) is not None),
        *_elsewhere((*whole.done, *whole.differing, *whole.blocked)),
        *_witnesses(matched.done, world),
    ]
    new = [action for action in matched.new if action.number not in _cleared(matched)]
    held_back = {action.number for action in new}
    held_back |= {action.number for _, action in (*matched.differing, *matched.blocked)}
    plan, stranded = omit(doing, held_back)
    plan, broken = whole_sets(doing, plan)
    known = {action.number for _, action in matched.done}
    strays = [(action, "its set cannot be whole") for action in broken]
    strays += [(action, "it needs what is left out") for action in stranded]
    return Verified(
        plan,
        (
            *(verdict for verdict in verdicts if isinstance(verdict, Absent) and not stopped(verdict.action, allowed)),
            *(Absent(b, Fate.UNWANTED, f"{_difference(a, b)}; the next plan has it") for a, b in matched.differing),
            *(Absent(action, Fate.UNWANTED, text) for action, text in strays if action.number in known),
        ),
        tuple(
            told(
                [
                    *((action, "is new; it is left for the next plan") for action in new),
                    *((b, f"was not approved: {', '.join(a.blocked_by)} had stopped it") for a, b in matched.blocked),
                    *((a, f"is left for the next plan too: {text}") for a, text in strays if a.number not in known),
                ]
            )
        ),
        tuple(dict.fromkeys(refusals)),
    )


def _cleared(matched: Matched) -> set[int]:
    """Return the numbers of the removals of what a dead run left half-made of targets of which a snapshot is approved."""
    taken = {action.target for _, action in matched.done if action.verb is Verb.SNAPSHOT}
    return {
        action.number
        for action in matched.new
        if action.target in taken
        and action.verb is Verb.EXPIRE
        and any(reason.code == "incomplete" for reason in action.reasons)
    }


def _difference(approved: Action, action: Action) -> str:
    if approved.verb is Verb.CHANGE and action.snapshot is not None:
        return "its expiration, or what it is to become, is another one now"
    return "it would do something else than was approved"


def _backends(approved: Sequence[Action], summaries: Mapping[str, str], world: World) -> Iterator[Diagnostic]:
    """Refuse where another system answers under a backend's name; one without an identity cannot be told."""
    needed = {action.backend for action in approved if not _is_ending(action)}
    for name in sorted({action.backend for action in approved if action.backend is not None}):
        state, before = world.backends.get(name), summaries.get(name)
        if state is None and before is None and name not in needed:
            continue  # the policy had no such backend any more: what ends is only recorded in the catalog
        if state is None:
            yield refusal("SP508", f"the policy has no backend {name!r}, or it is left out")
        elif before is None:
            yield refusal("SP501", f"the plan has actions for backend {name!r}, which it says it did not read")
        elif state.error is None and before and before != state.identity:
            yield refusal(
                "SP508",
                f"backend {name!r} is another system than when the plan was made",
                f"Then it was {before}, now it is {state.identity or 'without an identity'}.",
            )


def _is_ending(action: Action) -> bool:
    return action.verb is Verb.ASSIGN and not action.change.get("begins")


def _restore_moved(approved: Action, action: Action) -> Diagnostic | None:
    """Return why a restore must not be done: where its source, its target or its effect is another one now."""
    if action.verb is not Verb.RESTORE:
        return None
    before = f"{approved.snapshot} ({approved.precondition.get('native_id')})"
    now = f"{action.snapshot} ({action.precondition.get('native_id')})"
    moved = f"It was to come from {before}, now it would from {now}." if before != now else "Its target is another one."
    return refusal("SP511", f"the restore of {action.target} would do something else than was approved", moved)


def _elsewhere(pairs: Sequence[tuple[Action, Action]]) -> Iterator[Diagnostic]:
    """Refuse to capture or restore a target that lies elsewhere than when the plan was made, whatever stops it now."""
    for approved, action in pairs:
        before, now = approved.precondition.get("path"), action.precondition.get("path")
        if action.verb in (Verb.SNAPSHOT, Verb.RESTORE) and before != now:
            yield refusal(
                "SP517",
                f"{action.target} lies elsewhere than when the plan was made",
                f"It was at {before or 'a place without a path'}, now it is at {now or 'a place without a path'}.",
            )


def _witnesses(pairs: Sequence[tuple[Action, Action]], world: World) -> Iterator[Diagnostic]:
    """Refuse an expiry when a newer snapshot that justified it is gone, or is another one under the same id."""
    there: dict[str, Mapping[str, Snapshot]] = {}
    for approved, action in pairs:
        if action.verb is not Verb.EXPIRE or action.backend is None:
            continue
        if action.backend not in there:
            snapshots = world.backends[action.backend].snapshots
            there[action.backend] = {snapshot.native_id: snapshot for snapshot in snapshots}
        for witness in approved.precondition.get("witnesses", ()):
            if not _stands(witness, there[action.backend]):
                yield refusal(
                    "SP509",
                    f"{action.snapshot} was to expire because a newer snapshot exists, and that one is gone",
                    f"It was {witness.get('native_id')}, taken at {witness.get('taken_at')}.",
                )


def _stands(witness: Mapping[str, Any], there: Mapping[str, Snapshot]) -> bool:
    """Whether a witness is there, the same, and as sound as it was."""
    snapshot = there.get(witness.get("native_id", ""))
    return (
        snapshot is not None
        and snapshot.standing.holds
        and format_instant(snapshot.taken_at) == witness.get("taken_at")
    )
