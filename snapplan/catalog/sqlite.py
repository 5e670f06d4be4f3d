"""The catalog in one SQLite file, or in memory: each method one transaction, each subject in a module of its own."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from snapplan import clock
from snapplan.catalog import acceptance, approvals, decisions, leases, observations, record, runs
from snapplan.catalog import requests as counts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from snapplan.catalog.base import (
        Acceptance,
        Approval,
        AssignmentRow,
        Fact,
        JournalRow,
        KnownSnapshot,
        Lease,
        MissedRow,
        Observation,
        Owner,
        RecordRow,
        Run,
        RunRow,
    )
    from snapplan.catalog.connection import Connection
    from snapplan.models.plan import Action
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Target
    from snapplan.models.world import (
        CatalogState,
        Drift,
        ManualKey,
        ManualRecord,
        RestoreRecord,
        Tracked,
        Triple,
        Vanished,
    )


RECORD_PAGE = 500


class SqliteCatalog:
    """Implements ``snapplan.catalog.base.Catalog``; made by ``snapplan.catalog.open.open_catalog``.

    Opened for reading (``writable`` is ``False``) every method that writes raises ``CatalogError``; ``exists`` says
    whether there is one.
    """

    def __init__(self, url: str, connection: Connection, *, exists: bool = True) -> None:
        self.url = url
        self.exists = exists
        self.writable = connection.writable
        self._connection = connection

    def state(self) -> CatalogState:
        """Return all that the planner needs besides snapshots and targets."""
        with self._connection.read() as db:
            return decisions.load_state(db)

    def known(self, backend: str) -> Mapping[str, KnownSnapshot]:
        """Return the snapshots of a backend that were there at the last refresh, by ``native_id``."""
        with self._connection.read() as db:
            return observations.load_snapshots(db, backend)

    def known_targets(self, backend: str) -> Sequence[Target]:
        """Return the targets of a backend that were there at the last refresh."""
        with self._connection.read() as db:
            return observations.load_targets(db, backend)

    def observe(self, observation: Observation) -> None:
        """Record what a refresh found."""
        with self._connection.write() as db:
            observations.observe(db, observation)

    def drift(self) -> Sequence[Drift]:
        """Return what vanished outside snapplan within the last 30 days."""
        with self._connection.read() as db:
            return observations.load_drift(db)

    def vanished(self, backend: str, unrecorded: Observation | None = None) -> Vanished:
        """Return what of a backend is gone since the last apply that accepted it; what we expired does not count."""
        with self._connection.read() as db:
            return acceptance.vanished(db, backend, unrecorded)

    def live_runs(self, now: datetime) -> frozenset[str]:
        """Return the ids of the runs whose owner still holds a valid lease."""
        with self._connection.read() as db:
            return runs.live_runs(db, now)

    def acquire(self, backend: str, run: int, owner: Owner, now: datetime) -> Lease:
        """Take the lease of a backend; raise ``LockedError`` at once when another live owner holds it."""
        with self._connection.write() as db:
            lease, taken_from = leases.acquire(db, backend, run, owner, now)
            if taken_from is not None:
                runs.interrupt(db, taken_from, now)
            return lease

    def renew(self, lease: Lease, now: datetime) -> None:
        """Prolong a lease (heartbeat); raise ``FencedError`` when it is no longer ours."""
        with self._connection.write() as db:
            leases.renew(db, lease, now)

    def check(self, lease: Lease) -> None:
        """Raise ``FencedError`` when the lease is no longer ours; an old heartbeat is renewed with it."""
        with self._connection.read() as db:
            due = leases.needs_renewal(db, lease)
        if due:
            with self._connection.write() as db:
                leases.prolong(db, lease)

    def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens when it is no longer ours."""
        with self._connection.write() as db:
            leases.release(db, lease)

    def begin_run(self, command: str, owner: Owner, now: datetime, commit: str | None) -> Run:
        """Return a new run; runs whose owner is gone become interrupted."""
        with self._connection.write() as db:
            return runs.begin(db, command, owner, now, commit)

    def intent(self, run: int, action: Action, now: datetime) -> None:
        """Record durably that ``action`` is about to be carried out."""
        with self._connection.write() as db:
            runs.intent(db, run, action, now)

    def result(
        self,
        run: int,
        action: Action,
        state: str,
        text: str,
        now: datetime,
        snapshot: Snapshot | None,
        notices: Sequence[str] = (),
    ) -> None:
        """Record durably what became of ``action``, and ``snapshot`` as it now stands (create, change)."""
        with self._connection.write() as db:
            runs.result(db, run, action, state, text, now, snapshot, notices)

    def approve_run(self, run: int, approval: Approval, now: datetime) -> None:
        """Record what the run may do; raise ``PlanStaleError`` where its plan was used."""
        with self._connection.write() as db:
            approvals.approve(db, run, approval, now)

    def approved_plan(self, run: int) -> Mapping[str, Any] | None:
        """Return the plan that a run was approved to carry out, as JSON data; ``None`` where none is kept."""
        with self._connection.read() as db:
            return approvals.approved_plan(db, run)

    def save_plan(self, document: Mapping[str, Any], owner: Owner, now: datetime) -> None:
        """Keep a plan under its digest (``plan --save``)."""
        with self._connection.write() as db:
            approvals.save_plan(db, document, owner, now)

    def saved_plans(self, digest: str) -> Sequence[Mapping[str, Any]]:
        """Return the saved plans whose digest begins with ``digest``, newest first."""
        with self._connection.read() as db:
            return approvals.saved_plans(db, digest)

    def end_run(
        self, run: int, state: str, now: datetime, *, confirm: Acceptance | None, notices: Sequence[str] = ()
    ) -> None:
        """Close a run; ``confirm`` raises the high-water mark of time to ``now`` and records what else is confirmed."""
        with self._connection.write() as db:
            runs.end(db, run, state, now, confirm, notices)

    def unlock(self, backend: str, owner: Owner, now: datetime) -> str | None:
        """End the lease of a backend whoever holds it, and return who did, if anybody; its holder is fenced off."""
        with self._connection.write() as db:
            return leases.unlock(db, backend, owner, now)

    def set_clock(self, owner: Owner, reason: str, now: datetime) -> None:
        """Take ``now`` for the confirmed time, also where that is earlier; who did so and why is recorded."""
        with self._connection.write() as db:
            acceptance.set_clock(db, owner, reason, now)

    def accept(self, facts: Sequence[Fact], owner: Owner, reason: str, now: datetime) -> None:
        """Record what a person said is right; who did so and why is in the append-only record."""
        with self._connection.write() as db:
            acceptance.accept_facts(db, facts, owner, reason, now)

    def record_blocked(self, blocked: Collection[tuple[str, str]], backends: Collection[str], now: datetime) -> None:
        """Record which actions guards stopped, as (code, subject); of ``backends`` what is not among them is forgotten."""
        with self._connection.write() as db:
            acceptance.record_blocked(db, blocked, backends, now)

    def places(self, backend: str) -> Mapping[str, str]:
        """Return where each target of a backend was found to lie, by id; also of those that are gone."""
        with self._connection.read() as db:
            return observations.load_places(db, backend)

    def leases(self) -> Sequence[tuple[str, str, datetime, bool]]:
        """Return each held lease as (backend, holder, last heartbeat, whether it still keeps others out)."""
        with self._connection.read() as db:
            return leases.load_leases(db, clock.now())

    def records(self) -> Iterator[RecordRow]:
        """Yield the append-only record, oldest first; what is added meanwhile comes too."""
        number = 0
        while True:
            with self._connection.read() as db:
                rows = record.page(db, number, RECORD_PAGE)
            yield from rows
            if len(rows) < RECORD_PAGE:
                return
            number = rows[-1].number

    def verify(self) -> Sequence[str]:
        """Return in sentences what is wrong: damage, a broken chain, a run that differs from its record."""
        from snapplan.catalog.verify import verify

        with self._connection.read() as db:
            return verify(db)

    def record_head(self) -> tuple[int, str]:
        """Return the number and the hash of the newest entry of the record."""
        with self._connection.read() as db:
            return record.head(db)

    def export(self) -> Mapping[str, Any]:
        """Return everything that the catalog holds as JSON data of format ``snapplan.catalog/1.0``."""
        import json

        document: dict[str, Any] = json.loads("".join(self.export_text()))
        return document

    def export_text(self) -> Iterator[str]:
        """Yield the JSON text of ``export`` in pieces, of one moment; nothing else reaches the catalog meanwhile."""
        from snapplan.catalog.export import pieces

        with self._connection.read() as db:
            yield from pieces(db)

    def apply_profile(self, run: int, name: str, document: Mapping[str, object] | None, now: datetime) -> None:
        """Record an applied profile; ``None`` removes it."""
        with self._connection.write() as db:
            decisions.apply_profile(db, run, name, document, now)

    def track(
        self,
        run: int,
        added: Mapping[Triple, Tracked],
        ended: Sequence[Triple],
        assignment: str,
        now: datetime,
        named: Mapping[tuple[str, str, str], str] = MappingProxyType({}),
    ) -> None:
        """Record triples that begin to apply and triples that stop (they become orphaned at ``now``)."""
        with self._connection.write() as db:
            decisions.track(db, added, ended, assignment, now, named)

    def succeed(self, backend: str, old_id: str, new_id: str, now: datetime) -> None:
        """Record that a restore gave a target a new id: assignments, slots and manual keys follow it."""
        with self._connection.write() as db:
            decisions.succeed(db, backend, old_id, new_id, now)

    def satisfied(self, slots: Mapping[Triple, datetime]) -> None:
        """Raise ``last_slot`` of triples; never lowers it. Where nothing rises, nothing is written."""
        with self._connection.read() as db:
            rising = decisions.unsatisfied(db, slots)
        if rising:
            with self._connection.write() as db:
                decisions.raise_slots(db, rising.items())

    def record_missed(self, missed: Sequence[tuple[Triple, datetime]], now: datetime) -> None:
        """Record missed slots, and raise ``last_slot`` of their triples."""
        with self._connection.write() as db:
            decisions.record_missed(db, missed, now)

    def record_manual(self, key: ManualKey, record: ManualRecord) -> None:
        """Record a manual snapshot as taken, or its new expiration."""
        with self._connection.write() as db:
            decisions.record_manual(db, key, record)

    def found_manual(self, records: Mapping[ManualKey, ManualRecord]) -> None:
        """Record manual snapshots that a backend turned out to have; those that are recorded already stay as they are."""
        if records:
            with self._connection.write() as db:
                decisions.found_manual(db, records)

    def record_restore(self, key: str, record: RestoreRecord) -> None:
        """Record how far a restore is; raise ``CatalogError`` where a finished one would be begun again."""
        with self._connection.write() as db:
            decisions.record_restore(db, key, record)

    def runs(self, limit: int = 50) -> Sequence[RunRow]:
        """Return the newest runs, newest first. ``counts`` has what was done by verb, and what was not by state."""
        with self._connection.read() as db:
            return runs.load_runs(db, limit)

    def run(self, number: int) -> RunRow | None:
        """Return one run, ``None`` where there is none of that number (any more)."""
        with self._connection.read() as db:
            return runs.load_run(db, number)

    def journal(self, run: int) -> Sequence[JournalRow]:
        """Return the actions of a run, in order."""
        with self._connection.read() as db:
            return runs.load_journal(db, run)

    def count_requests(self, backend: str, now: datetime, requests: int) -> None:
        """Count requests that were made to a backend; they are kept for two hours."""
        with self._connection.write() as db:
            counts.count(db, backend, now, requests)

    def requests_since(self, backend: str, instant: datetime) -> int:
        """Return how many requests to a backend were counted since ``instant``, whole minutes."""
        with self._connection.read() as db:
            return counts.since(db, backend, instant)

    def assignments(self) -> Sequence[AssignmentRow]:
        """Return the applied assignments."""
        with self._connection.read() as db:
            return decisions.load_assignments(db)

    def missed(self, limit: int = 1000) -> Sequence[MissedRow]:
        """Return the newest missed slots, newest first."""
        with self._connection.read() as db:
            return decisions.load_missed(db, limit)

    def replace(self, state: CatalogState, now: datetime, assignments: Iterable[AssignmentRow] = ()) -> None:
        """Replace everything but runs and leases by ``state`` (``catalog rebuild``)."""
        with self._connection.write() as db:
            decisions.replace(db, state, assignments, now)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
