"""What the commands that plan have in common: the limits of the command line, and the command that goes on."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from snapplan.cli.session import session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from snapplan.models.order import Capture, Focus, Orders
    from snapplan.workspace import Workspace


def focus_of(targets: tuple[str, ...], backends: tuple[str, ...]) -> Focus:
    """Return what a plan is limited to; no glob means all."""
    from snapplan.models.order import Focus

    return Focus(targets or ("*",), backends or ("*",))


def in_place_targets(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the targets whose content a plan would replace."""
    return tuple(
        action["target"]
        for action in document["actions"]
        if action["verb"] == "restore" and action["change"].get("mode") == "in_place"
    )


def undo_commands(document: Mapping[str, Any], account: Mapping[str, Any]) -> list[str]:
    """Return the commands that bring back what restores in place have replaced, from their safety snapshots."""
    done = {a["subject"] for a in account["actions"] if a["verb"] == "restore" and a["state"] == "done"}
    by_number = {action["number"]: action for action in document["actions"]}
    return [
        shlex.join(command_words("restore", action["target"], "--from", name, "--mode", "in_place", *_switches(action)))
        for action in document["actions"]
        if action["verb"] == "restore" and action["change"].get("mode") == "in_place" and action["target"] in done
        for name in _safety_names(action, by_number)
    ]


def _safety_names(action: Mapping[str, Any], by_number: Mapping[int, Mapping[str, Any]]) -> list[str]:
    """Return the name of the snapshot that has what a restore in place replaced: kept by it, or taken before."""
    before = [by_number[number] for number in action["after"] if number in by_number]
    kept = [action["change"]["keeps"]] if "keeps" in action["change"] else []
    taken = [each["snapshot"] for each in before if each["verb"] == "snapshot"]
    return [address.rpartition("@")[2] for address in (*kept, *taken)]


def _switches(action: Mapping[str, Any]) -> list[str]:
    """Return the options that bring a target back that may be switched on again by now."""
    return [f"--{name.replace('_', '-')}" for name in ("power_off", "power_on") if action["change"].get(name)]


def apply_command(document: Mapping[str, Any]) -> str:
    """Return the command that carries a plan out, as it can be pasted."""
    confirmations = [word for target in in_place_targets(document) for word in ("--confirm", target)]
    return shlex.join(command_words("apply", *confirmations))


def order_command(orders: Orders, confirmed: frozenset[str] = frozenset()) -> str:
    """Return the command that orders the same again, as it can be pasted; an apply does not repeat an order."""
    from snapplan.planner.powering import asked

    words: list[str] = []
    for snapshot in orders.snapshots:
        words = ["snapshot", *snapshot.targets, "--key", snapshot.key, "--expires", _expiration(snapshot.expires)]
        words += ["--description", snapshot.description] if snapshot.description else []
        words += ["--quiesce", snapshot.quiesce.value] if snapshot.quiesce.value != "never" else []
        words += _capture(snapshot.capture)
    for restore in orders.restores:
        before = (
            ["--before", _expiration(restore.before)] if restore.before is not None else ["--from", restore.snapshot]
        )
        words = ["restore", restore.target, *before, *(["--via", restore.via.value] if restore.via else [])]
        words += ["--as", restore.as_name] if restore.as_name else ["--mode", restore.mode.value]
        words += [f"--{option.replace('_', '-')}" for option in asked(restore)]
        words += ["--confirm", restore.target] if restore.target in confirmed else []
    for pin in orders.pins:
        words = ["unpin", pin.snapshot] if pin.pin is None else ["pin", pin.snapshot, "--reason", pin.pin.reason]
        words += ["--until", _expiration(pin.pin.until)] if pin.pin is not None and pin.pin.until is not None else []
    if orders.locks:
        words = ["lock" if orders.locks[0].lock else "unlock", *(one.snapshot for one in orders.locks)]
    if orders.adoptions:
        words = ["adopt", *(one.snapshot for one in orders.adoptions)]
        snapshots = [one for one in orders.adoptions if not one.profile]
        words += ["--expires", _expiration(snapshots[0].expires)] if snapshots else []
    return shlex.join(command_words(*words))


def _capture(capture: Capture) -> list[str]:
    words = [*(["--immutable"] if capture.immutable else []), *(["--private"] if capture.private else [])]
    option = "--include-tag" if capture.type == "partial_include" else "--exclude-tag"
    for name, tags in ((option, capture.partial_tags), ("--quiesce-tag", capture.quiesce_tags)):
        words += [word for tag in tags for word in (name, tag)]
    return words


def _expiration(value: timedelta | datetime | None) -> str:
    """Return a duration, an instant or ``never`` as the command line takes it."""
    from snapplan.models.plan import plain

    return "never" if value is None else str(plain(value))


def check_focus(workspace: Workspace, focus: Focus) -> None:
    """Raise ``CommandLineError`` for a glob over backends that matches none; warn of one over targets that matches none.

    What targets there are is known once the backends were listed, else from the catalog, which may not know a new one.
    """
    from snapplan.cli.console import notice
    from snapplan.errors import CommandLineError
    from snapplan.planner.resolve import matches

    backends = list(workspace.policy.config.backends)
    for glob in focus.backends:
        if not any(matches(glob, name) for name in backends):
            raise CommandLineError(
                f"no backend matches {glob!r}", hint=f"The policy has {', '.join(sorted(backends))}."
            )
    known = [target.address for name in backends for target in workspace.known_targets(name)]
    for glob in focus.targets:
        if known and not any(matches(glob, address) for address in known):
            notice(f"warning: no known target matches {glob!r}; snapplan list targets shows what there is")


def tell_world(workspace: Workspace) -> None:
    """Write to stderr what was found when the world was read, such as that the catalog was rebuilt."""
    from snapplan.cli.console import err_style, notice
    from snapplan.models.plan import plain
    from snapplan.render.diagnostics import diagnostic_text

    for finding in workspace.diagnostics:
        if finding.code.startswith("SP4"):
            notice(diagnostic_text(plain(finding), style=err_style()))


def command_words(*words: str) -> list[str]:
    """Return the words of a command of this repository, as it can be typed in this folder."""
    directory = session().directory
    where = ["-C", str(directory)] if directory is not None else []
    return ["snapplan", words[0], *where, *words[1:]]
