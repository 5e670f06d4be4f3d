"""Counts requests within one process, for a driver that is opened without a meter that outlives it."""

from __future__ import annotations

import threading
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan import clock

if TYPE_CHECKING:
    from datetime import datetime

WINDOW = timedelta(hours=1)


RESERVE_PART = 9
LEAST_RESERVE = 24
"""Requests: two restores."""


def with_reserve(limit: int) -> int:
    """Return how many requests an hour a restore may bring a backend to, whose budget is ``limit``.

    A budget leaves room below what its platform stands (900 of 1,000): in an emergency a restore may use that.
    """
    return limit + max(limit // RESERVE_PART, LEAST_RESERVE)


class ProcessMeter:
    """Implements ``snapplan.drivers.base.Meter`` in memory. Threads may share it."""

    def __init__(self) -> None:
        self._counts: deque[tuple[datetime, int]] = deque()
        self._lock = threading.Lock()

    def count(self, requests: int = 1) -> None:
        """Count requests that are made now."""
        with self._lock:
            now = clock.now()
            if self._counts and self._counts[-1][0] == now:
                self._counts[-1] = (now, self._counts[-1][1] + requests)
            else:
                self._counts.append((now, requests))

    def spent(self) -> int:
        """Return how many were counted in the last hour; what lies ahead of the clock, after it was set back, too."""
        since = clock.now() - WINDOW
        with self._lock:
            while self._counts and self._counts[0][0] <= since:
                self._counts.popleft()
            return sum(requests for _, requests in self._counts)
