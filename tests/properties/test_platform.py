"""The laws of platform schedules: one apply brings the platform to the policy, and touches nothing of anybody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from case_files import EVERYTHING
from case_platforms import SCHEDULED
from hypothesis import given, settings
from hypothesis import strategies as st
from imagined import carry_out

from snapplan.config.defaults import complete
from snapplan.models.plan import Plan, Verb
from snapplan.models.platform import PlatformPeriod, PlatformProfile, PlatformSchedule
from snapplan.models.policy import Assignment, ConfigFile, Policy, Profile
from snapplan.models.target import Scope, Target
from snapplan.models.world import BackendState, CatalogState, World
from snapplan.planner.build import plan

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONFIG = ConfigFile.model_validate({"version": 1, "project": "laws", "backends": {"lab": {"driver": "memory"}}})
NAMES = ["gold", "silver", "old"]
TARGETS = [f"t{number}" for number in range(4)]
GUARDS = [f"SP30{number}" for number in range(1, 9)]
HOURS = st.integers(0, 2)

PROFILES = st.dictionaries(st.sampled_from(NAMES), HOURS, min_size=1)
"""Of the policy: each has one daily period at an hour."""
STANDING = st.dictionaries(
    st.sampled_from(NAMES),
    st.tuples(HOURS, st.sampled_from(["laws", "other", None]), st.sampled_from([(), ("a sync",)])),
)
"""On the platform: hour, project, other users."""
ASSIGNED = st.dictionaries(st.sampled_from(TARGETS), st.sampled_from([*NAMES, "unknown"]))
ASSIGNMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "profile": st.sampled_from(NAMES),
            "names": st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3, unique=True),
            "take_over": st.booleans(),
            "schedule": st.sampled_from([None, "platform", "snapplan"]),
        }
    ),
    max_size=3,
)


def policy_of(profiles: dict[str, int], assignments: list[dict[str, Any]]) -> Policy:
    known = {
        name: Profile.model_validate({"periods": {"daily": {"frequency": "daily", "hour": hour, "retention": "7d"}}})
        for name, hour in profiles.items()
    }
    made = {
        f"a{number}": Assignment.model_validate(
            {
                "profile": each["profile"],
                "targets": [{"backend": "lab", "scope": "volume", "names": each["names"]}],
                "take_over": each["take_over"],
                "schedule": each["schedule"],
            }
        )
        for number, each in enumerate(assignments)
        if each["profile"] in profiles
    }
    return Policy(CONFIG, complete(known, CONFIG.defaults), made)


def world_of(standing: dict[str, Any], assigned: dict[str, str], catalog: CatalogState) -> World:
    profiles = tuple(
        PlatformProfile(f"id-{name}", name, {"daily": PlatformPeriod("daily", 604800, hour=hour)}, project, "", users)
        for name, (hour, project, users) in standing.items()
    )
    schedule = PlatformSchedule(
        profiles,
        {f"volume/{t}": f"id-{name}" for t, name in assigned.items() if name in standing or name == "unknown"},
    )
    targets = tuple(Target("lab", Scope.VOLUME, name, f"volume/{name}") for name in TARGETS)
    capabilities = EVERYTHING._replace(native_schedule=SCHEDULED)
    return World(catalog, {"lab": BackendState("lab", capabilities, targets, [], platform=schedule)})


def on_platform(made: Plan) -> list[Any]:
    return [action for action in made.actions if getattr(action.request, "platform", None) is not None]


def schedule_of(world: World) -> PlatformSchedule:
    schedule = world.backends["lab"].platform
    assert schedule is not None
    return schedule


WORLDS = st.tuples(PROFILES, ASSIGNMENTS, STANDING, ASSIGNED)


@given(WORLDS, ASSIGNMENTS)
@settings(max_examples=100)
def test_one_apply_brings_the_platform_to_the_policy(drawn: Any, earlier: list[dict[str, Any]]) -> None:
    profiles, assignments, standing, assigned = drawn
    before, policy = policy_of(profiles, earlier), policy_of(profiles, assignments)
    world = world_of(standing, assigned, CatalogState())
    world = carry_out(world, plan(before, world, NOW, allowed=GUARDS), NOW)
    later = NOW + timedelta(hours=1)
    world = carry_out(world, plan(policy, world, later, allowed=GUARDS), later)
    again = plan(policy, world, later, allowed=GUARDS)
    # What kept a profile in use may be gone only after the apply, so that its deletion comes with the next one.
    left = [action for action in again.actions if action.verb in (Verb.PROFILE, Verb.ASSIGN)]
    assert [action for action in left if action.change.get("after", "") is not None] == []


@given(WORLDS)
@settings(max_examples=100)
def test_nothing_of_anybody_else_is_touched(drawn: Any) -> None:
    profiles, assignments, standing, assigned = drawn
    policy, world = policy_of(profiles, assignments), world_of(standing, assigned, CatalogState())
    foreign = {f"id-{name}" for name, (_, project, _) in standing.items() if project != "laws"} | {"id-unknown"}
    taken_over = {name for each in assignments if each["take_over"] for name in each["names"]}
    made = plan(policy, world, NOW, allowed=GUARDS)
    for action in on_platform(made):
        request = action.request.platform
        if action.verb is Verb.PROFILE:
            assert request.before is None or request.before.project == "laws"
        elif request.before in foreign:
            assert request.target.name in taken_over


@given(WORLDS, ASSIGNMENTS)
@settings(max_examples=100)
def test_a_protected_target_is_never_without_a_profile_in_between(drawn: Any, earlier: list[dict[str, Any]]) -> None:
    profiles, assignments, standing, assigned = drawn
    before, policy = policy_of(profiles, earlier), policy_of(profiles, assignments)
    world = world_of(standing, assigned, CatalogState())
    world = carry_out(world, plan(before, world, NOW, allowed=GUARDS), NOW)
    made = plan(policy, world, NOW, allowed=GUARDS)
    native = {t.target_id for t in made_natively(policy, world)}
    for action in on_platform(made):
        if action.verb is Verb.ASSIGN and action.request.platform.target.id in native:
            assert action.request.platform.after


def made_natively(policy: Policy, world: World) -> list[Any]:
    from snapplan.planner.resolve import resolve

    return [triple for triple, resolved in resolve(policy, world.backends).triples.items() if resolved.native]


@given(WORLDS)
@settings(max_examples=200)
def test_a_profile_in_use_is_never_deleted(drawn: Any) -> None:
    profiles, assignments, standing, assigned = drawn
    policy, world = policy_of(profiles, assignments), world_of(standing, assigned, CatalogState())
    # carry_out refuses to delete what anything has, as a platform does
    after = schedule_of(carry_out(world, plan(policy, world, NOW, allowed=GUARDS), NOW))
    kept = {profile.native_id for profile in after.profiles} | {"id-unknown"}
    assert set(after.assigned.values()) <= kept


@given(WORLDS, st.randoms())
@settings(max_examples=100)
def test_the_order_of_what_is_listed_changes_nothing(drawn: Any, random: Any) -> None:
    profiles, assignments, standing, assigned = drawn
    policy, world = policy_of(profiles, assignments), world_of(standing, assigned, CatalogState())
    state = world.backends["lab"]
    mixed = list(schedule_of(world).profiles)
    random.shuffle(mixed)
    turned = dict(reversed(schedule_of(world).assigned.items()))
    other = state._replace(targets=tuple(reversed(state.targets)), platform=PlatformSchedule(tuple(mixed), turned))
    first = plan(policy, world, NOW, allowed=GUARDS)
    second = plan(policy, world._replace(backends={"lab": other}), NOW, allowed=GUARDS)
    assert first.document() == second.document()
