"""A platform's own schedule as a draft: its profiles, and one assignment per profile and scope."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.imports.draft import Draft, DraftAssignment, DraftProfile
from snapplan.imports.keys import exact_glob, fits_platform_name, has_control_character, key_for, name_obstacle
from snapplan.imports.periods import NO_DEFAULTS, period_fields, period_obstacle
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from snapplan.models.platform import PlatformProfile, PlatformSchedule
    from snapplan.models.policy import Defaults
    from snapplan.models.target import Target

SCOPES = (Scope.CLOUD, Scope.TENANT, Scope.VM, Scope.VOLUME)
_MOST_DESCRIPTION = 4096


class Surroundings(NamedTuple):
    """The repository that the draft is for.

    ``project`` is its own. ``timezone`` is that of the platform, ``None`` where nobody says. ``scheduled_by_us`` says that
    its assignments must name the platform as the one who runs the schedule. ``profiles`` and ``assignments`` are the keys
    that its other files have; of the profiles ``known`` has those that this backend could have, as they would be there.
    ``lockable`` are the scopes at which the platform's scheduler can lock what it takes. With ``everything`` profiles that
    nothing is assigned to are drafted too.
    """

    project: str
    timezone: str | None = None
    defaults: Defaults = NO_DEFAULTS
    scheduled_by_us: bool = False
    profiles: frozenset[str] = frozenset()
    assignments: frozenset[str] = frozenset()
    known: Mapping[str, PlatformProfile] = MappingProxyType({})
    lockable: frozenset[Scope] = frozenset({Scope.CLOUD})
    everything: bool = False


class _Named(NamedTuple):
    """A profile with its policy key. ``draft`` is ``None`` where another file has the same one already."""

    profile: PlatformProfile
    key: str
    draft: DraftProfile | None


def drafted(backend: str, schedule: PlatformSchedule, targets: Sequence[Target], surroundings: Surroundings) -> Draft:
    """Return what ``schedule`` says of ``targets`` as a draft; the order of the inputs does not matter.

    A profile with a period that a policy cannot express is left out whole, with its assignments: without that period it
    would be another profile.
    """
    users = _users(schedule, targets)
    profiles = sorted(
        (one for one in schedule.profiles if surroundings.everything or one.native_id in users),
        key=lambda one: (one.name, one.native_id),
    )
    obstacles = {one.native_id: _profile_obstacle(one) for one in profiles}
    fit = [one for one in profiles if not obstacles[one.native_id]]
    missing = [
        _left_out(one, text, users.get(one.native_id, ())) for one in profiles if (text := obstacles[one.native_id])
    ]
    missing += _hidden(backend, schedule, targets, fit, surroundings.timezone)
    named = list(_named(fit, users, surroundings))
    assignments, unnamed = _assignments(named, users, targets, surroundings)
    return Draft(
        backend,
        f"snapplan import --backend {shlex.quote(backend)}",
        tuple(one.draft for one in named if one.draft is not None),
        tuple(assignments),
        tuple(f"{backend}/profile/{one.name}" for one in fit if one.project != surroundings.project),
        tuple(missing + unnamed),
    )


def _users(schedule: PlatformSchedule, targets: Sequence[Target]) -> dict[str, list[Target]]:
    """Return the targets of each profile, by the profile's native id, sorted by address."""
    users: dict[str, list[Target]] = defaultdict(list)
    for target in sorted(targets, key=lambda one: (one.address, one.id)):
        if native_id := schedule.assigned.get(target.id):
            users[native_id].append(target)
    return dict(users)


def _profile_obstacle(profile: PlatformProfile) -> str:
    if not fits_platform_name(profile.name):
        return "no policy can hold its name"
    if not profile.periods:
        return "it has no periods, and a policy's profile has one at least"
    for name, period in sorted(profile.periods.items()):
        if text := period_obstacle(name, period):
            return f"period {name!r}: {text}"
    return ""


def _left_out(profile: PlatformProfile, obstacle: str, users: Sequence[Target]) -> str:
    kept = ", ".join(target.address for target in users)
    return f"Profile {profile.name!r}: {obstacle}." + (f" It stays on {kept}, as it is." if kept else "")


def _hidden(
    backend: str,
    schedule: PlatformSchedule,
    targets: Sequence[Target],
    fit: Sequence[PlatformProfile],
    timezone: str | None,
) -> Iterator[str]:
    """Yield what the platform does not show of its schedule."""
    yield from (f"The assignments of {scope} targets: {text}" for scope, text in sorted(schedule.blockers.items()))
    listed = {profile.native_id for profile in schedule.profiles}
    for target in sorted(targets, key=lambda one: one.address):
        if (native_id := schedule.assigned.get(target.id)) and native_id not in listed:
            yield f"The profile of {target.address}: the platform does not list the one that it names ({native_id})."
    if timezone is None and any(period.frequency != "hourly" for one in fit for period in one.periods.values()):
        yield (
            f"The platform's time zone: its API does not tell it. Write timezone: to backend {backend} in snapplan.yaml, "
            "and import again."
        )


