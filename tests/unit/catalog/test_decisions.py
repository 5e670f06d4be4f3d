from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.base import AssignmentRow, MissedRow
from snapplan.errors import CatalogError
from snapplan.models.world import CatalogState, ManualKey, ManualRecord, RestoreRecord, Tracked, Triple

from .samples import DAILY, HOURLY, NOW, observation, snapshot, take, target

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog

HOUR = timedelta(hours=1)


def test_a_new_catalog_holds_nothing(catalog: Catalog) -> None:
    state = catalog.state()
    assert re.fullmatch("[0-9a-f]{16}", state.id)
    assert state._replace(id="") == CatalogState(
        profiles={}, tracked={}, orphaned={}, manual={}, restores={}, assigned={}, guards={}
    )


def test_a_profile_is_recorded_replaced_and_removed(catalog: Catalog) -> None:
    document = {"description": "ünï", "periods": {"daily": {"hour": 2, "retention": "14d", "cron": None}}}
    catalog.apply_profile(1, "gold", document, NOW)
    assert catalog.state().profiles == {"gold": document}
    catalog.apply_profile(1, "gold", {"periods": {}}, NOW)
    assert catalog.state().profiles == {"gold": {"periods": {}}}
    catalog.apply_profile(1, "gold", None, NOW)
    assert catalog.state().profiles == {}
    assert catalog.state().revision == 3


def test_a_triple_that_ends_is_orphaned_and_comes_back_anew(catalog: Catalog) -> None:
    catalog.track(1, {DAILY: Tracked(NOW, NOW)}, [], "all", NOW)
    assert catalog.state().tracked == {DAILY: Tracked(NOW, NOW)}
    assert catalog.assignments() == [AssignmentRow("dc1", "id-a", "gold", "all", NOW)]
    catalog.track(2, {}, [DAILY], "", NOW + HOUR)
    state = catalog.state()
    assert (state.tracked, state.orphaned) == ({}, {DAILY: NOW + HOUR})
    assert catalog.assignments() == []
    catalog.track(3, {DAILY: Tracked(NOW + 2 * HOUR)}, [], "all", NOW + 2 * HOUR)
    state = catalog.state()
    assert (state.tracked, state.orphaned) == ({DAILY: Tracked(NOW + 2 * HOUR)}, {})


def test_an_orphan_that_is_ended_again_keeps_its_date(catalog: Catalog) -> None:
    catalog.track(1, {}, [DAILY], "", NOW)
    catalog.track(2, {}, [DAILY], "", NOW + HOUR)
    assert catalog.state().orphaned == {DAILY: NOW}


def test_the_assignment_stays_while_one_of_its_periods_applies(catalog: Catalog) -> None:
    catalog.track(1, {DAILY: Tracked(NOW), HOURLY: Tracked(NOW)}, [], "all", NOW)
    catalog.track(2, {}, [DAILY], "", NOW + HOUR)
    assert catalog.assignments() == [AssignmentRow("dc1", "id-a", "gold", "all", NOW)]


def test_a_triple_recorded_again_keeps_the_newer_slot_of_the_same_life(catalog: Catalog) -> None:
    catalog.track(1, {DAILY: Tracked(NOW, NOW + HOUR)}, [], "all", NOW)
    catalog.track(2, {DAILY: Tracked(NOW, NOW)}, [], "other", NOW)
    assert catalog.state().tracked == {DAILY: Tracked(NOW, NOW + HOUR)}
    catalog.track(3, {DAILY: Tracked(NOW, None)}, [], "other", NOW)
    assert catalog.state().tracked == {DAILY: Tracked(NOW, NOW + HOUR)}
    catalog.track(4, {DAILY: Tracked(NOW + 2 * HOUR, None)}, [], "other", NOW)
    assert catalog.state().tracked == {DAILY: Tracked(NOW + 2 * HOUR, None)}
    assert [row.assignment for row in catalog.assignments()] == ["other"]


def test_satisfied_slots_only_rise_and_only_in_this_life(catalog: Catalog) -> None:
    catalog.track(1, {DAILY: Tracked(NOW)}, [], "all", NOW)
    catalog.satisfied({DAILY: NOW - HOUR})
    assert catalog.state().tracked[DAILY].last_slot is None, "a slot before `since` belongs to an earlier life"
    catalog.satisfied({DAILY: NOW + HOUR, HOURLY: NOW})
    catalog.satisfied({DAILY: NOW})
    assert catalog.state().tracked == {DAILY: Tracked(NOW, NOW + HOUR)}


def test_satisfied_slots_are_observations_and_do_not_raise_the_revision(catalog: Catalog) -> None:
    catalog.track(1, {DAILY: Tracked(NOW)}, [], "all", NOW)
    before = catalog.state().revision
    catalog.satisfied({DAILY: NOW + HOUR})
    catalog.observe(observation(changed=[snapshot()], targets=[target()]))
    assert catalog.state().revision == before


