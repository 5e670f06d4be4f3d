"""Snapshot rows to snapshots, fast: 100,000 of them are read at each plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.catalog.base import KnownSnapshot
from snapplan.catalog.rows import Row, instants_or_none, trait_of
from snapplan.collector import collection_paused
from snapplan.models.snapshot import Mark, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable


class Known(dict[str, KnownSnapshot]):
    """Known snapshots by native id. ``unreadable`` are the ids of those that an earlier version recorded oddly."""

    unreadable: tuple[str, ...] = ()


def load_known(backend: str, traits: Iterable[Row], rows: Iterable[Row], refreshed_at: int | None) -> Known:
    """Return known snapshots by native id.

    A row of ``traits`` is its id and then ``TRAIT_COLUMNS``; one of ``rows`` is ``trait``, ``recorded_at``,
    ``decided_expires_at`` and then ``SNAPSHOT_COLUMNS``. ``refreshed_at`` is when the last refresh began; a snapshot was
    seen then or when a run wrote it, whichever is later.

    Named tuples are made straight from tuples, and instants and texts that many rows share are kept once; written out in
    one loop because a call per row would cost a third of the time.
    """
    instants = instants_or_none()
    texts: dict[str | None, str | None] = {}
    once = texts.setdefault
    make = tuple.__new__
    refreshed = refreshed_at or 0
    known = Known()
    unreadable: list[str] = []
    with collection_paused():
        common = _traits(traits)
        before = None
        for (
            trait, recorded_at, decided, native_id, name, taken_at, completed_at, locked_until, size,
            run, marked_at, expires_at, slot, set_name,
        ) in rows:  # fmt: skip
            try:
                if trait != before:
                    (
                        scope, target_id, target_name, quiesced, consistent, managed, in_use, contains,
                        damage, suspicion, gaps, set_aside, stray,
                        project, owned_id, profile, period, key, minimum, store, pin,
                    ) = common[trait]  # fmt: skip
                    before = trait
                mark = None if project is None else make(Mark, (
                    project, owned_id, once(run, run), instants[marked_at], instants[expires_at], profile, period,
                    instants[slot], key, minimum, pin, once(set_name, set_name), store,
                ))  # fmt: skip
                snapshot = make(Snapshot, (
                    backend, native_id, once(name, name), scope, target_id, target_name, instants[taken_at],
                    instants[completed_at], mark, quiesced, consistent, managed, instants[locked_until], in_use, size,
                    contains, damage, suspicion, gaps, set_aside, stray,
                ))  # fmt: skip
                seen_at = refreshed if recorded_at is None or recorded_at < refreshed else recorded_at
                known[native_id] = make(KnownSnapshot, (snapshot, instants[decided], instants[seen_at]))
            except (KeyError, TypeError, ValueError, OverflowError):
                unreadable.append(native_id)
    known.unreadable = tuple(unreadable)
    return known


def _traits(rows: Iterable[Row]) -> dict[Any, Row]:
    """Return the traits that can be read, by id."""
    found: dict[Any, Row] = {}
    for number, *row in rows:
        try:
            trait = trait_of(tuple(row))
        except (KeyError, TypeError, ValueError, OverflowError):
            continue
        project, minimum = trait[13], trait[18]
        if project is None or type(minimum) is int:
            found[number] = trait
    return found
