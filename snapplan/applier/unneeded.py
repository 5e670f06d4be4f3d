"""Why an approved action is not in the plan of now: it is done, not needed, or what it was about has changed. Pure."""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from snapplan.applier.board import described
from snapplan.applier.report import ActionResult, State
from snapplan.applier.stale import refusal
from snapplan.ids import format_instant
from snapplan.models.plan import Action, Verb, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from snapplan.diagnostics import Diagnostic
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.models.world import BackendState, World


class Fate(StrEnum):
    """Why an approved action is not carried out: it is so already, nobody wants it any more, or it cannot be done."""

    ALREADY = "already"
    UNWANTED = "unwanted"
    IMPOSSIBLE = "impossible"


class Absent(NamedTuple):
    """An approved action that is not carried out. ``text`` says why, in a sentence without its subject."""

    action: Action
    fate: Fate
    text: str

    def __str__(self) -> str:
        return f"{described(self.action)} is skipped: {self.text}"


def unneeded(action: Action, world: World) -> Absent | Diagnostic:
    """Return why an approved action is skipped, or the refusal where what it is about is another thing now.

    ``action`` comes from a document (``snapplan.applier.approve.read_actions``).
    """
    state = world.backends.get(action.backend) if action.backend is not None else None
    if action.backend is not None and (state is None or state.error is not None):
        why = state.error.text if state is not None and state.error is not None else "it is not read"
        return Absent(action, Fate.IMPOSSIBLE, f"backend {action.backend} is left out: {why}")
    if state is not None:
        moved = _moved(action, state, world)
        if moved is not None:
            return moved
    return Absent(action, *_why(action, state, world))


def given_up(absent: Sequence[Absent], doing: Sequence[Action]) -> tuple[ActionResult, ...]:
    """Return what became of the approved actions that are not carried out; ``doing`` are those that are.

    What is so already is skipped, what cannot be done was not tried. What nobody wants any more is skipped as well, but
    where nothing at all is done the operator must not read that as success. The numbers follow those of ``doing``.
    """
    first = 1 + max((action.number for action in doing), default=0)
    return tuple(
        ActionResult(
            dataclasses.replace(one.action, number=number),
            State.SKIPPED if one.fate is Fate.ALREADY or (one.fate is Fate.UNWANTED and doing) else State.NOT_TRIED,
            one.text,
        )
        for number, one in enumerate(absent, first)
    )


def _moved(action: Action, state: BackendState, world: World) -> Diagnostic | None:
    """Return the refusal for a snapshot that is another one under the same address, or is gone and was to be restored."""
    if action.verb is Verb.RESTORE and _restore_state(action, world) is not None:
        return None
    if action.verb not in (Verb.EXPIRE, Verb.CHANGE, Verb.RESTORE):
        return None
    found = [snapshot for snapshot in state.snapshots if snapshot.address == action.snapshot]
    if any(_is_meant(action, snapshot) for snapshot in found):
        return None
    if found:
        other = f"{found[0].native_id}, taken at {format_instant(found[0].taken_at)}"
        return refusal(
            "SP510",
            f"{action.snapshot} is another snapshot than when the plan was made",
            f"It was {action.precondition.get('native_id')}, taken at {action.precondition.get('taken_at')}; "
            f"now it is {other}.",
        )
    if action.verb is Verb.RESTORE and not _by_id(action, state):
        return refusal("SP511", f"the source of the restore of {action.target} is gone", f"It was {action.snapshot}.")
    return None


def _is_meant(action: Action, snapshot: Snapshot) -> bool:
    return (snapshot.native_id, format_instant(snapshot.taken_at)) == (
        action.precondition.get("native_id"),
        action.precondition.get("taken_at"),
    )


def _by_id(action: Action, state: BackendState) -> Snapshot | None:
    wanted = action.precondition.get("native_id")
    return next((snapshot for snapshot in state.snapshots if snapshot.native_id == wanted), None)


def _restore_state(action: Action, world: World) -> str | None:
    record = world.catalog.restores.get(str(action.change.get("key")))
    return None if record is None or record.state == "refused" else record.state


def _why(action: Action, state: BackendState | None, world: World) -> tuple[Fate, str]:
    if action.verb is Verb.PROFILE:
        return _why_no_profile(action, world)
    if action.verb is Verb.ASSIGN:
        return _why_not_assigned(action, state, world)
    if state is None:
        return Fate.UNWANTED, "the policy no longer asks for it"
    if action.verb is Verb.SNAPSHOT:
        return _why_not_taken(action, state)
    if action.verb is Verb.RESTORE:
        return _why_not_restored(action, world)
    snapshot = _by_id(action, state)
    if snapshot is None:
        return (Fate.ALREADY if action.verb is Verb.EXPIRE else Fate.IMPOSSIBLE), "it is gone already"
    if snapshot.address != action.snapshot:
        return Fate.UNWANTED, f"it is called {snapshot.address} now; the next plan has it"
    return _why_not_changed(action, snapshot)


