"""The laws of planning, for any policy and any sequence of runs."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from case_files import EVERYTHING
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from imagined import carry_out, snapshots

from snapplan.config.defaults import complete
from snapplan.models.plan import Plan, Verb
from snapplan.models.policy import Assignment, ConfigFile, Policy, Profile
from snapplan.models.snapshot import Pin, Snapshot
from snapplan.models.target import Scope, Target
from snapplan.models.world import BackendState, CatalogState, Triple, World
from snapplan.planner.build import plan
from snapplan.planner.simulate import simulate

START = datetime(2026, 10, 20, tzinfo=UTC)  # the autumn change of Europe/Berlin is five days away
CONFIG = ConfigFile.model_validate({"version": 1, "project": "laws", "backends": {"lab": {"driver": "memory"}}})

GUARDS = [f"SP30{number}" for number in range(1, 10)]

PERIODS = st.fixed_dictionaries(
    {"retention": st.sampled_from(["1h", "90m", "1d", "25h", "3d", "7d", "forever"])},
    optional={
        "min_snapshots": st.integers(0, 3),
        "skip_missed": st.booleans(),
        "grace": st.sampled_from(["1m", "1h", "2d"]),
    },
).flatmap(
    lambda rest: st.sampled_from(
        [
            {"frequency": "hourly", "minute": 15},
            {"frequency": "daily", "hour": 2, "minute": 30},
            {"frequency": "weekly", "day_of_week": "sun", "hour": 2},
            {"frequency": "monthly", "day_of_month": 31},
            {"frequency": "custom", "at": "2026-10-25T02:30"},
            {"cron": "*/20 1-3 * * *"},
        ]
    ).map(lambda schedule: {**schedule, **rest})
)
PROFILES = st.fixed_dictionaries(
    {
        "timezone": st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe"]),
        "initial": st.sampled_from(["immediate", "next_slot"]),
        "retroactive": st.booleans(),
        "periods": st.dictionaries(st.sampled_from(["p", "q"]), PERIODS, min_size=1, max_size=2),
    }
)
STEPS = st.lists(st.integers(1, 4 * 24 * 60), min_size=1, max_size=6)


def policy_with(profile: dict[str, Any]) -> Policy:
    profiles = complete({"gold": Profile.model_validate(profile)}, CONFIG.defaults)
    everything = Assignment.model_validate({"profile": "gold", "targets": [{"backend": "lab", "scope": "volume"}]})
    return Policy(CONFIG, profiles, {"everything": everything})


def empty_world(targets: int = 2) -> World:
    names = [chr(ord("a") + number) for number in range(targets)]
    made = tuple(Target("lab", Scope.VOLUME, name, f"volume/{name}") for name in names)
    return World(CatalogState(), {"lab": BackendState("lab", EVERYTHING, made, [])})


def runs(steps: list[int]) -> list[datetime]:
    at, result = START, [START]
    for minutes in steps:
        at += timedelta(minutes=minutes)
        result.append(at)
    return result


def lived(policy: Policy, steps: list[int]) -> tuple[World, datetime]:
    """Return a world in which ``policy`` was applied at each of the runs but the last, and the instant of the last."""
    world = empty_world()
    *before, now = runs(steps)
    for at in before:
        world = carry_out(world, plan(policy, world, at), at)
    return world, now


def with_snapshots(world: World, held: list[Snapshot]) -> World:
    return world._replace(backends={"lab": world.backends["lab"]._replace(snapshots=held)})


def expired(made: Plan) -> set[str]:
    return {action.request.snapshot.native_id for action in made.actions if action.verb is Verb.EXPIRE}


def group(snapshot: Snapshot) -> tuple[str, ...]:
    assert snapshot.mark is not None
    return (snapshot.mark.target_id, snapshot.mark.profile or "", snapshot.mark.period or "")


@given(PROFILES, STEPS, st.randoms(use_true_random=False))
def test_planning_is_deterministic_and_the_order_of_inputs_changes_nothing(
    profile: dict[str, Any], steps: list[int], rng: random.Random
) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    state = world.backends["lab"]
    shuffled = list(state.snapshots)
    rng.shuffle(shuffled)
    tracked = list(world.catalog.tracked.items())
    rng.shuffle(tracked)
    other = World(
        world.catalog._replace(tracked=dict(tracked)),
        {"lab": state._replace(snapshots=shuffled, targets=tuple(reversed(state.targets)))},
    )
    assert plan(policy, other, now).document() == plan(policy, world, now).document()


@given(PROFILES, STEPS)
def test_planning_again_after_applying_is_empty(profile: dict[str, Any], steps: list[int]) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    world = carry_out(world, plan(policy, world, now), now)
    again = plan(policy, world, now)
    assert again.actions == ()
    assert again.missed == ()


@given(PROFILES, STEPS, st.sets(st.integers(1, 12)))
def test_going_on_after_failures_ends_where_an_uninterrupted_run_ends(
    profile: dict[str, Any], steps: list[int], failing: set[int]
) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    whole = carry_out(world, plan(policy, world, now), now)
    broken = carry_out(world, plan(policy, world, now), now, failing)
    resumed = carry_out(broken, plan(policy, broken, now), now)
    assert sorted(snapshots(resumed)) == sorted(snapshots(whole))
    assert resumed.catalog.tracked == whole.catalog.tracked


@given(PROFILES, STEPS)
def test_a_slot_is_satisfied_at_most_once_and_never_both_taken_and_missed(
    profile: dict[str, Any], steps: list[int]
) -> None:
    policy = policy_with(profile)
    world = empty_world()
    slots: Counter[tuple[Any, ...]] = Counter()
    for now in runs(steps):
        made = plan(policy, world, now)
        slots.update((a.target, a.profile, a.period, a.slot) for a in made.actions if a.verb is Verb.SNAPSHOT)
        slots.update((m.target, m.profile, m.period, m.slot) for m in made.missed)
        world = carry_out(world, made, now)
    assert all(count == 1 for count in slots.values())


@given(PROFILES, STEPS)
def test_nothing_falls_below_its_minimum_and_nothing_expires_early(profile: dict[str, Any], steps: list[int]) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    made = plan(policy, world, now)
    after = carry_out(world, made, now)
    had = Counter(group(snapshot) for snapshot in snapshots(world))
    has = Counter(group(snapshot) for snapshot in snapshots(after))
    for name, count in had.items():
        minimum = policy.profiles[name[1]].periods[name[2]].min_snapshots
        assert minimum is not None
        assert has[name] >= min(minimum, count)
    for action in made.actions:
        if action.verb is Verb.EXPIRE:
            assert action.request.snapshot.mark.expires_at <= now


@given(PROFILES, STEPS, st.data())
def test_a_pin_a_higher_minimum_or_a_longer_retention_never_expires_more(
    profile: dict[str, Any], steps: list[int], data: st.DataObject
) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    baseline = expired(plan(policy, world, now))
    held = snapshots(world)
    assume(held)
    pinned = data.draw(st.sampled_from(held))
    assert pinned.mark is not None
    others = [s for s in held if s is not pinned]
    with_pin = [*others, pinned._replace(mark=pinned.mark._replace(pin=Pin("ann", "audit")))]
    assert expired(plan(policy, with_snapshots(world, with_pin), now)) == baseline - {pinned.native_id}
    more = {name: {**rule, "min_snapshots": 5} for name, rule in profile["periods"].items()}
    assert expired(plan(policy_with({**profile, "periods": more}), world, now)) <= baseline
    longer = {name: {**rule, "retention": "forever"} for name, rule in profile["periods"].items()}
    assert expired(plan(policy_with({**profile, "periods": longer}), world, now)) == set()


@given(PROFILES, STEPS, STEPS)
def test_expiring_often_equals_expiring_once_at_the_end(
    profile: dict[str, Any], steps: list[int], later: list[int]
) -> None:
    policy = policy_with({**profile, "initial": "next_slot"})
    world, now = lived(policy, steps)
    quiet = policy._replace(assignments={})  # nothing new is taken: the snapshots are orphans and only expire
    world = carry_out(world, plan(quiet, world, now, allowed=GUARDS), now)
    often = world
    for minutes in later:
        now += timedelta(minutes=minutes)
        often = carry_out(often, plan(quiet, often, now, allowed=GUARDS), now)
    once = carry_out(world, plan(quiet, world, now, allowed=GUARDS), now)
    assert sorted(snapshots(often)) == sorted(snapshots(once))


@given(PROFILES, STEPS, st.integers(6, 10_000))
def test_a_clock_that_steps_back_makes_nothing_due_and_expires_nothing(
    profile: dict[str, Any], steps: list[int], minutes: int
) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    world = world._replace(catalog=world.catalog._replace(high_water=now))
    made = plan(policy, world, now - timedelta(minutes=minutes))
    assert {action.verb for action in made.actions} <= {Verb.PROFILE, Verb.ASSIGN, Verb.CHANGE}
    assert [guard.code for guard in made.guards if guard.state == "blocked"] == ["SP306"]


@given(PROFILES, STEPS, st.data())
def test_a_future_dated_snapshot_satisfies_its_slot_and_changes_nothing_else(
    profile: dict[str, Any], steps: list[int], data: st.DataObject
) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    before = plan(policy, world, now)
    planned = [action for action in before.actions if action.verb is Verb.SNAPSHOT]
    assume(planned)
    action = data.draw(st.sampled_from(planned))
    ahead = now + timedelta(days=400)
    mark = action.request.mark._replace(taken_at=ahead, expires_at=ahead + timedelta(days=1))
    dated = Snapshot("lab", "ahead", "ahead", Scope.VOLUME, mark.target_id, "x", ahead, ahead, mark)
    after = plan(policy, with_snapshots(world, [*snapshots(world), dated]), now)
    left = {(a.verb, a.snapshot) for a in after.actions}
    assert left <= {(a.verb, a.snapshot) for a in before.actions} - {(Verb.SNAPSHOT, action.snapshot)}
    waited = {(a.verb, a.snapshot) for a in before.actions if a.verb is Verb.EXPIRE and action.number in a.after}
    gone = {(a.verb, a.snapshot) for a in before.actions} - left - {(Verb.SNAPSHOT, action.snapshot)}
    assert gone <= waited


@given(PROFILES, STEPS)
def test_planning_before_exact_until_gives_the_same_digest(profile: dict[str, Any], steps: list[int]) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    world = carry_out(world, plan(policy, world, now), now)
    made = plan(policy, world, now)
    assume(made.exact_until is not None)
    assert made.exact_until is not None
    assert plan(policy, world, made.exact_until - timedelta(seconds=1)).digest == made.digest


@given(PROFILES, st.integers(5, 240), st.integers(1, 60))
@settings(deadline=None, max_examples=40)
def test_a_simulation_equals_applying_at_each_of_its_instants(profile: dict[str, Any], every: int, count: int) -> None:
    policy = policy_with(profile)
    world = empty_world(1)
    step = timedelta(minutes=every)
    end = START + step * count
    replay = simulate(policy, world, start=START, end=end, every=step)
    events, missed = [], []
    now = START
    while now <= end:
        made = plan(policy, world, now)
        events += [(now, str(a.verb), a.snapshot) for a in made.actions if a.verb in (Verb.SNAPSHOT, Verb.EXPIRE)]
        missed += [(m.target, m.profile, m.period, m.slot) for m in made.missed]
        world = carry_out(world, made, now)
        now += step
    assert [(e.at, e.verb, e.snapshot.address) for e in replay.events] == events
    assert [tuple(m) for m in replay.missed] == missed
    assert {s.address for s in replay.remaining} == {s.address for s in snapshots(world)}


def test_a_removed_assignment_expires_nothing_by_itself() -> None:
    profile = {"periods": {"p": {"frequency": "hourly", "retention": "1h", "min_snapshots": 3}}}
    policy = policy_with(profile)
    world, now = lived(policy, [60] * 6)
    made = plan(policy._replace(profiles={}, assignments={}), world, now)
    triple = Triple("lab", "volume/a", "gold", "p")
    assert triple in world.catalog.tracked
    assert {action.verb for action in made.actions} == {Verb.ASSIGN, Verb.PROFILE, Verb.EXPIRE} - (
        set() if expired(made) else {Verb.EXPIRE}
    )
    after = carry_out(world, made, now)
    assert len([s for s in snapshots(after) if group(s)[0] == "volume/a"]) == 3


def with_platform(world: World, now: datetime) -> World:
    """Return ``world`` on a platform that deletes by itself, as it is at ``now``."""
    state = world.backends["lab"]
    over = {key for key, at in state.deletes_at.items() if at is not None and at <= now}
    state = state._replace(capabilities=EVERYTHING._replace(expires_itself=True))
    held = [snapshot for snapshot in state.snapshots if snapshot.native_id not in over]
    return world._replace(backends={"lab": state._replace(snapshots=held)})


@given(PROFILES, st.lists(st.integers(1, 84 * 60), min_size=1, max_size=8))
def test_a_platform_that_deletes_by_itself_takes_nothing_that_stays(profile: dict[str, Any], steps: list[int]) -> None:
    """With an apply at least every half margin (3.5 days), what is there is what would be there without it."""
    policy = policy_with(profile)
    plain, ours = empty_world(), empty_world()
    for now in runs(steps):
        plain = carry_out(plain, plan(policy, plain, now), now)
        ours = with_platform(ours, now)
        ours = carry_out(ours, plan(policy, ours, now), now)
        assert snapshots(ours) == snapshots(plain)
        assert plan(policy, ours, now).actions == ()


@given(PROFILES, STEPS)
def test_on_such_a_platform_too_a_plan_is_exact_until_it_says(profile: dict[str, Any], steps: list[int]) -> None:
    policy, world = policy_with(profile), empty_world()
    for now in runs(steps):
        world = with_platform(world, now)
        made = plan(policy, world, now)
        if made.exact_until is not None:
            assert plan(policy, world, made.exact_until - timedelta(seconds=1)).digest == made.digest
        world = carry_out(world, made, now)
