"""A plan without some of its actions: what waits for them goes too, and the summary is counted anew. Pure."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from snapplan.applier.order import set_of
from snapplan.models.plan import Verb

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from snapplan.models.plan import Action, Plan, Summary


def omit(plan: Plan, numbers: Collection[int]) -> tuple[Plan, list[Action]]:
    """Return ``plan`` without the actions ``numbers``, and the others that had to go because they wait for one of these.

    What waits for nothing that is left out stays. Numbers stay as they are; the order of the actions does not matter.
    """
    kept = {action.number: action for action in plan.actions if action.number not in numbers}
    stranded: list[Action] = []
    while more := [action for action in kept.values() if not kept.keys() >= set(action.after)]:
        stranded += more
        for action in more:
            del kept[action.number]
    if len(kept) == len(plan.actions):
        return plan, []
    gone = [action for action in plan.actions if action.number not in kept]
    actions = tuple(action for action in plan.actions if action.number in kept)
    return dataclasses.replace(plan, actions=actions, summary=_counted(plan.summary, actions, gone)), stranded


def whole_sets(whole: Plan, part: Plan) -> tuple[Plan, list[Action]]:
    """Return ``part`` of the plan ``whole`` without the sets that lack a member in it, and what had to go with them.

    A set is taken all or nothing; one that was begun without some of its members would pass for a whole one.
    """
    kept = {action.number for action in part.actions}
    broken = {name for action in whole.actions if (name := _set_of(action)) is not None and action.number not in kept}
    torn = [action for action in part.actions if _set_of(action) in broken] if broken else []
    reduced, stranded = omit(part, {action.number for action in torn})
    return reduced, [*torn, *stranded]


def _set_of(action: Action) -> tuple[str | None, str] | None:
    """Return what tells a set from others: scheduled ones are of one backend, manual ones may be of several."""
    name = set_of(action)
    return None if name is None else (action.backend if action.profile is not None else None, name)


def _counted(summary: Summary, actions: Sequence[Action], gone: Sequence[Action]) -> Summary:
    """Count the verbs of ``actions``; what an expiry that is ``gone`` would have removed is kept."""
    counts = {str(verb): sum(action.verb is verb for action in actions) for verb in Verb}
    spared = [action for action in gone if action.verb is Verb.EXPIRE]
    orphans = sum(any(reason.code == "orphan" for reason in action.reasons) for action in spared)
    return dataclasses.replace(summary, **counts, keep=summary.keep + len(spared), orphan=summary.orphan + orphans)
