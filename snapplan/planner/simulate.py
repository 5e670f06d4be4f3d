"""Replays a policy over time: what ``apply`` would do at each instant, with no backend contacted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.ids import format_instant
from snapplan.models.order import Focus, Orders
from snapplan.models.snapshot import Snapshot
from snapplan.models.target import Capabilities, Scope, Target
from snapplan.models.world import BackendState, CatalogState, Tracked, Triple, World
from snapplan.planner.context import prepare
from snapplan.planner.due import start_tracking
from snapplan.planner.expiry import age_order, judge, judge_manual
from snapplan.planner.orphans import orphan_minimum
from snapplan.planner.schedule import decide, scan
from snapplan.planner.steps import scheduled_request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from snapplan.ids import TargetAddress
    from snapplan.models.policy import Policy
    from snapplan.models.request import SnapshotRequest
    from snapplan.planner.context import Context
    from snapplan.planner.resolve import Resolved


class Event(NamedTuple):
    """A snapshot that is taken, or one that expires, at ``at`` (UTC)."""

    at: datetime
    verb: str
    snapshot: Snapshot


class MissedSlot(NamedTuple):
    """A slot that no snapshot was taken for."""

    target: str
    profile: str
    period: str
    slot: datetime


@dataclass(slots=True)
class Simulation:
    """What happened, in order, and what is there at the end."""

    events: list[Event] = field(default_factory=list)
    missed: list[MissedSlot] = field(default_factory=list)
    remaining: list[Snapshot] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """Return ``{"events": [...], "missed": [...], "remaining": [...]}`` as JSON data."""
        return {
            "events": [
                {"at": format_instant(event.at), "verb": event.verb, **_fields(event.snapshot)} for event in self.events
            ],
            "missed": [{**missed._asdict(), "slot": format_instant(missed.slot)} for missed in self.missed],
            "remaining": [_fields(snapshot) for snapshot in self.remaining],
        }


def imagined_world(policy: Policy, targets: Sequence[TargetAddress], tags: frozenset[str]) -> World:
    """Return a world that holds ``targets`` and nothing else, for a simulation from nothing."""
    backends = {}
    for backend in {target.backend for target in targets} | set(policy.config.backends):
        mine = tuple(
            Target(backend, t.scope, t.name, f"{t.scope}/{t.name}" if t.name else str(t.scope), tags)
            for t in targets
            if t.backend == backend
        )
        backends[backend] = BackendState(backend, Capabilities(frozenset(Scope)), mine)
    return World(CatalogState(), backends)


def instants(start: datetime, end: datetime, every: timedelta) -> Iterator[datetime]:
    """Yield ``start``, ``start + every`` ... up to and including ``end``."""
    at = start
    while at <= end:
        yield at
        at += every


def simulate(policy: Policy, world: World, *, start: datetime, end: datetime, every: timedelta) -> Simulation:
    """Return what applying ``policy`` every ``every`` from ``start`` to ``end`` does to ``world``.

    Each instant runs the planner's own decision for every triple. Snapshots complete at once and nothing fails; targets
    neither come nor go.
    """
    context = prepare(policy, world, start, Orders(), Focus())
    replay = _Replay(context)
    for now in instants(start, end, every):
        replay.step(now)
    replay.result.remaining = replay.remaining()
    return replay.result


class _Replay:
    """The moving parts of a simulation: what is there and how far each triple is."""

    def __init__(self, context: Context) -> None:
        self.result = Simulation()
        self._context = context
        self._resolved = list(context.resolution.triples.values())
        self._tracked: dict[Triple, Tracked] = dict(context.tracked)
        self._groups: dict[Triple, list[Snapshot]] = {}
        self._manual: list[Snapshot] = []
        for owned in context.owned.values():
            self._groups.update({triple: list(group) for triple, group in owned.scheduled.items()})
            self._manual += [snapshot for group in owned.manual.values() for snapshot in group]
        self._orphans = sorted(self._groups.keys() - context.resolution.triples.keys())

    def step(self, now: datetime) -> None:
        """Do what an apply at ``now`` would do: first all snapshots, then all expiries."""
        expired: list[Snapshot] = []
        for resolved in self._resolved:
            expired += self._step_triple(resolved, now)
        for triple in self._orphans:
            expired += self._step_orphans(triple, now)
        expired += self._step_manual(now)
        self.result.events += [Event(now, "expire", snapshot) for snapshot in expired]

    def remaining(self) -> list[Snapshot]:
        """Return what is there, by target and age."""
        everything = [snapshot for group in self._groups.values() for snapshot in group] + self._manual
        return sorted(everything, key=lambda snapshot: (snapshot.target_address, *age_order(snapshot), snapshot.name))

    def _step_triple(self, resolved: Resolved, now: datetime) -> list[Snapshot]:
        triple = resolved.triple
        tracked = self._tracked.get(triple)
        if tracked is None:
            tracked = self._tracked[triple] = start_tracking(resolved.profile.initial, now)
        group = self._groups.setdefault(triple, [])
        decision = decide(resolved, tracked, group, now)
        for change in decision.changes:
            at = group.index(change.snapshot)
            mark = group[at].mark
            if mark is not None:
                group[at] = group[at]._replace(mark=mark._replace(expires_at=change.after, minimum=resolved.minimum))
        newest = decision.due.slot
        if newest is not None:
            snapshot = self._take(resolved, newest, now)
            group.append(snapshot)
            self.result.events.append(Event(now, "snapshot", snapshot))
        if decision.due.missed:
            address = resolved.target.address
            self.result.missed += [MissedSlot(address, triple.profile, triple.period, s) for s in decision.due.missed]
            newest = newest or decision.due.missed[-1]
        if newest is not None:
            self._tracked[triple] = tracked._replace(last_slot=newest)
        gone = {verdict.snapshot.native_id for verdict in decision.verdicts if verdict.expires}
        return self._remove(triple, gone)

    def _step_orphans(self, triple: Triple, now: datetime) -> list[Snapshot]:
        group = self._groups[triple]
        if not scan(group, now)[0]:
            return []
        since = self._context.world.catalog.orphaned.get(triple, now)
        minimum, _ = orphan_minimum(group, self._context.policy.config.orphans, since, now)
        return self._remove(triple, {v.snapshot.native_id for v in judge(group, minimum, now) if v.expires})

    def _step_manual(self, now: datetime) -> list[Snapshot]:
        gone = [snapshot for snapshot in self._manual if judge_manual(snapshot, now).expires]
        if gone:
            self._manual = [snapshot for snapshot in self._manual if snapshot not in gone]
        return gone

    def _remove(self, triple: Triple, native_ids: set[str]) -> list[Snapshot]:
        if not native_ids:
            return []
        group = self._groups[triple]
        self._groups[triple] = [snapshot for snapshot in group if snapshot.native_id not in native_ids]
        return [snapshot for snapshot in group if snapshot.native_id in native_ids]

    def _take(self, resolved: Resolved, slot: datetime, now: datetime) -> Snapshot:
        request: SnapshotRequest = scheduled_request(self._context, resolved, slot, _NOTHING_TAKEN, None)
        retention = resolved.period.retention
        mark = request.mark._replace(taken_at=now, expires_at=None if retention is None else now + retention)
        target = resolved.target
        native_id = f"{target.id}@{request.name}"
        return Snapshot(target.backend, native_id, request.name, target.scope, target.id, target.name, now, now, mark)


_NOTHING_TAKEN: Mapping[str, set[str]] = {}


def _fields(snapshot: Snapshot) -> dict[str, str | None]:
    mark = snapshot.mark
    expiration = mark.expires_at if mark else None
    return {
        "target": snapshot.target_address,
        "profile": mark.profile if mark else None,
        "period": mark.period if mark else None,
        "slot": format_instant(mark.slot) if mark and mark.slot else None,
        "snapshot": snapshot.address,
        "expires_at": format_instant(expiration) if expiration else None,
    }
