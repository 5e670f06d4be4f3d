"""What a platform's own scheduler took, under the names that the policy has for it.

A platform knows its profiles and periods by its own names (``platform_name``); triples, slots and orphans count by the keys
of the policy. Nothing of this is written anywhere: it is how a listing is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.planner.native import native_name, runs_natively
from snapplan.planner.resolve import matches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from snapplan.models.policy import Policy, Profile
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Capabilities


class _Known(NamedTuple):
    """A profile of the policy: its key, and the keys of its periods by their names on the platform."""

    key: str
    periods: Mapping[str, str]


def under_policy_names(
    snapshots: Iterable[Snapshot],
    policy: Policy,
    backend: str,
    capabilities: Capabilities,
    recorded: Mapping[str, Mapping[str, Any]],
) -> list[Snapshot]:
    """Return ``snapshots`` with the keys of profiles and periods in the marks of those that the platform took for us.

    ``recorded`` are the profiles as they were applied last (JSON): what the policy has no more keeps the key that it had.
    A name that neither knows stays as it is. Where profiles of several backends share a name on their platforms, the one
    that is assigned on this backend counts.
    """
    known = _known(policy, backend, capabilities, recorded)
    return [_renamed(snapshot, known) if snapshot.managed else snapshot for snapshot in snapshots]


def _renamed(snapshot: Snapshot, known: Mapping[str, _Known]) -> Snapshot:
    mark = snapshot.mark
    if mark is None or mark.profile is None or mark.profile not in known:
        return snapshot
    profile = known[mark.profile]
    period = profile.periods.get(mark.period or "", mark.period)
    if (profile.key, period) == (mark.profile, mark.period):
        return snapshot
    return snapshot._replace(mark=mark._replace(profile=profile.key, period=period))


def _known(
    policy: Policy, backend: str, capabilities: Capabilities, recorded: Mapping[str, Mapping[str, Any]]
) -> dict[str, _Known]:
    """Return the profiles by their names on the platform; what stands later in the order of trust replaces the rest."""
    assigned = set(_assigned(policy, backend, capabilities))
    found: dict[str, _Known] = {}
    for key in sorted(recorded, reverse=True):
        found[recorded[key].get("platform_name") or key] = _Known(key, _recorded_periods(recorded[key]))
    for key in sorted(policy.profiles, key=lambda each: (each not in assigned, each), reverse=True):
        profile = policy.profiles[key]
        before = _recorded_periods(recorded[key]) if key in recorded else {}
        found[native_name(key, profile)] = _Known(key, {**before, **_periods(profile)})
    return found


def _assigned(policy: Policy, backend: str, capabilities: Capabilities) -> Iterator[str]:
    """Yield the keys of the profiles that the platform of ``backend`` is to run."""
    config = policy.config.backends.get(backend)
    for assignment in policy.assignments.values():
        for selector in assignment.targets:
            native = runs_natively(assignment, config, capabilities, selector.scope)
            if native and matches(selector.backend, backend):
                yield assignment.profile


def _periods(profile: Profile) -> dict[str, str]:
    return {native_name(key, period): key for key, period in profile.periods.items()}


def _recorded_periods(document: Mapping[str, Any]) -> dict[str, str]:
    return {body.get("platform_name") or key: key for key, body in document.get("periods", {}).items()}
