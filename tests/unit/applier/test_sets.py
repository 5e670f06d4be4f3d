from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from snapplan.applier.report import State
from snapplan.applier.sets import broken_key
from snapplan.ids import KEY_NAME

from .conftest import states
from .lab import NOW, OneByOne, Watched, expire, manual, memory, scheduled, taken, triple

DONE, FAILED, NOT_TRIED = State.DONE, State.FAILED, State.NOT_TRIED


def members(*names, **changes):
    return [scheduled(number, name, set="all.daily", **changes) for number, name in enumerate(names, 1)]


@pytest.mark.parametrize("kind", [Watched, OneByOne])
def test_a_set_is_handed_over_in_one_call_and_recorded_as_whole(bench, kind):
    _world, lab = memory(kind=kind)
    bench.track(triple("a"), triple("b"))
    report = bench.apply([*members("a", "b"), scheduled(3, "c")], lab=lab)
    assert states(report) == {1: DONE, 2: DONE, 3: DONE}
    assert next(names for verb, names in lab.calls if "a" in names)[:2] == ["a", "b"]
    assert {record.last_slot for record in bench.catalog.state().tracked.values()} == {NOW}


def test_a_broken_set_satisfies_nothing_justifies_nothing_and_expires_within_a_day(bench):
    world, lab = memory(kind=OneByOne, faults=[{"on": "create", "target": "vm/b"}])
    bench.track(triple("a"), triple("b"), triple("c"))
    old = taken(world, "a")
    report = bench.apply([*members("a", "b", "c"), expire(4, old, after=[1])], lab=lab)
    assert states(report) == {1: FAILED, 2: FAILED, 3: FAILED, 4: NOT_TRIED}
    assert {record.last_slot for record in bench.catalog.state().tracked.values()} == {None}
    made = [snapshot for snapshot in world.snapshots.values() if snapshot != old]
    assert sorted(snapshot.target_name for snapshot in made) == ["a", "c"]
    for snapshot in made:
        mark = snapshot.mark
        assert (mark.profile, mark.period, mark.slot, mark.minimum) == (None, None, None, 0)
        assert (mark.key, mark.expires_at) == ("broken-set.all.daily", NOW + timedelta(hours=24))
        assert (mark.project, mark.run, mark.set) == ("demo", bench.run.id, "all.daily")
    assert old.native_id in world.snapshots
    texts = {result.action.number: result.text for result in report.results}
    assert texts[1] == (
        "its set 'all.daily' is not whole, because lab/vm/b@gold.daily.20261122T0200Z failed; "
        "it is kept until 2026-11-23T02:00:00Z and counts for nothing"
    )
    assert texts[2] == "scripted fault 1 on create of vm/b"
    known = {each.snapshot.mark.key for each in bench.catalog.known("lab").values()}
    assert known == {"broken-set.all.daily"}


def test_a_broken_manual_set_leaves_its_key_free(bench):
    _, lab = memory(kind=OneByOne, faults=[{"on": "create", "target": "vm/b"}])
    pair = [dataclasses.replace(action, request=in_set(action)) for action in (manual(1, "a"), manual(2, "b"))]
    report = bench.apply(pair, lab=lab)
    assert states(report) == {1: FAILED, 2: FAILED}
    assert bench.catalog.state().manual == {}


def in_set(action):
    return action.request._replace(mark=action.request.mark._replace(set="manual.k"))


def test_a_set_with_a_member_that_may_not_be_tried_is_not_begun(bench):
    _, lab = memory(kind=OneByOne, faults=[{"on": "create", "target": "vm/c"}])
    actions = members("a", "b")
    late = scheduled(2, "b", set="all.daily", after=[3])
    report = bench.apply([actions[0], late, scheduled(3, "c")], lab=lab)
    assert states(report) == {1: NOT_TRIED, 2: NOT_TRIED, 3: FAILED}
    assert "its set 'all.daily' cannot be whole" in report.results[0].text
    assert lab.calls == [("create", ["c"])]


def test_a_member_that_was_there_before_is_left_as_it_is(bench):
    world, lab = memory(kind=OneByOne, faults=[{"on": "create", "target": "vm/b"}])
    list(lab.create([members("a")[0].request]))
    report = bench.apply(members("a", "b"), lab=lab)
    assert states(report) == {1: DONE, 2: FAILED}
    assert [snapshot.mark.period for snapshot in world.snapshots.values()] == ["daily"]


def test_a_member_that_cannot_be_disowned_is_said_to_stay(bench):
    faults = [{"on": "create", "target": "vm/b"}, {"on": "change"}]
    _world, lab = memory(kind=OneByOne, faults=faults)
    bench.track(triple("a"))
    report = bench.apply(members("a", "b"), lab=lab)
    assert states(report) == {1: FAILED, 2: FAILED}
    assert "could not be marked so: scripted fault 2" in report.results[0].text
    assert bench.catalog.state().tracked[triple("a")].last_slot is None


def test_a_run_that_lost_its_lease_meanwhile_changes_no_marks(bench, open_bench):
    _world, lab = memory(kind=OneByOne, faults=[{"on": "create", "target": "vm/b"}])

    def take_over(verb, names):
        bench.catalog.release(bench.lease("lab"))
        open_bench().lease("lab")

    lab.on_call = take_over
    report = bench.apply(members("a", "b"), lab=lab)
    assert states(report) == {1: FAILED, 2: FAILED}
    assert [verb for verb, _ in lab.calls] == ["create"]


@pytest.mark.parametrize("name", ["all.daily", "x" * 200, "odd/name with spaces"])
def test_the_key_of_a_broken_set_is_a_proper_key(name):
    assert KEY_NAME.match(broken_key(name))
    assert broken_key(name) != broken_key(name + "2")


def test_a_backend_that_takes_sets_at_one_instant_leaves_nothing_of_a_broken_one(bench):
    world, lab = memory(kind=Watched, faults=[{"on": "create", "target": "vm/b"}])
    report = bench.apply(members("a", "b"), lab=lab)
    assert states(report) == {1: FAILED, 2: FAILED}
    assert world.snapshots == {}


@pytest.mark.parametrize(("error", "after"), [("unknown", False), ("unreachable", False), ("unknown", True)])
def test_one_lost_request_does_not_spoil_a_set(bench, error, after):
    fault = {"on": "create", "target": "vm/b", "error": error, "after_effect": after, "times": 1}
    world, lab = memory(kind=OneByOne, faults=[fault])
    report = bench.apply(members("a", "b", "c"), lab=lab)
    assert states(report) == {1: DONE, 2: DONE, 3: DONE}
    assert sorted(snapshot.target_name for snapshot in world.snapshots.values()) == ["a", "b", "c"]
    assert {snapshot.mark.period for snapshot in world.snapshots.values()} == {"daily"}


def test_a_request_that_is_lost_twice_breaks_its_set(bench):
    world, lab = memory(kind=OneByOne, faults=[{"on": "create", "target": "vm/b", "error": "unknown"}])
    report = bench.apply(members("a", "b", "c"), lab=lab)
    assert states(report) == {1: FAILED, 2: FAILED, 3: FAILED}
    assert {snapshot.mark.key for snapshot in world.snapshots.values()} == {"broken-set.all.daily"}


def test_what_is_refused_is_not_asked_for_again(bench):
    _, lab = memory(kind=OneByOne, faults=[{"on": "create", "target": "vm/b", "error": "refused", "times": 1}])
    assert states(bench.apply(members("a", "b"), lab=lab)) == {1: FAILED, 2: FAILED}
