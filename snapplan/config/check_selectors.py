"""Checks of selectors and of the sections that hold little else: manual snapshots and objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.config.checked import is_literal, meant
from snapplan.config.explain import show
from snapplan.config.structure import BROKEN_SELECTOR
from snapplan.models.durations import format_duration, parse_duration
from snapplan.models.target import Quiesce, Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snapplan.config.checked import Checked, Known
    from snapplan.config.yaml import Path
    from snapplan.models.policy import ManualSnapshot, Objective, Selector

_ASKED = ("rpo", "keep", "quiesced")


def check_selectors(selectors: Sequence[Selector], path: Path, checked: Checked) -> list[tuple[Selector, list[Known]]]:
    """Check the selectors at ``path``; return each with the backends that it may find targets on."""
    found: list[tuple[Selector, list[Known]]] = []
    for index, selector in enumerate(selectors):
        if selector is not BROKEN_SELECTOR:
            found.append((selector, check_selector(selector, (*path, str(index)), checked)))
    return found


def check_selector(selector: Selector, path: Path, checked: Checked) -> list[Known]:
    """Check one selector; return the backends that it may find targets on."""
    _check_names(selector, path, checked)
    if checked.config is None:
        return []
    matching = checked.matching(selector.backend)
    if not matching:
        _check_backend(selector.backend, path, checked)
        return []
    able = [known for known in matching if selector.scope in known.capabilities.scopes]
    if not able:
        drivers = sorted({known.backend.driver for known in matching})
        scopes = sorted({scope for known in matching for scope in known.capabilities.scopes})
        summary = f"driver {', '.join(drivers)} has no scope {selector.scope}"
        hint = f"it has {', '.join(scopes)}"
        checked.findings.error("SP213", (*path, "scope"), summary, value=True, hint=hint)
    return able


def _check_backend(glob: str, path: Path, checked: Checked) -> None:
    """Say that no backend matches, unless one does that has errors of its own."""
    from snapplan.config.checked import matches

    if any(matches(glob, name) for name in checked.backend_names):
        return
    hint = meant(glob, checked.backend_names)
    what = "there is no backend" if is_literal(glob) else "no backend matches"
    checked.findings.error("SP202", (*path, "backend"), f"{what} {show(glob)}", value=True, hint=hint)


def _check_names(selector: Selector, path: Path, checked: Checked) -> None:
    findings = checked.findings
    if selector.scope is Scope.CLOUD:
        for field in ("names", "exclude"):
            if getattr(selector, field) not in (("*",), ()):
                detail = "The whole system is selected."
                summary = f'"{field}" has no effect: the cloud scope has no name'
                findings.warning("SP228", (*path, field), summary, detail=detail, hint="remove it")
        return
    for index, name in enumerate(selector.names):
        if "@" in name or name[0] == "/" or (".." in name and ".." in name.split("/")):
            summary = f"{show(name)} is not a target's name"
            hint = "a name is relative to the backend, without '..' and '@'"
            findings.error("SP111", (*path, "names", str(index)), summary, hint=hint)
    if selector.exclude and ("*" in selector.exclude or set(selector.names) <= set(selector.exclude)):
        findings.warning("SP224", (*path, "exclude"), "everything is excluded, so nothing is selected")


def check_snapshots(checked: Checked) -> None:
    """Check the manual snapshots."""
    for name, manual in checked.entries.sections["snapshots"].items():
        path = ("snapshots", name)
        _check_partial(manual, path, checked)
        for selector, backends in check_selectors(manual.targets, (*path, "targets"), checked):
            for known in backends:
                _check_capture(manual, known, selector.scope, path, checked)
            if manual.quiesce is not Quiesce.NEVER:
                for known in backends:
                    _check_quiesce(manual.quiesce, known, manual.targets, path, checked)


def _check_partial(manual: ManualSnapshot, path: Path, checked: Checked) -> None:
    if manual.type != "full" and not manual.partial_tags:
        checked.findings.error("SP207", (*path, "type"), f'{manual.type} needs "partial_tags"', value=True)
    elif manual.type == "full" and manual.partial_tags:
        hint = "write type: partial_include or partial_exclude"
        summary = '"partial_tags" has no effect with type full'
        detail = "Everything is captured."
        checked.findings.warning("SP224", (*path, "partial_tags"), summary, detail=detail, hint=hint)


def _check_capture(manual: ManualSnapshot, known: Known, scope: Scope, path: Path, checked: Checked) -> None:
    """Compare what a manual snapshot asks for with what the backend's driver honours at its scope."""
    asked = {
        "immutable": manual.immutable,
        "private": manual.private,
        "type": manual.type != "full",
        "quiesce_tags": bool(manual.quiesce_tags),
    }
    for field, wanted in asked.items():
        if wanted and not known.capabilities.honours(field, scope):
            summary = f'driver {known.backend.driver} of {known.name} does not know "{field}" for a {scope}'
            detail = "The snapshot would be taken as though it were not there."
            checked.findings.error("SP212", (*path, field), summary, detail=detail, hint="leave it out")


def _check_quiesce(quiesce: Quiesce, known: Known, targets: Sequence[Selector], path: Path, checked: Checked) -> None:
    scopes = {selector.scope for selector in targets}
    unable = sorted(scope for scope in scopes & known.capabilities.scopes if not can_quiesce(known, scope))
    if not unable:
        return
    summary = f"driver {known.backend.driver} of {known.name} cannot quiesce a {unable[0]}"
    add = checked.findings.error if quiesce is Quiesce.REQUIRE else checked.findings.warning
    add("SP212", (*path, "quiesce"), summary, value=True)


def can_quiesce(known: Known, scope: Scope) -> bool:
    """Whether I/O can be frozen for targets of this scope, by the driver or by commands."""
    return scope in known.capabilities.quiesce or bool(known.backend.quiesce_commands)


def _has_broken_keys(objective: Objective, path: Path, checked: Checked) -> bool:
    """Whether a key stands in the file that was left out of the model because its value is wrong."""
    found = checked.entries.find(path)
    if found is None:
        return False
    source, inner = found
    return any((*inner, key) in source.document.marks for key in _ASKED if key not in objective.model_fields_set)


def check_objectives(checked: Checked) -> None:
    """Check the objectives."""
    findings = checked.findings
    for name, objective in checked.entries.sections["objectives"].items():
        path = ("objectives", name)
        check_selectors(objective.targets, (*path, "targets"), checked)
        nothing = objective.rpo is None and not objective.keep and not objective.quiesced
        if nothing and not _has_broken_keys(objective, path, checked):
            hint = "add rpo, keep or quiesced"
            findings.warning("SP225", path, "the objective asks for nothing", detail="It is always met.", hint=hint)
        for age, spacing in objective.keep.items():
            if spacing > parse_duration(age):
                summary = f"one snapshot per {format_duration(spacing)} cannot be asked of the last {age}"
                hint = "write AGE: SPACING, such as 14d: 1d"
                findings.error("SP225", (*path, "keep", age), summary, value=True, hint=hint)
