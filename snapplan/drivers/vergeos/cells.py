"""The cells of a row, checked: what must be there raises ``ValueError`` where it is not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snapplan.drivers.vergeos.api import Row

# Of the year 9999; what is later than a datetime can say is as good as never.
LAST_SECOND = 253_402_300_799


def key_of(row: Row) -> int:
    """Return the key of a row."""
    return number(row.get("$key"), "$key")


def name_of(row: Row) -> str:
    """Return the name of a row, which is not empty."""
    name = text(row.get("name"))
    if not name:
        raise ValueError("it has no name")
    return name


def text(value: object) -> str:
    """Return a value as text that can be shown and recorded: a lone half of a surrogate pair is replaced."""
    found = "" if value is None else str(value)
    return found if found.isascii() else found.encode("utf-8", "replace").decode()


def number(value: object, column: str) -> int:
    """Return a number that is not negative; the platform has keys as numbers in rows and as text in receipts."""
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value)
    raise ValueError(f"its {column} is {value!r}")


def reference(value: object, column: str) -> int | None:
    """Return the key that a row refers to, ``None`` for none."""
    return None if value is None or value in ("", 0) else number(value, column)


def flag(value: object) -> bool | None:
    """Return a truth value, ``None`` where the system tells none."""
    if isinstance(value, bool):
        return value
    return bool(value) if value in (0, 1) else None


def seconds(row: Row, column: str) -> int:
    """Return an instant in seconds since 1970, which is there."""
    found = number(row.get(column), column)
    if not found or found > LAST_SECOND:
        raise ValueError(f"its {column} is {found}")
    return found


def instant(value: object, column: str) -> datetime | None:
    """Return an instant, ``None`` for never: 0, null, and what no calendar has."""
    if value is None:
        return None
    found = number(value, column)
    return datetime.fromtimestamp(found, UTC) if 0 < found <= LAST_SECOND else None
