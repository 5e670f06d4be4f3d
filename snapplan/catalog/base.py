"""The protocol of a catalog, for SQLite now and PostgreSQL later.

Decisions (applied profiles, assignments, pins, runs) raise ``revision``; observations (what a refresh saw) do not. Every
method is one durable transaction and safe to call from several threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

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


class Owner(NamedTuple):
    """Who holds a lease or made a run. ``boot_id`` and ``started`` tell a process from a later one with its pid."""

    user: str
    host: str
    boot_id: str
    pid: int
    started: str
    job: str = ""

    def __str__(self) -> str:
        job = f", {self.job}" if self.job else ""
        return f"{self.user}@{self.host} (pid {self.pid}{job})"


class Lease(NamedTuple):
    """The right to change one backend. ``token`` rises with every new holder (fencing)."""

    backend: str
    token: int
    run: int


class AssignmentRow(NamedTuple):
    """One applied (target, profile): which assignment made it, when, and what the target was called then."""

    backend: str
    target_id: str
    profile: str
    assignment: str
    applied_at: datetime
    name: str = ""


class KnownSnapshot(NamedTuple):
    """A snapshot as the catalog last saw it. ``expires_at`` is the expiration that was decided (UTC; ``None``: never)."""

    snapshot: Snapshot
    expires_at: datetime | None
    seen_at: datetime


class Observation(NamedTuple):
    """What a refresh of one backend found new, changed and gone.

    ``started_at`` is when its listing began: a row that was written after it is not touched. ``expired`` are the snapshots
    that are gone because the platform expired them by itself, when their time had come.
    """

    backend: str
    started_at: datetime
    targets: Sequence[Target]
    targets_gone: Sequence[Target]
    changed: Sequence[Snapshot]
    gone: Sequence[Snapshot]
    expired: Sequence[Snapshot] = ()
    unreadable: Sequence[str] = ()


class Run(NamedTuple):
    """A run that began. ``id`` is unique over all catalogs (number and random suffix); marks carry it."""

    number: int
    id: str


class Approval(NamedTuple):
    """What a run may do, recorded before anything is done.

    ``document`` is the approved plan, as JSON data. ``saved`` says that it was made before, in a file or in the catalog:
    such a plan is used once. ``resumes`` is a run that was approved to carry out the same plan. ``allowed`` are the codes
    of the guards that were lifted, ``reason`` is why.
    """

    document: Mapping[str, Any]
    saved: bool = False
    resumes: int | None = None
    allowed: tuple[str, ...] = ()
    reason: str = ""


class Acceptance(NamedTuple):
    """What the end of a run confirms: the time, guard values, and for ``backends`` that what vanished is known to be gone.

    ``guards`` is ``Guards.model_dump(mode="json")`` of the policy that was applied. ``identities`` are the permanent ids of
    the backends that were read or written.
    """

    guards: Mapping[str, Any]
    backends: frozenset[str]
    commit: str | None
    identities: Mapping[str, str] = {}


class Fact(NamedTuple):
    """What a person may accept. ``kind``: content, path, store; ``value`` is what it is now.

    ``target_id`` is that of the target ``subject``, empty for a backend.
    """

    subject: str
    kind: str
    value: str
    target_id: str = ""


class RecordRow(NamedTuple):
    """One entry of the append-only record.

    ``kind``: created, begun, approved, ended, late (an action that a run reported after it had been closed), rebuilt,
    unlocked, clock, accepted.
    """

    number: int
    at: datetime
    kind: str
    run: int | None
    body: Mapping[str, Any]
    previous: str
    hash: str


class RunRow(NamedTuple):
    """One run, as it is listed. ``state``: running, done, partial, failed, interrupted."""

    number: int
    id: str
    command: str
    owner: str
    started_at: datetime
    ended_at: datetime | None
    state: str
    policy_commit: str | None
    counts: Mapping[str, int]
    plan_digest: str | None = None
    allowed: tuple[str, ...] = ()
    reason: str = ""
    notices: tuple[str, ...] = ()


class JournalRow(NamedTuple):
    """One action of a run. ``state``: intent, done, failed, skipped, not_tried, adopted.

    ``target`` is an address; of an action on a profile, which has none, it is the profile's name.
    """

    run: int
    number: int
    verb: str
    target: str | None
    snapshot: str | None
    state: str
    text: str
    at: datetime
    notices: tuple[str, ...] = ()


class MissedRow(NamedTuple):
    """A slot recorded as missed."""

    triple: Triple
    slot: datetime
    recorded_at: datetime


class Catalog(Protocol):
    """Where it is recorded what was decided and done."""

    url: str
    writable: bool
    exists: bool
    """Whether there is one; reading takes one that is not there for one that knows nothing."""

    def state(self) -> CatalogState:
        """Return all that the planner needs besides snapshots and targets."""
        ...

    def known(self, backend: str) -> Mapping[str, KnownSnapshot]:
        """Return the snapshots of a backend that were there at the last refresh, by ``native_id``."""
        ...

    def known_targets(self, backend: str) -> Sequence[Target]:
        """Return the targets of a backend that were there at the last refresh."""
        ...

    def observe(self, observation: Observation) -> None:
        """Record what a refresh found."""
        ...

    def drift(self) -> Sequence[Drift]:
        """Return what vanished outside snapplan within the last 30 days."""
        ...

    def vanished(self, backend: str, unrecorded: Observation | None = None) -> Vanished:
        """Return what of a backend is gone since the last apply that accepted it; what we expired does not count.

        ``unrecorded`` is the refresh that was just made, where it was not recorded (``observe``).
        """
        ...

    def live_runs(self, now: datetime) -> frozenset[str]:
        """Return the ids of the runs whose owner still holds a valid lease."""
        ...

    def acquire(self, backend: str, run: int, owner: Owner, now: datetime) -> Lease:
        """Take the lease of a backend; raise ``LockedError`` at once when another live owner holds it."""
        ...

    def renew(self, lease: Lease, now: datetime) -> None:
        """Prolong a lease (heartbeat); raise ``FencedError`` when it is no longer ours."""
        ...

    def check(self, lease: Lease) -> None:
        """Raise ``FencedError`` when the lease is no longer ours; called before each driver call."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the lease back; nothing happens when it is no longer ours."""
        ...

    def begin_run(self, command: str, owner: Owner, now: datetime, commit: str | None) -> Run:
        """Return a new run."""
        ...

    def intent(self, run: int, action: Action, now: datetime) -> None:
        """Record durably that ``action`` is about to be carried out."""
        ...

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
        """Record durably what became of ``action``, and ``snapshot`` as it now stands (create, change).

        ``notices`` are the driver's sentences for the operator.

        An action of verb ``expire`` that is done removes its snapshot's row, so that it does not read as vanished.
        """
        ...

    def approve_run(self, run: int, approval: Approval, now: datetime) -> None:
        """Record what the run may do.

        Raises ``PlanStaleError`` for a saved plan that another run used, or whose digest a run used that began at or after
        the plan's ``as_of``; and for one that resumes a run which was approved for another plan.
        """
        ...

    def approved_plan(self, run: int) -> Mapping[str, Any] | None:
        """Return the plan that a run was approved to carry out, as JSON data.

        ``None`` where there is none, or where it is too old to be kept.
        """
        ...

    def save_plan(self, document: Mapping[str, Any], owner: Owner, now: datetime) -> None:
        """Keep a plan under its digest (``plan --save``), in place of one with the same; the newest 200 are kept."""
        ...

    def saved_plans(self, digest: str) -> Sequence[Mapping[str, Any]]:
        """Return the saved plans whose digest begins with ``digest``, newest first."""
        ...

    def end_run(
        self, run: int, state: str, now: datetime, *, confirm: Acceptance | None, notices: Sequence[str] = ()
    ) -> None:
        """Close a run; ``confirm`` raises the high-water mark of time to ``now`` and records what else is confirmed.

        ``notices`` are sentences about the run as a whole.
        """
        ...

    def unlock(self, backend: str, owner: Owner, now: datetime) -> str | None:
        """End the lease of a backend whoever holds it, and return who did, if anybody; its holder is fenced off."""
        ...

    def set_clock(self, owner: Owner, reason: str, now: datetime) -> None:
        """Take ``now`` for the confirmed time, also where that is earlier; who did so and why is recorded."""
        ...

    def accept(self, facts: Sequence[Fact], owner: Owner, reason: str, now: datetime) -> None:
        """Record what a person said is right; who did so and why is in the append-only record."""
        ...

    def record_blocked(self, blocked: Collection[tuple[str, str]], backends: Collection[str], now: datetime) -> None:
        """Record which actions guards stopped, as (code, subject); of ``backends`` what is not among them is forgotten."""
        ...

    def places(self, backend: str) -> Mapping[str, str]:
        """Return where each target of a backend was found to lie, by id; also of those that are gone."""
        ...

    def leases(self) -> Sequence[tuple[str, str, datetime, bool]]:
        """Return each held lease as (backend, holder, last heartbeat, whether it still keeps others out)."""
        ...

    def records(self) -> Iterator[RecordRow]:
        """Yield the append-only record, oldest first; what is added meanwhile comes too."""
        ...

    def verify(self) -> Sequence[str]:
        """Return in sentences what is wrong: damage, a broken chain, a run that differs from its record."""
        ...

    def record_head(self) -> tuple[int, str]:
        """Return the number and the hash of the newest entry of the record."""
        ...

    def export(self) -> Mapping[str, Any]:
        """Return everything that the catalog holds as JSON data of format ``snapplan.catalog/1.0``."""
        ...

    def export_text(self) -> Iterator[str]:
        """Yield the JSON text of ``export`` in pieces, so that a large catalog needs little memory."""
        ...

    def apply_profile(self, run: int, name: str, document: Mapping[str, object] | None, now: datetime) -> None:
        """Record an applied profile; ``None`` removes it."""
        ...

    def track(
        self,
        run: int,
        added: Mapping[Triple, Tracked],
        ended: Sequence[Triple],
        assignment: str,
        now: datetime,
        named: Mapping[tuple[str, str, str], str] = ...,
    ) -> None:
        """Record triples that begin to apply and triples that stop (they become orphaned at ``now``).

        ``named`` is what targets are called now, by (backend, target id, profile): by that name they stay selected.
        """
        ...

    def succeed(self, backend: str, old_id: str, new_id: str, now: datetime) -> None:
        """Record that a restore gave a target a new id: assignments, slots and manual keys follow it."""
        ...

    def satisfied(self, slots: Mapping[Triple, datetime]) -> None:
        """Raise ``last_slot`` of triples; never lowers it."""
        ...

    def record_missed(self, missed: Sequence[tuple[Triple, datetime]], now: datetime) -> None:
        """Record missed slots, and raise ``last_slot`` of their triples."""
        ...

    def record_manual(self, key: ManualKey, record: ManualRecord) -> None:
        """Record a manual snapshot as taken, or its new expiration."""
        ...

    def found_manual(self, records: Mapping[ManualKey, ManualRecord]) -> None:
        """Record manual snapshots that a backend turned out to have; those that are recorded already stay as they are."""
        ...

    def record_restore(self, key: str, record: RestoreRecord) -> None:
        """Record how far a restore is."""
        ...

    def runs(self, limit: int = 50) -> Sequence[RunRow]:
        """Return the newest runs, newest first."""
        ...

    def run(self, number: int) -> RunRow | None:
        """Return one run, ``None`` where there is none of that number (any more)."""
        ...

    def journal(self, run: int) -> Sequence[JournalRow]:
        """Return the actions of a run, in order."""
        ...

    def count_requests(self, backend: str, now: datetime, requests: int) -> None:
        """Count requests that were made to a backend; they are kept for two hours."""
        ...

    def requests_since(self, backend: str, instant: datetime) -> int:
        """Return how many requests to a backend were counted since ``instant``, whole minutes."""
        ...

    def assignments(self) -> Sequence[AssignmentRow]:
        """Return the applied assignments."""
        ...

    def missed(self, limit: int = 1000) -> Sequence[MissedRow]:
        """Return the newest missed slots, newest first."""
        ...

    def replace(self, state: CatalogState, now: datetime, assignments: Iterable[AssignmentRow] = ()) -> None:
        """Replace everything but runs and leases by ``state`` and ``assignments`` (``catalog rebuild``)."""
        ...

    def close(self) -> None:
        """Release the file or connection."""
        ...
