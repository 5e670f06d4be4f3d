"""Catalog rows to plain data and back.

An instant is an integer, seconds since 1970-01-01 UTC (a float where a backend lists fractions of a second). Many rows
share instants and texts, so both are made once per load: that is most of the speed and of the memory.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from snapplan.models.snapshot import Pin
from snapplan.models.target import Fingerprint, Scope, Target

if TYPE_CHECKING:
    from snapplan.models.snapshot import Mark, Snapshot

Row = tuple[Any, ...]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SCOPES = {scope.value: scope for scope in Scope}
FLAGS: dict[int | None, bool | None] = {None: None, 0: False, 1: True}

TARGET_COLUMNS = "backend, scope, name, id, tags, can_quiesce, in_place_blocker, fingerprint, inside"
TRAIT_COLUMNS = (
    "scope, target_id, target_name, quiesced, consistent, managed, in_use, contains, damage, suspicion, gaps, set_aside,"
    " stray, mark_project, mark_target_id, mark_profile, mark_period, mark_key, mark_minimum, mark_store, mark_pin"
)
SNAPSHOT_COLUMNS = (
    "native_id, name, taken_at, completed_at, locked_until, size, mark_run, mark_taken_at, mark_expires_at, mark_slot,"
    " mark_set"
)


def seconds(instant: datetime) -> int | float:
    """Return an aware instant as seconds since 1970-01-01 UTC; a ``TypeError`` for a local time."""
    whole, rest = divmod(instant - EPOCH, SECOND)
    return whole if not rest else whole + rest.microseconds / 1e6


def seconds_or_none(instant: datetime | None) -> int | float | None:
    """Return ``seconds`` of an instant, or ``None``."""
    return None if instant is None else seconds(instant)


class Instants(dict[Any, datetime]):
    """Seconds to aware instants in UTC, each made once. Ask ``memo[value]`` only where ``value`` is not ``None``."""

    def __missing__(self, value: float) -> datetime:
        """Make the instant of ``value``."""
        instant = self[value] = EPOCH + timedelta(seconds=value)
        return instant


def instants_or_none() -> dict[Any, datetime | None]:
    """Return an ``Instants`` that also gives ``None`` for ``None``."""
    memo: dict[Any, datetime | None] = Instants()  # type: ignore[assignment]
    memo[None] = None
    return memo


def target_row(target: Target) -> Row:
    """Return a target in the order of ``TARGET_COLUMNS``."""
    tags = json.dumps(sorted(target.tags)) if target.tags else ""
    return (
        target.backend,
        target.scope.value,
        target.name,
        target.id,
        tags,
        target.can_quiesce,
        target.in_place_blocker,
        None if target.fingerprint is None else json.dumps(target.fingerprint),
        json.dumps(target.inside) if target.inside else None,
    )


def target_of(row: Row) -> Target:
    """Return the target of a row in the order of ``TARGET_COLUMNS``."""
    backend, scope, name, identity, tags, can_quiesce, blocker, fingerprint, inside = row
    known = frozenset(json.loads(tags)) if tags else frozenset()
    found = None if fingerprint is None else Fingerprint(*json.loads(fingerprint))
    within = () if inside is None else tuple(json.loads(inside))
    return Target(backend, SCOPES[scope], name, identity, known, bool(can_quiesce), blocker, found, within)


def trait_row(snapshot: Snapshot) -> Row:
    """Return what a snapshot has in common with others, in the order of ``TRAIT_COLUMNS``."""
    mark = snapshot.mark
    return (
        snapshot.scope.value,
        snapshot.target_id,
        snapshot.target_name,
        snapshot.quiesced,
        snapshot.consistent,
        snapshot.managed,
        snapshot.in_use,
        json.dumps(snapshot.contains) if snapshot.contains else None,
        snapshot.damage,
        snapshot.suspicion,
        snapshot.gaps,
        snapshot.set_aside,
        snapshot.stray,
        *((None,) * 8 if mark is None else _mark_trait(mark)),
    )


def _mark_trait(mark: Mark) -> Row:
    pin = None if mark.pin is None else json.dumps([mark.pin.owner, mark.pin.reason, seconds_or_none(mark.pin.until)])
    return (mark.project, mark.target_id, mark.profile, mark.period, mark.key, mark.minimum, mark.store, pin)


def snapshot_row(snapshot: Snapshot) -> Row:
    """Return what is a snapshot's own, in the order of ``SNAPSHOT_COLUMNS``."""
    mark = snapshot.mark
    own = (
        snapshot.native_id,
        snapshot.name,
        seconds(snapshot.taken_at),
        seconds_or_none(snapshot.completed_at),
        seconds_or_none(snapshot.locked_until),
        snapshot.size,
    )
    if mark is None:
        return (*own, None, None, None, None, None)
    times = (seconds(mark.taken_at), seconds_or_none(mark.expires_at), seconds_or_none(mark.slot))
    return (*own, mark.run, *times, mark.set)


def trait_of(row: Row) -> Row:
    """Return the values of a trait as snapshots and marks carry them, in the order of ``TRAIT_COLUMNS``."""
    (
        scope, target_id, target_name, quiesced, consistent, managed, in_use, contains, damage, suspicion, gaps, set_aside,
        stray, *mark, pin,
    ) = row  # fmt: skip
    flags = (FLAGS[quiesced], FLAGS[consistent], FLAGS[managed])
    inside = () if contains is None else tuple(json.loads(contains))
    worth = (damage, suspicion, gaps, bool(set_aside), stray)
    kept = None if pin is None else pin_of(pin)
    return (SCOPES[scope], target_id, target_name, *flags, in_use, inside, *worth, *mark, kept)


def pin_of(text: str) -> Pin:
    """Return the pin that its column holds."""
    owner, reason, until = json.loads(text)
    return Pin(owner, reason, None if until is None else EPOCH + timedelta(seconds=until))
