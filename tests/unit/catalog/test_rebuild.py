from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.catalog.base import AssignmentRow
from snapplan.catalog.rebuild import rebuild, rebuilt_assignments
from snapplan.config.defaults import complete
from snapplan.errors import CatalogError
from snapplan.models.policy import ConfigFile, Moved, Policy, PolicyFile
from snapplan.models.request import StartedRestore
from snapplan.models.target import Capabilities, Scope
from snapplan.models.world import (
    BackendState,
    CatalogState,
    Failure,
    ManualKey,
    ManualRecord,
    RestoreRecord,
    Tracked,
    Triple,
    World,
)
from snapplan.planner.build import plan

from .samples import DAILY, HOURLY, NOW, foreign, mark, snapshot, target

if TYPE_CHECKING:
    from snapplan.catalog.base import Catalog
    from snapplan.models.snapshot import Snapshot

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SLOT = NOW.replace(minute=0)
PERIODS = {
    "daily": {"frequency": "daily", "hour": 2, "retention": "14d"},
    "hourly": {"frequency": "hourly", "retention": "24h"},
}


def policy(periods: dict[str, Any] = PERIODS, **sections: Any) -> Policy:
    config = ConfigFile.model_validate({"version": 1, "project": "prod", "backends": {"dc1": {"driver": "memory"}}})
    selector = {"backend": "dc1", "scope": "volume", "names": sections.pop("names", ["a"])}
    assignments = {"all": {"profile": "gold", "targets": [selector]}}
    merged = PolicyFile.model_validate({"profiles": {"gold": {"periods": periods}}, "assignments": assignments})
    return Policy(config, complete(merged.profiles, config.defaults), merged.assignments, **sections)


def backend(*shots: Snapshot, **fields: Any) -> dict[str, BackendState]:
    targets = fields.pop("targets", [target()])
    return {"dc1": BackendState("dc1", Capabilities(frozenset(Scope)), targets, list(shots), **fields)}


def daily(native_id: str = "d1", slot: Any = SLOT, **fields: Any) -> Snapshot:
    made = mark(slot=slot, taken_at=slot, expires_at=slot + 14 * DAY)
    return snapshot(native_id, taken_at=slot, mark=made, **fields)


def hourly(native_id: str = "h1", slot: Any = SLOT, **fields: Any) -> Snapshot:
    made = mark(period="hourly", slot=slot, taken_at=slot, expires_at=slot + DAY)
    return snapshot(native_id, taken_at=slot, mark=made, **fields)


def test_a_plan_right_after_a_rebuild_is_empty(catalog: Catalog) -> None:
    backends = backend(daily(), hourly())
    catalog.replace(rebuild(policy(), backends, NOW), NOW)
    made = plan(policy(), World(catalog.state(), backends), NOW)
    assert made.actions == ()


def test_triples_count_from_their_newest_slot() -> None:
    state = rebuild(policy(), backend(daily("d0", SLOT - DAY), daily(), hourly(slot=SLOT - 3 * HOUR)), NOW)
    assert state.tracked == {
        DAILY: Tracked(SLOT, SLOT),
        HOURLY: Tracked(SLOT - 3 * HOUR, SLOT - 3 * HOUR),
    }
    assert state.rebuilt
    assert state.profiles == {"gold": policy().profiles["gold"].model_dump(mode="json", by_alias=True)}


def test_what_fell_due_since_the_last_snapshot_is_taken() -> None:
    backends = backend(daily(), hourly(slot=SLOT - 3 * HOUR))
    made = plan(policy(), World(rebuild(policy(), backends, NOW), backends), NOW)
    assert [(a.verb, a.period, a.slot) for a in made.actions] == [("snapshot", "hourly", SLOT)]


def test_a_period_without_evidence_beside_one_with_it_waits_for_its_next_slot() -> None:
    periods = {**PERIODS, "upgrade": {"frequency": "custom", "at": "2026-12-01T20:00", "retention": "forever"}}
    backends = backend(daily(), hourly())
    state = rebuild(policy(periods), backends, NOW)
    assert state.tracked[Triple("dc1", "id-a", "gold", "upgrade")] == Tracked(NOW, NOW)
    assert plan(policy(periods), World(state, backends), NOW).actions == ()


