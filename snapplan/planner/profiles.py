"""Profile actions: what the catalog records as applied and what platforms have, against what the policy says."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.models.durations import format_duration
from snapplan.models.plan import Reason, Verb
from snapplan.models.request import AssignRequest, PlatformProfileRequest, ProfileRequest

if TYPE_CHECKING:
    from snapplan.models.plan import Action
    from snapplan.models.platform import PlatformPeriod, PlatformProfile
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.platform import Protection, Survey


class ProfileActions(NamedTuple):
    """The numbers of profile actions: of those that are only recorded by name, of a platform's by backend and name."""

    recorded: dict[str, int]
    platform: dict[tuple[str, str], int]

    def of(self, protection: Protection) -> tuple[int, ...]:
        """Return the actions that the assignment of a profile to a target waits for."""
        backend, _, name = protection
        numbers = (self.recorded.get(name), self.platform.get((backend, name)))
        return tuple(sorted(number for number in numbers if number is not None))


def add_profiles(context: Context, draft: Draft, platforms: Survey) -> ProfileActions:
    """Add the profiles that are new or changed, once for each platform that schedules them.

    One that is used on platforms only and stands there as the policy wants it is noted to be recorded.
    """
    used = {
        triple.profile
        for triple, resolved in context.resolution.triples.items()
        if context.in_focus(resolved.target.address)
    }
    ours = {t.profile for t, resolved in context.resolution.triples.items() if not resolved.native}
    actions = ProfileActions({}, {})
    for name in sorted(context.policy.profiles):
        if not context.everything and name not in used:
            continue
        document = context.policy.profiles[name].model_dump(mode="json", by_alias=True)
        known = context.world.catalog.profiles.get(name) == document
        on_platforms = {backend: request for (backend, key), request in platforms.profiles.items() if key == name}
        wanted = {backend: request for backend, request in on_platforms.items() if request is not None}
        for backend, request in sorted(wanted.items()):
            actions.platform[backend, name] = _add_on_platform(context, draft, name, backend, request, document)
        if known or (wanted and name not in ours):
            continue
        if name in ours or not _is_native(platforms, name):
            actions.recorded[name] = _add_recorded(context, draft, name, document)
        elif on_platforms:
            draft.settled.append(ProfileRequest(name, document))
    return actions


def remove_profiles(context: Context, draft: Draft, platforms: Survey) -> None:
    """Add the profiles that the policy has no more; on a platform one goes after all targets that have it."""
    if not context.everything:
        return
    recorded = context.world.catalog.profiles
    gone = {
        recorded[name].get("platform_name") or name: name for name in recorded if name not in context.policy.profiles
    }
    deleted = set()
    for backend, profile in platforms.unwanted:
        name = gone.get(profile.name, profile.name)
        deleted.add(name)
        draft.add(
            Verb.PROFILE,
            backend=backend,
            profile=name,
            after=tuple(action.number for action in draft.actions if _frees(action, backend, profile)),
            change={"before": shown(profile), "after": None},
            reasons=(_removed(context, name),),
            request=ProfileRequest(name, None, PlatformProfileRequest(profile, None), recorded=name in recorded),
        )
    for name in sorted(set(gone.values()) - deleted):
        draft.add(
            Verb.PROFILE,
            profile=name,
            change={"before": dict(recorded[name]), "after": None},
            reasons=(_removed(context, name),),
            request=ProfileRequest(name, None),
        )


def shown(profile: PlatformProfile) -> dict[str, Any]:
    """Return a platform's profile for a plan: its name there, and of each period what its frequency uses."""
    return {
        "platform_name": profile.name,
        "description": profile.description,
        "periods": {name: _shown_period(period) for name, period in sorted(profile.periods.items())},
    }


def _shown_period(period: PlatformPeriod) -> dict[str, Any]:
    retention = "forever" if period.retention is None else format_duration(timedelta(seconds=period.retention))
    fields = {name: value for name, value in period._asdict().items() if value not in ("", (), None)}
    fields = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
    return {**fields, "retention": retention}


def _frees(action: Action, backend: str, profile: PlatformProfile) -> bool:
    moved = action.request.platform if isinstance(action.request, AssignRequest) else None
    return moved is not None and action.backend == backend and moved.before == profile.native_id


def _is_native(platforms: Survey, name: str) -> bool:
    return any(profile == name for _, _, profile in platforms.native)


def _add_recorded(context: Context, draft: Draft, name: str, document: dict[str, Any]) -> int:
    before = context.world.catalog.profiles.get(name)
    return draft.add(
        Verb.PROFILE,
        profile=name,
        change={"before": None if before is None else dict(before), "after": document},
        reasons=(_reason(context, name, new=before is None),),
        request=ProfileRequest(name, document),
    )


def _add_on_platform(
    context: Context,
    draft: Draft,
    name: str,
    backend: str,
    request: PlatformProfileRequest,
    document: dict[str, Any],
) -> int:
    before, after = request.before, request.after
    assert after is not None
    return draft.add(
        Verb.PROFILE,
        backend=backend,
        profile=name,
        change={"before": None if before is None else shown(before), "after": shown(after)},
        reasons=(_reason_there(context, name, request, document),),
        request=ProfileRequest(name, document, request),
    )


def _reason(context: Context, name: str, *, new: bool) -> Reason:
    code, text = ("new", "the policy has it now") if new else ("changed", "the policy changed it")
    if context.world.catalog.profiles.get(name) is not None and new:
        code, text = "drift", "the platform has it no more"
    return Reason(code, text, context.where("profiles", name))


def _reason_there(context: Context, name: str, request: PlatformProfileRequest, document: dict[str, Any]) -> Reason:
    if request.before is not None and context.world.catalog.profiles.get(name) == document:
        return Reason("drift", "the platform has it otherwise", context.where("profiles", name))
    return _reason(context, name, new=request.before is None)


def _removed(context: Context, profile: str) -> Reason:
    if any(triple.profile == profile for triple in context.renamed):
        return Reason("moved", "renamed in the policy; the history goes on under the new name")
    return Reason("removed", "the policy has it no more; its snapshots stay as orphans")
