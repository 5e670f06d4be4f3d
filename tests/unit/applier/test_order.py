from __future__ import annotations

import dataclasses

import pytest

from snapplan.applier.order import Phase, calls, phases, verify
from snapplan.models.plan import Verb
from snapplan.models.snapshot import Mark
from snapplan.models.target import Scope

from .lab import (
    DAY,
    NOW,
    assign,
    change,
    expire,
    manual,
    memory,
    plan,
    profile,
    restore,
    scheduled,
    taken,
    target,
    triple,
)


def numbers(*actions):
    return [(phase.name, [action.number for action in group]) for phase, group in phases(plan(*actions))]


def test_protection_begins_first_and_ends_last_and_nothing_is_deleted_before_all_is_taken():
    world, _ = memory()
    old, older = taken(world, "a"), taken(world, "a", NOW - 2 * DAY)
    actions = [
        assign(1, triple("c"), ends=()),
        profile(2, "gold", {"periods": {}}),
        expire(3, old, after=[6]),
        expire(4, older),
        change(5, old, NOW + DAY),
        scheduled(6),
        assign(7, ends=[triple("b")]),
        profile(8, "silver", None),
        restore(9, taken(world, "b")),
    ]
    expected = [
        ("PROTECT", [2, 1]),
        ("RESTORE", [9]),
        ("SNAPSHOT", [6]),
        ("CHANGE", [5]),
        ("EXPIRE", [4]),
        ("EXPIRE_AFTER", [3]),
        ("END", [7, 8]),
    ]
    assert numbers(*actions) == expected
    assert numbers(*reversed(actions)) == expected


def test_an_assignment_that_also_ends_something_protects_first():
    both = assign(1, triple("a"), ends=[triple("b")])
    assert numbers(both) == [("PROTECT", [1])]


def test_a_safety_snapshot_goes_with_its_restore_and_others_wait():
    world, _ = memory()
    safety, other = manual(1, "a", key="safety.CHG-1"), scheduled(2, "a")
    assert numbers(safety, other, restore(3, taken(world), after=[1])) == [("RESTORE", [1, 3]), ("SNAPSHOT", [2])]


def test_an_incomplete_snapshot_is_removed_before_its_retry():
    world, _ = memory()
    half_made = taken(world)
    assert numbers(expire(1, half_made), scheduled(2, after=[1])) == [("SNAPSHOT", [1, 2])]


def test_a_protecting_action_that_waits_for_a_backend_goes_last_and_does_not_delay_it():
    assert numbers(scheduled(1), assign(2, triple("b"), after=[1])) == [("SNAPSHOT", [1]), ("END", [2])]


def test_an_ending_action_that_a_snapshot_waits_for_goes_first():
    assert numbers(assign(1, ends=[triple("b")]), scheduled(2, after=[1])) == [("PROTECT", [1]), ("SNAPSHOT", [2])]


def call_numbers(phase, *actions, batch):
    return [[action.number for action in call.actions] for call in calls("lab", phase, actions, batch=batch)]


def test_a_batching_driver_gets_all_of_a_verb_in_one_call():
    actions = [scheduled(1, "a"), scheduled(2, "b"), scheduled(3, "a", period="hourly")]
    assert call_numbers(Phase.SNAPSHOT, *actions, batch=True) == [[1, 2, 3]]
    assert call_numbers(Phase.SNAPSHOT, *actions, batch=False) == [[1], [2], [3]]


def test_what_waits_for_another_of_its_phase_is_in_a_later_call():
    world, _ = memory()
    actions = [scheduled(1, "a", after=[3]), scheduled(2, "b"), expire(3, taken(world))]
    assert call_numbers(Phase.SNAPSHOT, *actions, batch=True) == [[2], [3], [1]]
    assert call_numbers(Phase.SNAPSHOT, *actions, batch=False) == [[2], [3], [1]]


def test_a_set_is_handed_over_as_one_even_where_one_member_waits():
    world, _ = memory()
    actions = [
        scheduled(1, "a", set="s"),
        scheduled(2, "b"),
        scheduled(3, "c", set="s", after=[4]),
        expire(4, taken(world, "c")),
    ]
    assert call_numbers(Phase.SNAPSHOT, *actions, batch=False) == [[2], [4], [1, 3]]
    assert call_numbers(Phase.SNAPSHOT, *actions, batch=True) == [[2], [4], [1, 3]]


def test_each_restore_is_a_call_of_its_own_and_one_of_a_whole_system_runs_alone():
    world, _ = memory()
    whole = restore(3, taken(world)._replace(scope=Scope.CLOUD, target_name="", target_id="cloud"))
    found = calls(
        "lab", Phase.RESTORE, [restore(1, taken(world, "a")), restore(2, taken(world, "b")), whole], batch=True
    )
    assert [(call.actions[0].number, call.alone) for call in found] == [(1, False), (2, False), (3, True)]


def test_calls_that_wait_for_each_other_in_a_circle_end_all_the_same():
    assert len(calls("lab", Phase.SNAPSHOT, [scheduled(1, after=[2]), scheduled(2, "b", after=[1])], batch=True)) == 2


def foreign(snapshot, **fields):
    return snapshot._replace(**fields)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda s: [scheduled(1), scheduled(1, "b")], "two actions with the number 1"),
        (lambda s: [dataclasses.replace(scheduled(1), request=None)], "no request of its verb"),
        (lambda s: [dataclasses.replace(expire(1, s), verb=Verb.CHANGE)], "no request of its verb"),
        (lambda s: [scheduled(1, project="other")], "is not of project 'demo'"),
        (lambda s: [expire(1, foreign(s, mark=None))], "is not of project 'demo'"),
        (lambda s: [expire(1, foreign(s, mark=s.mark._replace(project="other")))], "is not of project 'demo'"),
        (lambda s: [expire(1, foreign(s, managed=True))], "is not of project 'demo'"),
        (lambda s: [change(1, foreign(s, mark=s.mark._replace(project="other")), NOW)], "is not of project 'demo'"),
        (lambda s: [dataclasses.replace(scheduled(1), backend=None)], "names no backend"),
    ],
)
def test_a_plan_that_no_planner_makes_is_refused(make, says):
    world, _ = memory()
    with pytest.raises(ValueError, match=says):
        verify(plan(*make(taken(world))), "demo")


def test_a_foreign_snapshot_may_be_given_our_mark():
    world, _ = memory()
    found = world.add_foreign(world.targets[Scope.VM, "a"], "by-hand", NOW)
    adopted = change(1, found._replace(mark=Mark("demo", target().id, "", NOW, None, key="adopted")), NOW + DAY)
    request = adopted.request._replace(snapshot=found, adopts=True)
    verify(plan(dataclasses.replace(adopted, request=request)), "demo")
