"""The budget of requests: nothing is begun that would exceed it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from snapplan.drivers.metering import ProcessMeter
from snapplan.drivers.vergeos.budget import Budget
from snapplan.drivers.vergeos.costs import REQUEST_COSTS, cost_of
from snapplan.errors import RequestBudgetError
from snapplan.models.request import PlatformAssignRequest, PlatformProfileRequest

from .writer import Writer


def test_what_fits_exactly_is_begun() -> None:
    meter = ProcessMeter()
    budget = Budget("dc1", meter, 10)
    meter.count(7)
    with budget.reserve(3):
        meter.count(3)
    with pytest.raises(RequestBudgetError, match=r"10 of 10 requests .* this needs 1"), budget.reserve(1):
        pytest.fail("it was begun")


def test_what_other_threads_have_begun_counts() -> None:
    budget = Budget("dc1", ProcessMeter(), 10)
    begun, end = threading.Event(), threading.Event()

    def other() -> None:
        with budget.reserve(8):
            begun.set()
            end.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(5)
    with pytest.raises(RequestBudgetError), budget.reserve(3):
        pytest.fail("it was begun")
    end.set()
    thread.join()
    with budget.reserve(10):
        pass


def test_what_fails_gives_its_reservation_back() -> None:
    budget = Budget("dc1", ProcessMeter(), 10)
    with pytest.raises(ValueError, match="broken"), budget.reserve(10):
        raise ValueError("broken")
    with budget.reserve(10):
        pass


def test_a_scope_may_cost_more_than_its_verb() -> None:
    assert cost_of("snapshot", "cloud") == REQUEST_COSTS["snapshot.cloud"]
    assert cost_of("snapshot", "vm") == REQUEST_COSTS["snapshot"]


def test_no_action_sends_anything_without_a_budget(write_to: Callable[..., Writer]) -> None:
    writer = write_to(requests_per_hour=100)
    snapshot = writer.take("vm/db-01")
    request = writer.request("vm/db-01", "two")
    restore = writer.restoring(snapshot, "vm/db-01")
    assign = PlatformAssignRequest(request.target, "", "gold")
    writer.meter.count(100)
    writer.sim.requests()
    driver = writer.driver
    outcomes = [
        *driver.create([request]),
        writer.change(snapshot),
        writer.expire(snapshot),
        writer.restore(restore),
        driver.set_assignment(assign),
        driver.set_profile(PlatformProfileRequest(None, None)),
    ]
    assert [type(each.error) for each in outcomes] == [RequestBudgetError] * 6
    assert writer.sim.requests() == []


def test_reads_of_an_inventory_are_never_refused(write_to: Callable[..., Writer]) -> None:
    writer = write_to(requests_per_hour=100)
    writer.meter.count(100)
    assert writer.inventory().targets
    assert writer.meter.spent() > 100


@pytest.mark.parametrize("path", ["vm/db-01", "volume/shared", "tenant/acme", "cloud"])
def test_the_costs_are_what_actions_take(write_to: Callable[..., Writer], path: str) -> None:
    writer = write_to()
    request = writer.request(path)
    scope = request.target.scope

    def spent(act: Callable[[], object]) -> int:
        before = writer.meter.spent()
        act()
        return writer.meter.spent() - before

    assert spent(lambda: list(writer.driver.create([request]))) <= cost_of("snapshot", scope)
    (snapshot,) = writer.snapshots(path)
    assert spent(lambda: writer.change(snapshot, minimum=3)) <= cost_of("change", scope)
    (snapshot,) = writer.snapshots(path)
    assert spent(lambda: writer.expire(snapshot)) <= cost_of("expire", scope)
