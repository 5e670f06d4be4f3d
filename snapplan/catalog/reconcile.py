"""Compares what a backend lists with what the catalog knows of it. Pure, but for ``note_successions``."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from snapplan.catalog.admission import admitted
from snapplan.catalog.base import Observation
from snapplan.catalog.drift import (
    appeared,
    expiration_differs,
    lost_mark,
    lost_period,
    moved_target,
    recreated_target,
    renamed_target,
    vanished_snapshot,
    vanished_target,
)
from snapplan.models.homonyms import with_distinct_names
from snapplan.models.world import BackendState, ManualKey, ManualRecord, Triple
from snapplan.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from snapplan.catalog.base import Catalog, KnownSnapshot
    from snapplan.models.request import Inventory
    from snapplan.models.snapshot import Snapshot
    from snapplan.models.target import Capabilities, Target
    from snapplan.models.world import Drift

DAY = timedelta(days=1)


class _Compared(NamedTuple):
    snapshots: list[Snapshot]
    changed: list[Snapshot]
    drift: list[Drift]


def reconcile(
    backend: str,
    capabilities: Capabilities,
    inventory: Inventory,
    known: Mapping[str, KnownSnapshot],
    known_targets: Sequence[Target],
    *,
    project: str,
    live_runs: frozenset[str],
    listing_started_at: datetime,
    past_drift: Iterable[Drift] = (),
    places: Mapping[str, str] = MappingProxyType({}),
) -> tuple[BackendState, Observation]:
    """Return the backend as the planner sees it, and what is to be recorded of it.

    The later of the catalog's and the backend's expiration stands in the marks of our snapshots. ``past_drift`` is what
    earlier refreshes saw vanish, of any backend. ``places`` says where each target was found to lie, also of those that
    were gone for a while: one that lies elsewhere now is recorded where it was, until a person accepts it. Raises
    ``BackendError`` for a listing whose targets are not what they have to be (``admission``).
    """
    inventory = with_distinct_names(admitted(backend, inventory, known))
    unreadable: tuple[str, ...] = getattr(known, "unreadable", ())
    snapshot_ids = {snapshot.native_id for snapshot in inventory.snapshots}
    compared = _compare_snapshots(inventory.snapshots, known, project, live_runs, listing_started_at)
    missing = _missing(known, snapshot_ids, listing_started_at)
    ended = _ended(missing, known, capabilities, _latest(listing_started_at, inventory.backend_clock))
    gone = [snapshot for snapshot in missing if snapshot.native_id not in ended]
    moved = _moved(inventory.targets, places)
    settled = [_where_it_was(target, moved) for target in inventory.targets] if moved else inventory.targets
    targets, targets_gone = _compare_targets(settled, known_targets)
    drift = [
        *(vanished_snapshot(one.address, listing_started_at) for one in gone if _is_ours(one, project)),
        *compared.drift,
        *_renamed(inventory.targets, known_targets, listing_started_at),
        *(moved_target(one, moved[one.id], listing_started_at) for one in inventory.targets if one.id in moved),
        *_vanished(inventory.targets, targets_gone, compared.snapshots, project, listing_started_at),
    ]
    state = BackendState(
        name=backend,
        capabilities=capabilities,
        targets=inventory.targets,
        snapshots=compared.snapshots,
        restores=inventory.restores,
        live_runs=live_runs,
        drift=_with_past(backend, drift, past_drift),
        identity=inventory.identity,
        clock=inventory.backend_clock,
        platform=inventory.platform,
        deletes_at=inventory.deletes_at,
        notices=_notices(backend, inventory, unreadable),
        attention=tuple(each._replace(text=redact(each.text)) for each in inventory.attention),
        requests=inventory.requests,
        moved=moved,
    )
    expired = tuple(snapshot for snapshot in missing if snapshot.native_id in ended)
    return state, Observation(
        backend, listing_started_at, targets, targets_gone, compared.changed, gone, expired, unreadable
    )


def _notices(backend: str, inventory: Inventory, unreadable: Collection[str]) -> tuple[str, ...]:
    said = [redact(notice.removeprefix(f"{backend}: ")) for notice in inventory.notices]
    if unreadable:
        said.append(
            f"{len(unreadable)} records of the catalog could not be read back; what is still there is recorded anew"
        )
    return tuple(said)


def _compare_snapshots(
    listed: Sequence[Snapshot],
    known: Mapping[str, KnownSnapshot],
    project: str,
    live_runs: Collection[str],
    seen_at: datetime,
) -> _Compared:
    """Sort the listed snapshots into what is as it was and what is not.

    One comparison of tuples recognises an unchanged one, so that 100,000 of them take a moment. The known object then
    stands for the listed one, whose memory can go.
    """
    snapshots: list[Snapshot] = []
    changed: list[Snapshot] = []
    drift: list[Drift] = []
    get = known.get
    keep = snapshots.append
    for snapshot in listed:
        record = get(snapshot.native_id)
        if record is not None and record[0] == snapshot:
            snapshot = record[0]
            mark = snapshot.mark
            if mark is None or mark.expires_at == record[1] or mark.project != project:
                keep(snapshot)
                continue
        elif record is None or not _is_unmarked(record, snapshot, project):
            # What lost its mark stays recorded as it was, so that it is said as long as it is there.
            changed.append(snapshot)
        keep(_merged(snapshot, record, project, seen_at, drift))
        if record is None and known and _is_news(snapshot, project, live_runs):
            drift.append(appeared(snapshot, snapshot.mark.run if snapshot.mark else "", seen_at))
    return _Compared(snapshots, changed, drift)


def _is_unmarked(record: KnownSnapshot, snapshot: Snapshot, project: str) -> bool:
    """Whether somebody took our mark from a snapshot that we took."""
    known = record.snapshot
    return _is_ours(known, project) and not known.managed and snapshot.mark is None and not snapshot.stray


def _missing(known: Mapping[str, KnownSnapshot], listed: set[str], seen_at: datetime) -> list[Snapshot]:
    """Return the known snapshots that are not listed, except those that were written down after the listing began.

    What lies more than a day ahead of the listing was written under a wrong clock and proves nothing.
    """
    records = [known[native_id] for native_id in known.keys() - listed]
    return sorted(record.snapshot for record in records if not seen_at < record.seen_at <= seen_at + DAY)


def _ended(
    missing: Iterable[Snapshot], known: Mapping[str, KnownSnapshot], capabilities: Capabilities, now: datetime
) -> set[str]:
    """Return the native ids of those that a platform which deletes by itself could delete: past their exact expiration.

    One that a pin held is not among them: it was to stay for ever.
    """
    if not capabilities.expires_itself:
        return set()
    return {
        snapshot.native_id
        for snapshot in missing
        if (expires_at := known[snapshot.native_id].expires_at) is not None
        and expires_at <= now
        and not _is_pinned(snapshot, now)
    }


def _is_pinned(snapshot: Snapshot, now: datetime) -> bool:
    pin = snapshot.mark.pin if snapshot.mark is not None else None
    return pin is not None and (pin.until is None or pin.until > now)


def _latest(started_at: datetime, clock: datetime | None) -> datetime:
    """Return the time of a listing by the clock that is ahead; the platform deletes by its own."""
    return started_at if clock is None else max(started_at, clock)


def _merged(
    snapshot: Snapshot, record: KnownSnapshot | None, project: str, seen_at: datetime, drift: list[Drift]
) -> Snapshot:
    """Return ``snapshot`` with the later of both expirations, and add to ``drift`` how it differs from the record."""
    mark = snapshot.mark
    if record is None or not _is_ours(record.snapshot, project):
        return snapshot
    if mark is None or mark.project != project:
        drift.append((lost_period if record.snapshot.managed else lost_mark)(snapshot, seen_at))
        return snapshot
    decided = record.expires_at
    if decided == mark.expires_at:
        return snapshot
    drift.append(expiration_differs(snapshot, decided, mark.expires_at, seen_at))
    return snapshot._replace(mark=mark._replace(expires_at=later(decided, mark.expires_at)))


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Return the later of two expirations; ``None`` is never, the latest of all."""
    return None if one is None or other is None else max(one, other)


