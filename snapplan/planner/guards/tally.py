"""Sorts the actions of a plan by backend and by what the guards count; each action is looked at once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from snapplan.models.plan import Verb
from snapplan.models.request import AssignRequest, ChangeRequest, ExpireRequest, RestoreRequest, SnapshotRequest
from snapplan.planner.sets import BROKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from snapplan.models.plan import Action
    from snapplan.planner.ownership import Owned

DAY = timedelta(days=1)


@dataclass(slots=True)
class Tally:
    """The actions on one backend that guards look at.

    ``surprises`` are the expiries and shortenings that the recorded expirations did not announce, ``foreseen`` the other
    expiries; what removes an incomplete snapshot is in neither. ``endings`` are the assignments that only end.
    ``removals`` are the profiles that the policy does not have any more; they are of no backend and stand with each.
    """

    surprises: list[Action] = field(default_factory=list)
    foreseen: list[Action] = field(default_factory=list)
    snapshots: list[Action] = field(default_factory=list)
    endings: list[Action] = field(default_factory=list)
    removals: list[Action] = field(default_factory=list)

    @property
    def lossy(self) -> list[Action]:
        """All that takes restore points away, now or earlier than was recorded."""
        return [*self.surprises, *self.foreseen]


def tally(actions: Sequence[Action]) -> Mapping[str, Tally]:
    """Return the tally of each backend; one without actions has an empty one."""
    removals = [a for a in actions if a.verb is Verb.PROFILE and a.change.get("after") is None]
    tallies: dict[str, Tally] = defaultdict(lambda: Tally(removals=removals))
    for action in actions:
        if action.backend is None:
            continue
        of_backend = tallies[action.backend]
        if action.verb is Verb.SNAPSHOT:
            of_backend.snapshots.append(action)
        elif action.verb is Verb.ASSIGN:
            if _only_ends(action.request):
                of_backend.endings.append(action)
        elif not action.foreseen:
            of_backend.surprises.append(action)
        elif action.verb is Verb.EXPIRE and action.reasons[0].code not in ("incomplete", BROKEN):
            of_backend.foreseen.append(action)
    return tallies


def _only_ends(request: AssignRequest) -> bool:
    return not request.added and (request.platform is None or not request.platform.after)


def removed_with(endings: Sequence[Action], removals: Sequence[Action]) -> set[int]:
    """Return the numbers of ``endings`` and of the profiles among ``removals`` that these assignments still use."""
    profiles = {action.profile for action in endings}
    return {action.number for action in (*endings, *(a for a in removals if a.profile in profiles))}


def target_id(action: Action) -> str | None:
    """Return the permanent id of the target of an action, whatever it is called now."""
    match action.request:
        case SnapshotRequest(target=target):
            return target.id
        case ChangeRequest(snapshot=snapshot) | ExpireRequest(snapshot=snapshot):
            return snapshot.target_id
        case RestoreRequest():
            return action.request.target_id
        case AssignRequest(added=added, ended=ended, platform=platform):
            moved = platform.target.id if platform is not None else None
            return next((triple.target_id for triple in (*added, *ended)), moved)
        case _:
            return None


class Stock(NamedTuple):
    """The sound owned snapshots of a backend that are not dated in the future: all, and those of the last day."""

    complete: int
    recent: tuple[datetime, ...]


def stock(owned: Owned, now: datetime) -> Stock:
    """Return what a backend has at ``now``; each snapshot is looked at once, as there may be 100,000."""
    groups = (*owned.scheduled.values(), *owned.manual.values())
    if owned.flawless:
        taken = [s.taken_at for group in groups for s in group if s.completed_at is not None]
    else:
        taken = [s.taken_at for group in groups for s in group if s.standing.holds]
    since = now - DAY
    recent = [at for at in taken if at > since]
    future = sum(at > now for at in recent)
    return Stock(len(taken) - future, tuple(at for at in recent if at <= now) if future else tuple(recent))
