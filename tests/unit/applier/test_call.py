from __future__ import annotations

import pytest

from snapplan.applier.report import State
from snapplan.errors import CatalogError
from snapplan.models.plan import Missed
from snapplan.models.target import Scope
from snapplan.models.world import ManualKey

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

DONE, FAILED, NOT_TRIED = State.DONE, State.FAILED, State.NOT_TRIED


def take_over(bench, open_bench, backend="lab"):
    """Another process takes the lease, as it may when our heartbeat has stopped."""
    bench.catalog.release(bench.lease(backend))
    return open_bench().lease(backend)


def test_a_run_whose_lease_was_taken_over_does_nothing_more_on_that_backend(bench, open_bench):
    world, lab = memory(kind=OneByOne)
    _nas_world, nas = memory("nas", kind=OneByOne)
    lab.capabilities = lab.capabilities._replace(parallel=1)
    bench.listener.on_finished = lambda action: take_over(bench, open_bench) if action.number == 1 else None
    old = taken(world, "b")
    report = bench.apply(
        [scheduled(1), scheduled(2, "b"), expire(3, old), scheduled(4, "a", "nas"), assign(5, ends=[triple("a")])],
        lab=lab,
        nas=nas,
    )
    assert states(report) == {1: DONE, 2: NOT_TRIED, 3: NOT_TRIED, 4: DONE, 5: NOT_TRIED}
    assert lab.calls == [("create", ["a"])]
    assert "took over backend 'lab'" in report.results[1].text
    assert "lease" in report.results[4].text


def test_a_fenced_run_begins_no_restore(bench, open_bench):
    world, lab = memory(kind=Watched)
    lease = bench.lease("lab")
    take_over(bench, open_bench)
    report = bench.apply([restore(1, taken(world))], leases={"lab": lease}, lab=lab)
    assert states(report) == {1: NOT_TRIED}
    assert lab.calls == []
    assert bench.catalog.state().restores == {}


def test_a_fenced_run_records_no_profile_and_no_missed_slot(bench, open_bench):
    _, lab = memory()
    lease = bench.lease("lab")
    take_over(bench, open_bench)
    missed = Missed("lab/vm/a", "gold", "daily", NOW - DAY, triple())
    report = bench.apply([profile(1, "gold", {})], missed=(missed,), leases={"lab": lease}, lab=lab)
    assert states(report) == {1: NOT_TRIED}
    assert bench.catalog.state().profiles == {}
    assert bench.catalog.missed() == []
    assert "missed slots were not recorded" in report.notices[0]


def test_a_catalog_that_can_no_longer_be_written_stops_before_the_backend_is_touched(bench):
    _, lab = memory(kind=Watched)
    lease = bench.lease("lab")
    bench.catalog.close()
    report = bench.apply([profile(1), scheduled(2), expire(3, taken(memory()[0]))], leases={"lab": lease}, lab=lab)
    assert states(report) == {1: FAILED, 2: NOT_TRIED, 3: NOT_TRIED}
    assert lab.calls == []
    assert "the catalog could not record the intent" in report.results[1].text


def test_what_was_done_but_could_not_be_recorded_is_no_success_and_ends_the_work_on_its_backend(bench):
    world, lab = memory(kind=OneByOne)
    lab.capabilities = lab.capabilities._replace(parallel=1)
    lab.on_call = lambda verb, names: bench.catalog.close()
    report = bench.apply([scheduled(1), scheduled(2, "b"), expire(3, taken(world), after=[1])], lab=lab)
    assert states(report) == {1: FAILED, 2: NOT_TRIED, 3: NOT_TRIED}
    assert "it was done, and the next run finds it" in report.results[0].text
    assert isinstance(report.results[0].error, CatalogError)
    assert len(world.snapshots) == 2


def fault(on, **fields):
    return {"on": on, "error": "unknown", **fields}


def test_a_snapshot_of_unknown_outcome_that_is_there_was_taken(bench):
    _, lab = memory(kind=Watched, faults=[fault("create", after_effect=True)])
    bench.track(triple())
    report = bench.apply([scheduled(1), manual(2, "b")], lab=lab)
    assert states(report) == {1: DONE, 2: DONE}
    assert "looked" in report.results[0].notices[0]
    assert report.results[0].snapshot.completed_at == NOW
    assert bench.catalog.state().tracked[triple()].last_slot == NOW
    assert list(bench.catalog.state().manual) == [ManualKey("lab", "vm/b", "k")]


def test_a_snapshot_of_unknown_outcome_that_is_not_there_was_not_taken(bench):
    world, lab = memory(kind=Watched, faults=[fault("create")])
    bench.track(triple())
    old = taken(world)
    report = bench.apply([scheduled(1), expire(2, old, after=[1])], lab=lab)
    assert states(report) == {1: FAILED, 2: NOT_TRIED}
    assert report.results[0].text == "scripted fault 1 on create of vm/a; looked: nothing was created"
    assert bench.catalog.state().tracked[triple()].last_slot is None


