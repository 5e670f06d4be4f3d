"""The laws of guards: no steady policy and no outage trips one, and none can be walked around in small steps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from case_files import EVERYTHING
from hypothesis import given, settings
from hypothesis import strategies as st
from imagined import carry_out, snapshots

from snapplan.config.defaults import complete
from snapplan.models.order import Focus
from snapplan.models.plan import Plan
from snapplan.models.policy import Assignment, ConfigFile, ManualSnapshot, Policy, Profile
from snapplan.models.target import Scope, Target
from snapplan.models.world import BackendState, CatalogState, Spent, World
from snapplan.planner.build import plan

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = ConfigFile.model_validate({"version": 1, "project": "laws", "backends": {"lab": {"driver": "memory"}}})
CODES = [f"SP30{number}" for number in range(1, 9)]
EVERY_VOLUME = {"backend": "lab", "scope": "volume"}

PERIODS = st.fixed_dictionaries(
    {"retention": st.sampled_from(["90m", "25h", "3d", "10d", "45d", "400d", "forever"])},
    optional={"min_snapshots": st.integers(0, 5), "skip_missed": st.booleans()},
).flatmap(
    lambda rest: st.sampled_from(
        [
            {"frequency": "hourly"},
            {"frequency": "daily", "hour": 2},
            {"frequency": "weekly", "day_of_week": "sun", "hour": 2},
            {"frequency": "monthly", "day_of_month": "last"},
            {"frequency": "yearly", "month": 2, "day_of_month": 29},
            {"frequency": "custom", "at": "2026-01-20T02:30"},
            {"cron": "*/20 9-12 * * 1-5"},
        ]
    ).map(lambda schedule: {**schedule, **rest})
)
PROFILES = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from(["UTC", "Europe/Berlin"]),
        "initial": st.sampled_from(["immediate", "next_slot"]),
        "periods": st.dictionaries(st.sampled_from(["p", "q", "r"]), PERIODS, min_size=1, max_size=3),
    }
)
MANUAL = st.dictionaries(
    st.sampled_from([f"k{number}" for number in range(15)]),
    st.sampled_from(["1h", "3d", "30d", "2026-02-01T00:00Z", "never"]),
    max_size=15,
)
CADENCES = st.lists(
    st.sampled_from(
        [timedelta(minutes=17), timedelta(hours=1), timedelta(hours=9), timedelta(days=1), timedelta(days=7)]
    ),
    min_size=1,
    max_size=12,
)


def policy_of(profile: dict[str, Any], manual: dict[str, str]) -> Policy:
    profiles = complete({"gold": Profile.model_validate(profile)}, CONFIG.defaults)
    everything = Assignment.model_validate({"profile": "gold", "targets": [EVERY_VOLUME]})
    declared = {
        key: ManualSnapshot.model_validate({"targets": [EVERY_VOLUME], "expires": expires})
        for key, expires in manual.items()
    }
    return Policy(CONFIG, profiles, {"everything": everything}, declared)


def empty_world(targets: int) -> World:
    made = tuple(Target("lab", Scope.VOLUME, f"t{number:02}", f"volume/{number}") for number in range(targets))
    return World(CatalogState(), {"lab": BackendState("lab", EVERYTHING, made, [])})


def applied(world: World, made: Plan, policy: Policy, now: datetime) -> World:
    """Return the world after an apply that confirms its time and records what it spent, as the catalog does."""
    after = carry_out(world, made, now)
    spent = sum(not action.foreseen and not action.blocked_by for action in made.actions)
    assigned = {triple[:3]: "everything" for triple in after.catalog.tracked}
    catalog = after.catalog._replace(
        high_water=now,
        assigned=assigned,
        guards=policy.config.guards.model_dump(mode="json"),
        spent=(*world.catalog.spent, *([Spent("lab", now, spent)] if spent else [])),
    )
    return after._replace(catalog=catalog)


def runs(cadence: list[timedelta], rounds: int) -> Iterator[datetime]:
    now = START
    for _ in range(rounds):
        for step in cadence:
            yield now
            now += step


def stopped(made: Plan) -> list[str]:
    return [f"{guard.code}: {guard.text}" for guard in made.guards if guard.state != "ok"]


@given(PROFILES, MANUAL, CADENCES, st.sampled_from([1, 3, 14]), st.integers(1, 4))
@settings(deadline=None, max_examples=60)
def test_a_steady_policy_trips_no_guard_at_any_cadence(
    profile: dict[str, Any], manual: dict[str, str], cadence: list[timedelta], targets: int, rounds: int
) -> None:
    policy, world = policy_of(profile, manual), empty_world(targets)
    for now in runs(cadence, rounds):
        made = plan(policy, world._replace(second_clock=now), now)
        assert stopped(made) == []
        world = applied(world, made, policy, now)


@pytest.mark.slow
@given(PROFILES, st.sampled_from([1, 12]), st.integers(0, 400))
@settings(deadline=None, max_examples=6)
def test_a_year_applied_daily_trips_no_guard(profile: dict[str, Any], targets: int, minute: int) -> None:
    policy, world = policy_of(profile, {}), empty_world(targets)
    for day in range(400):
        now = START + timedelta(days=day, minutes=minute)
        made = plan(policy, world._replace(second_clock=now), now)
        assert stopped(made) == []
        world = applied(world, made, policy, now)


@given(PROFILES, MANUAL, st.sampled_from([1, 14]), st.integers(1, 30), st.integers(20, 60))
@settings(deadline=None, max_examples=20)
def test_an_outage_trips_no_guard(
    profile: dict[str, Any], manual: dict[str, str], targets: int, days: int, hours: int
) -> None:
    policy, world = policy_of(profile, manual), empty_world(targets)
    instants = [START + timedelta(hours=hour) for hour in range(hours)]
    for now in (*instants, instants[-1] + timedelta(days=days), instants[-1] + timedelta(days=days, hours=1)):
        made = plan(policy, world._replace(second_clock=now), now)
        assert stopped(made) == []
        world = applied(world, made, policy, now)


def troubled(world: World, data: st.DataObject, now: datetime) -> World:
    """Return the world with what trips guards, as drawn: targets gone, another project, time lost, a budget spent."""
    state, catalog = world.backends["lab"], world.catalog
    if data.draw(st.booleans()):
        held = [s._replace(mark=s.mark._replace(project="other")) if n == 0 and s.mark else s
                for n, s in enumerate(state.snapshots)]  # fmt: skip
        state = state._replace(snapshots=held)
    if data.draw(st.booleans()):
        state = state._replace(vanished=state.vanished._replace(targets=9, known_targets=10))
    if data.draw(st.booleans()):
        catalog = catalog._replace(spent=(Spent("lab", now, 600),))
    if data.draw(st.booleans()):
        catalog = catalog._replace(high_water=now - timedelta(days=3))
    return world._replace(catalog=catalog, backends={"lab": state})


CHANGES = st.sampled_from(["nothing", "retention", "minimum", "assignment", "quiesce"])


def changed(policy: Policy, profile: dict[str, Any], change: str) -> Policy:
    periods = profile["periods"]
    if change == "assignment":
        return policy._replace(assignments={})
    if change == "nothing":
        return policy
    words = {"retention": {"retention": "1h"}, "minimum": {"min_snapshots": 0}, "quiesce": {"quiesce": "require"}}[
        change
    ]
    altered = {"retroactive": True, **profile, "periods": {name: {**rule, **words} for name, rule in periods.items()}}
    return policy._replace(profiles=policy_of(altered, {}).profiles)


@given(PROFILES, CHANGES, st.sets(st.sampled_from(CODES)), st.sampled_from(CODES), st.data())
@settings(deadline=None, max_examples=80)
def test_allowing_a_guard_changes_nothing_that_others_stop_and_blocked_actions_stay_in_the_plan(
    profile: dict[str, Any], change: str, allowed: set[str], more: str, data: st.DataObject
) -> None:
    policy, world = policy_of(profile, {}), empty_world(6)
    for now in runs([timedelta(hours=7)], 12):
        world = applied(world, plan(policy, world, now), policy, now)
    now += timedelta(hours=30)
    world = troubled(world, data, now)
    policy = changed(policy, profile, change)
    before = plan(policy, world, now, allowed=allowed)
    after = plan(policy, world, now, allowed={*allowed, more})
    assert [action.number for action in before.actions] == [action.number for action in after.actions]
    for one, other in zip(before.actions, after.actions, strict=True):
        assert (other.verb, other.target, other.snapshot) == (one.verb, one.target, one.snapshot)
        assert set(other.blocked_by) == set(one.blocked_by) - {more}
    blocked = {code for action in before.actions for code in action.blocked_by}
    assert blocked <= {guard.code for guard in before.guards if guard.state == "blocked"}
    assert blocked.isdisjoint(allowed)


@given(st.integers(20, 40), st.integers(1, 4), st.sampled_from([1, 3]))
@settings(deadline=None, max_examples=8)
def test_a_retention_that_shrinks_a_little_each_day_gets_no_further_than_the_rolling_budget(
    first: int, step: int, targets: int
) -> None:
    profile = {"retroactive": True, "periods": {"p": {"frequency": "daily", "retention": f"{first}d"}}}
    world = empty_world(targets)
    policy = policy_of(profile, {})
    for day in range(first):
        now = START + timedelta(days=day)
        world = applied(world, plan(policy, world, now), policy, now)
    lost: list[tuple[datetime, int]] = []
    tripped = False
    for day in range(first, first + 45):
        now = START + timedelta(days=day)
        retention = max(1, first - step * (day - first + 1))
        profile["periods"] = {"p": {"frequency": "daily", "retention": f"{retention}d"}}
        shrunk = policy_of(profile, {})
        held = len(snapshots(world))
        made = plan(shrunk, world, now)
        lost.append((now, sum(not action.foreseen and not action.blocked_by for action in made.actions)))
        window = sum(count for at, count in lost if at > now - timedelta(days=30))
        assert window <= max(3, int(0.2 * (held + window - lost[-1][1])))
        tripped = tripped or any(guard.code == "SP301" and guard.state == "blocked" for guard in made.guards)
        world = applied(world, made, shrunk, now)
        assert all(any(s.target_id == target.id for s in snapshots(world)) for target in world.backends["lab"].targets)
    assert tripped


@given(st.integers(4, 40), st.lists(st.integers(1, 300), min_size=3, max_size=12), st.booleans())
@settings(deadline=None, max_examples=25)
def test_ending_the_protection_of_one_target_after_the_other_gets_no_further_than_the_rolling_budget(
    targets: int, minutes: list[int], together: bool
) -> None:
    policy = policy_of({"periods": {"p": {"frequency": "daily", "retention": "9d"}}}, {})
    world, now = empty_world(targets), START
    world = applied(world, plan(policy, world, now), policy, now)
    nothing = policy._replace(assignments={})
    ended: list[tuple[datetime, int]] = []
    for number, step in enumerate(minutes):
        now += timedelta(minutes=step)
        focus = Focus() if together else Focus(targets=(f"lab/volume/t{number:02}",))
        before = len(world.catalog.tracked)
        world = applied(world, plan(nothing, world, now, focus=focus), nothing, now)
        ended.append((now, before - len(world.catalog.tracked)))
        window = sum(count for at, count in ended if at > now - timedelta(days=1))
        assert window <= max(3, targets // 10)


@given(PROFILES, st.lists(st.sets(st.integers(0, 13)), min_size=2, max_size=8), CADENCES)
@settings(deadline=None, max_examples=25)
def test_targets_that_come_and_go_under_a_steady_policy_end_no_protection(
    profile: dict[str, Any], there: list[set[int]], cadence: list[timedelta]
) -> None:
    policy, world = policy_of(profile, {}), empty_world(14)
    everything = world.backends["lab"].targets
    now = START
    for number, some in enumerate(there):
        targets = tuple(target for n, target in enumerate(everything) if n in some)
        world = world._replace(backends={"lab": world.backends["lab"]._replace(targets=targets)})
        made = plan(policy, world._replace(second_clock=now), now)
        assert not [guard for guard in made.guards if guard.code == "SP304" and guard.state != "ok"]
        world = applied(world, made, policy, now)
        now += cadence[number % len(cadence)]