def _named(
    profiles: Sequence[PlatformProfile], users: Mapping[str, Sequence[Target]], surroundings: Surroundings
) -> Iterator[_Named]:
    taken = set(surroundings.profiles)
    for profile in profiles:
        same = [key for key, known in surroundings.known.items() if _equal(profile, known, surroundings.project)]
        if same:
            yield _Named(profile, min(same), None)
            continue
        key = key_for(profile.name, taken, "profile")
        taken.add(key)
        tiers = {target.scope for target in users.get(profile.native_id, ())} != {Scope.CLOUD}
        yield _Named(profile, key, _draft(profile, key, surroundings, tiers=tiers))


def _equal(profile: PlatformProfile, known: PlatformProfile, project: str) -> bool:
    """Whether the policy's profile ``known`` would leave ``profile`` as it is; descriptions count in profiles of ours."""
    if profile.project == project and profile.description != known.description:
        return False
    return profile.name == known.name and dict(profile.periods) == dict(known.periods)


def _draft(profile: PlatformProfile, key: str, surroundings: Surroundings, *, tiers: bool) -> DraftProfile:
    fields: dict[str, Any] = {"platform_name": profile.name} if profile.name != key else {}
    remarks = list(_remarks(profile, surroundings.project))
    if has_control_character(profile.description) or len(profile.description) > _MOST_DESCRIPTION:
        remarks.append("its description holds control characters and was left out")
    elif profile.description:
        fields["description"] = profile.description
    if surroundings.timezone is not None:
        fields["timezone"] = surroundings.timezone
    elif surroundings.defaults.timezone is not None:
        fields["timezone"] = "UTC"
    periods: dict[str, dict[str, Any]] = {}
    for name, period in sorted(profile.periods.items(), key=lambda item: _order(item[0], item[1].frequency)):
        period_key = key_for(name, periods, "period")
        own_name = {"platform_name": name} if name != period_key else {}
        periods[period_key] = {**own_name, **period_fields(period, surroundings.defaults, tiers=tiers)}
    return DraftProfile(key, fields, periods, tuple(remarks))


def _order(name: str, frequency: str) -> tuple[int, str]:
    return (("hourly", "daily", "weekly", "monthly", "yearly").index(frequency), name)


def _remarks(profile: PlatformProfile, project: str) -> Iterator[str]:
    if profile.project not in (None, project):
        yield f"it carries the mark of project {profile.project!r}, and stays that project's until it is adopted"
    if profile.used_by:
        yield f"besides targets it is used by {', '.join(profile.used_by)}"


def _assignments(
    named: Sequence[_Named],
    users: Mapping[str, Sequence[Target]],
    targets: Sequence[Target],
    surroundings: Surroundings,
) -> tuple[list[DraftAssignment], list[str]]:
    """Return one assignment per profile and scope, and a sentence for each target that none can name."""
    homonyms = Counter((target.scope, target.name) for target in targets)
    fields = {"schedule": "platform"} if surroundings.scheduled_by_us else {}
    taken, found, unnamed = set(surroundings.assignments), [], []
    for profile, key, _ in named:
        theirs = users.get(profile.native_id, ())
        shared = Counter((target.scope, target.name) for target in theirs)
        mixed = {one for one, count in shared.items() if count != homonyms[one]}
        obstacles = {target.id: _target_obstacle(target, profile, mixed, surroundings.lockable) for target in theirs}
        unnamed += [f"{profile.name!r} on {t.address}: {obstacles[t.id]}." for t in theirs if obstacles[t.id]]
        for scope in SCOPES:
            names = {target.name for target in theirs if target.scope is scope and not obstacles[target.id]}
            if names:
                assignment = key_for(f"{key[:54]}-{scope}", taken, "assignment")
                taken.add(assignment)
                globs = () if scope is Scope.CLOUD else tuple(sorted(exact_glob(name) for name in names))
                found.append(DraftAssignment(assignment, key, scope, globs, fields))
    return found, unnamed


def _target_obstacle(
    target: Target, profile: PlatformProfile, mixed: Container[tuple[Scope, str]], lockable: Container[Scope]
) -> str:
    """Return why no assignment of a policy can say that ``target`` has ``profile``, or nothing."""
    locks = sorted(name for name, period in profile.periods.items() if period.immutable)
    if locks and target.scope not in lockable:
        return f"period {locks[0]!r} is immutable, which no snapshot of a {target.scope} can be"
    if target.scope is Scope.CLOUD:
        return ""
    if (target.scope, target.name) in mixed:
        return "others have its name too, but not its profile; give them names of their own"
    return name_obstacle(target.name)
