from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest

from snapplan.applier.approve import narrow
from snapplan.models.plan import Action, Verb

from .lab import DAY, NOW, assign, change, expire, manual, memory, plan, profile, restore, scheduled, taken, triple


def saved(*actions: Action):
    """The plan as it comes back from a file: documents only, no requests."""
    document = json.loads(json.dumps(plan(*actions).document()))
    fields = ("number", "verb", "backend", "target", "snapshot", "profile", "period", "change", "precondition", "after")
    read = [{name: item[name] for name in fields} for item in document["actions"]]
    return plan(*(Action(**{**item, "verb": Verb(item["verb"]), "after": tuple(item["after"])}) for item in read))


def kept(approved, *current):
    narrowed, said = narrow(saved(*approved), plan(*current))
    return [action.number for action in narrowed.actions], said


def every_verb():
    world, _ = memory()
    snapshot = taken(world)
    return [
        profile(1, "gold", {"periods": {"daily": {"retention": "2d"}}}),
        assign(2, triple("a"), triple("a", period="hourly")),
        restore(3, snapshot),
        scheduled(4),
        manual(5, key="before"),
        change(6, snapshot, NOW + DAY),
        expire(7, taken(world, slot=NOW - 2 * DAY)),
    ]


def test_an_unchanged_plan_is_applied_whole_and_nothing_is_said():
    actions = every_verb()
    assert kept(actions, *actions) == ([1, 2, 3, 4, 5, 6, 7], [])


@pytest.mark.parametrize("missing", range(7))
def test_what_was_not_approved_is_left_for_the_next_plan(missing):
    actions = every_verb()
    numbers, said = kept(actions[:missing] + actions[missing + 1 :], *actions)
    assert numbers == [number for number in range(1, 8) if number != missing + 1]
    assert len(said) == 1
    assert said[0].endswith("is new; it is left for the next plan")


@pytest.mark.parametrize("missing", range(7))
def test_what_has_become_unnecessary_is_named(missing):
    actions = every_verb()
    numbers, said = kept(actions, *actions[:missing], *actions[missing + 1 :])
    assert len(numbers) == 6
    assert len(said) == 1
    assert said[0].endswith("has become unnecessary")


def test_numbers_are_those_of_the_current_plan_and_the_summary_counts_what_is_left():
    narrowed, _ = narrow(saved(scheduled(1)), plan(scheduled(7), scheduled(9, "b")))
    assert [action.number for action in narrowed.actions] == [7]
    assert narrowed.summary.snapshot == 1
    assert narrowed.actions[0].request is not None


def test_a_snapshot_is_approved_for_whatever_slot_is_the_latest_now():
    later = dataclasses.replace(scheduled(1), slot=NOW + timedelta(hours=1), snapshot="lab/vm/a@gold.daily.later")
    assert kept([scheduled(1)], later) == ([1], [])


def test_a_snapshot_of_another_period_or_with_another_key_is_not_what_was_approved():
    assert kept([scheduled(1)], scheduled(1, period="hourly"))[0] == []
    assert kept([manual(1, key="one")], manual(1, key="two"))[0] == []


def test_an_expiry_is_approved_for_that_snapshot_only_though_the_name_be_the_same():
    world, _ = memory()
    snapshot = taken(world)
    numbers, said = kept([expire(1, snapshot)], expire(1, snapshot._replace(native_id="another")))
    assert numbers == []
    assert len(said) == 2


def test_an_expiration_may_only_be_changed_to_the_one_that_was_approved():
    world, _ = memory()
    snapshot = taken(world)
    assert kept([change(1, snapshot, NOW + DAY)], change(1, snapshot, NOW))[0] == []


def test_a_restore_from_another_source_or_into_another_clone_is_not_what_was_approved():
    world, _ = memory()
    first, second = taken(world), taken(world, slot=NOW - 2 * DAY)
    assert kept([restore(1, first)], restore(1, second))[0] == []
    elsewhere = dataclasses.replace(restore(1, first), change={"key": "CHG-1", "as": "lab/vm/other"})
    assert kept([restore(1, first)], elsewhere)[0] == []


def test_a_profile_with_another_content_is_not_what_was_approved():
    assert kept([profile(1, "gold", {"a": 1})], profile(1, "gold", {"a": 2}))[0] == []
    assert kept([profile(1, "gold", {"a": 1})], profile(1, "gold", None))[0] == []


def test_an_assignment_may_begin_and_end_less_than_approved_but_no_more():
    one, two = triple("a"), triple("a", period="hourly")
    assert kept([assign(1, one, two)], assign(1, one))[0] == [1]
    assert kept([assign(1, one)], assign(1, one, two))[0] == []
    assert kept([assign(1, one)], assign(1, one, ends=[two]))[0] == []


def test_what_waits_for_something_left_out_is_left_out_too_however_far():
    world, _ = memory()
    snapshot = taken(world)
    approved = [scheduled(2, after=[1]), expire(3, snapshot, after=[2])]
    numbers, said = kept(approved, assign(1, triple()), *approved, scheduled(4, "b"))
    assert numbers == []
    assert sum("needs an action that is left out" in text for text in said) == 2


def test_an_approved_dependency_that_is_no_longer_needed_does_not_hold_back_the_expiry():
    world, _ = memory()
    snapshot = taken(world)
    numbers, said = kept([scheduled(1), expire(2, snapshot, after=[1])], expire(1, snapshot))
    assert numbers == [1]
    assert said == ["snapshot lab/vm/a@gold.daily.20261122T0200Z has become unnecessary"]
