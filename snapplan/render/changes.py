"""What becomes of what, in readable lines: the ``change`` of a plan's action."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from snapplan.render.phrases import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_STEP = re.compile(r"\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]")


def change_lines(change: Mapping[str, Any]) -> list[str]:
    """Return one line for each thing that changes, such as ``periods.daily.retention: 30d -> 14d``.

    ``change`` is either ``{"before": document, "after": document}`` (``None``: there is none) or holds a pair
    ``[before, after]`` for each key; anything else is shown as it is.
    """
    if set(change) == {"before", "after"}:
        return document_changes(change["before"], change["after"])
    return [
        f"{shown(key)}: {_pair(*value)}" if _is_pair(value) else f"{shown(key)}: {_value(value)}"
        for key, value in change.items()
    ]


def document_changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """Return the lines that lead from one document to another, in the order of their paths."""
    if before is None or after is None:
        return []
    from deepdiff import DeepDiff

    difference = DeepDiff(before, after, verbose_level=2)
    lines = [*_changed(difference), *_listed(difference, "added"), *_listed(difference, "removed")]
    return sorted(lines)


def _changed(difference: Mapping[str, Any]) -> Iterable[str]:
    for kind in ("values_changed", "type_changes"):
        for path, item in difference.get(kind, {}).items():
            yield f"{_dotted(path)}: {_pair(item['old_value'], item['new_value'])}"


def _listed(difference: Mapping[str, Any], word: str) -> Iterable[str]:
    for kind in (f"dictionary_item_{word}", f"iterable_item_{word}"):
        for path, value in difference.get(kind, {}).items():
            yield f"{_dotted(path)}: {word} {_value(value)}"


def _dotted(path: str) -> str:
    """Return ``periods.daily.retention`` for ``root['periods']['daily']['retention']``."""
    return ".".join(shown(next(part for part in step if part)) for step in _STEP.findall(path))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2


def _pair(before: object, after: object) -> str:
    return f"{_value(before)} -> {_value(after)}"


def _value(value: object) -> str:
    match value:
        case None:
            return "none"
        case "":
            return '""'
        case bool():
            return "true" if value else "false"
        case dict():
            return "{" + ", ".join(f"{shown(key)}: {_value(item)}" for key, item in value.items() if item) + "}"
        case list():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case _:
            return shown(value)
