"""Whether the time of a plan can be believed: against the last confirmed apply, and against other clocks."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from snapplan.models.world import World

STEP_TOLERANCE = timedelta(minutes=5)
MOST_AHEAD = timedelta(days=1)
"""A clock may be so far beyond the last confirmed apply without another clock that says the same."""
AGREES_WITHIN = timedelta(hours=1)
PATIENCE = timedelta(hours=24)
"""So long clocks may disagree before that alone is a reason to end with 3."""
MACHINE = ""
"""Stands for this machine among the names of backends."""


def stepped_back(world: World, now: datetime) -> bool:
    """Whether the clock is more than five minutes before the last confirmed apply."""
    confirmed = world.catalog.high_water
    return confirmed is not None and now < confirmed - STEP_TOLERANCE


def jumped_ahead(world: World, now: datetime) -> bool:
    """Whether the clock is more than a day beyond the last confirmed apply and no other clock says the same."""
    confirmed = world.catalog.high_water
    if confirmed is None or now - confirmed <= MOST_AHEAD:
        return False
    return not any(abs(at - now) <= AGREES_WITHIN for _, at in other_clocks(world))


def disputed(world: World, now: datetime) -> dict[str, datetime]:
    """Return what the clocks say that prove the clock of the plan wrong by more than five minutes, by backend.

    That of this machine, which concerns all backends, is under the empty name.
    """
    found = {} if world.second_clock is None else {MACHINE: world.second_clock}
    found |= {n: s.clock for n, s in sorted(world.backends.items()) if s.error is None and s.clock is not None}
    return {name: at for name, at in found.items() if abs(at - now) > STEP_TOLERANCE}


def reckoned(world: World, now: datetime) -> datetime:
    """Return the instant that an expiration counts from: ``now``, or a later one that a behind clock has not reached.

    What is ordered while the clock is behind would otherwise expire as soon as the clock is right.
    """
    confirmed, second = world.catalog.high_water, world.second_clock
    later = [at for at in (confirmed, second) if at is not None and at - now > STEP_TOLERANCE]
    return max(later, default=now)


def other_clocks(world: World) -> Iterator[tuple[str, datetime]]:
    """Yield the clocks that are not the one of the plan, by name."""
    if world.second_clock is not None:
        yield "this machine's second clock", world.second_clock
    for name, state in sorted(world.backends.items()):
        if state.error is None and state.clock is not None:
            yield f"backend {name}", state.clock
