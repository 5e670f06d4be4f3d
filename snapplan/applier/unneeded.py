"""Why an approved action is not in the plan of now: it is done, not needed, or what it was about has changed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.applier.board import described
from snapplan.applier.stale import refusal
from snapplan.ids import format_instant
from snapplan.models.plan import Verb

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.diagnostics import Diagnostic
    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.models.world import BackendState, World


def unneeded(action: Action, world: World) -> str | Diagnostic:
    """Return in a sentence why an approved action is skipped, or the refusal where what it is about is another thing now.

    ``action`` comes from a document (``snapplan.applier.approve.read_actions``).
    """
    state = world.backends.get(action.backend) if action.backend is not None else None
    if action.backend is not None and (state is None or state.error is not None):
        why = state.error.text if state is not None and state.error is not None else "it is not read"
        return f"{described(action)} is skipped: backend {action.backend} is left out: {why}"
    if state is not None:
        moved = _moved(action, state, world)
        if moved is not None:
            return moved
    return f"{described(action)} is skipped: {_why(action, state, world)}"


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


def _why(action: Action, state: BackendState | None, world: World) -> str:
    if state is None or action.verb in (Verb.PROFILE, Verb.ASSIGN):
        return "the catalog has it already, or it is not wanted any more"
    if action.verb is Verb.SNAPSHOT:
        return _why_not_taken(action, state)
    if action.verb is Verb.RESTORE:
        begun = _restore_state(action, world)
        return f"it is {begun} already" if begun is not None else "its time is over, or it is not wanted any more"
    snapshot = _by_id(action, state)
    if snapshot is None:
        return "it is gone already"
    if snapshot.address != action.snapshot:
        return f"it is called {snapshot.address} now; the next plan has it"
    return _why_not_changed(action, snapshot)


def _why_not_changed(action: Action, snapshot: Snapshot) -> str:
    mark = snapshot.mark
    if mark is None:
        return "it is foreign now"
    if action.verb is Verb.CHANGE:
        if "deletes_at" in action.change:
            return "the platform deletes it later now, or it goes"
        wanted = action.change.get("expires_at", [None, None])[1]
        return "its expiration is right already" if _shown(mark.expires_at) == wanted else "it is not wanted any more"
    if not snapshot.standing.expires:
        return f"it is kept: {snapshot.flaw}"
    if mark.pin is not None:
        return f"{mark.pin.owner} pinned it since: {mark.pin.reason}"
    if snapshot.in_use:
        return f"it is in use: {snapshot.in_use}"
    return f"it does not expire now; its expiration is {_shown(mark.expires_at) or 'never'}"


def _shown(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


def _why_not_taken(action: Action, state: BackendState) -> str:
    wanted = action.precondition.get("target_id")
    target = next((one for one in state.targets if one.id == wanted), None)
    if target is None:
        there = any(one.address == action.target for one in state.targets)
        return "its target is gone" + (", and what has its name now is another one" if there else "")
    if target.address != action.target:
        return f"its target is called {target.address} now; the next plan has it"
    taken = _newest(action, target, state)
    if taken is not None:
        return f"its slot is satisfied already, by {taken.name}"
    return "it is not due now"


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
