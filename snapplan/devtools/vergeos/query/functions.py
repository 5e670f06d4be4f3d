"""The functions of a projection."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Absent(Enum):
    """The value of what an answer does not mention."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


def display(value: Any) -> Any:
    """Return a word of a column as people see it."""
    return value.replace("_", " ").title() if isinstance(value, str) else value


def _numbers(value: Any) -> list[float]:
    """Return the numbers of a selection such as ``drives[disksize]``."""
    rows = value if isinstance(value, list) else [value]
    flat = [each for row in rows for each in (row.values() if isinstance(row, dict) else [row])]
    return [each for each in flat if isinstance(each, int | float)]


def _collapse(value: Any) -> Any:
    """Return the first value of the first row of a selection."""
    if not isinstance(value, list):
        return value
    first = value[0] if value else None
    return next(iter(first.values()), None) if isinstance(first, dict) else first


def _diskspace(value: Any) -> Any:
    if not isinstance(value, int):
        return value
    size, unit = float(value), "B"
    for larger in ("KB", "MB", "GB", "TB", "PB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.2f} {unit}" if unit != "B" else f"{value} B"


def _datetime(value: Any) -> Any:
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, int) else value


def _average(value: Any) -> Any:
    numbers = _numbers(value)
    return sum(numbers) / len(numbers) if numbers else None


FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {
    "collapse": _collapse,
    "datetime": _datetime,
    "upper": lambda value: value.upper() if isinstance(value, str) else value,
    "lower": lambda value: value.lower() if isinstance(value, str) else value,
    "count": lambda value: len(value) if isinstance(value, list) else int(value is not None),
    "diskspace": _diskspace,
    "display": display,
    "hex": lambda value: f"{value:x}" if isinstance(value, int) else str(value).encode().hex(),
    "sha1": lambda value: hashlib.sha1(str(value).encode(), usedforsecurity=False).hexdigest(),
    "sum": lambda value: sum(_numbers(value)),
    "avg": _average,
    "min": lambda value: min(_numbers(value), default=None),
    "max": lambda value: max(_numbers(value), default=None),
}