def test_missed_slots_are_recorded_once_and_raise_the_slot(catalog: Catalog) -> None:
    catalog.track(1, {DAILY: Tracked(NOW)}, [], "all", NOW)
    slots = [(DAILY, NOW + HOUR), (DAILY, NOW + 2 * HOUR)]
    catalog.record_missed(slots, NOW + 3 * HOUR)
    revision = catalog.state().revision
    catalog.record_missed(slots, NOW + 4 * HOUR)
    assert catalog.state().revision == revision
    assert catalog.state().tracked[DAILY].last_slot == NOW + 2 * HOUR
    assert catalog.missed() == [MissedRow(t, slot, NOW + 3 * HOUR) for t, slot in reversed(slots)]
    assert len(catalog.missed(limit=1)) == 1


def test_a_slot_missed_in_an_earlier_life_does_not_count_in_this_one(catalog: Catalog) -> None:
    catalog.track(1, {DAILY: Tracked(NOW)}, [], "all", NOW)
    catalog.record_missed([(DAILY, NOW - HOUR)], NOW)
    assert catalog.state().tracked == {DAILY: Tracked(NOW)}


def test_manual_snapshots_and_restores_are_remembered(catalog: Catalog) -> None:
    key = ManualKey("dc1", "id-a", "before-26.2")
    catalog.record_manual(key, ManualRecord(NOW))
    catalog.record_restore("CHG-1", RestoreRecord("digest", "started", "7-ab"))
    state = catalog.state()
    assert state.manual == {key: ManualRecord(NOW)}
    assert state.restores == {"CHG-1": RestoreRecord("digest", "started", "7-ab")}
    assert state.revision == 2


def test_a_restore_that_is_done_is_not_begun_again(catalog: Catalog) -> None:
    catalog.record_restore("CHG-1", RestoreRecord("digest", "done", "7-ab"))
    with pytest.raises(CatalogError, match="'CHG-1' is done"):
        catalog.record_restore("CHG-1", RestoreRecord("digest", "started", "8-ab"))
    assert catalog.state().restores["CHG-1"].state == "done"
    catalog.record_restore("CHG-2", RestoreRecord("digest", "undone", "7-ab"))
    catalog.record_restore("CHG-2", RestoreRecord("digest", "started", "8-ab"))


def test_replace_keeps_the_runs_and_nothing_else(catalog: Catalog) -> None:
    from snapplan.catalog.owner import current_owner

    run = catalog.begin_run("apply", current_owner(), NOW, "abc")
    catalog.result(run.number, take(), "done", "", NOW, snapshot())
    catalog.observe(observation(targets=[target()]))
    catalog.track(1, {HOURLY: Tracked(NOW)}, [], "all", NOW)
    catalog.record_missed([(HOURLY, NOW)], NOW)
    before = catalog.state()
    new = CatalogState(
        profiles={"silver": {"periods": {}}},
        tracked={DAILY: Tracked(NOW, NOW)},
        orphaned={Triple("dc1", "id-b", "old", "daily"): NOW},
        manual={ManualKey("dc1", "id-a", "k"): ManualRecord(NOW)},
        restores={"r": RestoreRecord("", "done", "1-a")},
        rebuilt=True,
    )
    rows = [AssignmentRow("dc1", "id-a", "gold", "all", NOW)]
    catalog.replace(new, NOW, rows)
    state = catalog.state()
    assert state.revision > before.revision
    assert (state.rebuilt_at, state.assigned) == (NOW, {("dc1", "id-a", "gold"): "all"})
    assert state.id != before.id
    assert state._replace(revision=0, id="", rebuilt_at=None, assigned={}) == new._replace(assigned={}, guards={})
    assert (catalog.known("dc1"), catalog.known_targets("dc1"), catalog.missed()) == ({}, [], [])
    assert catalog.assignments() == rows
    assert [row.number for row in catalog.runs()] == [run.number]
    assert len(catalog.journal(run.number)) == 1


def test_what_was_decided_follows_a_target_to_its_new_id(catalog: Catalog) -> None:
    catalog.track(1, {DAILY: Tracked(NOW, NOW + HOUR)}, [], "all", NOW, {DAILY[:3]: "a"})
    catalog.record_manual(ManualKey(DAILY.backend, DAILY.target_id, "k"), ManualRecord(NOW))
    revision = catalog.state().revision
    for _ in range(2):
        catalog.succeed(DAILY.backend, DAILY.target_id, "new", NOW + HOUR)
    state = catalog.state()
    assert state.tracked == {DAILY._replace(target_id="new"): Tracked(NOW, NOW + HOUR)}, "nothing is due again"
    assert state.assigned == {(DAILY.backend, "new", DAILY.profile): "all"}
    assert state.named == {(DAILY.backend, "new", "all"): "a"}
    assert list(state.manual) == [ManualKey(DAILY.backend, "new", "k")]
    assert state.successions == {(DAILY.backend, DAILY.target_id): "new"}
    assert state.revision == revision + 1
    catalog.succeed(DAILY.backend, "new", "newest", NOW + HOUR)
    assert set(catalog.state().successions.values()) == {"newest"}, "what was taken first counts for the newest too"
