"""A policy repository with its catalog and its backends, opened together: what the commands work on.

Here the pure parts meet the world: files are read, backends are listed, the catalog is refreshed, plans are made and
carried out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from snapplan import clock
from snapplan.collector import collection_paused
from snapplan.diagnostics import Diagnostic, Severity, errors
from snapplan.drivers.base import NO_MANDATE
from snapplan.errors import BackendError, CatalogMissingError, PolicyInvalidError, SnapplanError, UnreachableError
from snapplan.models.order import Focus, Orders
from snapplan.models.target import Capabilities
from snapplan.models.world import BackendState, Failure, World
from snapplan.planner.resolve import matches

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from snapplan.applier.consent import Terms
    from snapplan.applier.lease import Permits
    from snapplan.applier.observer import Observer
    from snapplan.applier.recover import Recovery
    from snapplan.applier.report import Report
    from snapplan.catalog.base import Catalog, Lease, Run
    from snapplan.drivers.base import Driver
    from snapplan.metering import CatalogMeter
    from snapplan.models.plan import Plan
    from snapplan.models.policy import Policy
    from snapplan.models.request import Inventory, Mandate
    from snapplan.models.target import Target
    from snapplan.models.world import CatalogState
    from snapplan.origin import Origin

    Readings = dict[str, tuple[datetime, Inventory]]
    """When the listing of each backend began, and what it was."""


MEMORY = "memory:"
LOCK_TIMEOUT = timedelta(seconds=60)


class Workspace:
    """An open policy repository. Use it as a context manager."""

    def __init__(
        self,
        root: Path,
        policy: Policy,
        catalog: Catalog,
        diagnostics: Sequence[Diagnostic],
        *,
        writable: bool,
        origin: Origin,
    ) -> None:
        self.root = root
        self.origin = origin
        self.policy = policy
        self.catalog = catalog
        self.diagnostics = list(diagnostics)
        self._writable = writable
        self.unlimited = False  # whether no budget of requests stops anything; set before a backend is opened
        self._drivers: dict[str, Driver] = {}
        self._meters: dict[str, CatalogMeter] = {}
        self._left_out: dict[str, Failure] = {}
        self.strangers: set[str] = set()
        """The backends that answer and are not what the catalog knows."""
        self.identities: dict[str, str] = {}
        """The permanent id of each backend that was read, as it answered."""
        self._seen: dict[str, Sequence[Target]] = {}
        self._counts_requests = True

    @classmethod
    def open(
        cls,
        root: Path,
        *,
        writable: bool,
        saves: bool = False,
        may_be_empty: bool = False,
        commit: str | None = None,
        trust: str | None = None,
    ) -> Self:
        """Open the repository at ``root``; ``writable`` says that backends and catalog may be changed.

        Otherwise nothing is written, also no catalog made, but what ``saves`` asks for: a plan in the catalog. With
        ``may_be_empty`` there need not be a policy file yet. ``commit`` names the commit of the files where git cannot be
        read, ``trust`` the one whose ``snapplan.yaml`` counts instead of the checkout's. Raises ``PolicyInvalidError``
        with all findings, ``CommandLineError`` or ``CatalogError``.
        """
        from snapplan.catalog.open import open_catalog
        from snapplan.config.load import load_repository
        from snapplan.encoding import require_utf8
        from snapplan.origin import origin_of

        require_utf8()
        if trust is None:
            loaded = load_repository(root, may_be_empty=may_be_empty)
            files: Mapping[str, bytes] = loaded.contents
            withheld: Mapping[str, str] = {}
        else:
            from snapplan.trust import load_trusted

            loaded, files, withheld = load_trusted(root, trust, may_be_empty=may_be_empty)
        if loaded.policy is None or errors(loaded.diagnostics):
            raise PolicyInvalidError(loaded.diagnostics)
        origin = origin_of(root, files, loaded.policy.config.include, commit)
        policy = loaded.policy._replace(commit=origin.commit, dirty=origin.dirty)
        changes = writable or saves
        where = policy.config.catalog
        catalog = open_catalog(where, project=policy.config.project, base=root, writable=changes, required=changes)
        made = cls(root, policy, catalog, loaded.diagnostics, writable=writable, origin=origin)
        made._left_out = {name: Failure(why, exit_code=0) for name, why in withheld.items()}
        made._counts_requests = trust is None
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connections to the backends and the catalog."""
        for driver in self._drivers.values():
            driver.close()
        self._drivers.clear()
        for meter in self._meters.values():
            meter.flush()
        self.catalog.close()

    def observe(self, now: datetime, *, backends: Sequence[str] = ("*",), run: Run | None = None) -> World:
        """Read the backends that match the globs ``backends`` and return the world, reconciled with the catalog.

        What was seen is recorded, unless the catalog cannot be written or another run than ``run`` is changing a backend
        now: then it stays in memory. A catalog that knows nothing although backends carry our marks is rebuilt from them.
        """
        names = [name for name in self.policy.config.backends if any(matches(glob, name) for glob in backends)]
        live = self.catalog.live_runs(clock.now())
        others = live - {run.id} if run is not None else live
        record = self.catalog.writable and not others
        # What is recorded would make a lost catalog pass for one that knows something.
        lost = self.knows_nothing(self.catalog.state())
        readings: Readings = {}
        states = {name: self._observe_backend(name, live, readings, record=record and not lost) for name in names}
        if lost:
            rest = [name for name in self.policy.config.backends if name not in states]
            everywhere = {
                **states,
                **{name: self._observe_backend(name, live, readings, record=False) for name in rest},
            }
            if _ours(everywhere, self.policy.config.project):
                return self._world(self._rebuild(everywhere, readings, now, keep=record), states, now)
        if lost and record:
            states = {name: self._observe_backend(name, live, readings, record=True) for name in names}
        return self._world(self.catalog.state(), self._without_doubles(states), now)

    @staticmethod
    def knows_nothing(state: CatalogState) -> bool:
        """Whether no apply was ever carried out with a catalog; a run that confirmed nothing leaves no high-water mark."""
        return state.revision == 0 and state.high_water is None and not state.tracked and not state.profiles

    def plan(
        self,
        now: datetime,
        *,
        orders: Orders | None = None,
        focus: Focus | None = None,
        allowed: Sequence[str] = (),
        refresh: bool = True,
    ) -> Plan:
        """Refresh and return the plan for ``now``; without ``refresh`` the catalog's record stands for the backends."""
        focus = focus or Focus()
        with collection_paused():
            world = self.observe(now, backends=focus.backends) if refresh else self.recall(now, focus.backends)
            made = self.plan_of(world, now, orders=orders, focus=focus, allowed=allowed)
        stale = None if orders else self.stale_checkout(world.catalog.commit)
        return replace(made, diagnostics=(*made.diagnostics, *([stale] if stale else ())))

    def plan_of(
        self, world: World, now: datetime, *, orders: Orders | None, focus: Focus, allowed: Sequence[str] = ()
    ) -> Plan:
        """Return the plan for a world that was read; ``allowed`` are the codes of the guards that are lifted."""
        from snapplan.planner.build import plan

        made = plan(self.policy, world, now, orders=orders, focus=focus, allowed=allowed)
        return replace(made, diagnostics=(*self.diagnostics, *made.diagnostics))

    def recall(self, now: datetime, backends: Sequence[str] = ("*",)) -> World:
        """Return the world as the catalog remembers it; no backend is asked."""
        from snapplan.catalog.recall import recalled

        live, drift = self.catalog.live_runs(clock.now()), self.catalog.drift()
        states = {
            name: recalled(self.catalog, name, self._capabilities(name), live, drift)._replace(
                vanished=self.catalog.vanished(name)
            )
            for name in self.policy.config.backends
            if any(matches(glob, name) for glob in backends)
        }
        return self._world(self.catalog.state(), states, now)._replace(refreshed=False)

    def _world(self, state: CatalogState, states: Mapping[str, BackendState], now: datetime) -> World:
        """Return the world; for another instant than the present one the other clocks are moved by as much."""
        from snapplan import second_clock
        from snapplan.planner.acceptance import with_accepted

        present = clock.now()
        second = second_clock.reading(present, state)
        if now != present:
            states = {
                name: each if each.clock is None else each._replace(clock=each.clock + (now - present))
                for name, each in states.items()
            }
        return with_accepted(World(state, states, second_clock=None if second is None else second + (now - present)))

    def apply(
        self,
        *,
        orders: Orders | None = None,
        focus: Focus | None = None,
        approved: Mapping[str, Any] | None = None,
        terms: Terms | None = None,
        observer: Observer,
        lock_timeout: timedelta = LOCK_TIMEOUT,
        stop: threading.Event | None = None,
        command: str = "apply",
    ) -> tuple[Plan, Report]:
        """Carry out the policy, or ``orders``: at most what is in the document ``approved``, on ``terms``.

        Returns what of the plan of now was to be done, and what became of it. ``stop`` ends it gently. Raises
        ``LockedError``, ``PlanStaleError`` or, stopped while it waited, ``KeyboardInterrupt``; nothing was done then.
        """
        from snapplan.applier.consent import Terms
        from snapplan.execution import Execution

        execution = Execution(self, orders, focus or Focus(), approved, terms or Terms(), observer, stop)
        return execution.carry_out(command, lock_timeout)

    def stale_checkout(self, applied: str | None, commit: str | None = None) -> Diagnostic | None:
        """Say that the policy files (or ``commit``) are older than the commit ``applied`` last, or that nobody can tell.

        ``None`` where neither holds.
        """
        from snapplan.origin import RUNS_LOOKED_AT, age, applied_before

        origin = self.origin if commit is None else self.origin._replace(commit=commit)
        earlier = applied_before(self.catalog.runs(RUNS_LOOKED_AT)) if origin.named else frozenset()
        return age(origin, self.root, applied, earlier)

    def known_targets(self, backend: str) -> Sequence[Target]:
        """Return the targets of a backend as they were listed by this command, else as the catalog has them."""
        return self._seen[backend] if backend in self._seen else self.catalog.known_targets(backend)

    def driver(self, backend: str) -> Driver:
        """Return the connection to a backend; raises ``BackendError``."""
        if backend in self._left_out:
            raise UnreachableError(backend, f"{backend}: {self._left_out[backend]}")
        if backend not in self._drivers:
            from snapplan.drivers.registry import open_backend
            from snapplan.metering import Uncounted

            config = self.policy.config
            self._drivers[backend] = open_backend(
                backend,
                config.backends[backend],
                project=config.project,
                base=self.root,
                read_only=not self._writable,
                meter=Uncounted(self.meter(backend)) if self.unlimited else self.meter(backend),
                others=config.backends,
                permit=self.permits.of(backend) if self._writable else None,
                **self._store_of(backend),
            )
        return self._drivers[backend]

    def _store_of(self, backend: str) -> dict[str, Any]:
        """Return which store a driver may write to, and whether it may make one."""
        from snapplan.catalog.identity import STORE, may_create

        state = self.catalog.state()
        accepted = state.accepted.get((backend, STORE))
        expected = state.identities.get(backend, "") if accepted is None else accepted.value
        if not self._writable or expected:
            return {"store_id": expected, "may_create_store": False}
        in_memory = self.catalog.url == "memory:"
        return {"may_create_store": may_create(backend, state, self.catalog.known(backend), in_memory=in_memory)}

    def meter(self, backend: str) -> CatalogMeter:
        """Return what counts the requests to a backend."""
        from snapplan.metering import CatalogMeter

        return self._meters.setdefault(backend, CatalogMeter(self.catalog, backend, self._count_requests))

    def _count_requests(self, backend: str, now: datetime, requests: int) -> None:
        """Count what was asked of a backend in a catalog that is only read: its limit holds for all runs together."""
        if self._counts_requests and self.catalog.exists and self.catalog.url != MEMORY:
            from snapplan.catalog.open import count_requests

            count_requests(self.catalog.url, backend, now, requests)

    @cached_property
    def permits(self) -> Permits:
        """What lets the drivers write for the run that is going on."""
        from snapplan.applier.lease import Permits

        return Permits(self.catalog)

    def recover(
        self, drivers: Mapping[str, Driver], run: Run, leases: Mapping[str, Lease], mandate: Mandate
    ) -> Recovery:
        """Put right what dead runs left; a backend where that fails is left out of this run."""
        from snapplan.applier.answers import failure
        from snapplan.applier.recover import recover

        live = self.catalog.live_runs(clock.now()) | {run.id}
        recovery = recover(drivers, self.catalog, live, leases=leases, mandate=mandate)
        self._left_out = {name: failure(error) for name, error in recovery.failed.items()}
        return recovery

    def settle(
        self,
        *,
        observer: Observer,
        lock_timeout: timedelta = LOCK_TIMEOUT,
        stop: threading.Event,
        mandate: Mandate = NO_MANDATE,
    ) -> None:
        """Put the restores right that dead runs had begun, so that the next plan knows how they ended.

        One that had exchanged nothing is undone, one that had exchanged all is recorded; ``mandate`` decides about the
        others, also about those that this catalog does not know. Where there are none, nothing is locked and nothing
        recorded. Raises as ``apply`` does.
        """
        live = self.catalog.live_runs(clock.now())
        restores = self.catalog.state().restores.values()
        if mandate != NO_MANDATE or any(record.state == "started" and record.run not in live for record in restores):
            from snapplan.execution import settle

            settle(self, observer, lock_timeout, stop, mandate)

    def adopt_store(self, backend: str, old: str, *, lock_timeout: timedelta, stop: threading.Event) -> int:
        """Take over a backend's snapshots that were made in the store ``old``; return how many. Raises as ``apply``."""
        from snapplan.execution import adopt_store

        return adopt_store(self, backend, old, lock_timeout, stop)

    def take_over(self, backend: str, old: str) -> int:
        """Write the id of the store into the marks that have the id ``old``, under the backend's lease."""
        from snapplan.drivers.registry import adopt_store

        config = self.policy.config
        return adopt_store(backend, config.backends[backend], old, project=config.project, base=self.root)

    def reachable(self, globs: Sequence[str]) -> dict[str, Driver]:
        """Return the connections to the backends that match ``globs`` and answer."""
        drivers = {}
        for name in self.policy.config.backends:
            if name not in self.strangers and any(matches(glob, name) for glob in globs):
                try:
                    drivers[name] = self.driver(name)
                except BackendError:
                    continue  # planning meets the same error and says so
        return drivers

    def _observe_backend(self, name: str, live: frozenset[str], readings: Readings, *, record: bool) -> BackendState:
        """Return a backend reconciled with the catalog; each is read once, however often it is held against it."""
        from snapplan.catalog.identity import stranger
        from snapplan.catalog.reconcile import manual_records, note_successions, reconcile, satisfied_slots

        if name in self._left_out:
            return BackendState(name, self._capabilities(name), error=self._left_out[name])
        try:
            driver = self.driver(name)
            if name not in readings:
                readings[name] = (clock.now(), self._read(name, driver))
            started_at, inventory = readings[name]
            self._seen[name] = inventory.targets
            project, known = self.policy.config.project, self.catalog.known(name)
            self.identities[name] = inventory.identity
            is_name = driver.capabilities.identity_is_a_name
            strange = stranger(name, inventory, self.catalog.state(), known, project, is_name=is_name)
            if strange is not None:
                self.strangers.add(name)
                return BackendState(name, driver.capabilities, error=strange)
            state, observation = reconcile(
                name,
                driver.capabilities,
                inventory,
                known,
                self.catalog.known_targets(name),
                project=project,
                live_runs=live,
                listing_started_at=started_at,
                past_drift=self.catalog.drift(),
                places=self.catalog.places(name),
            )
        except BackendError as error:
            from snapplan.applier.answers import failure

            return BackendState(name, self._capabilities(name), error=failure(error))
        if record:
            # What is new was perhaps made by a run that died before it could record it.
            self.catalog.satisfied(satisfied_slots(observation.changed, self.policy.config.project, until=started_at))
            note_successions(self.catalog, state, started_at)
            self.catalog.found_manual(manual_records(observation.changed, self.policy.config.project))
            self.catalog.observe(observation)
        self.meter(name).flush()
        return state._replace(
            vanished=self.catalog.vanished(name, None if record else observation),
            requests_spent=self.meter(name).spent() if driver.capabilities.requests_per_hour else 0,
        )

    def _without_doubles(self, states: Mapping[str, BackendState]) -> Mapping[str, BackendState]:
        """Leave out the backends that answer with one permanent id: which of them is the copy, nobody can tell."""
        from snapplan.catalog.identity import double

        found = dict(states)
        for name, state in states.items():
            others = [other for other, each in states.items() if other != name and each.identity == state.identity]
            if state.identity and state.error is None and others and not state.capabilities.identity_is_a_name:
                self.strangers.add(name)
                found[name] = BackendState(name, state.capabilities, error=double(state.identity, others))
        return found

    def _read(self, name: str, driver: Driver) -> Inventory:
        """Return all that a backend holds, its own scheduler's snapshots under the names that the policy has for them."""
        inventory = driver.inventory()
        if inventory.platform is None:
            return inventory
        from snapplan.planner.managed import under_policy_names

        recorded = self.catalog.state().profiles
        found = under_policy_names(inventory.snapshots, self.policy, name, driver.capabilities, recorded)
        return inventory._replace(snapshots=found)

    def _capabilities(self, name: str) -> Capabilities:
        from snapplan.drivers.registry import find

        try:
            kind = find(self.policy.config.backends[name].driver)
        except SnapplanError:
            kind = None
        return kind.capabilities if kind is not None else Capabilities(frozenset())

    def _rebuild(
        self, states: Mapping[str, BackendState], readings: Readings, now: datetime, *, keep: bool
    ) -> CatalogState:
        """Rebuild the catalog from the marks; all backends must answer, as what is not seen would read as never taken."""
        from snapplan.catalog.rebuild import rebuild, rebuilt_assignments

        silent = {name: state.error for name, state in states.items() if state.error is not None}
        if silent:
            said = "; ".join(f"{name}: {error.text}" for name, error in silent.items())
            raise CatalogMissingError(
                f"there is no catalog, and it cannot be rebuilt while {', '.join(silent)} does not answer ({said})",
                hint="bring the backend back, or bring the catalog back from its backup",
            )
        rebuilt = rebuild(self.policy, states, now)
        if keep:
            assignments = rebuilt_assignments(self.policy, states, rebuilt, now)
            self.catalog.replace(rebuilt, now, assignments=assignments)
            for name in states:
                self._observe_backend(name, frozenset(), readings, record=True)
        count = sum(len(state.snapshots) for state in states.values())
        self.diagnostics.append(
            Diagnostic(
                "SP442",
                Severity.WARNING,
                f"the catalog was empty and was rebuilt from the marks of {count} snapshots",
                detail="Declared manual snapshots and restores of which nothing is left are not carried out again.",
                hint="snapplan catalog rebuild --help says what is known again and what is lost",
            )
        )
        return self.catalog.state() if keep else rebuilt

    def rebuild_catalog(self, now: datetime) -> CatalogState:
        """Replace the catalog by what the marks on all backends say, and return it."""
        readings: Readings = {}
        names = self.policy.config.backends
        states = {name: self._observe_backend(name, frozenset(), readings, record=False) for name in names}
        return self._rebuild(states, readings, now, keep=True)


def _ours(states: Mapping[str, BackendState], project: str) -> bool:
    return any(s.mark is not None and s.mark.project == project for b in states.values() for s in b.snapshots)
