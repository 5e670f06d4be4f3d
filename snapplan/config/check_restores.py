"""Checks of declared restores: is the request whole, and can the backend's driver do it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.config.checked import meant
from snapplan.config.explain import show
from snapplan.ids import parse_target
from snapplan.models.target import RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from snapplan.config.checked import Checked
    from snapplan.config.source import Findings
    from snapplan.config.yaml import Path
    from snapplan.ids import TargetAddress
    from snapplan.models.policy import Restore


_MODES = {"power_off": RestoreMode.IN_PLACE, "preserve_macs": RestoreMode.CLONE}


def check_restores(checked: Checked) -> None:
    """Check every restore that could be read."""
    clones: dict[tuple[str, Scope, str], str] = {}
    for key, restore in checked.entries.sections["restores"].items():
        path = ("restores", key)
        _check_source(restore, path, checked.findings)
        address = _check_target(restore, path, checked)
        _check_clone_name(restore, address, path, checked.findings)
        _check_options(restore, address, path, checked)
        if address is None or restore.as_name is None or restore.mode is not RestoreMode.CLONE:
            continue
        first = clones.setdefault((address.backend, address.scope, restore.as_name), key)
        if first != key:
            summary = f'restore "{first}" already makes a clone called {show(restore.as_name)}'
            checked.findings.error("SP218", (*path, "as"), summary, value=True, hint="give it another name")


def _check_source(restore: Restore, path: Path, findings: Findings) -> None:
    source = restore.source
    if source.snapshot == "latest" and source.before is None:
        detail = "Without it, what is restored would depend on when apply runs."
        hint = "add before: with an instant, or name the snapshot"
        findings.error("SP217", (*path, "from"), '"latest" needs "before"', detail=detail, hint=hint)
    if source.snapshot != "latest" and source.before is not None:
        hint = "remove it, or write snapshot: latest"
        findings.error("SP217", (*path, "from", "before"), '"before" goes with latest, not with a name', hint=hint)
    if not source.snapshot or "@" in source.snapshot or "/" in source.snapshot:
        hint = "write the part after the @ only, such as gold.daily.20261122T0200Z"
        summary = f"{show(source.snapshot)} is not a snapshot's name"
        findings.error("SP217", (*path, "from", "snapshot"), summary, value=True, hint=hint)


def _check_target(restore: Restore, path: Path, checked: Checked) -> TargetAddress | None:
    findings = checked.findings
    place = (*path, "target")
    try:
        address = parse_target(restore.target)
    except ValueError as error:
        findings.error("SP219", place, str(error), value=True)
        return None
    if "@" in address.name or ".." in address.name.split("/"):
        hint = "the snapshot stands under from:" if "@" in address.name else ""
        findings.error("SP219", place, f"{show(restore.target)} is not a target", value=True, hint=hint)
        return None
    if checked.config is None:
        return address
    if address.backend not in checked.backend_names:
        hint = meant(address.backend, checked.backend_names)
        findings.error("SP202", place, f"there is no backend {show(address.backend)}", value=True, hint=hint)
    elif address.backend in checked.known:
        _check_path(restore, address, path, checked)
    return address


def _check_path(restore: Restore, address: TargetAddress, path: Path, checked: Checked) -> None:
    """Compare source scope, target scope and mode with what the driver can do."""
    known = checked.known[address.backend]
    can, findings = known.capabilities, checked.findings
    if address.scope not in can.scopes:
        hint = f"it has {', '.join(sorted(can.scopes))}"
        summary = f"driver {known.backend.driver} has no scope {address.scope}"
        findings.error("SP213", (*path, "target"), summary, value=True, hint=hint)
        return
    via = restore.source.via if restore.source.via is not None else address.scope
    wanted = RestorePath(via, address.scope, restore.mode)
    if wanted in can.restores or wanted in can.unavailable:
        return  # what some systems of a kind offer and others do not, the plan says
    ways = sorted(f"{way.mode} from a {way.source} snapshot" for way in can.restores if way.target is address.scope)
    summary = f"driver {known.backend.driver} cannot restore a {address.scope} {restore.mode} from a {via} snapshot"
    place = (*path, "from", "via") if restore.source.via is not None else (*path, "mode")
    hint = f"it can: {', '.join(ways)}" if ways else f"it cannot restore a {address.scope} at all"
    findings.error("SP220", place, summary, value=True, hint=hint)


def _check_options(restore: Restore, address: TargetAddress | None, path: Path, checked: Checked) -> None:
    """Compare power_off, power_on and preserve_macs with the mode, the scope and what the driver can do."""
    known = checked.known.get(address.backend) if address is not None else None
    for option in (name for name in ("power_off", "power_on", "preserve_macs") if getattr(restore, name)):
        mode = _MODES.get(option, restore.mode)
        if mode is not restore.mode:
            summary, hint = f'"{option}" goes with {mode}, not with {restore.mode}', "remove it"
        elif address is not None and address.scope not in (Scope.VM, Scope.TENANT):
            summary, hint = f'"{option}" is for a vm or a tenant, not for a {address.scope}', "remove it"
        elif known is not None and option not in known.capabilities.restore_options:
            summary, hint = f'driver {known.backend.driver} has no "{option}" for a restore', "remove it"
        else:
            continue
        checked.findings.error("SP232", (*path, option), summary, value=True, hint=hint)


def _check_clone_name(restore: Restore, address: TargetAddress | None, path: Path, findings: Findings) -> None:
    name = restore.as_name
    if restore.mode is RestoreMode.CLONE and name is None:
        hint = "add as: with the name of the new object"
        findings.error("SP218", (*path, "mode"), 'clone needs "as"', value=True, hint=hint)
    if restore.mode is RestoreMode.IN_PLACE and name is not None:
        detail = "In place, the target's own content is replaced."
        hint = "remove it, or write mode: clone"
        findings.error("SP218", (*path, "as"), '"as" goes with clone, not with in_place', detail=detail, hint=hint)
    if name is None:
        return
    parts = name.split("/")
    nested = address is not None and "/" in address.name
    wrong = (len(parts) > 1 and not nested) or any(part in ("", ".", "..") for part in parts) or "\\" in name
    if wrong or "@" in name or not name.isprintable():
        hint = "no path separators, no '..', no '@' and no control characters"
        findings.error("SP111", (*path, "as"), f"{show(name)} is not allowed as a name", value=True, hint=hint)
    elif address is not None and name == address.name and restore.mode is RestoreMode.CLONE:
        summary = "a clone cannot have the name of its target"
        findings.error(
            "SP218", (*path, "as"), summary, value=True, hint="a clone is a new object; it overwrites nothing"
        )
