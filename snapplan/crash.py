"""Named points at which a test may stop the process, as a crash would.

``SNAPPLAN_CRASH_AT=name`` ends the process with code 70 the first time it reaches the point ``name``, ``name:3`` the third
time: no clean-up runs, as when the machine loses power. ``SNAPPLAN_CRASH_LOG=file`` appends the name of each point that
is reached, so that a test finds out which points there are. Without either a point is two look-ups.
"""

from __future__ import annotations

import os
import threading
from collections import Counter

AT_VARIABLE = "SNAPPLAN_CRASH_AT"
LOG_VARIABLE = "SNAPPLAN_CRASH_LOG"
EXIT_CODE = 70

_reached: Counter[str] = Counter()
_lock = threading.Lock()


def point(name: str) -> None:
    """Mark a moment between two durable steps; end the process when ``SNAPPLAN_CRASH_AT`` names it."""
    at = os.environ.get(AT_VARIABLE)
    log = os.environ.get(LOG_VARIABLE)
    if at is None and log is None:
        return
    with _lock:
        _reached[name] += 1
        if log:
            _append(log, name)
        if at is not None and _is_meant(at, name, _reached[name]):
            os._exit(EXIT_CODE)


def _append(log: str, name: str) -> None:
    with open(log, "a", encoding="utf-8") as file:
        file.write(name + "\n")


def _is_meant(at: str, name: str, times: int) -> bool:
    wanted, _, number = at.partition(":")
    return wanted == name and times == int(number or 1)
