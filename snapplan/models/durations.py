"""Durations as people write them: ``36h``, ``1d12h``, ``2w``. Always with a unit; there is no month."""

from __future__ import annotations

import re
from datetime import timedelta

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800, "y": 31_536_000}
DURATION_PATTERN = r"^([0-9]{1,9}[smhdwy])+$"
_PART = re.compile(r"([0-9]{1,9})([smhdwy])")
_WHOLE = re.compile(DURATION_PATTERN)
LONGEST = timedelta(days=365 * 1000)


class TimeFormatError(ValueError):
    """A text is not the duration, instant or wall time that it should be. The message is a sentence."""


def parse_duration(text: object) -> timedelta:
    """Return the duration that ``text`` says; raise ``TimeFormatError`` with a sentence that says what is wrong.

    d is 86,400 s, w 7 d and y 365 d.
    """
    if isinstance(text, bool) or not isinstance(text, str):
        if isinstance(text, (int, float)) and not isinstance(text, bool):
            raise TimeFormatError(f"a duration needs a unit: {text:g}h, {text:g}d ...")
        raise TimeFormatError("a duration is text such as 24h or 14d")
    if not _WHOLE.fullmatch(text):
        raise TimeFormatError(
            f"{text[:40]!r} is not a duration: write a number and a unit (s m h d w y), such as 24h or 14d"
        )
    seconds = sum(int(number) * UNIT_SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds > LONGEST.total_seconds():
        raise TimeFormatError(f"{text[:40]!r} is longer than 1000 years; write forever")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Return the shortest exact form: ``14d``, ``1d12h``, ``90m`` becomes ``1h30m``. Negative ones start with ``-``."""
    seconds = int(duration.total_seconds())
    if seconds < 0:
        return "-" + format_duration(-duration)
    if seconds == 0:
        return "0s"
    text = ""
    for unit in ("d", "h", "m", "s"):
        count, seconds = divmod(seconds, UNIT_SECONDS[unit])
        if count:
            text += f"{count}{unit}"
    return text
