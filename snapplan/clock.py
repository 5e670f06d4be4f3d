"""The only module that asks for the time.

Everything else receives instants: aware ``datetime`` values in UTC. ``SNAPPLAN_NOW`` (an instant such as
``2026-11-22T02:00:00Z``) sets the clock for tests and demonstrations; it is read anew at each call, so that a test can
step it.
"""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime

NOW_VARIABLE = "SNAPPLAN_NOW"


def now() -> datetime:
    """Return the current instant in UTC, whole seconds."""
    fixed = os.environ.get(NOW_VARIABLE)
    if fixed:
        return datetime.fromisoformat(fixed).astimezone(UTC).replace(microsecond=0)
    return datetime.now(UTC).replace(microsecond=0)


def monotonic() -> float:
    """Return seconds of a clock that never steps back, for durations and time limits."""
    return time.monotonic()
