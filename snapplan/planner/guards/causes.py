"""What in the policy brought about expiries that nobody could foresee: the key, its old and its new value, its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.models.durations import format_duration
from snapplan.planner.foresight import is_adopted
from snapplan.planner.ownership import renames

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    from snapplan.models.plan import Action
    from snapplan.planner.context import Context

Place = tuple[str, str, str]


def causes(context: Context, actions: Iterable[Action]) -> list[dict[str, Any]]:
    """Return ``{"text", "where", "snapshots"}`` for each cause of expiries and shortenings, the greatest first."""
    by_cause: dict[tuple[str, str | None], int] = {}
    by_place: dict[tuple[str, str | None, str | None, str], list[Action]] = {}
    for action in actions:
        by_place.setdefault((_kind(action), action.profile, action.period, _key(action)), []).append(action)
    for (kind, profile, period, key), some in by_place.items():
        cause = _cause(context, kind, profile, period, key, some)
        by_cause[cause] = by_cause.get(cause, 0) + len(some)
    ordered = sorted(by_cause.items(), key=lambda item: (-item[1], item[0][0]))
    return [{"text": text, "where": where, "snapshots": count} for (text, where), count in ordered]


def _kind(action: Action) -> str:
    return "adopted" if is_adopted(action.request.snapshot) else action.reasons[0].code


def _key(action: Action) -> str:
    mark = action.request.snapshot.mark
    return mark.key or "" if mark is not None else ""


def _cause(
    context: Context, kind: str, profile: str | None, period: str | None, key: str, actions: Sequence[Action]
) -> tuple[str, str | None]:
    if kind == "adopted":
        return f"adopted snapshot {key.partition('.')[2]}", None
    if profile is None or period is None:
        if kind in ("retroactive", "declared"):
            return f"expires of manual snapshot {key} was brought forward", context.where("snapshots", key)
        return f"manual snapshot {key} ended while the clock was in doubt", None
    profile, period = renames(context.policy).get((profile, period), (profile, period))  # a mark has the old names
    place = f'profile "{profile}", period "{period}"'
    rule = ("profiles", profile, "periods", period)
    match kind:
        case "orphan":
            return f"orphans of {place}: no assignment, target or period is left", None
        case "released":
            return f"min_snapshots {_minimums(context, profile, period, actions)} in {place}", context.where(
                *rule, "min_snapshots"
            )
        case "retroactive" | "shortened":
            where = context.where(*rule, "retention")
            return f"retention {_retentions(context, profile, period, actions)} in {place}, retroactive", where
        case _:
            return f"{place}: ended while the clock was in doubt", None


def _retentions(context: Context, profile: str, period: str, actions: Sequence[Action]) -> str:
    """Return ``30d -> 3d``: what was applied last, or what the snapshots were taken with, and what holds now."""
    now = _shown(context.policy.profiles[profile].periods[period].retention)
    before = _applied(context, profile, period, "retention")
    if before is None or before == now:
        marks = [action.request.snapshot.mark for action in actions]
        kept = [None if mark.expires_at is None else mark.expires_at - mark.taken_at for mark in marks]
        before = "forever" if None in kept else _shown(max(one for one in kept if one is not None))
    return f"{before} -> {now}"


def _minimums(context: Context, profile: str, period: str, actions: Sequence[Action]) -> str:
    now = context.policy.profiles[profile].periods[period].min_snapshots
    before = _applied(context, profile, period, "min_snapshots")
    if before is None or before == now:
        before = max(action.request.snapshot.mark.minimum for action in actions)
    return f"{before} -> {1 if now is None else now}"


def _applied(context: Context, profile: str, period: str, key: str) -> Any:
    """Return a key of a period as it was applied last, in its JSON form; ``None`` where it was not."""
    document = context.world.catalog.profiles.get(profile) or {}
    return ((document.get("periods") or {}).get(period) or {}).get(key)


def _shown(retention: timedelta | None) -> str:
    return "forever" if retention is None else format_duration(retention)
