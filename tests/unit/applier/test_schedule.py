from __future__ import annotations

import threading

import pytest

from snapplan.applier.report import State
from snapplan.models.plan import Missed
from snapplan.models.target import RestoreMode, Scope

from .conftest import states
from .lab import (
    DAY,
    NOW,
    OneByOne,
    Watched,
    assign,
    change,
    expire,
    manual,
    memory,
    profile,
    restore,
    scheduled,
    taken,
    triple,
)

DONE, NOT_TRIED = State.DONE, State.NOT_TRIED
PATIENCE = 20


def meeting(parties: int):
    """Let each call wait until ``parties`` calls are under way: passes only where they run side by side."""
    barrier = threading.Barrier(parties, timeout=PATIENCE)
    return lambda verb, names: barrier.wait()


def test_backends_work_side_by_side(bench):
    _, lab = memory(kind=Watched)
    _, nas = memory("nas", kind=Watched)
    lab.on_call = nas.on_call = meeting(2)
    report = bench.apply([scheduled(1), scheduled(2, "a", "nas")], lab=lab, nas=nas)
    assert states(report) == {1: DONE, 2: DONE}


def test_targets_of_a_backend_work_side_by_side(bench):
    _, lab = memory(names="abcd", kind=OneByOne)
    lab.on_call = meeting(4)
    report = bench.apply([scheduled(number, name) for number, name in enumerate("abcd", 1)], lab=lab)
    assert set(states(report).values()) == {DONE}


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_never_more_at_once_than_the_driver_can_stand(bench, parallel):
    _, lab = memory(names="abcdef", kind=OneByOne)
    lab.capabilities = lab.capabilities._replace(parallel=parallel)
    lock, under_way, most = threading.Lock(), [], []
    together = threading.Barrier(parallel, timeout=PATIENCE)

    def count(verb, names):
        with lock:
            under_way.append(names)
            most.append(len(under_way))
        together.wait()
        with lock:
            under_way.remove(names)

    lab.on_call = count
    report = bench.apply([scheduled(number, name) for number, name in enumerate("abcdef", 1)], lab=lab)
    assert set(states(report).values()) == {DONE}
    assert max(most) == parallel


def test_what_is_about_one_target_is_done_in_the_order_of_the_plan(bench):
    _, lab = memory(kind=OneByOne)
    both = threading.Barrier(2, timeout=PATIENCE)

    def hold(verb, names):
        if bench.listener.began[-1] != 2:
            both.wait()
            assert 2 not in bench.listener.began

    lab.on_call = hold
    report = bench.apply([scheduled(1, "a"), scheduled(2, "a", period="hourly"), scheduled(3, "b")], lab=lab)
    assert set(states(report).values()) == {DONE}
    assert bench.listener.began.index(2) > bench.listener.began.index(1)
    assert (1, "done") in bench.listener.ended[: bench.listener.ended.index((2, "done"))]


def test_nothing_of_a_backend_expires_while_one_of_its_snapshots_is_being_taken(bench):
    world, lab = memory(kind=OneByOne)
    old = taken(world, "b")
    _, nas = memory("nas", kind=Watched)
    nas_is_done = threading.Event()

    def hold(verb, names):
        if names == ["a"]:
            assert nas_is_done.wait(PATIENCE)
            assert old.native_id in world.snapshots

    lab.on_call = hold
    bench.listener.on_finished = lambda action: nas_is_done.set() if action.number == 4 else None
    nas_world_old = scheduled(3, "a", "nas")
    report = bench.apply([scheduled(1, "a"), expire(2, old), nas_world_old, scheduled(4, "b", "nas")], lab=lab, nas=nas)
    assert set(states(report).values()) == {DONE}
    assert [verb for verb, _ in lab.calls] == ["create", "expire"]


def test_a_batching_backend_gets_one_call_for_all_snapshots_and_one_for_all_expiries(bench):
    world, lab = memory(kind=Watched)
    old = [taken(world, name) for name in "abc"]
    actions = [scheduled(number, name) for number, name in enumerate("abc", 1)]
    actions += [expire(number, snapshot) for number, snapshot in enumerate(old, 4)]
    bench.apply(actions, lab=lab)
    assert lab.calls == [("create", ["a", "b", "c"]), ("expire", ["a", "b", "c"])]


