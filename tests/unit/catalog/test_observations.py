from __future__ import annotations

import gc
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.catalog.reconcile import reconcile
from snapplan.models.request import Inventory
from snapplan.models.snapshot import Pin
from snapplan.models.target import Capabilities
from snapplan.models.world import Drift

from .samples import NOW, PROJECT, accept, expire, foreign, mark, observation, snapshot, take, target

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def run(catalog: Catalog) -> int:
    from snapplan.catalog.owner import current_owner

    return catalog.begin_run("apply", current_owner(), NOW, None).number


def test_what_was_observed_is_known(catalog: Catalog) -> None:
    shots = [snapshot("s1"), snapshot("s2", mark=mark(expires_at=None)), foreign()]
    catalog.observe(observation(changed=shots, targets=[target(tags=frozenset({"x", "y"}), can_quiesce=True)]))
    known = catalog.known("dc1")
    assert {native_id: record.snapshot for native_id, record in known.items()} == {s.native_id: s for s in shots}
    assert [known[i].expires_at for i in ("s1", "s2", "f1")] == [NOW + 14 * DAY, None, None]
    assert {record.seen_at for record in known.values()} == {NOW}
    assert catalog.known_targets("dc1") == [target(tags=frozenset({"x", "y"}), can_quiesce=True)]
    assert catalog.known("dc2") == {}


@pytest.mark.parametrize("column", ["quiesced", "consistent", "contains", "mark_minimum", "mark_pin"])
def test_a_record_that_cannot_be_read_back_is_dropped_once_and_recorded_anew(catalog: Catalog, column: str) -> None:
    catalog.observe(observation(changed=[snapshot("s1"), foreign()]))
    with catalog._connection.write() as db:  # type: ignore[attr-defined]
        db.execute(f"UPDATE trait SET {column} = 'maybe' WHERE mark_project IS NOT NULL")
    known = catalog.known("dc1")
    assert list(known) == ["f1"]
    listed = Inventory((), [snapshot("s1"), foreign()])
    options: dict[str, Any] = {"project": PROJECT, "live_runs": frozenset(), "listing_started_at": NOW + MINUTE}
    state, found = reconcile("dc1", Capabilities(frozenset()), listed, known, [], **options)
    assert state.notices == ("1 records of the catalog could not be read back; what is still there is recorded anew",)
    catalog.observe(found)
    assert sorted(catalog.known("dc1")) == ["f1", "s1"]
    again, _ = reconcile("dc1", Capabilities(frozenset()), listed, catalog.known("dc1"), [], **options)
    assert again.notices == ()


def test_what_was_not_mentioned_stays_and_was_seen_again(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[snapshot("s1")], targets=[target()]))
    catalog.observe(observation(NOW + DAY, changed=[snapshot("s2")]))
    known = catalog.known("dc1")
    assert set(known) == {"s1", "s2"}
    assert known["s1"].seen_at == NOW + DAY
    assert catalog.known_targets("dc1") == [target()]


def test_changed_snapshots_and_targets_replace_what_was_known(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[snapshot(completed_at=None)], targets=[target()]))
    now_pinned = snapshot(mark=mark(pin=Pin("ada", "audit", NOW + DAY)), in_use="clone x", contains=("vm/a", "vm/b"))
    catalog.observe(observation(NOW + MINUTE, changed=[now_pinned], targets=[target(name="b")]))
    assert catalog.known("dc1")["s1"].snapshot == now_pinned
    assert catalog.known_targets("dc1") == [target(name="b")]


def test_the_decided_expiration_only_rises_by_a_refresh(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[snapshot()]))
    catalog.observe(observation(NOW + MINUTE, changed=[snapshot(mark=mark(expires_at=NOW))]))
    assert catalog.known("dc1")["s1"].expires_at == NOW + 14 * DAY
    catalog.observe(observation(NOW + 2 * MINUTE, changed=[snapshot(mark=mark(expires_at=None))]))
    assert catalog.known("dc1")["s1"].expires_at is None
    catalog.observe(observation(NOW + 3 * MINUTE, changed=[snapshot()]))
    assert catalog.known("dc1")["s1"].expires_at is None


def test_a_foreign_snapshot_that_gets_our_mark_takes_its_expiration(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[foreign("s1")]))
    catalog.observe(observation(NOW + MINUTE, changed=[snapshot()]))
    assert catalog.known("dc1")["s1"].expires_at == NOW + 14 * DAY


def test_a_run_decides_the_expiration(catalog: Catalog, run: int) -> None:
    catalog.observe(observation(changed=[snapshot()]))
    catalog.result(run, take(), "done", "", NOW + MINUTE, snapshot(mark=mark(expires_at=NOW + DAY)))
    record = catalog.known("dc1")["s1"]
    assert (record.expires_at, record.seen_at) == (NOW + DAY, NOW + MINUTE)


def test_what_vanished_is_drift_for_thirty_days_and_then_forgotten(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[snapshot(), foreign()], targets=[target(), target("id-b", "b")]))
    gone = observation(NOW + DAY, gone=[snapshot(), foreign()], targets_gone=[target(), target("id-b", "b")])
    catalog.observe(gone)
    assert (catalog.known("dc1"), catalog.known_targets("dc1")) == ({}, [])
    vanished = Drift("vanished", snapshot().address, "was removed outside snapplan", NOW + DAY)
    target_gone = Drift("target_vanished", "dc1/volume/a", "is gone; its snapshots stay as orphans", NOW + DAY)
    assert catalog.drift() == [target_gone, vanished]
    catalog.observe(observation(NOW + 30 * DAY))
    assert catalog.drift() == [target_gone, vanished]
    catalog.observe(observation(NOW + 31 * DAY))
    assert catalog.drift() == []


