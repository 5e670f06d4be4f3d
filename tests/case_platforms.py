"""The `platform` of a behaviour case: what the backends' own schedulers are set to, and how an apply changes that."""

from __future__ import annotations

from typing import Any

from snapplan.models.plan import Action, Verb
from snapplan.models.platform import PlatformPeriod, PlatformProfile, PlatformSchedule
from snapplan.models.policy import Policy
from snapplan.models.target import Scope
from snapplan.models.world import BackendState, World
from snapplan.planner.native import native_profile

SCHEDULED = frozenset({Scope.CLOUD, Scope.VM, Scope.VOLUME})


def platform_of(case: dict[str, Any], applied: Policy) -> PlatformSchedule | None:
    """Return what the case says that the platform has; `ours` and `foreign` are the policy's profile as applied last."""
    said = case.get("platform")
    if said is None or said == "unread":
        return None
    profiles = {name: _profile(name, fields, applied) for name, fields in said.get("profiles", {}).items()}
    assigned = {
        target.partition("/")[2]: profiles[name].native_id if name in profiles else name
        for target, name in said.get("assigned", {}).items()
    }
    blockers = {Scope(scope): text for scope, text in said.get("blockers", {}).items()}
    forever = said.get("forever_blocker", "")
    return PlatformSchedule(tuple(profiles.values()), assigned, said.get("timezone"), blockers, forever)


def _profile(name: str, fields: str | dict[str, Any], applied: Policy) -> PlatformProfile:
    if isinstance(fields, str):
        fields = {"of": fields}
    known = applied.profiles.get(fields.get("policy", name))
    project = {"ours": "case", "foreign": None}.get(fields["of"], fields["of"])
    periods = native_profile(name, known, "case").periods if known else {}
    if "periods" in fields:
        periods = {key: PlatformPeriod(**{"retention": None, **period}) for key, period in fields["periods"].items()}
    used_by, has_snapshots = tuple(fields.get("used_by", ())), fields.get("has_snapshots", False)
    return PlatformProfile(f"id-{name}", name, periods, project, fields.get("description", ""), used_by, has_snapshots)


def with_platform(state: BackendState, case: dict[str, Any], applied: Policy) -> BackendState:
    if "platform" not in case:
        return state
    capabilities = state.capabilities._replace(native_schedule=SCHEDULED)
    return state._replace(capabilities=capabilities, platform=platform_of(case, applied))


def set_on_platform(world: World, action: Action) -> World:
    """Return the world after what a profile or assign action does on its platform."""
    request = action.request.platform
    if request is None or action.backend is None:
        return world
    state = world.backends[action.backend]
    platform = state.platform
    assert platform is not None
    if action.verb is Verb.PROFILE:
        kept = [
            profile for profile in platform.profiles if request.before is None or profile.name != request.before.name
        ]
        assert request.after is not None or request.before.native_id not in platform.assigned.values()
        made = (
            []
            if request.after is None
            else [request.after._replace(native_id=request.after.native_id or f"id-{request.after.name}")]
        )
        platform = platform._replace(profiles=(*kept, *made))
    else:
        assigned = {target: profile for target, profile in platform.assigned.items() if target != request.target.id}
        if request.after:
            assigned[request.target.id] = next(p.native_id for p in platform.profiles if p.name == request.after)
        platform = platform._replace(assigned=assigned)
    return world._replace(backends={**world.backends, state.name: state._replace(platform=platform)})


def platform_change(action: Action) -> str | None:
    """``gold -> none``: what becomes of the profile of a target on its platform."""
    moved = action.change.get("platform")
    return None if moved is None else " -> ".join(name or "none" for name in moved)
