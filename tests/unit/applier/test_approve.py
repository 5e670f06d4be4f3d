from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest

from snapplan.applier.approve import identity, match, read_actions
from snapplan.models.plan import Reason

from .lab import DAY, NOW, assign, change, expire, manual, memory, plan, profile, restore, scheduled, taken, triple


def saved(*actions):
    """The actions as they come back from a file: documents only, no requests."""
    return read_actions(json.loads(json.dumps(plan(*actions).document())))


def numbers(pairs):
    return [action.number for _, action in pairs]


def kept(approved, *current, allowed=()):
    return numbers(match(saved(*approved), current, allowed).done)


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


def test_an_unchanged_plan_matches_whole():
    actions = every_verb()
    matched = match(saved(*actions), actions)
    assert numbers(matched.done) == [1, 2, 3, 4, 5, 6, 7]
    assert matched[1:] == ((), (), (), ())


@pytest.mark.parametrize("missing", range(7))
def test_what_was_not_approved_is_new(missing):
    actions = every_verb()
    matched = match(saved(*actions[:missing], *actions[missing + 1 :]), actions)
    assert [action.number for action in matched.new] == [missing + 1]
    assert numbers(matched.done) == [number for number in range(1, 8) if number != missing + 1]


@pytest.mark.parametrize("missing", range(7))
def test_what_is_not_planned_any_more_is_absent(missing):
    actions = every_verb()
    matched = match(saved(*actions), [*actions[:missing], *actions[missing + 1 :]])
    assert [action.number for action in matched.absent] == [missing + 1]
    assert len(matched.done) == 6


@pytest.mark.parametrize("number", range(7))
def test_what_a_guard_had_stopped_was_not_approved_unless_its_code_is_allowed(number):
    actions = every_verb()
    stopped = [dataclasses.replace(a, blocked_by=("SP301",)) if i == number else a for i, a in enumerate(actions)]
    assert numbers(match(saved(*stopped), actions).blocked) == [number + 1]
    assert number + 1 not in kept(stopped, *actions)
    assert kept(stopped, *actions, allowed=("SP302",)) == kept(stopped, *actions)
    assert kept(stopped, *actions, allowed=("SP301",)) == [1, 2, 3, 4, 5, 6, 7]


def test_a_snapshot_is_approved_for_whatever_slot_is_the_latest_now():
    later = dataclasses.replace(scheduled(1), slot=NOW + timedelta(hours=1), snapshot="lab/vm/a@gold.daily.later")
    assert kept([scheduled(1)], later) == [1]


def test_a_snapshot_of_another_period_key_or_target_is_not_what_was_approved():
    assert kept([scheduled(1)], scheduled(1, period="hourly")) == []
    assert kept([manual(1, key="one")], manual(1, key="two")) == []
    one, other = (dataclasses.replace(scheduled(1), precondition={"target_id": each}) for each in ("1", "2"))
    assert kept([one], one) == [1]
    assert kept([one], other) == []


def test_of_a_safety_snapshot_the_instant_of_a_second_attempt_does_not_count():
    def safety(key):
        return dataclasses.replace(manual(1, key=key), reasons=(Reason("safety", ""),))

    first, again = safety("pre-restore.CHG-1"), safety("pre-restore.CHG-1.20261122T0300Z")
    assert kept([again], first) == kept([first], again) == [1]
    assert kept([safety("pre-restore.CHG-2")], first) == []
    assert kept([manual(1, key="pre-restore.CHG-1")], manual(1, key="pre-restore.CHG-1.20261122T0300Z")) == []


def test_an_expiry_is_approved_for_that_snapshot_only_though_the_name_be_the_same():
    world, _ = memory()
    snapshot = taken(world)
    matched = match(saved(expire(1, snapshot)), [expire(1, snapshot._replace(native_id="another"))])
    assert matched.done == ()
    assert len(matched.new) == len(matched.absent) == 1


def test_an_expiration_may_only_be_changed_to_the_one_that_was_approved():
    world, _ = memory()
    snapshot = taken(world)
    matched = match(saved(change(1, snapshot, NOW + DAY)), [change(1, snapshot, NOW)])
    assert numbers(matched.differing) == [1]
    assert matched.done == ()


def test_a_restore_from_another_source_or_into_another_clone_differs():
    world, _ = memory()
    first, second = taken(world), taken(world, slot=NOW - 2 * DAY)
    assert numbers(match(saved(restore(1, first)), [restore(1, second)]).differing) == [1]
    elsewhere = dataclasses.replace(restore(1, first), change={"key": "CHG-1", "as": "lab/vm/other"})
    assert numbers(match(saved(restore(1, first)), [elsewhere]).differing) == [1]


def test_a_profile_with_another_content_differs():
    assert kept([profile(1, "gold", {"a": 1})], profile(1, "gold", {"a": 2})) == []
    assert kept([profile(1, "gold", {"a": 1})], profile(1, "gold", None)) == []


def test_an_assignment_may_begin_and_end_less_than_approved_but_no_more():
    one, two = triple("a"), triple("a", period="hourly")
    assert kept([assign(1, one, two)], assign(1, one)) == [1]
    assert kept([assign(1, one)], assign(1, one, two)) == []
    assert kept([assign(1, one)], assign(1, one, ends=[two])) == []


def test_identity_is_the_same_in_a_document_and_in_a_plan():
    actions = every_verb()
    assert [identity(action) for action in saved(*actions)] == [identity(action) for action in actions]
