"""Counts the requests to a backend in the catalog, so that all processes that share it keep one budget an hour.

What was counted is written in portions, as each write waits for the disk: a process that is killed loses fewer than
``PORTION`` counts.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from snapplan import clock
from snapplan.drivers.metering import WINDOW, ProcessMeter
from snapplan.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from snapplan.catalog.base import Catalog

PORTION = 20


class Uncounted:
    """A meter that counts in another one, and on which nothing is spent: no budget stops what is asked with it."""

    def __init__(self, meter: CatalogMeter) -> None:
        self._meter = meter

    def count(self, requests: int = 1) -> None:
        """Count requests that are made now."""
        self._meter.count(requests)

    def spent(self) -> int:
        """Return 0, whatever was counted."""
        return 0


class CatalogMeter:
    """Implements ``snapplan.drivers.base.Meter`` for one backend. Threads may share it.

    Where the catalog is not written, what it has counts and the requests of this process on top of it; ``record`` is
    told of these, where it may.
    """

    def __init__(
        self, catalog: Catalog, backend: str, record: Callable[[str, datetime, int], None] | None = None
    ) -> None:
        self._record = record
        self._catalog = catalog
        self._backend = backend
        self._unwritten = ProcessMeter()
        self._pending = 0
        self._unrecorded = 0
        self._written = 0
        self._lock = threading.Lock()

    def count(self, requests: int = 1) -> None:
        """Count requests that are made now."""
        with self._lock:
            if not self._catalog.writable:
                self._unwritten.count(requests)
                self._unrecorded += requests
                return
            self._pending += requests
            if self._pending >= PORTION:
                self._write()

    def spent(self) -> int:
        """Return how many were counted in the last hour, by any process."""
        with self._lock:
            with suppress(CatalogError):  # what was read last stands for it: no driver call is to fail because of this
                self._written = self._catalog.requests_since(self._backend, clock.now() - WINDOW)
            return self._written + self._pending + self._unwritten.spent()

    def flush(self) -> None:
        """Write what is not written yet."""
        with self._lock:
            if self._pending:
                self._write()
            if self._unrecorded and self._record is not None:
                with suppress(CatalogError):
                    self._record(self._backend, clock.now(), self._unrecorded)
                self._unrecorded = 0

    def _write(self) -> None:
        try:
            self._catalog.count_requests(self._backend, clock.now(), self._pending)
        except CatalogError:
            self._unwritten.count(self._pending)
        self._pending = 0
