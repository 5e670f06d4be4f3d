"""SP301, SP302 and SP303: how many snapshots expire, foreseen or not, and whether a target's last one is among them."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snapplan.models.plan import GuardResult, Verb
from snapplan.planner.foresight import ended_at
from snapplan.planner.guards.causes import causes
from snapplan.planner.guards.judgement import BLOCKED, MOST_NAMES, OK, Judgement, counted, share
from snapplan.planner.guards.tally import DAY, target_id

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.guards.limits import Limits
    from snapplan.planner.guards.tally import Stock, Tally

SURPRISING, SCHEDULED, LAST_COPY = "SP301", "SP302", "SP303"
WINDOW = timedelta(days=30)
LEAST_SURPRISING, LEAST_SCHEDULED = 3, 10
TAKEN_FACTOR = 3


def judge_unforeseen(
    context: Context, draft: Draft, backend: str, tally: Tally, stock: Stock, limits: Limits
) -> Judgement:
    """Judge the expiries and shortenings that the recorded expirations did not announce, against a rolling budget.

    What applies of the last 30 days spent counts with what is planned, so that many small steps get no further than one
    large one. Half of the budget counts as used after a rebuild, which forgets what was spent.
    """
    planned = len(tally.surprises)
    spent, spent_today = _spent(context, backend, WINDOW), _spent(context, backend, DAY)
    owned = stock.complete + spent
    percent, per_day = limits["max_expire", "percent"], limits["max_expire", "per_day"]
    most, most_today = percent.of(owned, least=LEAST_SURPRISING), int(per_day.value)
    forgotten = -(-most // 2) if _rebuilt_within(context, WINDOW) else 0
    forgotten_today = -(-most_today // 2) if _rebuilt_within(context, DAY) else 0
    over = planned + spent + forgotten > most or planned + spent_today + forgotten_today > most_today
    tripped = planned > 0 and over
    if planned:
        _note_ends_of_windows(context, draft, backend)
    targets = {(action.backend, target_id(action)) for action in tally.surprises}
    value: dict[str, Any] = {
        "count": planned,
        "spent": spent,
        "spent_in_24h": spent_today,
        "of": owned,
        "percent": share(planned + spent, owned),
        "targets": len(targets),
        "because": causes(context, tally.surprises),
    }
    if forgotten or forgotten_today:
        value |= {"counted_as_used": forgotten, "counted_as_used_in_24h": forgotten_today}
    bounds = {"percent": percent.value, "count": most, "per_day": most_today}
    text = (
        f"expires or shortens {planned:,} of {counted(owned, 'snapshot')} of {backend} ({share(planned, owned):g} %)"
        " that nobody could foresee" + (f", after {spent:,} in the last 30 days" if spent else "")
    )
    text += f"; the limit is {percent.value:g} % ({most:,}) in 30 days{percent.note}, and {most_today:,} in 24 h"
    text += f"{per_day.note}; half of it counts as used since the catalog was rebuilt" * bool(forgotten)
    result = GuardResult(SURPRISING, "max_expire", backend, BLOCKED if tripped else OK, text, value, bounds)
    return Judgement(result, frozenset(action.number for action in tally.surprises) if tripped else frozenset())


def judge_scheduled(
    context: Context, draft: Draft, backend: str, tally: Tally, stock: Stock, limits: Limits
) -> Judgement:
    """Judge the expiries that were foreseen.

    What ended since the last confirmed apply is on time: any schedule may do that, whatever its number, and the clock has a
    guard of its own. The others could have gone earlier, and many of them at once mean that something let go of them.
    """
    late = [action for action in tally.foreseen if not _on_time(context, action)]
    ends = {_made_to_end_together(context, action) for action in late}
    owned = stock.complete
    percent = limits["max_expire_scheduled", "percent"]
    taken = len(stock.recent) + len(tally.snapshots)
    missed = sum(one.triple is not None and one.triple.backend == backend for one in draft.missed)
    if len(ends) > LEAST_SCHEDULED:
        draft.instants.update(at + DAY for at in stock.recent)
    most = max(LEAST_SCHEDULED, int(percent.value * owned / 100), TAKEN_FACTOR * taken + missed)
    tripped = len(ends) > most
    value = {
        "count": len(ends),
        "snapshots": len(late),
        "on_time": len(tally.foreseen) - len(late),
        "of": owned,
        "percent": share(len(ends), owned),
        "taken": taken,
        "missed": missed,
    }
    bounds = {"percent": percent.value, "count": most}
    text = f"expires {value['on_time']:,} of {counted(owned, 'snapshot')} of {backend} on time"
    if late:
        text = (
            f"expires {len(ends):,} of {counted(owned, 'snapshot')} of {backend} ({share(len(ends), owned):g} %) that were"
            f" over before the last apply; the limit is {most:,}{percent.note}"
        )
    result = GuardResult(SCHEDULED, "max_expire_scheduled", backend, BLOCKED if tripped else OK, text, value, bounds)
    return Judgement(result, frozenset(action.number for action in late) if tripped else frozenset())


def judge_last_copies(context: Context, backend: str, tally: Tally) -> Judgement:
    """Judge whether unforeseen expiries would leave a target without any sound owned snapshot, or without any at all.

    One with gaps is some snapshot, but not a sound one: neither the last of the one nor of the other goes. What is planned
    does not count: it may fail.
    """
    surprises = [action for action in tally.surprises if action.verb is Verb.EXPIRE]
    expiries = [action for action in (*surprises, *tally.foreseen) if action.verb is Verb.EXPIRE]
    targets = {target_id(action) for action in surprises}
    emptied: set[str] = set()
    for kind in ("holds", "latest"):
        counted_ones = [action for action in expiries if getattr(action.request.snapshot.standing, kind)]
        owned = _count_by_target(context, backend, targets, kind)
        held = _count_by_target(context, backend, targets, kind, managed=True)
        gone = Counter(target_id(action) for action in counted_ones)
        gone_owned = Counter(target_id(action) for action in counted_ones if not action.request.snapshot.managed)
        emptied |= {target for target, count in held.items() if 0 < count <= gone[target]}
        emptied |= {target for target, count in owned.items() if 0 < count <= gone_owned[target]}
    stopped = [action for action in surprises if target_id(action) in emptied]
    names = sorted({action.target or "" for action in stopped})
    value: dict[str, Any] = {"count": len(emptied), "targets": names[:MOST_NAMES], "because": causes(context, stopped)}
    if not emptied:
        text = f"no target of {backend} loses its last snapshot unforeseen"
        return Judgement(GuardResult(LAST_COPY, "last_copy", backend, OK, text, value, {"count": 0}))
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    text = f"{', '.join(names[:3])}{more} would be left without any sound snapshot, or without any"
    result = GuardResult(LAST_COPY, "last_copy", backend, BLOCKED, text, value, {"count": 0})
    return Judgement(result, frozenset(action.number for action in stopped))


def _spent(context: Context, backend: str, window: timedelta) -> int:
    since = context.now - window
    return sum(one.expiries for one in context.world.catalog.spent if one.backend == backend and one.at > since)


def _rebuilt_within(context: Context, window: timedelta) -> bool:
    rebuilt_at = context.world.catalog.rebuilt_at
    return rebuilt_at is not None and rebuilt_at > context.now - window


def _note_ends_of_windows(context: Context, draft: Draft, backend: str) -> None:
    """Note when what was spent, or the rebuild, stops counting: the plan may be another then."""
    starts: list[datetime] = [one.at for one in context.world.catalog.spent if one.backend == backend]
    if context.world.catalog.rebuilt_at is not None:
        starts.append(context.world.catalog.rebuilt_at)
    draft.instants.update(start + window for start in starts for window in (DAY, WINDOW))


def _on_time(context: Context, action: Action) -> bool:
    confirmed, ended = context.world.catalog.high_water, ended_at(action.request.snapshot)
    return confirmed is not None and ended is not None and ended > confirmed


def _made_to_end_together(context: Context, action: Action) -> tuple[str, ...]:
    """Return what names the snapshots that one decision made end at one instant, or the one snapshot itself."""
    snapshot = action.request.snapshot
    mark = snapshot.mark
    if mark is not None and mark.key is not None:
        return ("manual", mark.key)
    profile = context.policy.profiles.get(action.profile or "")
    period = profile.periods.get(action.period or "") if profile else None
    if period is not None and period.frequency == "custom":
        return ("custom", action.profile or "", action.period or "")
    return ("snapshot", snapshot.native_id)


def _count_by_target(
    context: Context, backend: str, targets: set[str | None], kind: str, *, managed: bool = False
) -> dict[str, int]:
    """Return how many owned snapshots each of ``targets`` has that are good for ``kind`` (a field of ``Standing``).

    Those dated after now count for nothing. With ``managed``, those count too that the platform took for a period of ours.
    """
    held: dict[str, int] = {}
    if not targets:
        return held
    owned = context.owned[backend]
    groups: Sequence[tuple[str, Sequence[Any]]] = [
        *((triple.target_id, group) for triple, group in owned.scheduled.items()),
        *((key.target_id, group) for key, group in owned.manual.items()),
        *((triple.target_id, group) for triple, group in owned.managed_scheduled.items() if managed),
    ]
    for target, group in groups:
        if target in targets:
            count = sum(getattr(s.standing, kind) and s.taken_at <= context.now for s in group)
            held[target] = held.get(target, 0) + count
    return held
