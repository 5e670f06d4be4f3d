"""The requests of an hour: nothing is begun that would use more of them than the policy allows."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snapplan import clock
from snapplan.errors import RequestBudgetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.drivers.base import Meter

HOUR = 3600.0


class OwnMeter:
    """Counts the requests of this connection alone, where nothing counts them over runs."""

    def __init__(self) -> None:
        self._at: deque[float] = deque()
        self._lock = threading.Lock()

    def count(self, requests: int = 1) -> None:
        """Count requests that are made now."""
        with self._lock:
            self._at.extend([clock.monotonic()] * requests)

    def spent(self) -> int:
        """Return how many were counted in the last hour."""
        with self._lock:
            while self._at and self._at[0] <= clock.monotonic() - HOUR:
                self._at.popleft()
            return len(self._at)


class Budget:
    """Lets actions begin while the requests of the last hour and those that they will make stay within ``limit``."""

    def __init__(self, backend: str, meter: Meter, limit: int) -> None:
        self._backend = backend
        self._meter = meter
        self._limit = limit
        self._reserved = 0
        self._lock = threading.Lock()

    @contextmanager
    def reserve(self, cost: int) -> Iterator[None]:
        """Keep ``cost`` requests for the action inside; raise ``RequestBudgetError`` where so many are not left.

        What other threads have reserved counts until their action ends, so a little is counted twice and none too little.
        """
        with self._lock:
            spent = self._meter.spent()
            if spent + self._reserved + cost > self._limit:
                raise RequestBudgetError(
                    self._backend,
                    f"{self._backend}: {spent} of {self._limit} requests of this hour are used; this needs {cost}",
                    hint="apply again later; requests_per_hour of the backend sets the limit",
                )
            self._reserved += cost
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= cost