def _is_ours(snapshot: Snapshot, project: str) -> bool:
    return snapshot.mark is not None and snapshot.mark.project == project


def _is_news(snapshot: Snapshot, project: str, live_runs: Collection[str]) -> bool:
    mark = snapshot.mark
    if mark is None or mark.project != project or snapshot.completed_at is None:
        return False
    return not snapshot.managed and mark.run not in live_runs


def _compare_targets(listed: Sequence[Target], known: Sequence[Target]) -> tuple[list[Target], list[Target]]:
    """Return the listed targets that are new or changed, and the known ones that are gone."""
    before = set(known)
    ids = {target.id for target in listed}
    return [target for target in listed if target not in before], [t for t in known if t.id not in ids]


def _moved(listed: Sequence[Target], places: Mapping[str, str]) -> dict[str, str]:
    """Return where the targets lay whose real path is another one now, by id."""
    return {
        target.id: places[target.id]
        for target in listed
        if target.fingerprint is not None and places.get(target.id, target.fingerprint.path) != target.fingerprint.path
    }


def _where_it_was(target: Target, moved: Mapping[str, str]) -> Target:
    if target.id not in moved or target.fingerprint is None:
        return target
    return target._replace(fingerprint=target.fingerprint._replace(path=moved[target.id]))


def _renamed(listed: Sequence[Target], known: Sequence[Target], seen_at: datetime) -> list[Drift]:
    before = {target.id: target for target in known}
    return [
        renamed_target(old, target, seen_at)
        for target in listed
        if (old := before.get(target.id)) is not None and old.own_address != target.own_address
    ]


