"""What all parts of the planner look at, and the draft that they add actions to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snapplan.models.plan import Action, Missed, Reason, Verb
from snapplan.models.snapshot import Condition
from snapplan.planner.acceptance import with_accepted
from snapplan.planner.ownership import Owned, renames, sort_out
from snapplan.planner.resolve import in_focus, resolve
from snapplan.planner.timekeeping import jumped_ahead, stepped_back

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from snapplan.diagnostics import Diagnostic, Location
    from snapplan.models.order import Focus, Orders
    from snapplan.models.policy import Policy
    from snapplan.models.request import AssignRequest, ProfileRequest
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import BackendState, Tracked, Triple, World
    from snapplan.planner.resolve import Resolution

CLOCK_CODE = "SP306"
"""Allowed, it says that the clock is right after all."""


@dataclass(frozen=True, slots=True)
class Context:
    """The input of a plan, prepared once.

    ``tracked`` is the catalog's record raised by the slots that listed snapshots satisfy, under the new names of renamed
    profiles and periods. ``clock_stepped_back`` makes nothing due and blocks expiry, unless the clock's guard is allowed.
    ``clock_in_doubt`` says that the clock jumped ahead and no other clock agrees, allowed or not.
    """

    policy: Policy
    world: World
    now: datetime
    orders: Orders
    focus: Focus
    resolution: Resolution
    owned: Mapping[str, Owned]
    tracked: Mapping[Triple, Tracked]
    renamed: Mapping[Triple, Triple]
    clock_stepped_back: bool
    clock_in_doubt: bool

    @property
    def backends(self) -> Mapping[str, BackendState]:
        """The backends that could be read."""
        return {name: state for name, state in self.world.backends.items() if state.error is None}

    def in_focus(self, target: str) -> bool:
        """Whether a target address is among those that the plan is limited to."""
        return in_focus(target, self.focus)

    @property
    def everything(self) -> bool:
        """Whether the plan is limited to nothing."""
        return self.focus.targets == ("*",) and self.focus.backends == ("*",)

    def where(self, *path: str) -> str | None:
        """Return ``file:line:column`` of a key of the policy."""
        location: Location | None = self.policy.location(*path)
        return str(location) if location else None


@dataclass(slots=True)
class Draft:
    """A plan in the making; the parts of the planner add to it in the order in which it will be carried out."""

    actions: list[Action] = field(default_factory=list)
    missed: list[Missed] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    instants: set[datetime] = field(default_factory=set)
    existing: list[str] = field(default_factory=list)
    settled: list[ProfileRequest | AssignRequest] = field(default_factory=list)
    kept: int = 0
    pinned: int = 0
    orphans: int = 0

    def add(self, verb: Verb, *, reasons: tuple[Reason, ...], **fields: Any) -> int:
        """Append an action and return its number."""
        number = len(self.actions) + 1
        self.actions.append(Action(number=number, verb=verb, reasons=reasons, **fields))
        return number


def prepare(
    policy: Policy, world: World, now: datetime, orders: Orders, focus: Focus, allowed: Collection[str] = ()
) -> Context:
    """Return what the parts of the planner share; ``allowed`` are the codes of the guards that are lifted."""
    moves = renames(policy)
    world = with_accepted(world)
    readable = {name: state for name, state in world.backends.items() if state.error is None}
    owned = {
        name: sort_out(state.snapshots, policy.config.project, moves, now, world.catalog.successors(name))
        for name, state in readable.items()
    }
    renamed = {
        triple: triple._replace(profile=new[0], period=new[1])
        for triple in (world.catalog.tracked if moves else ())
        if (new := moves.get((triple.profile, triple.period)))
    }
    return Context(
        policy=policy,
        world=world,
        now=now,
        orders=orders,
        focus=focus,
        resolution=resolve(policy, world.backends, world.catalog),
        owned=owned,
        tracked=_effective(world.catalog.tracked, renamed, owned, now),
        renamed=renamed,
        clock_stepped_back=stepped_back(world, now) and CLOCK_CODE not in allowed,
        clock_in_doubt=jumped_ahead(world, now),
    )


def _effective(
    recorded: Mapping[Triple, Tracked], renamed: Mapping[Triple, Triple], owned: Mapping[str, Owned], now: datetime
) -> dict[Triple, Tracked]:
    tracked = dict(recorded)
    for old, new in renamed.items():
        tracked.setdefault(new, recorded[old])
    for sorted_out in owned.values():
        if not sorted_out.flawless:
            _forget_lost_slots(tracked, sorted_out, now)
        for triple, slot in sorted_out.newest_slot.items():
            record = tracked.get(triple)
            if record is not None and slot >= record.since and (record.last_slot is None or record.last_slot < slot):
                tracked[triple] = record._replace(last_slot=slot)
    return tracked


def _forget_lost_slots(tracked: dict[Triple, Tracked], owned: Owned, now: datetime) -> None:
    """Lower what is recorded of a triple whose newest slot only a damaged snapshot has: it is due once more.

    One that would be over by now, were it whole, is missed by nobody; nor is what was taken in its place and is over.
    """
    for triple, snapshots in owned.scheduled.items():
        record = tracked.get(triple)
        if record is None or record.last_slot is None:
            continue
        newest = [one for one in snapshots if one.mark is not None and one.mark.slot == record.last_slot]
        lost = any(one.condition is Condition.DAMAGED and not _is_over(one, now) for one in newest)
        if lost and not any(one.standing.satisfies for one in newest):
            before = record.last_slot - timedelta(seconds=1)
            tracked[triple] = record._replace(last_slot=before if before >= record.since else None)


def _is_over(snapshot: Snapshot, now: datetime) -> bool:
    expiration = snapshot.mark.expires_at if snapshot.mark is not None else None
    return expiration is not None and expiration <= now
