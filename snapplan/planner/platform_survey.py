"""One platform's schedule held against the policy: its profiles, their assignments, and what is odd about them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from snapplan.diagnostics import Diagnostic, Severity
from snapplan.models.request import PlatformAssignRequest, PlatformProfileRequest
from snapplan.planner.native import inexpressible, native_name, native_profile
from snapplan.planner.platform import Detached

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from snapplan.models.platform import PlatformPeriod, PlatformProfile, PlatformSchedule
    from snapplan.models.target import Target
    from snapplan.planner.context import Context, Draft
    from snapplan.planner.platform import Protection, Survey
    from snapplan.planner.resolve import Resolved


EXCLUDING = "partial_exclude"
"""The type of a period that takes all but what carries its tags."""


class PlatformSurvey:
    """One backend's schedule, in the making of a plan."""

    def __init__(self, context: Context, draft: Draft, found: Survey, name: str, platform: PlatformSchedule) -> None:
        self._context = context
        self._draft = draft
        self._found = found
        self._name = name
        self._platform = platform
        self._project = context.policy.config.project
        self._by_name = {profile.name: profile for profile in platform.profiles}
        self._by_id = {profile.native_id: profile for profile in platform.profiles}
        self._targets = {target.id: target for target in context.backends[name].targets}
        self._standing: dict[str, str] = {}
        """The native ids of the profiles that stand there, by their keys in the policy."""

    def survey(self) -> None:
        """Note what has to be done on the platform, and what is odd."""
        native = {p: r for p, r in self._found.native.items() if p[0] == self._name and self._in_focus(r.target)}
        profiles_of: dict[str, list[str]] = {}
        for _, target_id, profile in native:
            profiles_of.setdefault(target_id, []).append(profile)
        for profile in self._alone(sorted({profile for _, _, profile in native})):
            self._profile(profile)
        for target_id, profiles in profiles_of.items():
            if len(profiles) > 1:
                self._conflict(self._targets[target_id], profiles)
                continue
            protection = (self._name, target_id, profiles[0])
            self._assignment(protection, native[protection])
        self._detach(profiles_of)
        self._unwanted()

    def _alone(self, keys: list[str]) -> Iterator[str]:
        """Yield the profiles that share their name on the platform with no other one."""
        names = {key: native_name(key, self._context.policy.profiles[key]) for key in keys}
        for key, name in names.items():
            others = [other for other in keys if names[other] == name and other != key]
            if not others:
                yield key
            elif key == max(key, *others):
                summary = f"profiles {', '.join(sorted([key, *others]))} are the same one, {name!r}, on {self._name}"
                hint = "give one of them another platform_name"
                self._say("SP452", summary, "profiles", key, "platform_name", severity=Severity.ERROR, hint=hint)

    def _in_focus(self, target: Target) -> bool:
        return self._context.in_focus(target.address)

    def _say(
        self,
        code: str,
        summary: str,
        *where: str,
        severity: Severity = Severity.WARNING,
        detail: str = "",
        hint: str = "",
    ) -> None:
        place = self._context.policy.location(*where)
        self._draft.diagnostics.append(Diagnostic(code, severity, summary, place, detail=detail, hint=hint))

    def _conflict(self, target: Target, profiles: list[str]) -> None:
        self._say(
            "SP451",
            f"{target.address} is given {len(profiles)} profiles ({', '.join(profiles)}), and its platform takes one",
            "assignments",
            self._found.native[self._name, target.id, profiles[-1]].assignment,
            severity=Severity.ERROR,
            detail="Its assignment stays as it is.",
            hint="exclude it from the others, or write schedule: snapplan in them",
        )

    def _profile(self, key: str) -> None:
        """Note what is to be done about a profile; nothing is noted where it must be left alone."""
        policy = self._context.policy
        profile, where = policy.profiles[key], ("profiles", key)
        backend = policy.config.backends.get(self._name)
        zone = (backend.timezone if backend else None) or self._platform.timezone or "UTC"
        for problem in inexpressible(profile, zone):
            if problem.field == "retroactive":
                continue
            place = where if problem.period is None else (*where, "periods", problem.period)
            self._say(
                "SP452",
                f"profile {key!r} cannot be scheduled by {self._name}: {problem.text}",
                *place,
                problem.field,
                severity=Severity.ERROR,
                hint="write schedule: snapplan in its assignments",
            )
            return
        wanted = native_profile(key, profile, self._project)
        current = self._by_name.get(wanted.name) or self._moved_from(key) or self._renamed_there(key, wanted)
        if current is not None:
            self._standing[key] = current.native_id
        wanted = wanted._replace(periods=self._with_tags(key, wanted, current))
        if self._platform.forever_blocker and _newly_for_ever(wanted, current):
            summary = f"profile {key!r} cannot be scheduled by {self._name}: {self._platform.forever_blocker}"
            hint = "write a long retention such as 100y, or make one such period on the platform first"
            self._say("SP452", summary, *where, severity=Severity.ERROR, hint=hint)
            return
        if current is None:
            self._found.profiles[self._name, key] = PlatformProfileRequest(None, wanted)
        elif current.project == self._project:
            wanted = wanted._replace(native_id=current.native_id, used_by=current.used_by)
            same = (current.name, current.periods, current.description) == (
                wanted.name,
                wanted.periods,
                wanted.description,
            )
            self._ended_periods(key, current, wanted)
            self._found.profiles[self._name, key] = None if same else PlatformProfileRequest(current, wanted)
        elif current.periods == wanted.periods:
            self._found.profiles[self._name, key] = None
            self._unmarked(key, current)
        else:
            self._foreign_profile(key, current)

    def _moved_from(self, key: str) -> PlatformProfile | None:
        """Return the profile of ours that ``moved:`` renames to a key: renamed there too, it keeps what it took."""
        policy = self._context.policy
        names = {native_name(each, profile) for each, profile in policy.profiles.items()}
        for moved in policy.moved:
            old, new = moved.source.split(".")[1], moved.to.split(".")[1]
            if new != key or old in policy.profiles:
                continue
            recorded = self._context.world.catalog.profiles.get(old, {})
            found = self._by_name.get(recorded.get("platform_name") or old)
            if found is None or found.project != self._project or found.name in names:
                continue
            if found.native_id not in self._standing.values():
                return found
        return None

    def _renamed_there(self, key: str, wanted: PlatformProfile) -> PlatformProfile | None:
        """Return the profile of ours that somebody renamed on the platform: recorded as applied, and there otherwise.

        It is the only one of ours that nothing of the policy stands for and that has these periods, or all the targets that
        the catalog knows of this profile.
        """
        catalog, policy = self._context.world.catalog, self._context.policy
        if key not in catalog.profiles:
            return None
        names = {native_name(each, profile) for each, profile in policy.profiles.items()}
        names |= {document.get("platform_name") or each for each, document in catalog.profiles.items()}
        ours = [p for p in self._platform.profiles if p.project == self._project and p.name not in names]
        ours = [profile for profile in ours if profile.native_id not in self._standing.values()]
        known = {triple.target_id for triple in catalog.tracked if triple[::2] == (self._name, key)}
        known = {t for t in known if self._platform.assigned.get(t)}
        users = [p for p in ours if known and {self._platform.assigned[t] for t in known} == {p.native_id}]
        alike = users or [profile for profile in ours if profile.periods == wanted.periods]
        if len(alike) != 1:
            return None
        self._say(
            "SP465",
            f"profile {wanted.name!r} of {self._name} was renamed to {alike[0].name!r} there",
            "profiles",
            key,
            detail="It is the same one; this plan gives it its name again.",
            hint=f"to keep the new name, write platform_name: {alike[0].name} into the profile",
        )
        return alike[0]

    def _unmarked(self, key: str, current: PlatformProfile) -> None:
        """Say that nothing on the platform says that a profile is ours: what it takes counts for nobody."""
        if current.project is not None:
            return
        known = key in self._context.world.catalog.profiles
        self._say(
            "SP464",
            f"profile {current.name!r} of {self._name} "
            + ("has lost our mark, or never had it" if known else "does not carry our mark"),
            "profiles",
            key,
            severity=Severity.WARNING if known else Severity.NOTE,
            detail="It is as the policy wants it, but what it takes counts as foreign, and snapplan does not follow it.",
            hint=f"snapplan adopt '{self._name}/profile/{current.name}' makes it ours",
        )

    def _with_tags(
        self, key: str, wanted: PlatformProfile, current: PlatformProfile | None
    ) -> dict[str, PlatformPeriod]:
        """Return the wanted periods with the tags as the platform shows them.

        What stands there stays where the policy's word for it is several tags by now: nobody changes what a period takes by
        making a second tag of a name. A new period takes all of them, or leaves out the oldest only.
        """
        have = current.periods if current is not None else {}
        found = {}
        for name, period in wanted.periods.items():
            stands = have.get(name)
            partial, quiesce = (
                self._tags(key, written, standing, first=first)
                for written, standing, first in (
                    (period.partial_tags, stands.partial_tags if stands else (), period.type == EXCLUDING),
                    (period.quiesce_tags, stands.quiesce_tags if stands else (), False),
                )
            )
            found[name] = period._replace(partial_tags=partial, quiesce_tags=quiesce)
        return found

    def _tags(self, key: str, written: Sequence[str], standing: Sequence[str], *, first: bool) -> tuple[str, ...]:
        meant: set[str] = set()
        for word in written:
            tags = self._platform.tags.get(word, (word,))
            if len(tags) > 1:
                self._say(
                    "SP463",
                    f"{word!r} is {len(tags)} tags of {self._name}: {', '.join(tags)}",
                    "profiles",
                    key,
                    detail="What stands on the platform stays as it is.",
                    hint="write the one that is meant",
                )
            stays = set(tags) & set(standing)
            meant |= stays or set(tags[:1] if first else tags)
        return tuple(sorted(meant))

    def _ended_periods(self, key: str, current: PlatformProfile, wanted: PlatformProfile) -> None:
        """Say what the end of a period does to what it took: the platform forgets its minimum, and whose it is."""
        if current.periods.keys() <= wanted.periods.keys():
            return
        periods = self._context.policy.profiles[key].periods
        left = Counter(
            snapshot.mark.period
            for snapshot in self._context.owned[self._name].managed
            if snapshot.mark is not None and snapshot.mark.profile == key and snapshot.mark.period not in periods
        )
        for period, number in sorted(left.items(), key=str):
            self._say(
                "SP458",
                f"period {period!r} of profile {key!r} ends on {self._name}, which took {number} "
                f"snapshot{'s' if number != 1 else ''} by it",
                "profiles",
                key,
                detail="They keep their expirations; min_snapshots holds none of them then, and they count as foreign.",
                hint="take a manual snapshot first where they are the last ones",
            )

    def _foreign_profile(self, key: str, current: PlatformProfile) -> None:
        of = f"is of project {current.project!r}" if current.project else "was not made by snapplan"
        self._say(
            "SP453",
            f"profile {current.name!r} of {self._name} {of} and differs from profile {key!r}",
            "profiles",
            key,
            detail="It is left as it is, and so are the assignments of this profile there.",
            hint=f"snapplan adopt '{self._name}/profile/{current.name}' lets snapplan change it",
        )

    def _assignment(self, protection: Protection, resolved: Resolved) -> None:
        target, key = resolved.target, protection[2]
        blocker = self._platform.blockers.get(target.scope)
        if blocker is not None:
            self._say("SP454", f"{target.address}: {blocker}", "assignments", resolved.assignment)
            return
        if (self._name, key) not in self._found.profiles:
            return
        native_id = self._platform.assigned.get(target.id, "")
        wanted = native_name(key, self._context.policy.profiles[key])
        current = self._by_id.get(native_id)
        if native_id and native_id == self._standing.get(key):
            self._found.assignments[protection] = None
            return
        taken_over = self._context.policy.assignments[resolved.assignment].take_over
        if native_id and (current is None or current.project != self._project) and not taken_over:
            has = "an unknown profile" if current is None else f"profile {current.name!r}"
            self._say(
                "SP455",
                f"{target.address} has {has} of somebody else on its platform",
                "assignments",
                resolved.assignment,
                detail=f"It is not given profile {wanted!r}.",
                hint="take_over: true in the assignment replaces it",
            )
            return
        self._found.assignments[protection] = PlatformAssignRequest(target, native_id, wanted)

    def _detach(self, wanted: Mapping[str, list[str]]) -> None:
        """Note the targets that have a profile of ours and that no assignment gives one any more.

        One that the catalog does not know was given its profile by somebody else, who may need it; unless snapplan is to
        take its snapshots by that profile itself.
        """
        known = (*self._context.world.catalog.tracked, *self._context.resolution.triples)
        tracked = {(t.target_id, t.profile) for t in known if t.backend == self._name}
        for target_id, native_id in sorted(self._platform.assigned.items()):
            current, target = self._by_id.get(native_id), self._targets.get(target_id)
            if current is None or current.project != self._project or target is None or not self._in_focus(target):
                continue
            if target_id in wanted:
                continue
            key = self._key_of(current)
            if (target_id, key) in tracked:
                self._found.detached[self._name, target_id] = Detached(target, key, current)
            else:
                self._say(
                    "SP456",
                    f"{target.address} has profile {current.name!r} on its platform, but no assignment gives it one",
                    "profiles",
                    key,
                    severity=Severity.NOTE,
                    detail="Somebody else assigned it; it stays.",
                    hint="select it in an assignment, or take the profile away on the platform",
                )

    def _key_of(self, profile: PlatformProfile) -> str:
        """Return what the policy calls a profile of the platform, or called it when it was applied last."""
        called = [
            key for key, known in self._context.policy.profiles.items() if native_name(key, known) == profile.name
        ]
        used = {triple.profile for triple in self._context.resolution.triples if triple.backend == self._name}
        if called:
            return next((key for key in called if key in used), called[0])
        for key, document in self._context.world.catalog.profiles.items():
            if document.get("platform_name") == profile.name:
                return key
        return profile.name

    def _unwanted(self) -> None:
        """Note the profiles of ours that the policy has no more and that nothing will use after this plan."""
        if not self._context.everything:
            return
        names = {native_name(key, profile) for key, profile in self._context.policy.profiles.items()}
        leaving = {target_id for backend, target_id in self._found.detached if backend == self._name}
        leaving |= {
            p[1] for p, request in self._found.assignments.items() if p[0] == self._name and request is not None
        }
        for profile in self._platform.profiles:
            if profile.project != self._project or profile.name in names:
                continue
            if profile.native_id in self._standing.values():
                continue
            users = [t for t, native_id in self._platform.assigned.items() if native_id == profile.native_id]
            staying = [*profile.used_by, *sorted(self._address(t) for t in users if t not in leaving)]
            if staying:
                self._say(
                    "SP457",
                    f"profile {profile.name!r} of {self._name} stays: {', '.join(staying[:3])} still "
                    f"{'uses' if len(staying) == 1 else 'use'} it",
                    "profiles",
                    hint="the next plan after that has ended deletes it",
                )
            elif profile.has_snapshots:
                self._say(
                    "SP459",
                    f"profile {profile.name!r} of {self._name} stays as long as snapshots that it took are there",
                    "profiles",
                    severity=Severity.NOTE,
                    detail="Without it the platform would hold none of them past its expiration, and they were foreign.",
                    hint="orphans: lets the last ones of VMs go, then the profile; those of volumes are deleted by hand",
                )
            else:
                self._found.unwanted.append((self._name, profile))

    def _address(self, target_id: str) -> str:
        target = self._targets.get(target_id)
        return target.address if target is not None else target_id


def _newly_for_ever(wanted: PlatformProfile, current: PlatformProfile | None) -> bool:
    have = current.periods if current is not None else {}
    return any(period.retention is None and have.get(name) != period for name, period in wanted.periods.items())