def _vanished(
    listed: Sequence[Target], gone: Sequence[Target], snapshots: Sequence[Snapshot], project: str, seen_at: datetime
) -> list[Drift]:
    """Say which targets with snapshots of ours are gone."""
    if not gone:
        return []
    owned = {s.mark.target_id for s in snapshots if s.mark is not None and s.mark.project == project}
    addresses = {target.own_address for target in listed}
    return [
        recreated_target(target, seen_at)
        if target.own_address in addresses
        else vanished_target(target.address, seen_at)
        for target in gone
        if target.id in owned
    ]


def _with_past(backend: str, drift: list[Drift], past: Iterable[Drift]) -> list[Drift]:
    current = {(entry.kind, entry.subject) for entry in drift}
    earlier = [
        entry
        for entry in past
        if entry.subject.partition("/")[0] == backend and (entry.kind, entry.subject) not in current
    ]
    return earlier + drift


def manual_records(snapshots: Iterable[Snapshot], project: str) -> dict[ManualKey, ManualRecord]:
    """Return the manual snapshots of ours that are there, as the records that keep them from being taken again."""
    return {
        ManualKey(snapshot.backend, mark.target_id, mark.key): ManualRecord(mark.taken_at)
        for snapshot in snapshots
        if (mark := snapshot.mark) and mark.project == project and mark.key and snapshot.standing.restores
    }


def satisfied_slots(
    snapshots: Iterable[Snapshot], project: str, until: datetime | None = None
) -> dict[Triple, datetime]:
    """Return the newest slot of each triple that a snapshot of ours satisfies, managed ones too.

    Future-dated ones count as well, unless their slot is after ``until``.
    """
    newest: dict[tuple[str, str, str | None, str | None], datetime] = {}
    get = newest.get
    for snapshot in snapshots:
        mark = snapshot.mark
        if mark is None or mark.project != project or not snapshot.standing.satisfies:
            continue
        slot = mark.slot
        if slot is None or (until is not None and slot > until):
            continue
        triple = (snapshot.backend, mark.target_id, mark.profile, mark.period)
        known = get(triple)
        if known is None or known < slot:
            newest[triple] = slot
    return {
        Triple(b, t, profile, period): slot for (b, t, profile, period), slot in newest.items() if profile and period
    }


def note_successions(catalog: Catalog, state: BackendState, now: datetime) -> None:
    """Record the new ids that restores gave targets, as far as the catalog does not know them."""
    new = {(state.name, one.target_id): one.new_id for one in state.restores if one.done and one.new_id}
    for (backend, old_id), new_id in new.items() - catalog.state().successions.items() if new else ():
        catalog.succeed(backend, old_id, new_id, now)
