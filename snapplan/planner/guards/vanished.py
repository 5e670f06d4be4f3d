"""SP305: much of what a backend held is gone although no apply removed it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.models.plan import GuardResult
from snapplan.planner.guards.judgement import BLOCKED, OK, Judgement, counted
from snapplan.planner.guards.tally import removed_with

if TYPE_CHECKING:
    from snapplan.planner.context import Context
    from snapplan.planner.guards.limits import Limit, Limits
    from snapplan.planner.guards.tally import Tally

CODE = "SP305"
LEAST = 5


def judge_inventory(context: Context, backend: str, tally: Tally, limits: Limits) -> Judgement:
    """Judge what vanished from a backend since the last apply that accepted its losses.

    It stops what takes more away: expiries, shortenings and the end of protection. What is left may be the last copy. An
    order, which does none of that, is not held up; nor does it accept the loss.
    """
    limit, gone = limits["inventory", "percent"], context.world.backends[backend].vanished
    most_targets, most_snapshots = _most(limit, gone.known_targets), _most(limit, gone.known_snapshots)
    stops = {action.number for action in tally.lossy} | removed_with(tally.endings, tally.removals)
    tripped = gone.targets >= most_targets or gone.snapshots >= most_snapshots
    tripped = tripped and not (context.orders and not stops)
    text = (
        f"{counted(gone.targets, 'target')} of {gone.known_targets:,} and {counted(gone.snapshots, 'snapshot')}"
        f" of {gone.known_snapshots:,} vanished from {backend} since the last apply"
        f" (the limit is {limit.value:g} %, at least {LEAST}{limit.note})"
    )
    value = {"count": gone.targets + gone.snapshots, **gone._asdict()}
    bounds = {"percent": limit.value, "targets": most_targets, "snapshots": most_snapshots}
    result = GuardResult(CODE, "inventory", backend, BLOCKED if tripped else OK, text, value, bounds)
    return Judgement(result, frozenset(stops) if tripped else frozenset())


def _most(limit: Limit, known: int) -> int:
    """Return how many may not vanish: with 0 per cent, one is too many."""
    return max(LEAST, -int(-limit.value * known // 100)) if limit.value else 1
