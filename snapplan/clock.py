"""The only module that asks for the time.

Everything else receives instants: aware ``datetime`` values in UTC. ``SNAPPLAN_NOW`` (an instant such as
``2026-11-22T02:00:00Z``) sets the clock for tests and demonstrations; it is read anew at each call, so that a test can
step it. ``SNAPPLAN_SECOND_CLOCK`` says in the same way what the second clock shows.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

NOW_VARIABLE = "SNAPPLAN_NOW"
SECOND_VARIABLE = "SNAPPLAN_SECOND_CLOCK"
BOOT_ID = "/proc/sys/kernel/random/boot_id"


class Boot(NamedTuple):
    """How long this machine has been running: ``seconds`` since the boot named ``id``, times of sleep included."""

    id: str
    seconds: float


def now() -> datetime:
    """Return the current instant in UTC, whole seconds."""
    fixed = os.environ.get(NOW_VARIABLE)
    if fixed:
        return datetime.fromisoformat(fixed).astimezone(UTC).replace(microsecond=0)
    return datetime.now(UTC).replace(microsecond=0)


def unreadable() -> str | None:
    """Return the name of a variable that sets a clock and holds no instant, ``None`` where all is well."""
    for name in (NOW_VARIABLE, SECOND_VARIABLE):
        try:
            datetime.fromisoformat(os.environ.get(name) or "2026-11-22").astimezone(UTC)
        except (ValueError, OverflowError):
            return name
    return None


def monotonic() -> float:
    """Return seconds of a clock that never steps back, for durations and time limits."""
    return time.monotonic()


def boot() -> Boot | None:
    """Return how long the machine has been running, by a clock that nobody sets.

    ``None`` where the system does not say, and while ``SNAPPLAN_NOW`` sets the clock: the two have nothing in common.
    """
    source = getattr(time, "CLOCK_BOOTTIME", None)
    if source is None or os.environ.get(NOW_VARIABLE):
        return None
    try:
        with open(BOOT_ID, encoding="ascii") as file:
            return Boot(file.read().strip(), time.clock_gettime(source))
    except OSError:
        return None


def second(confirmed: datetime | None, boot_id: str, seconds: float | None) -> datetime | None:
    """Return what time it is by the clock that nobody sets; ``None`` where there is no such evidence.

    ``confirmed`` is an instant that an apply confirmed, ``seconds`` how long the machine had been running then, since the
    boot named ``boot_id``.
    """
    fixed = os.environ.get(SECOND_VARIABLE)
    if fixed:
        return datetime.fromisoformat(fixed).astimezone(UTC).replace(microsecond=0)
    current = boot()
    if confirmed is None or seconds is None or current is None or current.id != boot_id:
        return None
    return confirmed + timedelta(seconds=int(current.seconds - seconds))
