"""Guards: limits that stop their own kind of action before a plan does more than anybody meant.

Each module judges one group of guards and changes nothing; all of them count the whole plan, so that none depends on what
another stops or on what is allowed. ``stand`` then blocks.

    module     codes
    clock      SP306
    expiries   SP301 SP302 SP303
    targets    SP307 SP308
    content    SP309 SP310
    vanished   SP305
    unassign   SP304
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.planner.guards.block import block
from snapplan.planner.guards.clock import judge_clocks
from snapplan.planner.guards.content import judge_moved, judge_suspicious
from snapplan.planner.guards.expiries import judge_last_copies, judge_scheduled, judge_unforeseen
from snapplan.planner.guards.limits import limits
from snapplan.planner.guards.sticky import hold
from snapplan.planner.guards.tally import stock, tally
from snapplan.planner.guards.targets import QUIESCE, judge_quiesce, judge_shared, unfrozen
from snapplan.planner.guards.unassign import judge_unassign
from snapplan.planner.guards.vanished import judge_inventory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from snapplan.models.plan import GuardResult
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.guards.judgement import Judgement

__all__ = ["stand"]


def stand(context: Context, draft: Draft, allowed: Collection[str]) -> tuple[GuardResult, ...]:
    """Block in ``draft`` what the guards stop, and return all guards with their arithmetic, by code and backend.

    The guards whose codes are in ``allowed`` stop nothing. Blocked actions stay where they are.
    """
    judgements = sorted(_judgements(context, draft), key=lambda one: (one.result.code, one.result.backend or ""))
    judgements = hold(context, draft, judgements)
    draft.actions, results = block(draft.actions, judgements, allowed)
    if QUIESCE in allowed:
        draft.actions = unfrozen(draft.actions)
    return results


def _judgements(context: Context, draft: Draft) -> Iterator[Judgement]:
    yield from judge_clocks(context, draft)
    effective = limits(context.policy.config.guards, context.world.catalog.guards)
    by_backend = tally(draft.actions)
    shared = judge_shared(context, draft.actions)
    for name in sorted(context.owned):
        counted, held = by_backend[name], stock(context.owned[name], context.now)
        yield judge_unforeseen(context, draft, name, counted, held, effective)
        yield judge_scheduled(context, draft, name, counted, held, effective)
        yield judge_last_copies(context, name, counted)
        yield judge_unassign(context, draft, name, counted, effective)
        yield judge_inventory(context, name, counted, effective)
        yield judge_quiesce(name, counted)
        yield judge_suspicious(context, name, counted)
        yield judge_moved(context, name, draft.actions)
        yield shared[name]
    for name in sorted(by_backend.keys() - context.world.backends.keys()):
        if name not in context.policy.config.backends:
            yield judge_unassign(context, draft, name, by_backend[name], effective)
