"""Our mark in the last line of a ``description``: ``snapplan {"v":1,...}``, written with the create.

Every table that the driver writes has a description of at most 2,048 characters; whether it counts characters or bytes
nobody says, so bytes are counted, as half a mark would be none. The text above the mark is the user's, and so may be any
mark: everything in one is checked before it is believed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import Any

from snapplan.models.snapshot import Mark, Pin

PREFIX = "snapplan "
VERSION = 1
MAX_DESCRIPTION = 2048
ELLIPSIS = "…"


class MarkTooLongError(ValueError):
    """The mark alone does not fit into a description."""


def described(text: str, mark: Mark, name: str = "") -> str:
    """Return a description that carries ``mark``; a ``text`` that does not fit beside it is shortened.

    ``name`` is the snapshot's own, where a person can copy the row together with its description under another name (a
    system snapshot): the copy is not ours then. Raises ``MarkTooLongError`` where the mark alone is longer than a
    description.
    """
    return with_line(text, _encoded(mark) | ({"name": name} if name else {}))


def with_line(text: str, fields: dict[str, Any]) -> str:
    """Return ``text`` with a last line of ours that holds ``fields``; raises as ``described`` does."""
    line = PREFIX + json.dumps({"v": VERSION, **fields}, separators=(",", ":"), ensure_ascii=False)
    length = len(line.encode())
    if length > MAX_DESCRIPTION:
        raise MarkTooLongError(f"the mark has {length} bytes; a description holds {MAX_DESCRIPTION}")
    kept = _shortened(text, MAX_DESCRIPTION - length - 1)
    return f"{kept}\n{line}" if kept else line


def _shortened(text: str, room: int) -> str:
    """Return as much of ``text`` as fits into ``room`` bytes."""
    whole = text.encode("utf-8", "replace")
    if len(whole) <= room:
        return text
    kept = room - len(ELLIPSIS.encode())
    return whole[:kept].decode("utf-8", "ignore") + ELLIPSIS if kept > 0 else ""


def text_of(description: str | None) -> str:
    """Return what stands above our line, or the whole description where there is none."""
    text, line = _split(description or "")
    return text if _fields(line) is not None else description or ""


def line_of(description: str | None) -> dict[str, Any] | None:
    """Return the fields of our line, ``None`` where there is none or it is not whole."""
    return _fields(_split(description or "")[1])


def mark_of(description: str | None, name: str | None = None) -> Mark | None:
    """Return the mark in a description, ``None`` where there is none; one that cannot be read makes nothing ours.

    With ``name``, a mark that was written for another name is a copy's and no mark.
    """
    if not description:
        return None
    fields = line_of(description)
    if fields is None or (name is not None and fields.get("name", name) != name):
        return None
    try:
        return _decoded(fields)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _split(description: str) -> tuple[str, str]:
    text, _, line = description.rstrip().rpartition("\n")
    return text, line


def _fields(line: str) -> dict[str, Any] | None:
    if not line.startswith(PREFIX):
        return None
    try:
        fields = json.loads(line[len(PREFIX) :])
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) and fields.get("v") == VERSION else None


def _encoded(mark: Mark) -> dict[str, Any]:
    pin = mark.pin
    fields: dict[str, Any] = {
        "project": mark.project,
        "target": mark.target_id,
        "profile": mark.profile,
        "period": mark.period,
        "slot": _instant(mark.slot),
        "key": mark.key,
        "taken_at": _instant(mark.taken_at),
        "expires_at": _instant(mark.expires_at),
        "minimum": mark.minimum,
        "run": mark.run,
        "set": mark.set,
        "pin": None if pin is None else {"owner": pin.owner, "reason": pin.reason, "until": _instant(pin.until)},
    }
    return {name: value for name, value in fields.items() if value is not None}


def _decoded(fields: dict[str, Any]) -> Mark:
    get = fields.get
    mark = Mark(
        project=_text(fields["project"]),
        target_id=_text(fields["target"]),
        run=_text(get("run", "")),
        taken_at=_parsed(fields["taken_at"]),
        expires_at=_maybe(get("expires_at")),
        profile=_maybe_text(get("profile")),
        period=_maybe_text(get("period")),
        slot=_maybe(get("slot")),
        key=_maybe_text(get("key")),
        minimum=_count(get("minimum", 0)),
        pin=_pin(get("pin")),
        set=_maybe_text(get("set")),
    )
    if mark.key is None and None in (mark.profile, mark.period, mark.slot):
        raise ValueError("neither of a period nor manual")
    return mark


def _pin(fields: Any) -> Pin | None:
    return None if fields is None else Pin(_text(fields["owner"]), _text(fields["reason"]), _maybe(fields.get("until")))


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("not a number of snapshots")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    if not value.isascii():
        value.encode()  # a lone surrogate can be neither shown nor recorded
    return intern(value)  # thousands of marks share their words


def _maybe_text(value: object) -> str | None:
    return None if value is None else _text(value)


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


@lru_cache(maxsize=4096)
def _parsed(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("no instant without a zone")
    return instant.astimezone(UTC)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _parsed(text)
