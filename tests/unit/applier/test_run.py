from __future__ import annotations

from datetime import timedelta

import pytest

from snapplan.applier.report import State
from snapplan.drivers.memory.budget import Budget
from snapplan.drivers.metering import LEAST_RESERVE
from snapplan.models.plan import Missed
from snapplan.models.request import Outcome
from snapplan.models.target import RestoreMode, Scope
from snapplan.models.world import ManualKey

from .conftest import states
from .lab import (
    DAY,
    NOW,
    SLOT,
    OneByOne,
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

DONE, FAILED, NOT_TRIED = State.DONE, State.FAILED, State.NOT_TRIED


def names(world):
    return sorted(snapshot.address for snapshot in world.snapshots.values())


def reasons(report):
    return {result.action.number: result.text for result in report.results if result.state is not DONE}


def test_a_plan_with_all_verbs_is_carried_out_and_recorded(bench):
    world, driver = memory()
    old, older, kept = taken(world), taken(world, slot=NOW - 2 * DAY), taken(world, "c")
    world.put(Scope.VM, "c", {"disk": b"ruined"})
    bench.track(triple("b"))
    report = bench.apply(
        [
            profile(1, "gold", {"periods": {}}),
            assign(2, triple("a"), after=[1]),
            manual(3, "c", key="safety.CHG-1"),
            restore(4, kept, after=[3]),
            scheduled(5, after=[2]),
            change(6, old, NOW + DAY),
            expire(7, older, after=[5]),
            assign(8, ends=[triple("b")]),
        ],
        lab=driver,
    )
    assert set(states(report).values()) == {DONE}
    assert not report.partial
    assert report.state == "done"
    assert names(world) == [
        "lab/vm/a@gold.daily.20261121T0200Z",
        "lab/vm/a@gold.daily.20261122T0200Z",
        "lab/vm/c@gold.daily.20261121T0200Z",
        "lab/vm/c@manual.safety.CHG-1",
    ]
    assert world.targets[Scope.VM, "c"].files == {"disk": b"c"}
    assert world.snapshots[old.native_id].mark.expires_at == NOW + DAY
    state = bench.catalog.state()
    assert state.profiles == {"gold": {"periods": {}}}
    assert state.tracked[triple("a")].last_slot == SLOT
    assert list(state.orphaned) == [triple("b")]
    assert state.manual[ManualKey("lab", "vm/c", "safety.CHG-1")].taken_at == NOW
    assert state.restores["CHG-1"] == ("digest", "done", bench.run.id)
    assert bench.journal() == [(number, "done") for number in range(1, 9)]
    assert set(bench.catalog.known("lab")) == {
        native_id for native_id, s in world.snapshots.items() if s.address != kept.address
    }


def test_the_order_is_that_of_the_phases_whatever_the_numbers(bench):
    world, driver = memory()
    old, older = taken(world), taken(world, slot=NOW - 2 * DAY)
    bench.apply(
        [
            assign(1, ends=[triple("b")]),
            expire(2, old, after=[4]),
            expire(3, older),
            scheduled(4),
            change(5, taken(world, "b"), NOW + DAY),
            restore(6, taken(world, "c"), mode=RestoreMode.CLONE),
            assign(7, triple("a")),
        ],
        lab=driver,
    )
    assert bench.listener.began == [7, 6, 4, 5, 3, 2, 1]


def test_the_moment_of_the_capture_and_the_run_stand_in_the_mark_and_retention_counts_from_then(bench):
    world, driver = memory()
    bench.apply([scheduled(1), manual(2, "b")], lab=driver)
    marks = {snapshot.target_name: snapshot.mark for snapshot in world.snapshots.values()}
    assert {(mark.taken_at, mark.run) for mark in marks.values()} == {(NOW, bench.run.id)}
    assert marks["a"].expires_at == NOW + 2 * DAY
    assert marks["b"].expires_at == NOW + DAY


def test_one_failure_stops_only_what_depends_on_it_however_far(bench):
    world, driver = memory(faults=[{"on": "create", "target": "vm/a"}])
    old, other = taken(world), taken(world, "b", slot=NOW - 2 * DAY)
    report = bench.apply(
        [
            scheduled(1),
            scheduled(2, "b"),
            expire(3, old, after=[1]),
            change(4, other, NOW, after=[3]),
            expire(5, other, after=[2]),
        ],
        lab=driver,
    )
    assert states(report) == {1: FAILED, 2: DONE, 3: NOT_TRIED, 4: NOT_TRIED, 5: DONE}
    assert reasons(report) == {
        1: "scripted fault 1 on create of vm/a",
        3: "it needs snapshot lab/vm/a@gold.daily.20261122T0200Z, which failed",
        4: "it needs expire lab/vm/a@gold.daily.20261121T0200Z, which was not tried",
    }
    assert old.native_id in world.snapshots
    assert report.state == "partial"
    assert bench.catalog.state().tracked == {}
    assert dict(bench.journal()) == {1: "failed", 2: "done", 3: "not_tried", 4: "not_tried", 5: "done"}


def test_a_failed_snapshot_satisfies_no_slot(bench):
    _, driver = memory(faults=[{"on": "create"}])
    bench.track(triple())
    bench.apply([scheduled(1), manual(2, "b")], lab=driver)
    state = bench.catalog.state()
    assert state.tracked[triple()].last_slot is None
    assert state.manual == {}


def test_a_failed_restore_stops_the_expiries_that_wait_for_it(bench):
    world, driver = memory(faults=[{"on": "restore"}])
    source, old = taken(world), taken(world, slot=NOW - 2 * DAY)
    report = bench.apply([restore(1, source), expire(2, old, after=[1])], lab=driver)
    assert states(report) == {1: FAILED, 2: NOT_TRIED}
    assert old.native_id in world.snapshots


def test_a_failed_safety_snapshot_stops_the_restore_before_its_key_is_begun(bench):
    world, driver = memory(faults=[{"on": "create"}])
    world.put(Scope.VM, "a", {"disk": b"worth keeping"})
    report = bench.apply([manual(1, key="safety.CHG-1"), restore(2, taken(world), after=[1])], lab=driver)
    assert states(report) == {1: FAILED, 2: NOT_TRIED}
    assert bench.catalog.state().restores == {}


def test_an_action_that_needs_one_that_is_not_in_the_plan_is_not_tried(bench):
    _, driver = memory()
    report = bench.apply([scheduled(1, after=[99])], lab=driver)
    assert reasons(report) == {1: "it needs action 99, which is not part of this plan"}


def test_actions_that_wait_for_each_other_are_not_tried_and_the_apply_ends(bench):
    _, driver = memory()
    report = bench.apply([scheduled(1, after=[2]), scheduled(2, "b", after=[1]), scheduled(3, "c")], lab=driver)
    assert states(report) == {1: NOT_TRIED, 2: NOT_TRIED, 3: DONE}


def test_an_unreachable_backend_is_left_alone_and_the_others_go_on(bench):
    world, driver = memory(kind=OneByOne, faults=[{"on": "create", "error": "unreachable"}])
    nas_world, nas = memory("nas")
    driver.capabilities = driver.capabilities._replace(parallel=1)
    report = bench.apply(
        [scheduled(1), scheduled(2, "b"), expire(3, taken(world)), scheduled(4, "a", "nas")], lab=driver, nas=nas
    )
    assert states(report) == {1: FAILED, 2: NOT_TRIED, 3: NOT_TRIED, 4: DONE}
    assert reasons(report)[2] == "backend 'lab' does not answer"
    assert names(nas_world) == ["nas/vm/a@gold.daily.20261122T0200Z"]


def budget(limit, *, parallel=1):
    """A backend whose calls are counted one by one, with so many requests an hour."""
    world, driver = memory(kind=OneByOne)
    driver._budget = Budget("lab", limit, {}, None)
    driver.capabilities = driver.capabilities._replace(parallel=parallel)
    return world, driver


@pytest.mark.parametrize("parallel", [1, 3])
def test_what_the_requests_of_the_hour_do_not_reach_for_is_not_tried(bench, parallel):
    world, driver = budget(2, parallel=parallel)
    old = [taken(world, "a"), taken(world, "b")]
    _, nas = memory("nas")
    report = bench.apply(
        [scheduled(1), scheduled(2, "b"), scheduled(3, "c"), *map(expire, (4, 5), old), scheduled(6, "a", "nas")],
        lab=driver,
        nas=nas,
    )
    assert sorted(states(report).values()) == [DONE] * 3 + [NOT_TRIED] * 3
    assert states(report) | {1: DONE, 2: DONE, 3: DONE} == {
        **dict.fromkeys((1, 2, 3, 6), DONE),
        4: NOT_TRIED,
        5: NOT_TRIED,
    }
    assert reasons(report)[5] == "the requests that backend 'lab' may get in an hour are used up"
    assert (report.state, report.partial) == ("partial", True)
    journal = {row.number: row.state for row in bench.catalog.journal(bench.run.number)}
    assert sorted(journal.values()) == ["done"] * 3 + ["not_tried"] * 3
    _, again = budget(10)
    again._store = driver._store
    assert states(bench.apply([scheduled(7, "c"), *map(expire, (8, 9), old)], lab=again)) == dict.fromkeys(
        (7, 8, 9), DONE
    )


def test_a_restore_without_requests_left_is_not_begun(bench):
    world, driver = budget(0)
    driver._budget = Budget("lab", 1, {"restore": LEAST_RESERVE + 2}, None)
    source = taken(world)
    world.put(Scope.VM, "a", {"disk": b"ruined"})
    report = bench.apply([restore(1, source)], lab=driver)
    assert states(report) == {1: NOT_TRIED}
    assert (bench.catalog.state().restores["CHG-1"].state, world.restores) == ("refused", {})
    assert [verb for verb, _ in driver.calls] == ["restore"], "no request is spent on looking"


def test_a_backend_that_was_not_opened_is_left_out(bench):
    _, driver = memory()
    report = bench.apply([scheduled(1), scheduled(2, "a", "nas")], lab=driver)
    assert reasons(report) == {2: "backend 'nas' was left out"}


def test_without_a_lease_nothing_is_done_to_a_backend(bench):
    world, driver = memory()
    report = bench.apply([scheduled(1)], leases={}, lab=driver)
    assert reasons(report) == {1: "no lease of backend 'lab'"}
    assert names(world) == []


def test_a_backend_may_wait_for_another(bench):
    world, driver = memory()
    nas_world, nas = memory("nas")
    report = bench.apply([expire(1, taken(world), after=[2]), scheduled(2, "a", "nas")], lab=driver, nas=nas)
    assert states(report) == {1: DONE, 2: DONE}
    assert bench.listener.began == [2, 1]
    assert (names(world), len(names(nas_world))) == ([], 1)


def test_a_bug_in_a_driver_fails_its_action_and_no_other(bench):
    class Buggy(OneByOne):
        def create(self, requests):
            if requests[0].target.name == "a":
                raise KeyError("oops")
            return super().create(requests)

    _world, driver = memory(kind=Buggy)
    report = bench.apply([scheduled(1), scheduled(2, "b")], lab=driver)
    assert states(report) == {1: FAILED, 2: DONE}
    assert reasons(report) == {1: "KeyError: 'oops'"}
    assert isinstance(report.results[0].error, KeyError)


def test_a_driver_that_breaks_off_fails_what_is_left_of_the_call(bench):
    class BreaksOff(OneByOne):
        def create(self, requests):
            yield from super().create(requests[:1])
            raise RuntimeError("lost count")

    _, driver = memory(kind=BreaksOff)
    driver.capabilities = driver.capabilities._replace(batch=True)
    report = bench.apply([scheduled(1), scheduled(2, "b")], lab=driver)
    assert states(report) == {1: DONE, 2: FAILED}


def test_a_driver_that_forgets_an_outcome_is_not_believed(bench):
    class Forgetful(OneByOne):
        def create(self, requests):
            yield from list(super().create(requests))[1:]

    _, driver = memory(kind=Forgetful)
    report = bench.apply([scheduled(1)], lab=driver)
    assert reasons(report) == {1: "MissingOutcomeError: the driver gave no outcome for it"}


def test_an_outcome_too_many_is_ignored(bench):
    class Chatty(OneByOne):
        def create(self, requests):
            yield from super().create(requests)
            yield Outcome(error=RuntimeError("nobody asked"))

    _, driver = memory(kind=Chatty)
    assert states(bench.apply([scheduled(1)], lab=driver)) == {1: DONE}


def test_an_incomplete_snapshot_is_not_believed_to_be_taken(bench):
    class Hasty(OneByOne):
        def create(self, requests):
            for outcome in super().create(requests):
                yield outcome._replace(snapshot=outcome.snapshot._replace(completed_at=None))

    _, driver = memory(kind=Hasty)
    bench.track(triple())
    report = bench.apply([scheduled(1)], lab=driver)
    assert states(report) == {1: FAILED}
    assert "not complete" in reasons(report)[1]
    assert bench.catalog.state().tracked[triple()].last_slot is None


def test_what_a_dead_run_made_is_adopted_and_not_made_twice(bench, open_bench):
    world, driver = memory()
    list(driver.create([scheduled(1).request, manual(2, "b").request]))
    second = open_bench()
    second.track(triple())
    report = second.apply([scheduled(1), manual(2, "b")], lab=driver)
    assert states(report) == {1: DONE, 2: DONE}
    assert len(world.snapshots) == 2
    assert report.results[0].notices[0] == "it was already there"
    assert second.catalog.state().tracked[triple()].last_slot == SLOT
    assert second.catalog.state().manual[ManualKey("lab", "vm/b", "k")].taken_at == NOW - DAY


def test_missed_slots_of_the_backends_at_hand_are_recorded(bench):
    _, driver = memory()
    slots = [NOW - timedelta(hours=2), NOW - timedelta(hours=1)]
    ours = [Missed("lab/vm/a", "gold", "hourly", slot, triple(period="hourly")) for slot in slots]
    others = [Missed("nas/vm/a", "gold", "hourly", slots[0], triple("a", "nas", "hourly"))]
    bench.apply([], missed=(*ours, *others), lab=driver)
    assert sorted((row.triple.backend, row.slot) for row in bench.catalog.missed()) == [("lab", slot) for slot in slots]


def test_an_expired_snapshot_does_not_read_as_vanished(bench):
    world, driver = memory()
    bench.apply([scheduled(1)], lab=driver)
    made = next(iter(world.snapshots.values()))
    assert list(bench.catalog.known("lab")) == [made.native_id]
    bench.apply([expire(2, made)], lab=driver)
    assert bench.catalog.known("lab") == {}
    assert names(world) == []


def test_an_empty_plan_does_nothing_and_is_done(bench):
    report = bench.apply([])
    assert (report.results, report.state, report.interrupted) == ((), "done", False)
