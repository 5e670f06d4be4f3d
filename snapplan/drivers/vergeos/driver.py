"""The connection to one VergeOS system: the verbs of the driver contract, each within the budget of requests."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from snapplan.drivers.base import NO_MANDATE
from snapplan.drivers.metering import ProcessMeter
from snapplan.drivers.vergeos.api import Api
from snapplan.drivers.vergeos.budget import Budget
from snapplan.drivers.vergeos.connection import Connection
from snapplan.drivers.vergeos.costs import cost_of
from snapplan.drivers.vergeos.known_schedule import KnownSchedule
from snapplan.drivers.vergeos.probes import VOLUME_RESTORE
from snapplan.drivers.vergeos.refresh import refresh
from snapplan.errors import BackendError, FencedError, RefusedError
from snapplan.models.request import Outcome
from snapplan.models.target import RestorePath

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from snapplan.drivers.base import Settings
    from snapplan.drivers.vergeos.options import VergeosOptions
    from snapplan.drivers.vergeos.probes import Offers
    from snapplan.models.request import (
        ChangeRequest,
        ExpireRequest,
        Inventory,
        Mandate,
        PlatformAssignRequest,
        PlatformProfileRequest,
        Recovered,
        RestoreRequest,
        SnapshotRequest,
    )
    from snapplan.models.target import Capabilities


class VergeosDriver:
    """One system. ``capabilities`` are the most that any system can do, until its inventory shows what this one does.

    ``wait`` pauses for so many seconds between two looks at something that takes its time.
    """

    def __init__(
        self,
        settings: Settings,
        options: VergeosOptions,
        capabilities: Capabilities,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.capabilities = capabilities._replace(requests_per_hour=options.requests_per_hour)
        self._settings = settings
        self._options = options
        self._static = capabilities
        self._wait = wait
        meter = settings.meter or ProcessMeter()
        self._api = Api(settings.backend, options, settings.base, meter, settings.permit)
        self._budget = Budget(settings.backend, meter, options.requests_per_hour)
        self._offers: Offers | None = None
        self._schedule = KnownSchedule()
        self._lock = threading.Lock()

    def inventory(self) -> Inventory:
        """Return all of the system, in at most 17 requests."""
        found = refresh(self._api, self._options, self._settings.project, self._static, self._offers)
        with self._lock:
            self._offers, self.capabilities = found.offers, found.capabilities
        self._learn(found.inventory, found.vm_keys)
        return found.inventory

    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        """Take snapshots, one after the other."""
        from snapplan.drivers.vergeos.taking import take

        for request in requests:
            cost = cost_of("snapshot", request.target.scope)
            yield self._outcome(cost, partial(take, self._connection, request), urgent=request.urgent)

    def change(self, requests: Sequence[ChangeRequest]) -> Iterator[Outcome]:
        """Replace marks, one after the other."""
        from snapplan.drivers.vergeos.changing import change

        for request in requests:
            cost = cost_of("change", request.snapshot.scope)
            yield self._outcome(cost, partial(change, self._connection, request))

    def expire(self, requests: Sequence[ExpireRequest]) -> Iterator[Outcome]:
        """Delete snapshots, one after the other."""
        from snapplan.drivers.vergeos.removing import expire

        for request in requests:
            cost = cost_of("expire", request.snapshot.scope)
            yield self._outcome(cost, partial(expire, self._connection, request))

    def restore(self, request: RestoreRequest) -> Outcome:
        """Restore one target; raises the ``BackendError`` family."""
        from snapplan.drivers.vergeos.restoring import restore

        self._refuse_read_only()
        path = RestorePath(request.source.scope, request.scope, request.mode)
        if path == VOLUME_RESTORE and self._offers is None:
            self.inventory()
        with self._budget.reserve(cost_of("restore", request.scope), urgent=True):
            return restore(self._connection, request)

    def set_profile(self, request: PlatformProfileRequest) -> Outcome:
        """Make, change or delete a profile."""
        from snapplan.drivers.vergeos.scheduling import set_profile

        return self._outcome(cost_of("profile"), partial(set_profile, self._connection, self._schedule, request))

    def set_assignment(self, request: PlatformAssignRequest) -> Outcome:
        """Assign a profile to a target, or take it away."""
        from snapplan.drivers.vergeos.assigning import assign

        return self._outcome(cost_of("assign"), partial(assign, self._connection, self._schedule, request))

    def recover(self, live_runs: Collection[str], mandate: Mandate = NO_MANDATE) -> list[Recovered]:
        """Complete or undo the restores of runs that died."""
        from snapplan.drivers.vergeos.recovery import recover

        self._refuse_read_only()
        return recover(self._connection, live_runs, mandate)

    def close(self) -> None:
        """Give up all connections."""
        self._api.close()

    def _learn(self, inventory: Inventory, vm_keys: Mapping[str, int]) -> None:
        schedule = inventory.platform
        if schedule is not None:
            told = [target for target in inventory.targets if target.scope not in schedule.blockers]
            self._schedule.learn(schedule, vm_keys, frozenset(target.id for target in told))

    @property
    def _connection(self) -> Connection:
        return Connection(self._api, self._settings.project, self._options, self._budget, self._wait, self.capabilities)

    def _outcome(self, cost: int, act: Callable[[], Outcome], *, urgent: bool = False) -> Outcome:
        try:
            self._refuse_read_only()
            with self._budget.reserve(cost, urgent=urgent):
                return act()
        except (BackendError, FencedError) as error:
            return Outcome(error=error)

    def _refuse_read_only(self) -> None:
        if self._settings.read_only:
            backend = self._settings.backend
            raise RefusedError(backend, f"{backend}: it was opened to be read only")
