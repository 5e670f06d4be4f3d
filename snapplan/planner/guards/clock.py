"""SP306: the clock stepped back, jumped ahead and no other clock agrees, or another clock proves it wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.ids import format_instant
from snapplan.models.durations import format_duration
from snapplan.models.plan import GuardResult, Verb
from snapplan.planner.guards.judgement import BLOCKED, OK, Judgement
from snapplan.planner.guards.sticky import clock_subject
from snapplan.planner.timekeeping import (
    AGREES_WITHIN,
    MACHINE,
    MOST_AHEAD,
    PATIENCE,
    STEP_TOLERANCE,
    disputed,
    other_clocks,
    stepped_back,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context, Draft

CODE = "SP306"
LIMIT = {"back": STEP_TOLERANCE, "ahead": MOST_AHEAD, "agrees_within": AGREES_WITHIN}


def judge_clocks(context: Context, draft: Draft) -> Iterator[Judgement]:
    """Yield the judgement of this machine's clock, and one for each backend whose clock proves it wrong."""
    clocks = disputed(context.world, context.now)
    yield _judge_machine(context, draft, clocks.pop(MACHINE, None))
    for backend, at in clocks.items():
        if backend in context.owned:
            actions = [action for action in draft.actions if action.backend == backend]
            yield _disputed(context, draft, backend, at, actions)


def _judge_machine(context: Context, draft: Draft, second: datetime | None) -> Judgement:
    """Judge the time of the plan against the last confirmed apply, and against this machine's second clock.

    After a step back nothing is planned that depends on the time, so nothing is left to stop. A jump ahead that no other
    clock confirms stops every action: a snapshot's expiration and what is missed depend on the time too. Where the second
    clock proves the clock wrong by less, nothing expires.
    """
    actions = draft.actions
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
    if second is not None:
        return _disputed(context, draft, None, second, actions)
    text = f"the clock agrees with the apply confirmed at {format_instant(confirmed)}"
    return Judgement(GuardResult(CODE, "clock", None, OK, text, value, LIMIT))


def _disputed(
    context: Context, draft: Draft, backend: str | None, other: datetime, actions: Sequence[Action]
) -> Judgement:
    """Judge a clock that another one proves wrong: nothing expires and nothing is shortened; the rest goes on.

    ``overdue`` says that it stops something, or has lasted for a day: until then it is no reason to end with 3.
    """
    since = context.world.catalog.blocked.get((CODE, clock_subject(backend)))
    stops = frozenset(action.number for action in actions if _takes_away(action))
    lasted = since is not None and context.now - since >= PATIENCE
    if since is not None and not lasted:
        draft.instants.add(since + PATIENCE)
    name = "this machine's second clock" if backend is None else f"the clock of {backend}"
    off = format_duration(abs(other - context.now))
    text = (
        f"it is {format_instant(context.now)} by this machine's clock and {format_instant(other)} by {name}, {off} apart"
        f"{f', since {format_instant(since)}' if since is not None else ''}; nothing expires"
        f"{f' on {backend}' if backend is not None else ''} until they agree. If this machine is right: "
    )
    text += "snapplan catalog clock --set --reason TEXT" if backend is None else f"set the clock of {backend} right"
    value = {
        "now": context.now,
        "confirmed": context.world.catalog.high_water,
        "others": dict(other_clocks(context.world)),
        "disagrees": other,
        "since": since,
        "lasted": lasted,
        "overdue": bool(stops) or lasted,
    }
    limit = {**LIMIT, "disagrees": STEP_TOLERANCE}
    return Judgement(GuardResult(CODE, "clock", backend, BLOCKED, text, value, limit), stops)


def _takes_away(action: Action) -> bool:
    if action.verb is Verb.EXPIRE:
        return action.reasons[0].code != "incomplete"
    return action.verb is Verb.CHANGE and not action.reversible


def _jump(confirmed: datetime, now: datetime, others: dict[str, datetime]) -> str:
    said = "; ".join(f"{name} says {format_instant(at)}" for name, at in others.items())
    return (
        f"the clock is {format_duration(now - confirmed)} beyond the last confirmed apply"
        f" ({format_instant(confirmed)} -> {format_instant(now)}), and "
        + (f"no other clock agrees: {said}" if others else "there is no other clock to compare it with")
    )
