"""Restores in place are carried out only where their target was named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.applier.board import described
from snapplan.applier.omit import omit
from snapplan.models.plan import Verb
from snapplan.models.request import RestoreRequest
from snapplan.models.target import RestoreMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.models.plan import Action, Plan


def without_unconfirmed(plan: Plan, confirmed: frozenset[str]) -> tuple[Plan, list[str]]:
    """Return ``plan`` without the restores in place whose target is not in ``confirmed``, and what is to be said of it.

    With a restore go its safety snapshot, unless something else waits for that too, and everything that waits for the
    restore. What does not depend on it stays.
    """
    refused = [action for action in plan.actions if _in_place(action) and action.target not in confirmed]
    if not refused:
        return plan, []
    said = [f"{action.target} is not restored in place: name it with --confirm {action.target}" for action in refused]
    reduced, stranded = omit(plan, {action.number for action in refused})
    said += [f"{described(action)} is left out too: it waits for that restore" for action in stranded]
    reduced, _ = omit(reduced, _idle_safety(reduced, refused))
    return reduced, said


def _idle_safety(plan: Plan, refused: Sequence[Action]) -> set[int]:
    """Return the numbers of the safety snapshots that were only made for ``refused``."""
    theirs = {number for action in refused for number in action.after}
    needed = {number for action in plan.actions for number in action.after}
    return {action.number for action in plan.actions if action.number in theirs - needed and _is_safety(action)}


def _is_safety(action: Action) -> bool:
    return action.verb is Verb.SNAPSHOT and action.period is None


def _in_place(action: Action) -> bool:
    request = action.request
    return action.verb is Verb.RESTORE and isinstance(request, RestoreRequest) and request.mode is RestoreMode.IN_PLACE
