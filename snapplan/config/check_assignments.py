"""Checks of assignments: do profile and backend exist, and can the backend do what the profile asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.config.check_native import check_native, check_native_names
from snapplan.config.check_selectors import can_quiesce, check_selectors
from snapplan.config.checked import is_literal, meant
from snapplan.config.explain import show
from snapplan.config.structure import BROKEN_PERIOD
from snapplan.models.target import Quiesce, Scope
from snapplan.planner.native import runs_natively

if TYPE_CHECKING:
    from snapplan.config.checked import Checked, Known
    from snapplan.config.yaml import Path
    from snapplan.models.policy import Assignment, Period, Profile, Selector


def check_assignments(checked: Checked) -> None:
    """Check every assignment that could be read."""
    asked: set[tuple[str, str, Scope, bool]] = set()
    literal: dict[tuple[str, Scope, str], tuple[str, str]] = {}
    scheduled: dict[str, set[str]] = {}
    for name, assignment in checked.entries.sections["assignments"].items():
        path = ("assignments", name)
        _check_profile(assignment, path, checked)
        selected = check_selectors(assignment.targets, (*path, "targets"), checked)
        profile = checked.entries.sections["profiles"].get(assignment.profile)
        for selector, backends in selected:
            for known in backends:
                native = runs_natively(assignment, known.backend, known.capabilities, selector.scope)
                _check_schedule(assignment, known, selector.scope, path, checked)
                if profile is None:
                    continue
                if native:
                    check_native(assignment, profile, known, selector.scope, path, checked)
                    scheduled.setdefault(known.name, set()).add(assignment.profile)
                key = (assignment.profile, known.name, selector.scope, native)
                if key not in asked:
                    asked.add(key)
                    _check_ability(assignment.profile, profile, known, selector.scope, checked, native=native)
            _check_overlap(name, assignment, selector, literal, checked)
    check_native_names(scheduled, checked)
    _note_unused(checked)


def _check_profile(assignment: Assignment, path: Path, checked: Checked) -> None:
    known = checked.entries.defined["profiles"]
    if assignment.profile in known or not checked.complete:
        return
    summary = f"there is no profile {show(assignment.profile)}"
    if checked.alone and not known:
        detail = "This file was checked without the others of its repository."
        checked.findings.warning("SP201", (*path, "profile"), f"{summary} in this file", value=True, detail=detail)
        return
    checked.findings.error("SP201", (*path, "profile"), summary, value=True, hint=meant(assignment.profile, known))


def _check_schedule(assignment: Assignment, known: Known, scope: Scope, path: Path, checked: Checked) -> None:
    native = scope in known.capabilities.native_schedule
    driver = known.backend.driver
    if assignment.schedule == "platform" and not native:
        of = f" for a {scope}" if known.capabilities.native_schedule else ""
        summary = f"driver {driver} of {known.name} has no scheduler of its own{of}"
        hint = "write schedule: snapplan, and run snapplan apply from a timer"
        checked.findings.error("SP214", (*path, "schedule"), summary, value=True, hint=hint)
    if assignment.take_over and not native:
        summary = f'"take_over" has no effect: driver {driver} of {known.name} has no profiles of its own for a {scope}'
        checked.findings.warning("SP224", (*path, "take_over"), summary, hint="remove it")


def _check_ability(name: str, profile: Profile, known: Known, scope: Scope, checked: Checked, *, native: bool) -> None:
    """Compare what each period asks for with what the backend's driver honours."""
    for period_name, period in profile.periods.items():
        if period is not BROKEN_PERIOD:
            place = ("profiles", name, "periods", period_name)
            _check_period(period, place, known, scope, checked, native=native)


def _check_period(period: Period, path: Path, known: Known, scope: Scope, checked: Checked, *, native: bool) -> None:
    findings = checked.findings
    driver = known.backend.driver
    quiesce = _quiesce(period, checked)
    if quiesce in (Quiesce.REQUIRE, Quiesce.PREFER) and not can_quiesce(known, scope):
        summary = f"driver {driver} of {known.name} cannot quiesce a {scope}"
        if quiesce is Quiesce.REQUIRE:
            detail = "No snapshot would ever be taken there."
            hint = "use another profile for these targets, or write quiesce: prefer"
            findings.error("SP212", (*path, "quiesce"), summary, value=True, detail=detail, hint=hint)
        else:
            detail = "Its snapshots are taken without freezing I/O."
            findings.warning("SP212", (*path, "quiesce"), summary, value=True, detail=detail)
    elif native and quiesce is Quiesce.REQUIRE:
        summary = f"the platform of {known.name} takes a {scope} even where it cannot quiesce it"
        detail = "snapplan status says when its newest snapshot is not quiesced."
        hint = "write quiesce: prefer, or schedule: snapplan in the assignment"
        findings.warning("SP212", (*path, "quiesce"), summary, value=True, detail=detail, hint=hint)
    if period.immutable and not known.capabilities.honours("immutable", scope, native=native):
        summary = f"driver {driver} of {known.name} cannot lock a snapshot of a {scope}"
        detail = "Anybody with access to the backend could delete what must not be deleted."
        hint = "use another profile for these targets, or leave immutable out"
        findings.error("SP212", (*path, "immutable"), summary, detail=detail, hint=hint)
    for field in _other_fields(period):
        if not known.capabilities.honours(field, scope, native=native):
            detail = "The snapshots are taken as though it were not there."
            summary = f'driver {driver} of {known.name} does not know "{field}" for a {scope}'
            findings.warning("SP212", (*path, field), summary, detail=detail)


def _quiesce(period: Period, checked: Checked) -> Quiesce | None:
    if period.quiesce is None and checked.config is not None:
        return checked.config.defaults.quiesce
    return period.quiesce


def _other_fields(period: Period) -> list[str]:
    asked = {
        "max_tier": period.max_tier is not None,
        "private": period.private,
        "type": period.type != "full",
        "quiesce_tags": bool(period.quiesce_tags),
    }
    return [field for field, wanted in asked.items() if wanted]


def _check_overlap(
    name: str,
    assignment: Assignment,
    selector: Selector,
    literal: dict[tuple[str, Scope, str], tuple[str, str]],
    checked: Checked,
) -> None:
    """Note targets that two assignments certainly share; globs and tags are compared when a plan knows the targets."""
    if not is_literal(selector.backend) or selector.tags or selector.any_tags or selector.exclude:
        return
    names = ("",) if selector.scope is Scope.CLOUD else selector.names
    for target in names:
        if not is_literal(target):
            continue
        first, profile = literal.setdefault((selector.backend, selector.scope, target), (name, assignment.profile))
        if first == name:
            continue
        address = f"{selector.backend}/{selector.scope}" + (f"/{target}" if target else "")
        same = profile == assignment.profile
        detail = "It is snapshotted once per slot." if same else "It gets the snapshots of both profiles."
        summary = f'{address} is also selected by assignment "{first}", with profile "{profile}"'
        checked.findings.note("SP215", ("assignments", name), summary, detail=detail)


def _note_unused(checked: Checked) -> None:
    if checked.alone or checked.findings.failed:
        return
    used = {assignment.profile for assignment in checked.entries.sections["assignments"].values()}
    for name in checked.entries.sections["profiles"]:
        if name not in used:
            detail = "It takes no snapshots."
            checked.findings.note("SP229", ("profiles", name), f'no assignment uses profile "{name}"', detail=detail)
