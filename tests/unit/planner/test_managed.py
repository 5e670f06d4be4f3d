"""Snapshots that a platform took carry its names; planning knows them by the keys of the policy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from snapplan.models.policy import Assignment, Backend, ConfigFile, Policy, Profile
from snapplan.models.snapshot import Mark, Snapshot
from snapplan.models.target import Capabilities, Scope
from snapplan.planner.managed import under_policy_names

AT = datetime(2026, 11, 22, tzinfo=UTC)
NATIVE = Capabilities(frozenset((Scope.VM,)), native_schedule=frozenset((Scope.VM,)))


def taken(profile: str, period: str, *, managed: bool = True) -> Snapshot:
    mark = Mark("p", "1", "", AT, None, profile=profile, period=period, slot=AT)
    return Snapshot("dc1", "1", Scope.VM, "web", "1", "n", AT, AT, mark=mark, managed=managed)


def profile(platform_name: str | None, **periods: str | None) -> Profile:
    bodies = {key: {"frequency": "daily", "retention": "7d", "platform_name": name} for key, name in periods.items()}
    return Profile.model_validate({"platform_name": platform_name, "periods": bodies})


def policy(assigned: dict[str, str] | None = None, **profiles: Profile) -> Policy:
    """``assigned`` gives profiles by backend."""
    box = Backend(driver="vergeos")
    config = ConfigFile(version=1, project="p", backends={"dc1": box, "dc2": box})
    assignments = {
        name: Assignment.model_validate({"profile": key, "targets": [{"backend": name, "scope": "vm"}]})
        for name, key in (assigned or {}).items()
    }
    return Policy(config, profiles, assignments)


def names(found: Policy, *snapshots: Snapshot, recorded: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    renamed = under_policy_names(snapshots, found, "dc1", NATIVE, recorded or {})
    return [(str(one.mark.profile), str(one.mark.period)) for one in renamed if one.mark is not None]


def test_names_of_the_platform_become_keys() -> None:
    found = policy(vms=profile("Production VMs", night="Every Night", sunday=None))
    snapshots = (taken("Production VMs", "Every Night"), taken("Production VMs", "sunday"))
    assert names(found, *snapshots) == [("vms", "night"), ("vms", "sunday")]


def test_a_name_that_nobody_knows_stays() -> None:
    found = policy(vms=profile("Production VMs", night=None))
    assert names(found, taken("gold", "night")) == [("gold", "night")]
    assert names(found, taken("Production VMs", "Gone")) == [("vms", "Gone")]


def test_snapshots_that_we_took_are_not_touched() -> None:
    found = policy(vms=profile("gold", night="Night"))
    assert names(found, taken("gold", "Night", managed=False)) == [("gold", "Night")]


def test_what_the_policy_has_no_more_keeps_the_key_that_it_had() -> None:
    recorded = {"old": {"platform_name": "Old One", "periods": {"n": {"platform_name": "Night"}}}}
    assert names(policy(), taken("Old One", "Night"), recorded=recorded) == [("old", "n")]
    kept = policy(old=profile("Old One", day=None))
    assert names(kept, taken("Old One", "Night"), taken("Old One", "day"), recorded=recorded) == [
        ("old", "n"),
        ("old", "day"),
    ]


def test_of_profiles_that_share_a_name_the_one_that_is_assigned_here_counts() -> None:
    both = {"system": profile("System", h=None), "system-2": profile("System", h=None)}
    assert names(policy({"dc1": "system-2", "dc2": "system"}, **both), taken("System", "h")) == [("system-2", "h")]
    assert names(policy({"dc1": "system", "dc2": "system-2"}, **both), taken("System", "h")) == [("system", "h")]
    recorded = {"system-9": {"platform_name": "System", "periods": {}}}
    assert names(policy(**both), taken("System", "h"), recorded=recorded) == [("system", "h")]


def test_a_key_that_equals_another_profile_s_name_is_not_taken_for_it() -> None:
    found = policy(a=profile("b", n=None), b=profile("a", n=None))
    assert names(found, taken("a", "n"), taken("b", "n")) == [("b", "n"), ("a", "n")]
