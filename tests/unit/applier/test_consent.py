from __future__ import annotations

from snapplan.applier.consent import without_unconfirmed
from snapplan.models.target import RestoreMode

from .lab import DAY, NOW, expire, manual, memory, plan, restore, scheduled, taken


def left(confirmed, *actions):
    reduced, said = without_unconfirmed(plan(*actions), confirmed)
    return [action.number for action in reduced.actions], said


def test_a_restore_in_place_is_left_out_with_its_safety_snapshot_and_what_waits_for_it():
    world, _ = memory()
    actions = [
        manual(1, "a", key="safety.CHG-1"),
        restore(2, taken(world, "a"), after=[1]),
        manual(3, "b", key="safety.CHG-2"),
        restore(4, taken(world, "b"), key="CHG-2", after=[3]),
        scheduled(5, "a"),
        expire(6, taken(world, "a", NOW - 2 * DAY), after=[2]),
    ]
    numbers, said = left(frozenset({"lab/vm/b"}), *actions)
    assert numbers == [3, 4, 5]
    assert said == ["lab/vm/a is not restored in place: name it with --confirm lab/vm/a"]


def test_with_all_confirmed_nothing_changes():
    world, _ = memory()
    whole = plan(restore(1, taken(world)))
    assert without_unconfirmed(whole, frozenset({"lab/vm/a"})) == (whole, [])


def test_a_clone_needs_no_confirmation():
    world, _ = memory()
    assert left(frozenset(), restore(1, taken(world), mode=RestoreMode.CLONE)) == ([1], [])
