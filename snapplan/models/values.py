"""The values that people write, as pydantic types: durations, instants, wall times, names, secrets.

Durations are ``timedelta``; instants are aware UTC datetimes; ``None`` stands for ``forever`` and ``never``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, SecretStr, WithJsonSchema
from pydantic_core import PydanticCustomError

from snapplan.ids import BACKEND_NAME, KEY_NAME, format_instant, parse_instant
from snapplan.models.durations import DURATION_PATTERN, TimeFormatError, format_duration, parse_duration

FIRST_YEAR, END_YEAR = 1970, 2400
SECRET_REFERENCE = re.compile(r"\$\{(?:env:[A-Za-z_][A-Za-z0-9_]*|file:[^{}\x00-\x1f]+)\}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_WALL_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::00)?")


def _positive_duration(value: object) -> timedelta:
    duration = value if isinstance(value, timedelta) else parse_duration(value)
    if duration <= timedelta(0):
        raise TimeFormatError("a duration must be longer than nothing")
    return duration


def _retention(value: object) -> timedelta | None:
    return None if value is None or value == "forever" else _positive_duration(value)


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    if not isinstance(value, str):
        raise TimeFormatError("an instant is text such as 2026-11-22T02:00Z")
    if _WALL_TIME.fullmatch(value):
        raise TimeFormatError(f"{value!r} has no UTC offset; write for example {value}Z")
    if not _INSTANT.fullmatch(value):
        raise TimeFormatError(f"{value[:40]!r} is not an instant such as 2026-11-22T02:00Z")
    try:
        instant = parse_instant(value)
    except (ValueError, OverflowError):
        raise TimeFormatError(f"{value!r} is not an instant: there is no such day or time") from None
    return _in_our_time(instant, value)


def _expiration(value: object) -> timedelta | datetime | None:
    if value is None or value == "never":
        return None
    if isinstance(value, timedelta):
        return value
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, str) and "-" in value:
        return _instant(value)
    return _positive_duration(value)


def _wall_time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise TimeFormatError("a wall time is text such as 2026-12-01T20:00")
    if _INSTANT.fullmatch(value):
        raise TimeFormatError(f"{value!r} carries an offset; a period's time is in the profile's timezone")
    if not _WALL_TIME.fullmatch(value):
        raise TimeFormatError(f"{value[:40]!r} is not a wall time such as 2026-12-01T20:00; slots are whole minutes")
    try:
        wall = datetime.fromisoformat(value)
    except ValueError:
        raise TimeFormatError(f"{value!r} is not a wall time: there is no such day or time") from None
    return _in_our_time(wall, value)


def _in_our_time(instant: datetime, text: str) -> datetime:
    """Refuse years that no calendar and no platform can count with."""
    if not FIRST_YEAR <= instant.year < END_YEAR:
        raise TimeFormatError(f"{text!r} is outside the years {FIRST_YEAR} to {END_YEAR - 1}")
    return instant


def only_one(value: object) -> object:
    """``Literal`` compares by ``==``, so it would take ``true`` and ``1.0`` for 1."""
    if type(value) is int:
        return value
    raise PydanticCustomError("literal_error", "must be 1", {"expected": "1"})


def _secret_reference(value: object) -> object:
    """Take references only; a literal is refused without showing it."""
    if isinstance(value, SecretStr):
        return value
    if isinstance(value, str) and SECRET_REFERENCE.fullmatch(value):
        return value
    raise PydanticCustomError("secret", "is a secret: it is given by reference, never as a literal")


def _show_expiration(value: timedelta | datetime | None) -> str:
    if value is None:
        return "never"
    return format_duration(value) if isinstance(value, timedelta) else format_instant(value)


_DURATION_SCHEMA = {"type": "string", "pattern": DURATION_PATTERN, "examples": ["24h", "14d"]}
_INSTANT_SCHEMA = {"type": "string", "pattern": f"^{_INSTANT.pattern}$", "examples": ["2026-11-22T02:00Z"]}

Duration = Annotated[
    timedelta,
    BeforeValidator(_positive_duration),
    PlainSerializer(format_duration),
    WithJsonSchema(_DURATION_SCHEMA),
]
Retention = Annotated[
    timedelta | None,
    BeforeValidator(_retention),
    PlainSerializer(lambda value: "forever" if value is None else format_duration(value)),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, {"const": "forever"}]}),
]
Instant = Annotated[
    datetime, BeforeValidator(_instant), PlainSerializer(format_instant), WithJsonSchema(_INSTANT_SCHEMA)
]
Expiration = Annotated[
    timedelta | datetime | None,
    BeforeValidator(_expiration),
    PlainSerializer(_show_expiration),
    WithJsonSchema({"anyOf": [_DURATION_SCHEMA, _INSTANT_SCHEMA, {"const": "never"}]}),
]
WallTime = Annotated[
    datetime,
    BeforeValidator(_wall_time),
    PlainSerializer(lambda value: value.strftime("%Y-%m-%dT%H:%M")),
    WithJsonSchema({"type": "string", "pattern": f"^{_WALL_TIME.pattern}$", "examples": ["2026-12-01T20:00"]}),
]
SecretReference = Annotated[
    SecretStr,
    BeforeValidator(_secret_reference),
    PlainSerializer(lambda value: value.get_secret_value(), when_used="json"),
    WithJsonSchema({"type": "string", "pattern": f"^{SECRET_REFERENCE.pattern}$", "examples": ["${env:DC1_TOKEN}"]}),
]
"""A secret, by reference only. ``snapplan.config.secrets.resolve`` turns the reference into the value."""
NAME_PATTERN = "^" + KEY_NAME.pattern.replace(r"\Z", "$")
"""pydantic and JSON Schema look for a pattern anywhere in a text, so it is bound at both ends."""
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
BackendName = Annotated[str, Field(pattern="^" + BACKEND_NAME.pattern.replace(r"\Z", "$"))]
Glob = Annotated[str, Field(min_length=1, max_length=1024)]
DurationText = Annotated[str, Field(pattern=DURATION_PATTERN, max_length=64)]
Weekday = Literal["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
Frequency = Literal["hourly", "daily", "weekly", "monthly", "yearly", "custom"]
