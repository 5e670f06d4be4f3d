"""The budget of requests of a ``memory`` backend: each call is refused, with nothing done, once the hour's is used up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.metering import ProcessMeter, with_reserve
from snapplan.errors import RequestBudgetError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.drivers.base import Meter


class Budget:
    """``limit`` requests an hour, 0 for any number; ``costs`` are the requests of a call by what it is, 1 by default."""

    def __init__(self, backend: str, limit: int, costs: Mapping[str, int], meter: Meter | None) -> None:
        self._backend = backend
        self._limit = limit
        self._costs = costs
        self._meter = meter or ProcessMeter()

    def cost(self, what: str) -> int:
        """Return how many requests a call takes."""
        return self._costs.get(what, 1)

    def read(self) -> int:
        """Count a reading, which is never refused, and return how many requests it took."""
        if self._limit:
            self._meter.count(self.cost("inventory"))
        return self.cost("inventory")

    def write(self, what: str, *, urgent: bool = False) -> None:
        """Count a call that changes something; raise ``RequestBudgetError`` where the hour has not enough left for it.

        What is ``urgent``, a restore and what it waits for, may use the reserve above the limit too.
        """
        if not self._limit:
            return
        cost, spent = self.cost(what), self._meter.spent()
        limit = with_reserve(self._limit) if urgent else self._limit
        if spent + cost > limit:
            raise RequestBudgetError(
                self._backend,
                f"{spent} of {limit} requests of the last hour are used, and it would take {cost}",
                hint="in an emergency: --no-budget --reason TEXT" if urgent else "",
            )
        self._meter.count(cost)
