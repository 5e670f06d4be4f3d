"""Platforms in a few words, and what a policy file made of them says."""

from __future__ import annotations

from typing import Any

from snapplan.config.yaml import load
from snapplan.imports.draft import Draft
from snapplan.imports.native import Surroundings, drafted
from snapplan.imports.text import policy_text
from snapplan.models.platform import PlatformPeriod, PlatformProfile, PlatformSchedule
from snapplan.models.policy import Assignment, Profile
from snapplan.models.target import Scope, Target
from snapplan.planner.native import native_profile
from snapplan.planner.resolve import matches

DAILY = PlatformPeriod("daily", 7 * 86_400, hour=2)


def vm(name: str, key: str = "") -> Target:
    return Target("dc1", Scope.VM, name, key or f"id-{name}")


CLOUD = Target("dc1", Scope.CLOUD, "", "cloud")


def profile(name: str, **more: Any) -> PlatformProfile:
    return PlatformProfile(f"key-{name}", name, more.pop("periods", {"Daily": DAILY}), **more)


def schedule(*profiles: PlatformProfile, **assigned: PlatformProfile) -> PlatformSchedule:
    """``assigned`` gives profiles by the names of VMs, or ``cloud``."""
    by_target = {("cloud" if name == "cloud" else f"id-{name}"): one.native_id for name, one in assigned.items()}
    return PlatformSchedule(profiles, by_target)


def draft(found: PlatformSchedule, *targets: Target, **surroundings: Any) -> Draft:
    return drafted("dc1", found, targets, Surroundings("p", **surroundings))


class Read:
    """A policy file as the policy language reads it, without a finding."""

    def __init__(self, made: Draft) -> None:
        self.text = policy_text(made)
        document = load(self.text.encode())
        assert document.problems == []
        data = document.data or {}
        self.profiles = {name: Profile.model_validate(body) for name, body in data.get("profiles", {}).items()}
        self.assignments = {name: Assignment.model_validate(body) for name, body in data.get("assignments", {}).items()}

    def on_the_platform(self) -> dict[str, PlatformProfile]:
        """Return the profiles by the names that they would have there."""
        made = [native_profile(key, one, "p") for key, one in self.profiles.items()]
        return {one.name: one for one in made}

    def selected(self, target: Target) -> set[str]:
        """Return the platform's names of the profiles that the file gives a target."""
        found = set()
        for assignment in self.assignments.values():
            for selector in assignment.targets:
                if selector.scope is target.scope and any(matches(glob, target.name) for glob in selector.names):
                    found.add(self.profiles[assignment.profile].platform_name or assignment.profile)
        return found
