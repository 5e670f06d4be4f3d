"""What ``snapplan simulate`` shows; that it equals applying at each instant is a law (``tests/properties``)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from case_files import instant

from snapplan.ids import parse_target
from snapplan.planner.simulate import Simulation, imagined_world, instants, simulate

from .lab import DAILY, lab

DAY = timedelta(days=1)


def replayed(until: str, every: timedelta = DAY, **case: Any) -> Simulation:
    made = lab(**case)
    return simulate(made.policy, made.world, start=made.now, end=instant(until), every=every)


def events(simulation: Simulation) -> list[str]:
    return [f"{event.at:%dT%H:%M} {event.verb} {event.snapshot.name}" for event in simulation.events]


def remaining(simulation: Simulation) -> list[str]:
    return [snapshot.name for snapshot in simulation.remaining]


def test_instants_are_the_start_and_each_step_up_to_and_including_the_end() -> None:
    start = instant("2026-11-22T12:00Z")
    assert list(instants(start, start + 2 * DAY, DAY)) == [start, start + DAY, start + 2 * DAY]
    assert list(instants(start, start + 2 * DAY - timedelta(minutes=1), DAY)) == [start, start + DAY]
    assert list(instants(start, start - DAY, DAY)) == []


def test_from_nothing_it_takes_the_first_at_once_and_then_follows_the_schedule() -> None:
    simulation = replayed("2026-11-25T12:00Z", new=True)
    assert events(simulation) == [
        "22T12:00 snapshot gold.daily.20261122T1200Z",
        "23T12:00 snapshot gold.daily.20261123T0200Z",
        "24T12:00 snapshot gold.daily.20261124T0200Z",
        "24T12:00 expire gold.daily.20261122T1200Z",
        "25T12:00 snapshot gold.daily.20261125T0200Z",
        "25T12:00 expire gold.daily.20261123T0200Z",
    ]
    assert remaining(simulation) == ["gold.daily.20261124T0200Z", "gold.daily.20261125T0200Z"]


def test_slots_between_two_instants_are_missed() -> None:
    simulation = replayed("2026-11-24T12:00Z", 2 * DAY, new=True)
    assert [(missed.target, missed.profile, missed.period) for missed in simulation.missed] == [
        ("lab/volume/a", "gold", "daily")
    ]
    assert [missed.slot for missed in simulation.missed] == [instant("2026-11-23T02:00Z")]


def test_a_slot_given_up_is_missed_and_not_taken_later() -> None:
    policy = {"daily": {**DAILY["daily"], "skip_missed": True}}
    simulation = replayed("2026-11-23T12:00Z", timedelta(hours=6), policy=policy, snapshots=["daily.20261122T0200Z"])
    assert events(simulation) == []
    assert [missed.slot for missed in simulation.missed] == [instant("2026-11-23T02:00Z")]


def test_it_goes_on_from_what_is_there() -> None:
    simulation = replayed("2026-11-22T12:00Z", snapshots=["daily.20261121T0200Z", "daily.20261119T0200Z"])
    assert events(simulation) == [
        "22T12:00 snapshot gold.daily.20261122T0200Z",
        "22T12:00 expire gold.daily.20261119T0200Z",
    ]


def test_a_longer_retention_is_applied_at_the_first_instant() -> None:
    before = {"policy": {"daily": {**DAILY["daily"], "retention": "1d"}}}
    simulation = replayed("2026-11-22T12:00Z", before=before, snapshots=["daily.20261122T0200Z"])
    [snapshot] = simulation.remaining
    assert snapshot.mark is not None
    assert snapshot.mark.expires_at == instant("2026-11-24T02:00Z")


def test_orphans_and_manual_snapshots_expire_on_the_way() -> None:
    snapshots = [
        "daily.20261122T0200Z",
        {"snapshot": "old.20261110T0000Z", "retention": "13d", "minimum": 0},
        {"snapshot": "manual.x", "taken": "2026-11-20T00:00Z", "retention": "3d"},
    ]
    simulation = replayed("2026-11-23T06:00Z", timedelta(hours=6), snapshots=snapshots)
    assert events(simulation) == [
        "23T00:00 expire gold.old.20261110T0000Z",
        "23T00:00 expire manual.x",
        "23T06:00 snapshot gold.daily.20261123T0200Z",
    ]


def test_the_grace_of_orphans_ends_on_the_way() -> None:
    simulation = replayed(
        "2026-11-24T12:00Z",
        snapshots=["daily.20261122T0200Z", {"snapshot": "old.20261001T0000Z", "retention": "1d", "minimum": 1}],
        config={"orphans": {"keep_min": 0, "grace": "30d"}},
        catalog={"orphaned": {"lab/volume/a gold old": "2026-10-24T12:00Z"}},
    )
    assert "23T12:00 expire gold.old.20261001T0000Z" in events(simulation)


def test_an_imagined_world_holds_the_targets_and_nothing_else() -> None:
    made = lab(config={"backends": {"lab": {"driver": "memory"}, "nas": {"driver": "memory"}}})
    targets = [parse_target("lab/volume/a"), parse_target("lab/cloud")]
    world = imagined_world(made.policy, targets, frozenset({"production"}))
    assert {name: [t.address for t in state.targets] for name, state in world.backends.items()} == {
        "lab": ["lab/volume/a", "lab/cloud"],
        "nas": [],
    }
    assert {tag for state in world.backends.values() for target in state.targets for tag in target.tags} == {
        "production"
    }
    assert all(not state.snapshots for state in world.backends.values())


def test_tags_match_in_an_imagined_world_only_where_they_are_given() -> None:
    made = lab(assignment={"targets": [{"backend": "lab", "scope": "volume", "tags": ["production"]}]})
    targets = [parse_target("lab/volume/a")]
    for tags, count in ((frozenset({"production"}), 1), (frozenset[str](), 0)):
        world = imagined_world(made.policy, targets, tags)
        simulation = simulate(made.policy, world, start=made.now, end=made.now, every=DAY)
        assert len(simulation.events) == count


def test_the_document_has_the_fields_that_scripts_read() -> None:
    document = replayed(
        "2026-11-23T12:00Z",
        new=True,
        snapshots=[{"snapshot": "manual.x", "taken": "2026-11-20T00:00Z", "expires": "never"}],
    ).document()
    assert document["events"][0] == {
        "at": "2026-11-22T12:00:00Z",
        "verb": "snapshot",
        "target": "lab/volume/a",
        "profile": "gold",
        "period": "daily",
        "slot": "2026-11-22T12:00:00Z",
        "snapshot": "lab/volume/a@gold.daily.20261122T1200Z",
        "expires_at": "2026-11-24T12:00:00Z",
    }
    assert document["remaining"][0] == {
        "target": "lab/volume/a",
        "profile": None,
        "period": None,
        "slot": None,
        "snapshot": "lab/volume/a@manual.x",
        "expires_at": None,
    }
    assert document["missed"] == []


def test_the_document_writes_missed_slots_as_instants() -> None:
    [missed] = replayed("2026-11-24T12:00Z", 2 * DAY, new=True).document()["missed"]
    assert missed == {
        "target": "lab/volume/a",
        "profile": "gold",
        "period": "daily",
        "slot": "2026-11-23T02:00:00Z",
    }
