"""Which expiries the recorded expirations announced, so that nobody can be surprised by them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.planner.adoption import KEY_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from snapplan.models.snapshot import Snapshot
    from snapplan.planner.context import Context
    from snapplan.planner.expiry import Verdict

SURPRISES = frozenset({"retroactive", "orphan", "released"})
"""Reasons of expiries that only a change of the policy or of the targets brought about."""


def is_foreseen(context: Context, original: Snapshot, code: str) -> bool:
    """Whether an expiry for the reason ``code`` was announced by what is recorded; ``original`` is as it stands now.

    While the clock is in doubt, nothing that ended since the last confirmed apply was: perhaps its time has not come.
    """
    if code == "incomplete":
        return True
    if code in SURPRISES or is_adopted(original):
        return False
    confirmed = context.world.catalog.high_water
    return not context.clock_in_doubt or confirmed is None or (ended_at(original) or context.now) <= confirmed


def is_adopted(snapshot: Snapshot) -> bool:
    """Whether a snapshot became ours by adoption."""
    return snapshot.mark is not None and (snapshot.mark.key or "").startswith(KEY_PREFIX)


def ended_at(snapshot: Snapshot) -> datetime | None:
    """Return when nothing that is recorded with a snapshot kept it any more (UTC); ``None`` is never."""
    mark = snapshot.mark
    if mark is None or mark.expires_at is None:
        return None
    ends = [mark.expires_at, mark.pin.until if mark.pin else None, snapshot.locked_until]
    return max(end for end in ends if end is not None)


def promised_minimum(verdicts: Sequence[Verdict], originals: Mapping[str, Snapshot]) -> int:
    """Return the minimum that the newest complete snapshot of a triple carries in its mark, as it stands now."""
    for verdict in reversed(verdicts):
        original = originals[verdict.snapshot.native_id]
        if verdict.position is not None and original.mark is not None:
            return original.mark.minimum
    return 0


def is_released(verdict: Verdict, original: Snapshot, promised: int) -> bool:
    """Whether an expiring snapshot would still be held by the minimum that its mark or the newest one's carries."""
    own = original.mark.minimum if original.mark else 0
    return verdict.code == "expired" and verdict.position is not None and verdict.position <= max(promised, own)
