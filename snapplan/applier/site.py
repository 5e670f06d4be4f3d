"""Where an apply takes place: what every step of it needs besides the actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from snapplan.applier.observer import Observer
    from snapplan.catalog.base import Catalog, Lease, Run
    from snapplan.drivers.base import Driver


class Site(NamedTuple):
    """The stores and backends of one apply, the leases it holds on them, who hears of it, and the clock (UTC)."""

    catalog: Catalog
    drivers: Mapping[str, Driver]
    leases: Mapping[str, Lease]
    run: Run
    observer: Observer
    now: Callable[[], datetime]