def test_the_newest_snapshot_stands_for_the_confirmed_time_so_that_a_clock_far_ahead_lets_nothing_expire() -> None:
    backends = backend(
        daily("d0", SLOT - DAY), daily(), daily("future", NOW + 400 * DAY), hourly("half", NOW, completed_at=None)
    )
    later = NOW + 365 * DAY
    state = rebuild(policy(), backends, later)
    assert state.high_water == SLOT
    made = plan(policy(), World(state, backends), later)
    assert ("SP306", "blocked") in [(guard.code, guard.state) for guard in made.guards]
    assert {action.verb for action in made.actions} >= {"snapshot", "expire"}
    assert all("SP306" in action.blocked_by for action in made.actions)


def test_a_rebuild_keeps_the_time_that_an_apply_confirmed(catalog: Catalog) -> None:
    catalog.replace(CatalogState(high_water=NOW), NOW)
    catalog.replace(rebuild(policy(), backend(daily("d0", SLOT - DAY)), NOW), NOW)
    assert catalog.state().high_water == NOW
    catalog.replace(CatalogState(), NOW)
    assert catalog.state().high_water == NOW


def test_a_target_without_evidence_is_left_to_the_next_plan() -> None:
    rules = policy(names=["*"])
    backends = backend(daily(), hourly(), targets=[target(), target("id-b", "b")])
    state = rebuild(rules, backends, NOW)
    assert {triple.target_id for triple in state.tracked} == {"id-a"}
    made = plan(rules, World(state, backends), NOW)
    assert {action.target for action in made.actions} == {"dc1/volume/b"}
    assert "assign" in {action.verb for action in made.actions}


@pytest.mark.parametrize(
    "useless",
    [
        foreign(),
        snapshot("p", mark=mark(project="lab")),
        daily("incomplete", completed_at=None),
        daily("future", SLOT + DAY),
    ],
)
def test_what_is_no_evidence_tracks_nothing(useless: Snapshot) -> None:
    state = rebuild(policy(), backend(useless), NOW)
    assert (state.tracked, state.orphaned) == ({}, {})


def test_what_is_no_longer_assigned_is_orphaned_from_now() -> None:
    gone = Triple("dc1", "id-gone", "gold", "daily")
    shots = [
        snapshot("o1", target_id="id-gone", mark=mark(target_id="id-gone")),
        snapshot("o2", mark=mark(period="weekly")),
        daily(),
    ]
    state = rebuild(policy(), backend(*shots), NOW)
    assert state.orphaned == {gone: NOW, DAILY._replace(period="weekly"): NOW}
    assert gone not in state.tracked


def test_renamed_periods_go_on_under_the_new_name() -> None:
    old = snapshot("old", mark=mark(profile="bronze", slot=SLOT))
    older = daily("d0", SLOT - DAY)
    moved = (Moved.model_validate({"from": "profiles.bronze.daily", "to": "profiles.gold.daily"}),)
    state = rebuild(policy(moved=moved), backend(old, older, hourly()), NOW)
    assert state.tracked[DAILY] == Tracked(SLOT, SLOT)
    assert state.orphaned == {}


def test_manual_snapshots_and_restores_are_known_again() -> None:
    made = {"profile": None, "period": None, "slot": None, "minimum": 0}
    shots = [
        snapshot("m2", mark=mark(key="before", taken_at=NOW, **made)),
        snapshot("m1", mark=mark(key="before", taken_at=NOW - DAY, **made)),
        snapshot("m3", mark=mark(key="half", **made), completed_at=None),
    ]
    restores = [
        StartedRestore("CHG-1", "1-a", "id-a", NOW, done=True),
        StartedRestore("CHG-2", "2-a", "id-a", NOW, done=False),
    ]
    state = rebuild(policy(), backend(*shots, restores=restores), NOW)
    assert state.manual == {ManualKey("dc1", "id-a", "before"): ManualRecord(NOW - DAY)}
    assert state.restores == {"CHG-1": RestoreRecord("", "done", "1-a"), "CHG-2": RestoreRecord("", "started", "2-a")}


def test_all_backends_must_answer() -> None:
    silent = {"dc2": BackendState("dc2", Capabilities(frozenset(Scope)), error=Failure("no route to host"))}
    with pytest.raises(CatalogError, match="while backend 'dc2' does not answer: no route to host"):
        rebuild(policy(), {**backend(daily()), **silent}, NOW)


def test_the_assignments_behind_the_triples_are_known_again() -> None:
    backends = backend(daily(), targets=[target(), target("id-b", "b")])
    state = rebuild(policy(names=["*"]), backends, NOW)
    assert rebuilt_assignments(policy(names=["*"]), backends, state, NOW) == [
        AssignmentRow("dc1", "id-a", "gold", "all", NOW, "a")
    ]
