from __future__ import annotations

import dataclasses

from snapplan.applier.consent import Terms, consented, without_unconfirmed
from snapplan.models.plan import Reason, Summary, Verb
from snapplan.models.target import RestoreMode

from .lab import DAY, NOW, change, expire, manual, memory, plan, restore, scheduled, taken


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
    assert said == [
        "lab/vm/a is not restored in place: name it with --confirm lab/vm/a",
        "expire lab/vm/a@gold.daily.20261120T0200Z is left out too: it waits for that restore",
    ]


def test_with_all_confirmed_nothing_changes():
    world, _ = memory()
    whole = plan(restore(1, taken(world)))
    assert without_unconfirmed(whole, frozenset({"lab/vm/a"})) == (whole, [])


def test_a_clone_needs_no_confirmation():
    world, _ = memory()
    assert left(frozenset(), restore(1, taken(world), mode=RestoreMode.CLONE)) == ([1], [])


def test_what_waits_indirectly_goes_whatever_the_order_of_numbers():
    world, _ = memory()
    first, second = taken(world, "a"), taken(world, "b")
    actions = [expire(1, second, after=[2]), expire(2, first, after=[3]), restore(3, first, after=[4]), manual(4, "a")]
    assert left(frozenset(), *actions)[0] == []
    assert left(frozenset({"lab/vm/a"}), *actions)[0] == [1, 2, 3, 4]


def test_what_a_refused_restore_waits_for_stays_where_it_is_no_safety_snapshot():
    world, _ = memory()
    source = taken(world, "a")
    assert left(frozenset(), scheduled(1, "a"), restore(2, source, after=[1]))[0] == [1]


def test_a_safety_snapshot_stays_while_another_action_waits_for_it():
    world, _ = memory()
    actions = [
        manual(1, "a", key="pre-restore"),
        restore(2, taken(world, "a"), after=[1]),
        restore(3, taken(world, "b"), key="CHG-2", mode=RestoreMode.CLONE, after=[1]),
    ]
    assert left(frozenset(), *actions)[0] == [1, 3]


def test_the_summary_counts_what_is_left():
    world, _ = memory()
    orphan = dataclasses.replace(
        expire(4, taken(world, "a", NOW - 3 * DAY), after=[2]), reasons=(Reason("orphan", "2d over (orphan)"),)
    )
    actions = (
        manual(1, "a"),
        restore(2, taken(world, "a"), after=[1]),
        expire(3, taken(world, "a", NOW - 2 * DAY), after=[2]),
        orphan,
        scheduled(5, "b"),
    )
    summary = Summary(snapshot=2, restore=1, expire=2, keep=7, foreign=4, orphan=1)
    reduced, _ = without_unconfirmed(dataclasses.replace(plan(*actions), summary=summary), frozenset())
    assert reduced.summary == Summary(snapshot=1, keep=9, foreign=4, orphan=2)


def codes(action, *reasons):
    return dataclasses.replace(action, reasons=tuple(Reason(code, "") for code in reasons))


def consent(terms, *actions):
    reduced, said = consented(plan(*actions), terms)
    return [action.number for action in reduced.actions], said


def test_what_a_guard_blocks_is_left_out_with_what_waits_for_it():
    world, _ = memory()
    blocked = dataclasses.replace(scheduled(1), blocked_by=("SP307",))
    numbers, said = consent(Terms(), blocked, expire(2, taken(world), after=[1]), scheduled(3, "b"))
    assert numbers == [3]
    assert said == [
        "snapshot lab/vm/a@gold.daily.20261122T0200Z is blocked by SP307",
        "expire lab/vm/a@gold.daily.20261121T0200Z is left out too: it needs what is left out",
    ]


def test_what_retroactive_takes_away_is_left_out_where_nobody_looked():
    world, _ = memory()
    snapshot = taken(world)
    actions = [
        codes(expire(1, snapshot), "retroactive"),
        codes(change(2, snapshot, NOW), "shortened"),
        codes(change(3, snapshot, NOW + DAY), "lengthened"),
        codes(expire(4, taken(world, "b")), "expired"),
    ]
    assert consent(Terms(), *actions)[0] == [1, 2, 3, 4]
    numbers, said = consent(Terms(unattended=True), *actions)
    assert numbers == [3, 4]
    assert all("SP513" in text for text in said)
    assert consent(Terms(unattended=True, allowed=("SP513",)), *actions)[0] == [1, 2, 3, 4]


def test_only_and_except_narrow_what_is_done():
    world, _ = memory()
    actions = [scheduled(1, "a"), scheduled(2, "b"), expire(3, taken(world, "c"))]
    assert consent(Terms(only=(Verb.SNAPSHOT,)), *actions)[0] == [1, 2]
    assert consent(Terms(excepted=("lab/vm/[ab]",)), *actions)[0] == [3]
    assert consent(Terms(only=(Verb.SNAPSHOT,), excepted=("lab/vm/a", "lab/vm/c")), *actions)[0] == [2]


def test_a_set_that_cannot_be_whole_is_left_out_whole():
    actions = [scheduled(1, "a", set="s"), scheduled(2, "b", set="s"), scheduled(3, "c", set="other")]
    numbers, said = consent(Terms(excepted=("lab/vm/a",)), *actions)
    assert numbers == [3]
    assert said[-1].endswith("is left out too: its set cannot be whole")