def test_of_a_batch_only_what_may_be_done_is_handed_over(bench):
    world, lab = memory(kind=Watched, faults=[{"on": "create", "target": "vm/a"}])
    old = [taken(world, name) for name in "ab"]
    actions = [scheduled(1, "a"), scheduled(2, "b"), expire(3, old[0], after=[1]), expire(4, old[1], after=[2])]
    report = bench.apply(actions, lab=lab)
    assert states(report)[3] is NOT_TRIED
    assert lab.calls == [("create", ["a", "b"]), ("expire", ["b"])]


def test_a_restore_of_the_whole_system_runs_alone(bench):
    world, lab = memory(kind=OneByOne)
    cloud = world.add_foreign(world.targets[Scope.CLOUD, ""], "all", NOW)
    clone = restore(1, taken(world, "a"), key="one", mode=RestoreMode.CLONE)
    whole, other = restore(2, cloud, key="two"), restore(3, taken(world, "b"), key="three")
    under_way = []

    def hold(verb, names):
        under_way.append(names[0])
        begun = set(bench.listener.began) - {number for number, _ in bench.listener.ended}
        assert names != [""] or begun == {2}

    lab.on_call = hold
    report = bench.apply([clone, whole, other], lab=lab)
    assert set(states(report).values()) == {DONE}
    assert under_way == ["a", "", "b"]


class Switch:
    """A first ^C."""

    def __init__(self):
        self.on = False

    def __call__(self):
        return self.on

    def press(self, *_):
        self.on = True


def test_an_interrupted_apply_finishes_what_runs_and_begins_nothing_more(bench):
    world, lab = memory(kind=OneByOne)
    lab.capabilities = lab.capabilities._replace(parallel=2)
    both = threading.Barrier(2, timeout=PATIENCE)
    stop = Switch()

    def press(verb, names):
        both.wait()
        stop.press()

    lab.on_call = press
    bench.track(triple("c"))
    actions = [
        profile(1, "gold", {"periods": {}}),
        scheduled(2, "a"),
        scheduled(3, "b"),
        scheduled(4, "c"),
        expire(5, taken(world), after=[2]),
        assign(6, ends=[triple("c")]),
    ]
    report = bench.apply(actions, lab=lab, stop=stop)
    assert states(report) == {1: DONE, 2: DONE, 3: DONE, 4: NOT_TRIED, 5: NOT_TRIED, 6: NOT_TRIED}
    assert report.interrupted
    assert report.state == "interrupted"
    assert {result.text for result in report.not_tried} == {"interrupted before it was begun"}
    assert dict(bench.journal()) == {1: "done", 2: "done", 3: "done", 4: "not_tried", 5: "not_tried", 6: "not_tried"}
    assert triple("c") in bench.catalog.state().tracked


def test_a_stop_that_comes_when_all_is_begun_interrupts_nothing(bench):
    _, lab = memory(kind=Watched)
    stop = Switch()
    lab.on_call = stop.press
    report = bench.apply([scheduled(1)], lab=lab, stop=stop)
    assert (states(report), report.interrupted) == ({1: DONE}, False)


def test_a_stop_from_the_start_does_nothing_at_all(bench):
    world, lab = memory(kind=Watched)
    actions = [profile(1), scheduled(2), manual(3, "b"), change(4, taken(world), NOW + DAY)]
    report = bench.apply(actions, lab=lab, stop=lambda: True)
    assert set(states(report).values()) == {NOT_TRIED}
    assert report.interrupted
    assert lab.calls == []


def test_a_stop_after_the_last_backend_action_leaves_protection_as_it_is(bench):
    _, lab = memory(kind=Watched)
    stop = Switch()
    lab.on_call = stop.press
    bench.track(triple("c"))
    report = bench.apply([scheduled(1), assign(2, ends=[triple("c")])], lab=lab, stop=stop)
    assert (states(report), report.interrupted) == ({1: DONE, 2: NOT_TRIED}, True)
    assert triple("c") in bench.catalog.state().tracked


def test_a_stop_from_the_start_records_no_missed_slots(bench):
    _, lab = memory()
    missed = Missed("lab/vm/a", "gold", "daily", NOW - DAY, triple())
    bench.apply([], missed=(missed,), lab=lab, stop=lambda: True)
    assert bench.catalog.missed() == []
