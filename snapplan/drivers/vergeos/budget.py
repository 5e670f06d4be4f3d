"""The requests of an hour: nothing is begun that would use more of them than the policy allows."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snapplan.drivers.metering import with_reserve
from snapplan.errors import RequestBudgetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.drivers.base import Meter


class Budget:
    """Lets actions begin while the requests of the last hour and those that they will make stay within ``limit``."""

    def __init__(self, backend: str, meter: Meter, limit: int) -> None:
        self._backend = backend
        self._meter = meter
        self._limit = limit
        self._reserved = 0
        self._lock = threading.Lock()

    @contextmanager
    def reserve(self, cost: int, *, urgent: bool = False) -> Iterator[None]:
        """Keep ``cost`` requests for the action inside; raise ``RequestBudgetError`` where so many are not left.

        What is ``urgent``, a restore and what it waits for, may use the reserve above the limit too.
        What other threads have reserved counts until their action ends, so a little is counted twice and none too little.
        """
        with self._lock:
            spent = self._meter.spent()
            limit = with_reserve(self._limit) if urgent else self._limit
            if spent + self._reserved + cost > limit:
                raise RequestBudgetError(
                    self._backend,
                    f"{self._backend}: {spent} of {limit} requests of this hour are used; this needs {cost}",
                    hint="in an emergency: --no-budget --reason TEXT"
                    if urgent
                    else "apply again later; requests_per_hour of the backend sets the limit",
                )
            self._reserved += cost
        try:
            yield
        finally:
            with self._lock:
                self._reserved -= cost
