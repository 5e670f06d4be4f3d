"""What one action of a plan document does, in the few cells that its row shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.render.changes import change_lines
from snapplan.render.phrases import age, between, moment, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUIESCE = {"require": "quiesced", "prefer": "quiesced if possible"}


def subject(action: Mapping[str, Any]) -> str:
    """Return what an action is about: the address of a snapshot or target, or the name of a profile."""
    verb = action["verb"]
    if verb in ("expire", "change"):
        return shown(action["snapshot"] or action["target"] or "")
    if verb == "profile":
        name = shown(action["profile"] or "")
        return f"{shown(action['backend'])} {name}" if action.get("backend") else name
    return shown(action["target"] or action["profile"] or "")


def effect(action: Mapping[str, Any], as_of: str) -> tuple[str, ...]:
    """Return what an action does; actions of one verb have equally many cells, some of them empty."""
    match action["verb"]:
        case "snapshot":
            return _taken(action)
        case "expire":
            taken = taken_at(action)
            return (f"{age(between(taken, as_of))} old" if taken else "",)
        case "change":
            return ("; ".join(_readable(action["change"])),)
        case "restore":
            return _restored(action)
        case "profile":
            return (_profile(action["change"]),)
        case "assign":
            return _assigned(action)
        case _:
            return ("",)


def details(action: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the lines below an action: how a profile changes."""
    return tuple(change_lines(action["change"])) if action["verb"] == "profile" else ()


def period(action: Mapping[str, Any]) -> str:
    """Return ``gold.hourly``, or ``manual before-26.2``."""
    if action["period"]:
        return f"{shown(action['profile'])}.{shown(action['period'])}"
    return f"manual {shown(action['change'].get('key', ''))}".rstrip()


def short_name(snapshot: str) -> str:
    """Return a snapshot's name without its target."""
    return shown(snapshot.rpartition("@")[2])


def taken_at(action: Mapping[str, Any]) -> str | None:
    """Return when the snapshot of an action was taken, as well as the document knows."""
    taken: str | None = action["precondition"].get("taken_at") or action["slot"]
    return taken


def _taken(action: Mapping[str, Any]) -> tuple[str, ...]:
    until = action["expires_at"]
    return (
        period(action),
        f"until {moment(until)}" if until else "for ever",
        _QUIESCE.get(action["change"].get("quiesce"), ""),
    )


def _readable(change: Mapping[str, Any]) -> list[str]:
    lines = []
    for key, value in change.items():
        if key == "expires_at" and isinstance(value, list) and len(value) == 2:
            lines.append(f"expires {moment(value[0])} -> {moment(value[1])}")
        elif key == "deletes_at":
            lines.append(f"the platform deletes it {_deleted(value[0])} -> {_deleted(value[1])}")
        elif key == "pin":
            lines.append("pin" if value[1] else "unpin")
        else:
            lines.extend(change_lines({key: value}))
    return lines


def _deleted(at: str | None) -> str:
    """Return when a platform deletes a snapshot: an instant, never, or a duration after the apply."""
    return moment(at) if at is None or "T" in at else f"{shown(at)} after the apply"


def _restored(action: Mapping[str, Any]) -> tuple[str, ...]:
    source, change = action["snapshot"] or "", action["change"]
    same = source.startswith(f"{action['target']}@")
    if change.get("as"):
        how = f"as {shown(change['as'])}"
    else:
        how = "in place" if change.get("mode") == "in_place" else shown(change.get("mode", ""))
    return (f"from {short_name(source) if same else shown(source)}", how)


def _profile(change: Mapping[str, Any]) -> str:
    if change.get("before") is None:
        return "new"
    return "removed" if change.get("after") is None else "changed"


def _assigned(action: Mapping[str, Any]) -> tuple[str, ...]:
    parts = [
        f"{word} {', '.join(shown(name) for name in action['change'][word])}"
        for word in ("begins", "ends")
        if action["change"].get(word)
    ]
    platform = action["change"].get("platform")
    if platform:
        before, after = (shown(name) if name else "none" for name in platform)
        parts.append(f"platform {before} -> {after}")
    return (shown(action["profile"] or ""), "; ".join(parts))
