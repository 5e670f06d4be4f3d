"""Restores in place are carried out only where their target was named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from snapplan.models.plan import Verb
from snapplan.models.request import RestoreRequest
from snapplan.models.target import RestoreMode

if TYPE_CHECKING:
    from snapplan.models.plan import Action, Plan


def without_unconfirmed(plan: Plan, confirmed: frozenset[str]) -> tuple[Plan, list[str]]:
    """Return ``plan`` without the restores in place whose target is not in ``confirmed``, and what is to be said of each.

    With a restore go its safety snapshot and everything that waits for it.
    """
    dropped = {action.number for action in plan.actions if _in_place(action) and action.target not in confirmed}
    if not dropped:
        return plan, []
    said = [
        f"{action.target} is not restored in place: name it with --confirm {action.target}"
        for action in plan.actions
        if action.number in dropped
    ]
    safety = {number for action in plan.actions if action.number in dropped for number in action.after}
    dropped |= safety
    for action in plan.actions:
        if dropped.intersection(action.after):
            dropped.add(action.number)
    kept = tuple(action for action in plan.actions if action.number not in dropped)
    return replace(plan, actions=kept), said


def _in_place(action: Action) -> bool:
    request = action.request
    return action.verb is Verb.RESTORE and isinstance(request, RestoreRequest) and request.mode is RestoreMode.IN_PLACE