def test_an_old_snapshot_of_another_slot_is_not_taken_for_the_new_one(bench):
    world, lab = memory(faults=[fault("create")])
    taken(world, slot=NOW - DAY)
    assert states(bench.apply([scheduled(1)], lab=lab)) == {1: FAILED}


def test_an_incomplete_snapshot_of_unknown_outcome_was_not_taken(bench):
    world, lab = memory(faults=[fault("create")])
    half = taken(world, slot=NOW)._replace(completed_at=None)
    world.snapshots[half.native_id] = half
    report = bench.apply([scheduled(1)], lab=lab)
    assert states(report) == {1: FAILED}
    assert "not complete" in report.results[0].text


@pytest.mark.parametrize(("after_effect", "state"), [(True, DONE), (False, FAILED)])
def test_changes_and_expiries_of_unknown_outcome_are_looked_at(bench, after_effect, state):
    faults = [fault("change", after_effect=after_effect), fault("expire", after_effect=after_effect)]
    world, lab = memory(faults=faults)
    report = bench.apply([change(1, taken(world), NOW + DAY), expire(2, taken(world, "b"))], lab=lab)
    assert states(report) == {1: state, 2: state}
    assert all("looked" in (result.text or result.notices[0]) for result in report.results)
    assert len(bench.catalog.known("lab")) == (1 if after_effect else 0)


@pytest.mark.parametrize(("after_effect", "state"), [(True, DONE), (False, FAILED)])
def test_a_date_pushed_out_with_unknown_outcome_is_looked_at_where_it_stands(bench, monkeypatch, after_effect, state):
    monkeypatch.setenv("SNAPPLAN_NOW", NOW.isoformat())
    world, lab = memory(faults=[fault("change", after_effect=after_effect)])
    lab.capabilities = lab.capabilities._replace(expires_itself=True)
    snapshot = taken(world)
    world.deletes_at[snapshot.native_id] = NOW + DAY
    report = bench.apply([change(1, snapshot, snapshot.mark.expires_at)], lab=lab)
    assert states(report) == {1: state}
    assert world.deletes_at[snapshot.native_id] == NOW + (7 if after_effect else 1) * DAY


def test_a_change_of_unknown_outcome_to_a_snapshot_that_is_gone_failed(bench):
    world, lab = memory(faults=[fault("change")], kind=Watched)
    snapshot = taken(world)
    lab.on_call = lambda verb, names: world.drop(snapshot.native_id) if verb == "inventory" else None
    report = bench.apply([change(1, snapshot, NOW + DAY)], lab=lab)
    assert report.results[0].text.endswith("it is gone")


def test_one_look_is_enough_for_one_call_that_broke_off(bench):
    class BreaksOff(Watched):
        def create(self, requests):
            from snapplan.errors import OutcomeUnknownError

            list(super().create(requests[:1]))
            raise OutcomeUnknownError("lab", "connection lost")

    _, lab = memory(kind=BreaksOff)
    report = bench.apply([scheduled(1), scheduled(2, "b"), scheduled(3, "c")], lab=lab)
    assert states(report) == {1: DONE, 2: FAILED, 3: FAILED}
    assert [verb for verb, _ in lab.calls].count("inventory") == 1


def test_where_the_backend_cannot_be_looked_at_the_outcome_stays_unknown(bench):
    _, lab = memory(faults=[fault("create", after_effect=True), {"on": "inventory", "error": "unreachable"}])
    report = bench.apply([scheduled(1)], lab=lab)
    assert states(report) == {1: FAILED}
    assert "could not look either" in report.results[0].text


def restored(bench, faults):
    world, lab = memory(faults=faults)
    source = taken(world)
    world.put(Scope.VM, "a", {"disk": b"ruined"})
    report = bench.apply([restore(1, source)], lab=lab)
    return states(report)[1], bench.catalog.state().restores["CHG-1"].state, world.targets[Scope.VM, "a"].files["disk"]


def test_a_restore_that_was_done_is_recorded_though_the_backend_did_not_confirm_it(bench):
    assert restored(bench, [fault("restore", after_effect=True)]) == (DONE, "done", b"a")


@pytest.mark.parametrize("error", ["unknown", "refused", "unreachable"])
def test_a_restore_that_was_not_begun_may_be_tried_again(bench, error):
    assert restored(bench, [{"on": "restore", "error": error}]) == (FAILED, "refused", b"ruined")
    assert restored(bench, []) == (DONE, "done", b"a")


def test_a_restore_that_was_begun_and_broke_off_stays_begun(bench):
    class BreaksOff(Watched):
        def restore(self, request):
            from snapplan.models.request import StartedRestore

            world.restores[request.key] = StartedRestore(request.key, request.run, request.target_id, NOW, done=False)
            raise RuntimeError("power lost")

    world, lab = memory(kind=BreaksOff)
    report = bench.apply([restore(1, taken(world))], lab=lab)
    assert states(report) == {1: FAILED}
    assert "RuntimeError: power lost; looked: it was begun" in report.results[0].text
    assert bench.catalog.state().restores["CHG-1"].state == "started"
    assert world.restores["CHG-1"].run == bench.run.id
