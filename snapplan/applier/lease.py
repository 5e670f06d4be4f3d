"""Holds the leases of backends while a block runs: taken in order, renewed by a heartbeat, given back at the end."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan import crash
from snapplan.drivers.base import NoPermit
from snapplan.errors import CatalogError, FencedError, LockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from snapplan.catalog.base import Catalog, Lease, Owner, Run

HEARTBEAT = timedelta(seconds=15)
LOCK_TIMEOUT = timedelta(seconds=60)
_FIRST_WAIT = 0.05
_LONGEST_WAIT = 0.5


class Patience:
    """How long a run waits for locks: for the leases of the catalog and for those of the backends together.

    ``pause`` waits the seconds it is given and returns true when the run is to end at once (``Event().wait``). Threads may
    share it.
    """

    def __init__(self, timeout: timedelta, pause: Callable[[float], bool]) -> None:
        self._left = timeout.total_seconds()
        self._pause = pause
        self._lock = threading.Lock()

    def wait(self, seconds: float) -> bool:
        """Wait; return true when there is no time left, or the run is to end."""
        with self._lock:
            seconds = min(seconds, self._left)
            self._left -= seconds
        return seconds <= 0 or self._pause(seconds)


class Permits:
    """Lets drivers write for the run that is going on: as long as its leases hold, and with its patience."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._alone = NoPermit()
        self._leases: Mapping[str, Lease] = {}
        self._patience: Patience | NoPermit = self._alone
        self.bearer = self._alone.bearer

    @contextmanager
    def granted(self, bearer: str, leases: Mapping[str, Lease], patience: Patience) -> Iterator[None]:
        """Let the drivers write for a run while the block runs."""
        self.bearer, self._leases, self._patience = f"snapplan, {bearer}", leases, patience
        try:
            yield
        finally:
            self.bearer, self._leases, self._patience = self._alone.bearer, {}, self._alone

    def of(self, backend: str) -> BackendPermit:
        """Return the permit of the driver of ``backend``."""
        return BackendPermit(self, backend)

    def check(self, backend: str) -> None:
        """Raise ``FencedError`` where the run does not hold the lease of ``backend`` any more."""
        if backend in self._leases:
            self._catalog.check(self._leases[backend])

    def wait(self, seconds: float) -> bool:
        """Wait; return true when the run has waited for long enough."""
        return self._patience.wait(seconds)


class BackendPermit:
    """The permit of one driver; see ``snapplan.drivers.base.Permit``."""

    def __init__(self, permits: Permits, backend: str) -> None:
        self._permits = permits
        self._backend = backend

    @property
    def bearer(self) -> str:
        """Who we are."""
        return self._permits.bearer

    def check(self) -> None:
        """Raise ``FencedError`` where the lease is lost."""
        self._permits.check(self._backend)

    def wait(self, seconds: float) -> bool:
        """Wait; return true when it was long enough."""
        return self._permits.wait(seconds)


class Leases(dict[str, "Lease"]):
    """The leases held, by backend. ``lost`` says of each that was taken over who told us; those stay in the mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: dict[str, str] = {}


@contextmanager
def held(
    catalog: Catalog,
    backends: Iterable[str],
    run: Run,
    owner: Owner,
    *,
    timeout: timedelta = LOCK_TIMEOUT,
    now: Callable[[], datetime],
    wait: Callable[[float], bool],
    heartbeat: timedelta = HEARTBEAT,
) -> Iterator[Leases]:
    """Hold the leases of ``backends``, all or none.

    ``wait`` waits the seconds it is given and returns true when the waiting is to end at once (``Event().wait``). Raises
    ``LockedError`` naming the holder when one cannot be had within ``timeout`` of waiting. A lease that the heartbeat finds
    taken over is in ``lost``; the catalog refuses it before each driver call (fencing).
    """
    leases = Leases()
    ended = threading.Event()
    beat = threading.Thread(
        target=_beat, args=(catalog, leases, now, heartbeat, ended), name="lease-heartbeat", daemon=True
    )
    beat.start()
    try:
        # Everybody takes them in the same order, so nobody waits for somebody who waits for them.
        waited = 0.0
        for backend in sorted(set(backends)):
            waited = _acquire(catalog, backend, run, owner, leases, now, wait, timeout.total_seconds(), waited)
        yield leases
    finally:
        ended.set()
        beat.join()
        _release(catalog, leases)


def _acquire(
    catalog: Catalog,
    backend: str,
    run: Run,
    owner: Owner,
    leases: Leases,
    now: Callable[[], datetime],
    wait: Callable[[float], bool],
    longest: float,
    waited: float,
) -> float:
    """Take one lease; return the seconds waited so far. Waits are added up, as a clock may be set or stand still."""
    pause = _FIRST_WAIT
    while True:
        try:
            crash.point("apply.lease.before")
            leases[backend] = catalog.acquire(backend, run.number, owner, now())
            crash.point("apply.lease.after")
            return waited
        except LockedError as error:
            if waited >= longest or wait(min(pause, longest - waited)):
                hint = "wait for it, or give --lock-timeout more time"
                raise LockedError(error.backend, error.holder, hint=error.hint or hint) from error
            waited += min(pause, longest - waited)
            pause = min(_LONGEST_WAIT, pause * 2)


def _beat(
    catalog: Catalog, leases: Leases, now: Callable[[], datetime], interval: timedelta, ended: threading.Event
) -> None:
    while not ended.wait(interval.total_seconds()):
        renew(catalog, leases, now())


def renew(catalog: Catalog, leases: Leases, now: datetime) -> None:
    """Renew all leases that are not lost; a catalog that does not answer now is asked again at the next beat."""
    for backend, lease in list(leases.items()):
        if backend in leases.lost:
            continue
        try:
            catalog.renew(lease, now)
        except FencedError as error:
            leases.lost[backend] = str(error)
        except CatalogError:
            continue


def _release(catalog: Catalog, leases: Leases) -> None:
    """Give back what is held. One that cannot be given back ends by itself, so the others are not kept for it."""
    for lease in leases.values():
        crash.point("apply.release.before")
        try:
            catalog.release(lease)
        except CatalogError:
            continue
        crash.point("apply.release.after")
