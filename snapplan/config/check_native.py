"""Checks of what a platform's own scheduler is asked to run: can it be said there, and is it told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.config.structure import BROKEN_PERIOD
from snapplan.planner.native import inexpressible, native_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from snapplan.config.checked import Checked, Known
    from snapplan.config.yaml import Path
    from snapplan.models.policy import Assignment, Profile
    from snapplan.models.target import Scope

HINT = "write schedule: snapplan in the assignment"
OTHER_NAME = "give one of them another platform_name"


def check_native(
    assignment: Assignment, profile: Profile, known: Known, scope: Scope, path: Path, checked: Checked
) -> None:
    """Check an assignment that the platform of the backend ``known`` is to run at ``scope``."""
    findings, config = checked.findings, checked.config
    if config is not None and config.catalog == "memory:":
        summary = f"the platform of {known.name} cannot be told its schedule with catalog: memory:"
        detail = "Which assignments ended since the last apply is not known then."
        findings.error("SP231", (*path, "profile"), summary, detail=detail, hint=HINT)
    if any(period is BROKEN_PERIOD for period in profile.periods.values()):
        return
    zone = known.backend.timezone or "UTC"
    defaults = config.defaults if config is not None else None
    complete = profile
    if defaults is not None:
        from snapplan.config.defaults import complete as completed

        complete = completed({assignment.profile: profile}, defaults)[assignment.profile]
    for problem in inexpressible(complete, zone):
        place: tuple[str, ...] = ("profiles", assignment.profile)
        if problem.period is not None:
            place = (*place, "periods", problem.period)
        summary = f"the schedule of {known.name} cannot hold this for a {scope}: {problem.text}"
        if problem.field == "retroactive":
            findings.warning("SP231", (*place, problem.field), summary, value=True)
            continue
        hint = f"{HINT}, or timezone in the backend" if problem.field == "timezone" else HINT
        findings.error("SP231", (*place, problem.field), summary, value=True, hint=hint)


def check_native_names(scheduled: Mapping[str, Collection[str]], checked: Checked) -> None:
    """Two profiles, or two periods of one, must not be the same on a platform; ``scheduled`` are profiles by backend."""
    profiles = checked.entries.sections["profiles"]
    for backend, names in sorted(scheduled.items()):
        first_of: dict[str, str] = {}
        for name in sorted(names):
            on_platform = native_name(name, profiles[name])
            first = first_of.setdefault(on_platform, name)
            if first != name:
                summary = f'profiles "{first}" and "{name}" are the same one, {on_platform!r}, on {backend}'
                checked.findings.error(
                    "SP231", ("profiles", name, "platform_name"), summary, value=True, hint=OTHER_NAME
                )
    for name in sorted({name for names in scheduled.values() for name in names}):
        _check_periods(name, profiles[name], checked)


def _check_periods(name: str, profile: Profile, checked: Checked) -> None:
    seen: dict[str, str] = {}
    for key, period in profile.periods.items():
        if period is BROKEN_PERIOD:
            continue
        first = seen.setdefault(native_name(key, period), key)
        if first != key:
            summary = f'periods "{first}" and "{key}" are the same one on the platform, {native_name(key, period)!r}'
            place = ("profiles", name, "periods", key, "platform_name")
            checked.findings.error("SP231", place, summary, value=True, hint=OTHER_NAME)
