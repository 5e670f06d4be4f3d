"""What of a plan a run may do on the terms it was given, besides what was approved. Pure.

Each function returns the plan without what the terms leave out, and a sentence for each thing that is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.applier.board import told
from snapplan.applier.omit import omit, whole_sets
from snapplan.drivers.base import NO_MANDATE
from snapplan.models.plan import Verb
from snapplan.models.request import Mandate, RestoreRequest
from snapplan.models.target import RestoreMode
from snapplan.planner.resolve import matches

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from snapplan.models.plan import Action, Plan

RETROACTIVE_CODE = "SP513"
RETROACTIVE = frozenset({"retroactive", "shortened"})
"""Reasons of what only a retention that was shortened after the fact brings about."""
HOMONYM_CODE = "SP460"
HOMONYM = "homonym"
"""The reason of what is done to a target that came under the name of another one."""


class Terms(NamedTuple):
    """On what terms a run goes.

    ``confirmed`` are the targets whose restore in place is approved. ``allowed`` are the codes of what is lifted, for
    ``reason``. ``only`` are the verbs that are done (none: all), ``excepted`` globs over targets that are left alone.
    ``unattended`` says that nobody looked at the plan (``--auto-approve``). ``saved`` says that the approved plan was made
    before; ``resumes`` is the run whose plan it is. ``mandate`` says which interrupted restores are completed or undone.
    """

    confirmed: frozenset[str] = frozenset()
    allowed: tuple[str, ...] = ()
    reason: str = ""
    only: tuple[Verb, ...] = ()
    excepted: tuple[str, ...] = ()
    unattended: bool = False
    saved: bool = False
    resumes: int | None = None
    mandate: Mandate = NO_MANDATE

    def wants(self, action: Action) -> bool:
        """Whether the command line leaves ``action`` in."""
        verbs = {action.verb, *(Verb.RESTORE for reason in action.reasons if reason.code == "safety")}
        if self.only and verbs.isdisjoint(self.only):
            return False
        return action.target is None or not any(matches(glob, action.target) for glob in self.excepted)


def consented(plan: Plan, terms: Terms) -> tuple[Plan, list[str]]:
    """Return what of ``plan`` the terms let a run do, and what is to be said of the rest."""
    reduced, said = chosen(plan, terms)
    for step in (_unblocked, _without_surprises):
        reduced, more = step(reduced, terms)
        said += more
    reduced, more = without_unconfirmed(reduced, terms.confirmed)
    return reduced, said + more


def chosen(plan: Plan, terms: Terms) -> tuple[Plan, list[str]]:
    """Return ``plan`` without what ``only`` and ``excepted`` leave out, and what goes with it."""
    unwanted = [action for action in plan.actions if not terms.wants(action)]
    return _without(plan, unwanted, lambda _: "is left out, as the command line says")


def is_gated(action: Action, allowed: Collection[str] = ()) -> bool:
    """Whether an action needs somebody who looked at it.

    That is where a retention was shortened after the fact, and where a target came under the name of another one.
    """
    codes = {reason.code for reason in action.reasons}
    shortened = RETROACTIVE_CODE not in allowed and not codes.isdisjoint(RETROACTIVE)
    return shortened or (HOMONYM_CODE not in allowed and HOMONYM in codes)


def _unblocked(plan: Plan, _: Terms) -> tuple[Plan, list[str]]:
    blocked = [action for action in plan.actions if action.blocked_by]
    return _without(plan, blocked, lambda action: f"is blocked by {', '.join(action.blocked_by)}")


def _without_surprises(plan: Plan, terms: Terms) -> tuple[Plan, list[str]]:
    if not terms.unattended:
        return plan, []
    gated = [action for action in plan.actions if is_gated(action, terms.allowed)]
    return _without(plan, gated, _why_gated)


def _why_gated(action: Action) -> str:
    if any(reason.code == HOMONYM for reason in action.reasons):
        return f"waits until somebody looks: another target was known by its name ({HOMONYM_CODE})"
    return f"is left out: a shorter retention takes it away, and nobody approved that ({RETROACTIVE_CODE})"


def _without(plan: Plan, actions: Iterable[Action], why: Callable[[Action], str]) -> tuple[Plan, list[str]]:
    """Leave ``actions`` out, with what waits for them and with the sets that cannot be whole without them."""
    left = list(actions)
    if not left:
        return plan, []
    reduced, stranded = omit(plan, {action.number for action in left})
    reduced, torn = whole_sets(plan, reduced)
    return reduced, told(
        [
            *((action, why(action)) for action in left),
            *((action, "is left out too: it needs what is left out") for action in stranded),
            *((action, "is left out too: its set cannot be whole") for action in torn),
        ]
    )


def without_unconfirmed(plan: Plan, confirmed: Collection[str]) -> tuple[Plan, list[str]]:
    """Return ``plan`` without the restores in place whose target is not in ``confirmed``, and what is to be said of it.

    With a restore go its safety snapshot, unless something else waits for that too, and everything that waits for the
    restore. What does not depend on it stays.
    """
    refused = [action for action in plan.actions if _in_place(action) and action.target not in confirmed]
    if not refused:
        return plan, []
    said = [f"{action.target} is not restored in place: name it with --confirm {action.target}" for action in refused]
    reduced, stranded = omit(plan, {action.number for action in refused})
    said += told((action, "is left out too: it waits for that restore") for action in stranded)
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