def test_what_vanished_and_came_back_is_no_drift(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[snapshot()], targets=[target()]))
    catalog.observe(observation(NOW + DAY, gone=[snapshot()], targets_gone=[target()]))
    catalog.observe(observation(NOW + 2 * DAY, changed=[snapshot()], targets=[target()]))
    assert catalog.drift() == []
    assert set(catalog.known("dc1")) == {"s1"}
    assert catalog.known_targets("dc1") == [target()]


def test_a_row_that_a_run_wrote_after_the_listing_began_is_not_touched(catalog: Catalog, run: int) -> None:
    catalog.observe(observation(changed=[snapshot("old")]))
    catalog.result(run, take(), "done", "", NOW + 2 * MINUTE, snapshot())
    stale = snapshot(mark=mark(expires_at=NOW))
    catalog.observe(observation(NOW + MINUTE, changed=[stale], gone=[snapshot("old")]))
    assert {i: r.snapshot for i, r in catalog.known("dc1").items()} == {"s1": snapshot()}
    catalog.observe(observation(NOW + 90 * timedelta(seconds=1), gone=[snapshot()]))
    assert set(catalog.known("dc1")) == {"s1"}
    catalog.observe(observation(NOW + 3 * MINUTE, gone=[snapshot()]))
    assert set(catalog.known("dc1")) == set()


def test_a_row_written_in_the_second_in_which_the_listing_began_is_not_touched(catalog: Catalog, run: int) -> None:
    catalog.result(run, take(), "done", "", NOW, snapshot())
    catalog.observe(observation(NOW, gone=[snapshot()]))
    assert set(catalog.known("dc1")) == {"s1"}
    catalog.observe(observation(NOW + timedelta(seconds=1), gone=[snapshot()]))
    assert catalog.known("dc1") == {}


def test_a_row_from_a_wrong_clock_is_touched_all_the_same(catalog: Catalog, run: int) -> None:
    catalog.result(run, take(), "done", "", NOW + 400 * DAY, snapshot())
    catalog.observe(observation(NOW, gone=[snapshot()]))
    assert catalog.known("dc1") == {}


def test_an_expired_snapshot_does_not_come_back_through_an_older_listing(catalog: Catalog, run: int) -> None:
    catalog.observe(observation(changed=[snapshot()]))
    catalog.result(run, expire(1, snapshot()), "done", "", NOW + 2 * MINUTE, None)
    assert (catalog.known("dc1"), catalog.drift()) == ({}, [])
    catalog.observe(observation(NOW + MINUTE, changed=[snapshot()]))
    assert (catalog.known("dc1"), catalog.drift()) == ({}, [])
    catalog.observe(observation(NOW + 2 * DAY))
    assert (catalog.known("dc1"), catalog.drift()) == ({}, [])


def test_an_expiry_that_failed_leaves_the_snapshot_known(catalog: Catalog, run: int) -> None:
    catalog.observe(observation(changed=[snapshot()]))
    catalog.result(run, expire(1, snapshot()), "failed", "in use", NOW + MINUTE, None)
    assert set(catalog.known("dc1")) == {"s1"}


def test_a_refresh_that_began_before_the_last_one_is_out_of_date(catalog: Catalog) -> None:
    catalog.observe(observation(NOW + MINUTE, changed=[snapshot("s1")]))
    catalog.observe(observation(NOW, changed=[snapshot("s2")], gone=[snapshot("s1")]))
    assert set(catalog.known("dc1")) == {"s1"}


def test_what_snapshots_have_in_common_is_kept_once_and_forgotten_with_the_last(catalog: Catalog) -> None:
    catalog.observe(observation(changed=[snapshot(f"s{i}") for i in range(50)]))
    assert _count_traits(catalog) == 1
    catalog.observe(observation(NOW + DAY, gone=[snapshot(f"s{i}") for i in range(50)], changed=[foreign()]))
    catalog.observe(observation(NOW + 40 * DAY))
    assert _count_traits(catalog) == 2, "no apply has accepted yet that they are gone"
    accept(catalog, NOW + 40 * DAY)
    catalog.observe(observation(NOW + 41 * DAY))
    assert _count_traits(catalog) == 1


def _count_traits(catalog: Catalog) -> int:
    with catalog._connection.read() as db:  # type: ignore[attr-defined]
        return int(db.execute("SELECT count(*) FROM trait").fetchone()[0])


def test_loading_leaves_the_garbage_collector_as_it_was(catalog: Catalog) -> None:
    catalog.known("dc1")
    assert gc.isenabled()
    gc.disable()
    try:
        catalog.known("dc1")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_names_that_are_not_unicode_are_refused_with_a_sentence(catalog: Catalog) -> None:
    from snapplan.errors import CatalogError

    with pytest.raises(CatalogError, match="not valid Unicode"):
        catalog.observe(observation(changed=[snapshot(name="a\udcff")]))
    assert catalog.known("dc1") == {}
