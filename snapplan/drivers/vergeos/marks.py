"""Our mark in the last line of a ``description``: ``snapplan {"v":1,...}``, written with the create.

Every table that the driver writes has a description of at most 2,048 characters. The text above the mark is the user's.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from snapplan.models.snapshot import Mark, Pin

PREFIX = "snapplan "
VERSION = 1
MAX_DESCRIPTION = 2048


class MarkTooLongError(ValueError):
    """The mark alone does not fit into a description."""


def described(text: str, mark: Mark) -> str:
    """Return a description that carries ``mark``; a ``text`` that does not fit beside it is shortened.

    Raises ``MarkTooLongError`` where the mark alone is longer than 2,048 characters.
    """
    return with_line(text, _encoded(mark))


def with_line(text: str, fields: dict[str, Any]) -> str:
    """Return ``text`` with a last line of ours that holds ``fields``; raises as ``described`` does."""
    line = PREFIX + json.dumps({"v": VERSION, **fields}, separators=(",", ":"), ensure_ascii=False)
    if len(line) > MAX_DESCRIPTION:
        raise MarkTooLongError(f"the mark has {len(line)} characters; a description holds {MAX_DESCRIPTION}")
    room = MAX_DESCRIPTION - len(line) - 1
    kept = text if len(text) <= room else text[: max(0, room - 1)] + "…"
    return f"{kept}\n{line}" if kept and room > 0 else line


def text_of(description: str | None) -> str:
    """Return what stands above our line, or the whole description where there is none."""
    text, line = _split(description or "")
    return text if _fields(line) is not None else description or ""


def line_of(description: str | None) -> dict[str, Any] | None:
    """Return the fields of our line, ``None`` where there is none or it is not whole."""
    return _fields(_split(description or "")[1])


def mark_of(description: str | None) -> Mark | None:
    """Return the mark in a description, ``None`` where there is none; one that cannot be read makes nothing ours."""
    fields = line_of(description)
    if fields is None:
        return None
    try:
        return _decoded(fields)
    except (KeyError, TypeError, ValueError):
        return None


def _split(description: str) -> tuple[str, str]:
    text, _, line = description.rstrip().rpartition("\n")
    return text, line


def _fields(line: str) -> dict[str, Any] | None:
    if not line.startswith(PREFIX):
        return None
    try:
        fields = json.loads(line[len(PREFIX) :])
    except ValueError:
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
    pin = fields.get("pin")
    return Mark(
        project=_text(fields["project"]),
        target_id=_text(fields["target"]),
        run=_text(fields.get("run", "")),
        taken_at=_parsed(fields["taken_at"]),
        expires_at=_maybe(fields.get("expires_at")),
        profile=fields.get("profile"),
        period=fields.get("period"),
        slot=_maybe(fields.get("slot")),
        key=fields.get("key"),
        minimum=int(fields.get("minimum", 0)),
        pin=None if pin is None else Pin(_text(pin["owner"]), _text(pin["reason"]), _maybe(pin.get("until"))),
        set=fields.get("set"),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not text")
    return value


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _maybe(text: str | None) -> datetime | None:
    return None if text is None else _parsed(text)
