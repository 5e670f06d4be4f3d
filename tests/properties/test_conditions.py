"""The laws of what snapshots are worth: whatever is damaged, suspicious or has gaps, nothing good goes because of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from imagined import carry_out, snapshots
from test_planner import PROFILES, STEPS, group, lived, policy_with, with_snapshots

from snapplan.applier.board import Board
from snapplan.applier.report import ActionResult, State
from snapplan.models.plan import Plan, Verb
from snapplan.models.snapshot import STANDINGS, Condition, Snapshot
from snapplan.models.world import World
from snapplan.planner.build import plan

FLAWS: dict[Condition, dict[str, Any]] = {
    Condition.SOUND: {},
    Condition.DAMAGED: {"damage": "its data is gone"},
    Condition.SUSPICIOUS: {"suspicion": "it is empty"},
    Condition.GAPS: {"gaps": "1 file cannot be read"},
    Condition.SET_ASIDE: {"set_aside": True},
}
CONDITIONS = st.lists(st.sampled_from(list(FLAWS)), min_size=1, max_size=7)
LATER = st.integers(0, 10 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


def worn(world: World, conditions: list[Condition]) -> World:
    """Return the world with the conditions dealt out to its snapshots, the newest first, again and again."""
    held = sorted(snapshots(world), key=lambda one: (one.taken_at, one.native_id), reverse=True)
    dealt = [one._replace(**FLAWS[conditions[n % len(conditions)]]) for n, one in enumerate(held)]
    return with_snapshots(world, dealt)


def numbers(made: Plan, verb: Verb) -> set[int]:
    return {action.number for action in made.actions if action.verb is verb}


def count(some: list[Snapshot], kind: str, now: datetime) -> Counter[tuple[str, ...]]:
    return Counter(group(one) for one in some if getattr(one.standing, kind) and one.taken_at <= now)


def test_the_table_has_a_row_for_each_condition() -> None:
    assert STANDINGS.keys() == set(Condition)
    assert all(standing.latest and standing.satisfies for standing in STANDINGS.values() if standing.holds)
    assert all(standing.restores for standing in STANDINGS.values() if standing.latest)
    assert FLAWS.keys() == set(Condition) - {Condition.INCOMPLETE}


@given(PROFILES, STEPS, CONDITIONS, LATER, st.booleans())
def test_neither_sound_ones_nor_usable_ones_fall_below_the_minimum(
    profile: dict[str, Any], steps: list[int], conditions: list[Condition], later: timedelta, taking_fails: bool
) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    world, now = worn(world, conditions), now + later
    made = plan(policy, world, now)
    after = carry_out(world, made, now, numbers(made, Verb.SNAPSHOT) if taking_fails else ())
    for kind in ("holds", "latest"):
        had, has = count(snapshots(world), kind, now), count(snapshots(after), kind, now)
        for name, number in had.items():
            minimum = policy.profiles[name[1]].periods[name[2]].min_snapshots or 0
            assert has[name] >= min(minimum, number), (kind, name)


@given(PROFILES, STEPS, CONDITIONS, LATER)
def test_what_is_damaged_never_expires_and_suspicion_stops_its_target(
    profile: dict[str, Any], steps: list[int], conditions: list[Condition], later: timedelta
) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    world, now = worn(world, conditions), now + later
    made = plan(policy, world, now)
    newest: dict[str, Snapshot] = {}
    for one in sorted(snapshots(world), key=lambda one: (one.taken_at, one.native_id)):
        if one.taken_at <= now and one.condition in (Condition.SOUND, Condition.GAPS, Condition.SUSPICIOUS):
            newest[one.target_id] = one
    for action in made.actions:
        if action.verb is Verb.EXPIRE and not action.blocked_by:
            lost = action.request.snapshot
            assert lost.condition is not Condition.DAMAGED
            assert lost.target_id not in newest or not newest[lost.target_id].suspicion


@given(PROFILES, STEPS, CONDITIONS, LATER, st.sampled_from(list(FLAWS)))
def test_no_more_expires_than_if_all_were_sound_and_less_worth_never_replaces_more(
    profile: dict[str, Any], steps: list[int], conditions: list[Condition], later: timedelta, outcome: Condition
) -> None:
    policy = policy_with(profile)
    world, now = lived(policy, steps)
    world, now = worn(world, conditions), now + later
    made = plan(policy, world, now)
    board = Board(made.actions)
    taken: set[tuple[str, ...]] = set()
    for action in made.actions:
        if action.verb is Verb.SNAPSHOT:
            request = action.request
            new = Snapshot("lab", request.name, request.name, request.target.scope, request.target.id, "", now, now)
            new = new._replace(mark=request.mark, **FLAWS[outcome])
            board.settle([ActionResult(action, State.DONE, "", snapshot=new)])
            taken.add(group(new))
        elif action.verb in (Verb.ASSIGN, Verb.PROFILE):
            board.settle([ActionResult(action, State.DONE, "")])
    gone = {
        action.request.snapshot
        for action in made.actions
        if action.verb is Verb.EXPIRE and not action.blocked_by and board.obstacle(action) is None
    }
    left = [one for one in snapshots(world) if one not in gone]
    for kind in ("holds", "latest"):
        had, has = count(snapshots(world), kind, now), count(left, kind, now)
        if getattr(STANDINGS[outcome], kind):
            has.update(taken)
        for name, number in had.items():
            minimum = policy.profiles[name[1]].periods[name[2]].min_snapshots or 0
            assert has[name] >= min(minimum, number), (kind, name)
