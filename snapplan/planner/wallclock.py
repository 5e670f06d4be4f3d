"""Wall clocks: IANA zones as stretches of constant UTC offset, and wall times turned into instants.

All numbers are whole minutes: an instant counts from 1970-01-01T00:00Z, a wall time is the same count read off a clock
in the zone (so ``wall = instant + offset``).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

MINUTES_PER_DAY = 1440
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

_ZONE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+-]*(?:/[A-Za-z0-9][A-Za-z0-9_+-]*)*\Z")
# Found on some machines only, or counting leap seconds, or no place's time at all.
_NOT_ZONES = frozenset({"Factory", "localtime", "posix", "posixrules", "right"})
_MARGIN_DAYS = 3


class Stretch(NamedTuple):
    """A time in which a zone's UTC offset does not change: ``start <= instant < end``; ``offset`` is east of UTC."""

    start: int
    end: int
    offset: int


def known_timezone(name: str) -> bool:
    """Say whether ``name`` is an IANA time zone here. Any text is safe: it is never used as a path of its own choice."""
    try:
        _zone(name)
    except ValueError:
        return False
    return True


def day_number(day: date) -> int:
    """Return days since 1970-01-01."""
    return day.toordinal() - EPOCH_ORDINAL


@lru_cache(maxsize=1024)
def stretches(timezone: str, year: int) -> tuple[Stretch, ...]:
    """Return the stretches of ``timezone`` that cover UTC ``year`` and a few days on either side, in order.

    Raises ``ValueError`` where the zone is not known. An offset with seconds (Monrovia until 1972) counts as the whole
    minute below it. Changes are found by comparing the offsets of successive days: no zone has changed twice
    within 24 hours since 1970.
    """
    zone = _zone(timezone)
    first_day = day_number(date(year, 1, 1)) - _MARGIN_DAYS
    last_day = day_number(date(year + 1, 1, 1)) + _MARGIN_DAYS
    found: list[Stretch] = []
    start = first_day * MINUTES_PER_DAY
    offset = _offset(zone, start)
    for day in range(first_day + 1, last_day + 1):
        midnight = day * MINUTES_PER_DAY
        later = _offset(zone, midnight)
        if later != offset:
            change = _first_change(zone, midnight - MINUTES_PER_DAY, midnight)
            found.append(Stretch(start, change, offset))
            start, offset = change, later
    found.append(Stretch(start, last_day * MINUTES_PER_DAY, offset))
    return tuple(found)


def every_instant(walls: Sequence[int], zone: Sequence[Stretch]) -> list[int]:
    """Return each instant at which a clock shows one of ``walls``: two in a repeated hour, none in a gap.

    ``walls`` are sorted and unique, and so is the result.
    """
    return [
        wall - stretch.offset
        for stretch in zone
        for wall in walls[
            bisect_left(walls, stretch.start + stretch.offset) : bisect_left(walls, stretch.end + stretch.offset)
        ]
    ]


def once_per_wall(walls: Sequence[int], zone: Sequence[Stretch]) -> list[int]:
    """Return one instant per wall time: the first in a repeated hour, the first instant after it for one in a gap.

    ``walls`` are sorted; the result is sorted, and unique: several walls in one gap have one instant.

    The first stretch that ends, by its own clock, after a wall time either shows it, or begins beyond it: then the
    wall time is in the gap before the stretch.
    """
    instants: list[int] = []
    done = 0
    for stretch in zone:
        stop = max(done, bisect_left(walls, stretch.end + stretch.offset))
        instants += [max(wall - stretch.offset, stretch.start) for wall in walls[done:stop]]
        done = stop
    return list(dict.fromkeys(instants))


def _zone(name: str) -> ZoneInfo:
    from zoneinfo import ZoneInfo

    unknown = ValueError(f"{name!r} is not an IANA time zone")
    if not _ZONE_NAME.match(name) or name.partition("/")[0] in _NOT_ZONES:
        raise unknown
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        # A folder such as "Europe" is an OSError, a file that is no zone a ValueError.
        raise unknown from None


def _offset(zone: ZoneInfo, minute: int) -> int:
    offset = datetime.fromtimestamp(minute * 60, UTC).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


def _first_change(zone: ZoneInfo, start: int, end: int) -> int:
    before = _offset(zone, start)
    return start + bisect_left(range(start, end), True, key=lambda minute: _offset(zone, minute) != before)
