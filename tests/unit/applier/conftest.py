from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from snapplan import clock
from snapplan.applier.run import apply
from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
from snapplan.models.world import Tracked, Triple

from .lab import NOW, PROJECT, Listener, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from snapplan.applier.report import Report, State
    from snapplan.catalog.base import Catalog, Lease, Owner, Run
    from snapplan.drivers.base import Driver
    from snapplan.models.plan import Action


@dataclass
class Bench:
    """A catalog, a run of this process, and a way to apply actions to drivers under its leases."""

    catalog: Catalog
    owner: Owner
    run: Run
    listener: Listener

    def lease(self, backend: str) -> Lease:
        return self.catalog.acquire(backend, self.run.number, self.owner, clock.now())

    def track(self, *triples: Triple) -> None:
        self.catalog.track(self.run.number, {each: Tracked(NOW) for each in triples}, (), "all", NOW)

    def apply(
        self, actions: list[Action], *, missed: tuple[Any, ...] = (), leases: Any = None, **drivers: Driver
    ) -> Report:
        stop = drivers.pop("stop", lambda: False)
        return apply(
            plan(*actions, missed=missed),
            catalog=self.catalog,
            drivers=drivers,
            leases={name: self.lease(name) for name in drivers} if leases is None else leases,
            run=self.run,
            project=PROJECT,
            observer=self.listener,
            now=clock.now,
            stop=stop,
        )

    def journal(self) -> list[tuple[int, str]]:
        return [(row.number, row.state) for row in self.catalog.journal(self.run.number)]


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(clock.NOW_VARIABLE, "2026-11-22T02:00:00Z")


@pytest.fixture
def open_bench(tmp_path: Path) -> Iterator[Callable[[], Bench]]:
    """Open the same catalog as another process would: another connection, another run."""
    with ExitStack() as stack:

        def open_it() -> Bench:
            catalog = open_catalog(f"sqlite:///{tmp_path}/catalog.db", project=PROJECT, base=tmp_path)
            stack.callback(catalog.close)
            owner = current_owner({})
            return Bench(catalog, owner, catalog.begin_run("apply", owner, clock.now(), None), Listener())

        yield open_it


@pytest.fixture
def bench(open_bench: Callable[[], Bench]) -> Bench:
    return open_bench()


def states(report: Report) -> dict[int, State]:
    return {result.action.number: result.state for result in report.results}
