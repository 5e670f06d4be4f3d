"""SP306: the clock stepped back, or jumped ahead and no other clock agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.ids import format_instant
from snapplan.models.durations import format_duration
from snapplan.models.plan import GuardResult
from snapplan.planner.guards.judgement import BLOCKED, OK, Judgement
from snapplan.planner.timekeeping import AGREES_WITHIN, MOST_AHEAD, STEP_TOLERANCE, other_clocks, stepped_back

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context

CODE = "SP306"
LIMIT = {"back": STEP_TOLERANCE, "ahead": MOST_AHEAD, "agrees_within": AGREES_WITHIN}


def judge_clock(context: Context, actions: Sequence[Action]) -> Judgement:
    """Judge the time of the plan against the last confirmed apply.

    After a step back nothing is planned that depends on the time, so nothing is left to stop. A jump ahead that no other
    clock confirms stops every action: a snapshot's expiration and what is missed depend on the time too.
    """
    confirmed, now = context.world.catalog.high_water, context.now
    others = dict(other_clocks(context.world))
    value = {"now": now, "confirmed": confirmed, "others": others}
    if confirmed is None:
        return Judgement(GuardResult(CODE, "clock", None, OK, "no apply has confirmed a time yet", value, LIMIT))
    if stepped_back(context.world, now):
        text = (
            f"the clock stepped back: it is {format_instant(now)}, and an apply was confirmed at"
            f" {format_instant(confirmed)}; nothing is due and nothing expires"
        )
        return Judgement(GuardResult(CODE, "clock", None, BLOCKED, text, value, LIMIT))
    if context.clock_in_doubt:
        result = GuardResult(CODE, "clock", None, BLOCKED, _jump(confirmed, now, others), value, LIMIT)
        return Judgement(result, frozenset(action.number for action in actions))
    text = f"the clock agrees with the apply confirmed at {format_instant(confirmed)}"
    return Judgement(GuardResult(CODE, "clock", None, OK, text, value, LIMIT))


def _jump(confirmed: datetime, now: datetime, others: dict[str, datetime]) -> str:
    said = "; ".join(f"{name} says {format_instant(at)}" for name, at in others.items())
    return (
        f"the clock is {format_duration(now - confirmed)} beyond the last confirmed apply"
        f" ({format_instant(confirmed)} -> {format_instant(now)}), and "
        + (f"no other clock agrees: {said}" if others else "there is no other clock to compare it with")
    )
