from __future__ import annotations

import pytest

from snapplan.applier.recover import recover
from snapplan.errors import FencedError
from snapplan.models.request import Recovered, StartedRestore
from snapplan.models.world import RestoreRecord

from .lab import NOW, Watched, memory


def begun(world, key="CHG-1", run="dead", *, done=False):
    world.restores[key] = StartedRestore(key, run, "vm/a", NOW, done)


def recovered(bench, live_runs=(), **drivers):
    leases = {name: bench.lease(name) for name in drivers}
    return recover(drivers, bench.catalog, live_runs, leases=leases)


def state(bench, key="CHG-1"):
    return bench.catalog.state().restores[key].state


def record(bench, key="CHG-1", run="dead"):
    bench.catalog.record_restore(key, RestoreRecord("digest", "started", run))


def test_a_restore_that_a_dead_run_had_begun_is_settled_and_recorded(bench):
    world, driver = memory()
    begun(world)
    record(bench)
    found = recovered(bench, lab=driver)
    assert bench.catalog.state().restores["CHG-1"] == RestoreRecord("digest", "undone", "dead")
    assert found.texts == ["lab: restore CHG-1 had changed nothing and was undone"]
    assert found.failed == {}


def test_one_that_the_driver_completed_is_done(bench):
    class Completes(Watched):
        def recover(self, live_runs, mandate):
            return [Recovered("completed it", "CHG-1", completed=True), Recovered("thawed vm/b")]

    _, driver = memory(kind=Completes)
    record(bench)
    assert recovered(bench, lab=driver).texts == ["lab: completed it", "lab: thawed vm/b"]
    assert state(bench) == "done"


def test_one_of_a_run_that_goes_on_is_left_alone(bench):
    world, driver = memory()
    begun(world, run="alive")
    record(bench, run="alive")
    assert recovered(bench, ["alive"], lab=driver).texts == []
    assert state(bench) == "started"
    assert not world.restores["CHG-1"].done


def test_one_that_a_run_that_goes_on_is_about_to_begin_is_left_alone_too(bench):
    _, driver = memory()
    record(bench, run="alive")
    assert recovered(bench, ["alive"], lab=driver).texts == []
    assert state(bench) == "started"


def test_one_that_was_completed_before_its_run_died_is_done(bench):
    world, driver = memory()
    begun(world, done=True)
    record(bench)
    recovered(bench, lab=driver)
    assert state(bench) == "done"


def test_one_that_no_backend_knows_was_not_begun_and_may_be_tried_again(bench):
    _, lab = memory()
    _, nas = memory("nas")
    record(bench)
    assert recovered(bench, lab=lab, nas=nas).texts == ["restore CHG-1 had not been begun"]
    assert state(bench) == "refused"


def test_while_a_backend_does_not_answer_nothing_is_said_of_keys_that_it_may_know(bench):
    _, lab = memory()
    _, nas = memory("nas", faults=[{"on": "inventory", "error": "unreachable"}])
    record(bench)
    found = recovered(bench, lab=lab, nas=nas)
    assert state(bench) == "started"
    assert list(found.failed) == ["nas"]


def test_a_restore_that_the_catalog_does_not_know_is_recorded_too(bench):
    world, driver = memory()
    begun(world)
    recovered(bench, lab=driver)
    assert bench.catalog.state().restores["CHG-1"] == RestoreRecord("", "undone", "")


def test_nothing_left_behind_costs_no_listing(bench):
    _, driver = memory(kind=Watched)
    assert recovered(bench, lab=driver) == ([], {}, set(), [])
    assert driver.calls == []


def test_a_backend_that_is_no_longer_ours_is_not_touched(bench, open_bench):
    world, driver = memory()
    begun(world)
    lease = bench.lease("lab")
    bench.catalog.release(lease)
    open_bench().lease("lab")
    with pytest.raises(FencedError):
        recover({"lab": driver}, bench.catalog, (), leases={"lab": lease})
    assert "CHG-1" in world.restores
