"""Snapshot rows to snapshots, fast: 100,000 of them are read at each plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.catalog.base import KnownSnapshot
from snapplan.catalog.rows import Row, instants_or_none, trait_of
from snapplan.collector import collection_paused
from snapplan.models.snapshot import Mark, Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable


def load_known(
    backend: str, traits: Iterable[Row], rows: Iterable[Row], refreshed_at: int | None
) -> dict[str, KnownSnapshot]:
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
    known: dict[str, KnownSnapshot] = {}
    with collection_paused():
        common = {row[0]: trait_of(row[1:]) for row in traits}
        before = None
        for (
            trait, recorded_at, decided, native_id, name, taken_at, completed_at, locked_until, size,
            run, marked_at, expires_at, slot, set_name,
        ) in rows:  # fmt: skip
            if trait != before:
                before = trait
                (
                    scope, target_id, target_name, quiesced, consistent, managed, in_use, contains,
                    damage, suspicion, gaps, set_aside, stray,
                    project, owned_id, profile, period, key, minimum, store, pin,
                ) = common[trait]  # fmt: skip
            mark = None if project is None else make(Mark, (
                project, owned_id, once(run, run), instants[marked_at], instants[expires_at], profile, period,
                instants[slot], key, minimum, pin, once(set_name, set_name), store,
            ))  # fmt: skip
            snapshot = make(Snapshot, (
                backend, native_id, once(name, name), scope, target_id, target_name, instants[taken_at],
                instants[completed_at], mark, quiesced, consistent, managed, instants[locked_until], in_use, size, contains,
                damage, suspicion, gaps, set_aside, stray,
            ))  # fmt: skip
            seen_at = refreshed if recorded_at is None or recorded_at < refreshed else recorded_at
            known[native_id] = make(KnownSnapshot, (snapshot, instants[decided], instants[seen_at]))
    return known
