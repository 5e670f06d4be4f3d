"""What a guard stopped stays stopped for a week, until it is allowed or is planned no more.

A limit in per cent would otherwise lift itself when the fleet grows in between, or a window ends, and nobody has looked.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan.ids import format_instant
from snapplan.models.plan import Verb
from snapplan.planner.guards.judgement import BLOCKED, OK, counted
from snapplan.planner.timekeeping import MACHINE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from datetime import datetime

    from snapplan.models.plan import Action, GuardResult
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.guards.judgement import Judgement

STICKY = frozenset({"SP301", "SP302", "SP304", "SP305"})
"""The guards with a limit in per cent. What the others stop is over when its cause is."""
INVENTORY, CLOCK = "SP305", "SP306"
STAYS_FOR = timedelta(days=7)

Stopped = tuple[str, str]
"""The code of a guard and the ``subject`` of an action."""


def subject(action: Action) -> str:
    """Return what names an action over plans, as JSON text: its backend, its verb, what it is about and why.

    What expires for another reason is another action: an orphan that has a profile again, say.
    """
    if action.verb in (Verb.EXPIRE, Verb.CHANGE):
        taken_at = format_instant(action.precondition["taken_at"])
        about = [str(action.precondition.get("native_id")), taken_at, action.reasons[0].code, str(action.foreseen)]
    else:
        about = [str(action.precondition.get("target_id", "")), action.profile or ""]
    return json.dumps([action.backend or MACHINE, action.verb.value, *about], ensure_ascii=False)


def clock_subject(backend: str | None) -> str:
    """Return what names the clock of a backend, or of this machine (``None``), among the subjects."""
    return json.dumps([backend or MACHINE, "clock"], ensure_ascii=False)


def with_clock(backends: Collection[str]) -> set[str]:
    """Return the names of backends and what stands for this machine's clock among them."""
    return {*backends, MACHINE}


def stopped(actions: Sequence[Action], guards: Sequence[GuardResult]) -> Iterator[Stopped]:
    """Yield what an apply records as stopped: actions, and clocks that disagree.

    While the clock of this machine is in doubt only that: what is unforeseen, and when it was, depends on the time.
    """
    in_doubt = any(guard.code == CLOCK and guard.backend is None and guard.state == BLOCKED for guard in guards)
    for action in () if in_doubt else actions:
        for code in action.blocked_by:
            if code in STICKY:
                yield code, subject(action)
    for guard in guards:
        if guard.code == CLOCK and guard.state == BLOCKED and guard.value.get("disagrees"):
            yield CLOCK, clock_subject(guard.backend)


def hold(context: Context, draft: Draft, judgements: list[Judgement]) -> list[Judgement]:
    """Return the judgements with what the last applies recorded as stopped by them, and say since when."""
    recorded = {
        key: since
        for key, since in context.world.catalog.blocked.items()
        if key[0] in STICKY and timedelta() <= context.now - since < STAYS_FOR
    }
    if not recorded:
        return judgements
    subjects = {action.number: subject(action) for action in draft.actions}
    held = []
    for judgement in judgements:
        code, backend = judgement.result.code, judgement.result.backend
        since = {
            action.number: recorded[code, subjects[action.number]]
            for action in draft.actions
            if (code, subjects[action.number]) in recorded and action.backend in (backend, None)
        }
        draft.instants.update(at + STAYS_FOR for at in since.values())
        held.append(_held(context, judgement, since) if since else judgement)
    return held


def _held(context: Context, judgement: Judgement, since: dict[int, datetime]) -> Judgement:
    result = judgement.result
    if result.code == INVENTORY and not _anything_vanished(context, result.backend):
        return judgement  # it is all there again
    first = min(since.values())
    value = {**result.value, "blocked_since": format_instant(first)}
    text = f"{result.text}; blocked since {format_instant(first)}"
    if result.state == OK:
        stay = "stays so" if len(since) == 1 else "stay so"
        text += f": {counted(len(since), 'action')} that it stopped then {stay} for 7 days, or until allowed"
    result = dataclasses.replace(result, state=BLOCKED, value=value, text=text)
    return judgement._replace(result=result, stops=judgement.stops | since.keys())


def _anything_vanished(context: Context, backend: str | None) -> bool:
    state = context.world.backends.get(backend or "")
    return state is not None and bool(state.vanished.targets or state.vanished.snapshots)
