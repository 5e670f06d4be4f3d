"""Sets are taken all or nothing: what they are called, what is left of broken ones, and when those are tried again.

A member that always fails must not make every run leave one more copy of each of the others (they are kept for a day). So
each slot is tried as soon as it is due, but again only after a delay, which doubles with every try of which something is
left.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.ids import compact_instant, format_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from snapplan.diagnostics import Location
    from snapplan.models.snapshot import Mark
    from snapplan.models.world import Triple
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.resolve import Resolved

BROKEN_PREFIX = "broken-set."
"""The manual key of what is left of a broken set begins so; ``mark.set`` is still the set's name."""
BROKEN = "broken-set"
"""The reason of an expiry of what is left of a broken set."""
FIRST_DELAY = timedelta(minutes=15)
_MOST_DOUBLINGS = 10
_SLOT = re.compile(r"\.[0-9]{8}T[0-9]{4}Z\Z")


class Wait(NamedTuple):
    """A set that is not tried again before ``until`` (UTC); ``tries`` left ``kept`` snapshots that are still there."""

    name: str
    until: datetime
    tries: int
    kept: int


def set_names(due: Sequence[tuple[Resolved, datetime]]) -> dict[Triple, str]:
    """Return the set that each snapshot which is due belongs to; one that is alone in its set belongs to none."""
    members: dict[tuple[str, str], list[Triple]] = {}
    for resolved, slot in due:
        if resolved.atomic:
            triple = resolved.triple
            name = ".".join((resolved.assignment, triple.profile, triple.period, compact_instant(slot)))
            members.setdefault((triple.backend, name), []).append(triple)
    return {triple: name for (_, name), group in members.items() if len(group) > 1 for triple in group}


def hold_broken_sets(context: Context, draft: Draft, due: Sequence[tuple[Resolved, datetime]]) -> frozenset[Triple]:
    """Return which of the snapshots that are due wait with their broken set, and say so in the draft."""
    names = set_names(due)
    members: dict[tuple[str, str, str], list[Triple]] = {}
    for resolved, _ in due:
        triple = resolved.triple
        if triple in names:
            members.setdefault((triple.backend, names[triple], resolved.assignment), []).append(triple)
    waiting: set[Triple] = set()
    for (backend, name, assignment), group in members.items():
        where = context.policy.location("assignments", assignment)
        if held(context, draft, name, [backend], len(group), where):
            waiting.update(group)
    return frozenset(waiting)


def held(
    context: Context, draft: Draft, name: str, backends: Iterable[str], members: int, where: Location | None
) -> bool:
    """Whether the set ``name`` must wait; if so, the draft says until when."""
    waiting = wait(name, leftovers(context, backends), context.now)
    if waiting is None:
        return False
    draft.instants.add(waiting.until)
    draft.diagnostics.append(finding(waiting, members, where))
    return True


def leftovers(context: Context, backends: Iterable[str]) -> list[Mark]:
    """Return the marks of what is left of broken sets on ``backends`` and has not expired."""
    return [
        snapshot.mark
        for backend in backends
        if backend in context.owned
        for key, snapshots in context.owned[backend].manual.items()
        if key.key.startswith(BROKEN_PREFIX)
        for snapshot in snapshots
        if snapshot.mark is not None and snapshot.mark.set and _end(snapshot.mark) > context.now
    ]


def wait(name: str, left: Sequence[Mark], now: datetime) -> Wait | None:
    """Say until when the set ``name`` must wait, or ``None`` where it may be tried now.

    Tries for other slots of the same period count for the delay, but a slot that was never tried does not wait: so a
    broken set costs about one copy of each member per slot.
    """
    own = [mark for mark in left if mark.set == name]
    if not own:
        return None
    ends: dict[str, datetime] = {}
    family = [mark for mark in left if _series(mark.set or "") == _series(name)]
    for mark in family:
        ends[mark.run] = max(_end(mark), ends.get(mark.run, _end(mark)))
    last = max(mark.taken_at for mark in own)
    fewer = [now, *sorted(ends.values())]
    # Whenever something of a try expires there is one try less, so the delay may end sooner than it seems now.
    until = min(
        max(start, last + FIRST_DELAY * 2 ** min(len(ends) - 1 - gone, _MOST_DOUBLINGS))
        for gone, start in enumerate(fewer[:-1])
    )
    until = min(until, max(_end(mark) for mark in own))
    return Wait(name, until, len(ends), len(family)) if until > now else None


def finding(waiting: Wait, members: int, where: Location | None) -> Diagnostic:
    """Return what is said of a set that waits."""
    tries = "1 try" if waiting.tries == 1 else f"{waiting.tries} tries"
    return Diagnostic(
        "SP414",
        Severity.WARNING,
        f"set {waiting.name!r} of {members} targets is not whole; it is tried again at {format_instant(waiting.until)}",
        where=where,
        detail=f"{tries} failed and left {waiting.kept} snapshots that count for nothing; trying at every run would"
        " leave more. A new slot is tried at once.",
        hint="snapplan list runs and snapplan show run N say which member failed; mend it, or exclude it",
    )


def _series(name: str) -> str:
    """Return the name of a set without its slot; that of a manual one holds none."""
    return _SLOT.sub("", name)


def _end(mark: Mark) -> datetime:
    """Return when a leftover expires; one that was pinned or given no end is as old as any other."""
    return mark.expires_at if mark.expires_at is not None else mark.taken_at
