"""What all parts of the planner look at, and the draft that they add actions to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snapplan.models.plan import Action, Missed, Reason, Verb
from snapplan.models.target import Target
from snapplan.planner.ownership import Owned, renames, sort_out
from snapplan.planner.resolve import in_focus, resolve

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from snapplan.diagnostics import Diagnostic, Location
    from snapplan.models.order import Focus, Orders
    from snapplan.models.policy import Policy
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.world import BackendState, Tracked, Triple, World
    from snapplan.planner.resolve import Resolution

CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Context:
    """The input of a plan, prepared once.

    ``tracked`` is the catalog's record raised by the slots that listed snapshots satisfy, under the new names of renamed
    profiles and periods. ``clock_stepped_back`` makes nothing due and blocks expiry.
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

    @property
    def backends(self) -> Mapping[str, BackendState]:
        """The backends that could be read."""
        return {name: state for name, state in self.world.backends.items() if state.error is None}

    def in_focus(self, target: str) -> bool:
        """Whether a target address is among those that the plan is limited to."""
        return in_focus(target, self.focus)

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
    kept: int = 0
    pinned: int = 0
    orphans: int = 0

    def add(self, verb: Verb, *, reasons: tuple[Reason, ...], **fields: Any) -> int:
        """Append an action and return its number."""
        number = len(self.actions) + 1
        self.actions.append(Action(number=number, verb=verb, reasons=reasons, **fields))
        return number


def prepare(policy: Policy, world: World, now: datetime, orders: Orders, focus: Focus) -> Context:
    """Return what the parts of the planner share."""
    moves = renames(policy)
    readable = {name: state for name, state in world.backends.items() if state.error is None}
    owned = {name: sort_out(state.snapshots, policy.config.project, moves, now) for name, state in readable.items()}
    renamed = {
        triple: triple._replace(profile=new[0], period=new[1])
        for triple in (world.catalog.tracked if moves else ())
        if (new := moves.get((triple.profile, triple.period)))
    }
    high_water = world.catalog.high_water
    return Context(
        policy=policy,
        world=world,
        now=now,
        orders=orders,
        focus=focus,
        resolution=resolve(policy, world.backends),
        owned=owned,
        tracked=_effective(world.catalog.tracked, renamed, owned),
        renamed=renamed,
        clock_stepped_back=high_water is not None and now < high_water - CLOCK_TOLERANCE,
    )


def _effective(
    recorded: Mapping[Triple, Tracked], renamed: Mapping[Triple, Triple], owned: Mapping[str, Owned]
) -> dict[Triple, Tracked]:
    tracked = dict(recorded)
    for old, new in renamed.items():
        tracked.setdefault(new, recorded[old])
    for sorted_out in owned.values():
        for triple, slot in sorted_out.newest_slot.items():
            record = tracked.get(triple)
            if record is not None and slot >= record.since and (record.last_slot is None or record.last_slot < slot):
                tracked[triple] = record._replace(last_slot=slot)
    return tracked


def target_of(snapshot: Snapshot) -> Target:
    """Return the target of a snapshot as the snapshot remembers it, for targets that are gone."""
    return Target(snapshot.backend, snapshot.scope, snapshot.target_name, snapshot.target_id)