def _why_no_profile(action: Action, world: World) -> tuple[Fate, str]:
    if action.backend is not None:
        return Fate.ALREADY, f"{action.backend} has it as the policy wants it already"
    wanted, recorded = action.change.get("after"), world.catalog.profiles.get(str(action.profile))
    if wanted == (None if recorded is None else plain(dict(recorded))):
        return Fate.ALREADY, "the catalog has it already"
    return Fate.UNWANTED, "the policy no longer asks for it"


def _why_not_assigned(action: Action, state: BackendState | None, world: World) -> tuple[Fate, str]:
    """Say why an assignment neither begins nor ends: its target may be gone, which the catalog does not know."""
    wanted = action.precondition.get("target_id")
    begins, ends = action.change.get("begins", ()), action.change.get("ends", ())
    tracked = {
        triple.period
        for triple in world.catalog.tracked
        if (triple.backend, triple.target_id, triple.profile) == (action.backend, wanted, action.profile)
    }
    if begins and state is not None and not any(target.id == wanted for target in state.targets):
        return Fate.IMPOSSIBLE, _gone(action, state)
    if tracked.issuperset(begins) and tracked.isdisjoint(ends):
        return Fate.ALREADY, "the catalog has it already"
    return Fate.UNWANTED, "the policy no longer asks for it"


def _why_not_restored(action: Action, world: World) -> tuple[Fate, str]:
    begun = _restore_state(action, world)
    if begun == "done":
        return Fate.ALREADY, "it is done already"
    if begun == "started":
        return Fate.IMPOSSIBLE, "it was begun before and has not ended; snapplan status shows what it waits for"
    return Fate.IMPOSSIBLE, "its time has passed, or the policy no longer asks for it"


def _why_not_changed(action: Action, snapshot: Snapshot) -> tuple[Fate, str]:
    mark = snapshot.mark
    if mark is None:
        return Fate.UNWANTED, "it is foreign now"
    if action.verb is Verb.CHANGE:
        if "deletes_at" in action.change:
            return Fate.ALREADY, "the platform deletes it later now, or it goes"
        wanted = action.change.get("expires_at", [None, None])[1]
        if _shown(mark.expires_at) == wanted:
            return Fate.ALREADY, "its expiration is right already"
        return Fate.UNWANTED, "the policy no longer asks for it"
    if mark.pin is not None:
        return Fate.UNWANTED, f"{mark.pin.owner} pinned it since: {mark.pin.reason}"
    if snapshot.in_use:
        return Fate.UNWANTED, f"it is in use: {snapshot.in_use}"
    return Fate.UNWANTED, f"it does not expire now; its expiration is {_shown(mark.expires_at) or 'never'}"


def _gone(action: Action, state: BackendState) -> str:
    there = any(one.address == action.target for one in state.targets)
    return "its target was deleted" + (", and what has its name now is another one" if there else "")


def _shown(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _why_not_taken(action: Action, state: BackendState) -> tuple[Fate, str]:
    wanted = action.precondition.get("target_id")
    target = next((one for one in state.targets if one.id == wanted), None)
    if target is None:
        return Fate.IMPOSSIBLE, _gone(action, state)
    if target.address != action.target:
        return Fate.IMPOSSIBLE, f"its target is called {target.address} now; the next plan has it"
    taken = _newest(action, target, state)
    if taken is not None:
        return Fate.ALREADY, f"its slot is satisfied already, by {taken.name}"
    return Fate.UNWANTED, "it is not due now"


def _newest(action: Action, target: Target, state: BackendState) -> Snapshot | None:
    """Return the newest complete snapshot of the same target with the same profile and period, or the same key."""
    wanted = (action.profile, action.period, None if action.profile is not None else action.change.get("key"))
    found = [
        snapshot
        for snapshot in state.snapshots
        if snapshot.target_id == target.id
        and snapshot.standing.satisfies
        and (mark := snapshot.mark) is not None
        and (mark.profile, mark.period, mark.key) == wanted
        and (action.slot is None or mark.slot is None or format_instant(mark.slot) >= str(action.slot))
    ]
    return max(found, key=lambda snapshot: (snapshot.taken_at, snapshot.native_id), default=None)
