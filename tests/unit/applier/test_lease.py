from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from snapplan import clock
from snapplan.applier.lease import Leases, held, renew
from snapplan.errors import CatalogError, FencedError, LockedError

from .lab import NOW

PATIENCE = 20


def hold(bench, *backends, wait=lambda seconds: False, timeout=timedelta(seconds=1), **more):
    return held(bench.catalog, backends, bench.run, bench.owner, timeout=timeout, now=clock.now, wait=wait, **more)


def locked(bench, backend):
    try:
        bench.catalog.release(bench.lease(backend))
    except LockedError:
        return True
    return False


def test_the_leases_are_held_inside_and_free_after_even_when_the_work_fails(bench, open_bench):
    other = open_bench()

    def work():
        with hold(bench, "b", "a") as leases:
            assert list(leases) == ["a", "b"]
            assert locked(other, "a")
            assert locked(other, "b")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    assert not locked(other, "a")
    assert not locked(other, "b")


def test_they_are_taken_in_the_same_order_whatever_order_they_are_asked_for(bench, open_bench):
    other = open_bench()
    other.lease("b")
    waits = []

    def wait(seconds):
        waits.append((locked(other, "a"), locked(other, "c")))
        return False

    with pytest.raises(LockedError), hold(bench, "c", "b", "a", wait=wait):
        pass
    assert set(waits) == {(True, False)}


def test_after_the_timeout_the_holder_is_named_and_nothing_is_kept(bench, open_bench):
    other = open_bench()
    other.lease("b")
    waits = []
    with pytest.raises(LockedError) as caught, hold(bench, "a", "b", wait=lambda seconds: waits.append(seconds)):
        pass
    assert caught.value.backend == "b"
    assert other.owner.host in str(caught.value)
    assert f"run {other.run.number}" in str(caught.value)
    assert caught.value.hint
    assert sum(waits) == pytest.approx(1)
    assert not locked(other, "a")


def test_without_a_timeout_it_is_tried_once(bench, open_bench):
    open_bench().lease("a")
    with pytest.raises(LockedError), hold(bench, "a", wait=pytest.fail, timeout=timedelta(0)):
        pass


def test_a_lease_that_is_given_back_meanwhile_is_had(bench, open_bench):
    other = open_bench()
    lease = other.lease("a")

    def wait(seconds):
        other.catalog.release(lease)
        return False

    with hold(bench, "a", wait=wait) as leases:
        assert leases["a"].token > lease.token


def test_somebody_who_is_asked_to_stop_does_not_wait_on(bench, open_bench):
    open_bench().lease("a")
    waits = []

    def wait(seconds):
        waits.append(seconds)
        return True

    with pytest.raises(LockedError), hold(bench, "a", wait=wait):
        pass
    assert len(waits) == 1


def test_the_heartbeat_goes_on_and_finds_out_that_a_lease_was_taken_over(bench, open_bench):
    other = open_bench()
    seen = threading.Event()
    ours = []

    def now():
        # Called again and again by the heartbeat's thread: how a test sees that it beats.
        if any(leases.lost for leases in ours):
            seen.set()
        return clock.now()

    with held(
        bench.catalog,
        ["a", "b"],
        bench.run,
        bench.owner,
        timeout=timedelta(0),
        now=now,
        wait=lambda seconds: False,
        heartbeat=timedelta(milliseconds=1),
    ) as leases:
        ours.append(leases)
        bench.catalog.release(leases["a"])
        other.lease("a")
        assert seen.wait(PATIENCE)
        assert list(leases.lost) == ["a"]
        bench.catalog.check(leases["b"])
        with pytest.raises(FencedError):
            bench.catalog.check(leases["a"])
    assert locked(bench, "a")


def test_a_lost_lease_is_not_renewed_and_not_given_back_over_its_new_holder(bench, open_bench):
    leases = Leases()
    leases["a"] = bench.lease("a")
    leases["b"] = bench.lease("b")
    bench.catalog.release(leases["a"])
    other = open_bench()
    theirs = other.lease("a")
    renew(bench.catalog, leases, NOW)
    renew(bench.catalog, leases, NOW)
    assert list(leases.lost) == ["a"]
    assert "took over" in leases.lost["a"]
    other.catalog.check(theirs)


def test_a_catalog_that_does_not_answer_a_beat_loses_no_lease(bench):
    leases = Leases()
    leases["a"] = bench.lease("a")
    bench.catalog.close()
    renew(bench.catalog, leases, NOW)
    assert leases.lost == {}


def test_the_end_of_the_work_is_not_lost_because_a_lease_cannot_be_given_back(bench):
    with hold(bench, "a"):
        bench.catalog.close()
    with pytest.raises(CatalogError):
        bench.lease("a")
