"""SP309: the content of a target has vanished, or is not what it was. SP310: a target lies elsewhere than it did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.ids import format_instant
from snapplan.models.plan import GuardResult, Verb
from snapplan.planner.acceptance import suspicious_since
from snapplan.planner.guards.judgement import BLOCKED, MOST_NAMES, OK, Judgement, counted
from snapplan.planner.guards.tally import target_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.planner.context import Context
    from snapplan.planner.guards.tally import Tally

SUSPICIOUS, MOVED = "SP309", "SP310"
LEFT = frozenset({Verb.PROFILE, Verb.ASSIGN})
"""What only concerns the policy goes on."""


def judge_suspicious(context: Context, backend: str, tally: Tally) -> Judgement:
    """Judge the targets whose newest snapshot is suspicious: what takes restore points of them away is stopped.

    The older ones may be all that is left of the content. Snapshots go on being taken; the first one that is not
    suspicious ends it, and so does a person who accepts the content.
    """
    lossy = [action for action in tally.lossy if action.verb in (Verb.EXPIRE, Verb.CHANGE)]
    found = {} if context.owned[backend].flawless else suspicious(context, backend)
    stopped = [action for action in lossy if target_id(action) in found]
    names = sorted(one.target_address for one in found.values())
    value = {
        "count": len(stopped),
        "targets": names[:MOST_NAMES],
        "since": {one.target_address: format_instant(one.taken_at) for one in found.values()},
    }
    if not found:
        text = f"the newest snapshot of no target of {backend} is suspicious"
        return Judgement(GuardResult(SUSPICIOUS, "suspicious", backend, OK, text, value, {"count": 0}))
    told = "; ".join(f"{one.target_address}: {one.suspicion}" for one in sorted(found.values())[:3])
    more = f" and {len(found) - 3:,} more" if len(found) > 3 else ""
    text = f"the newest snapshots of {counted(len(found), 'target')} are suspicious ({told}{more})"
    text += (
        f"; {counted(len(stopped), 'expiry')} stopped" if len(stopped) == 1 else f"; {len(stopped):,} expiries stopped"
    )
    text += f". If the content is right: snapplan accept {names[0]} --reason TEXT"
    result = GuardResult(SUSPICIOUS, "suspicious", backend, BLOCKED, text, value, {"count": 0})
    return Judgement(result, frozenset(action.number for action in stopped))


def suspicious(context: Context, backend: str) -> dict[str, Snapshot]:
    """Return the snapshot with which the content of each suspicious target became so, by target id."""
    owned = context.owned[backend]
    by_target: dict[str, list[Snapshot]] = {}
    for group in (*owned.scheduled.values(), *owned.manual.values(), *owned.managed_scheduled.values()):
        by_target.setdefault(group[0].target_id, []).extend(group)
    found = {target: suspicious_since(some, context.now) for target, some in by_target.items()}
    return {target: first for target, first in found.items() if first is not None}


def judge_moved(context: Context, backend: str, actions: Sequence[Action]) -> Judgement:
    """Judge the targets whose real path is another one than the catalog knows: nothing is done with them.

    What would be captured is perhaps not theirs, and what would be restored would be written to another place.
    """
    state = context.world.backends[backend]
    here = {target.id: target for target in state.targets if target.id in state.moved}
    stopped = (
        [a for a in actions if a.backend == backend and a.verb not in LEFT and target_id(a) in here] if here else []
    )
    names = sorted(target.address for target in here.values())
    value = {"count": len(stopped), "targets": names[:MOST_NAMES]}
    if not here:
        text = f"the targets of {backend} lie where they lay"
        return Judgement(GuardResult(MOVED, "moved_target", backend, OK, text, value, {"count": 0}))
    told = "; ".join(
        f"{one.address} is at {place(one)}, and was at {state.moved[one.id]}"
        for one in sorted(here.values(), key=lambda one: one.address)[:3]
    )
    more = f" and {len(here) - 3:,} more" if len(here) > 3 else ""
    text = f"{told}{more}; nothing is done with {'it' if len(here) == 1 else 'them'}."
    text += f" If that is right: snapplan accept {names[0]} --reason TEXT"
    result = GuardResult(MOVED, "moved_target", backend, BLOCKED, text, value, {"count": 0})
    return Judgement(result, frozenset(action.number for action in stopped))


def place(target: Target) -> str:
    """Return the real path of a target, as people read it."""
    return target.fingerprint.path if target.fingerprint is not None else "another place"
