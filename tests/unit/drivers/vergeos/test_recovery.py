"""Restores of runs that died: what the next run makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from vergeos_sim.conftest import SEED, Sim

from snapplan.drivers.vergeos.marks import line_of, with_line
from snapplan.models.request import Mandate

from .test_restoring import KINDS, is_on, ledger, prepared
from .writer import Writer


def rewritten(writer: Writer, **fields: Any) -> None:
    """Change what is recorded of the restore, as a process that died earlier would have left it."""
    tag = next(row for row in writer.rows("tags") if row["name"] == "CHG-1")
    line = line_of(tag["description"])
    assert line is not None
    kept = {name: value for name, value in {**line, **fields}.items() if name != "v"}
    writer.sim.put(f"tags/{tag['$key']}", {"description": with_line("x", kept)})


@pytest.fixture
def begun(writer: Writer) -> Writer:
    """A restore in place that was carried out, and recorded as if its process had died before it said so."""
    assert writer.restore(prepared(writer, KINDS["VM in place"])._replace(power_on=False)).error is None
    writer.sim.control("PUT", "bytes/vms/web-01", b"changed later")
    return writer


def test_a_live_run_is_left_to_itself(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    assert begun.driver.recover(frozenset({"run-1"})) == []
    assert ledger(begun) == [("CHG-1", False)]


def test_one_that_was_only_begun_is_undone(begun: Writer) -> None:
    rewritten(begun, state="started", step="begun")
    (found,) = begun.driver.recover(frozenset())
    assert (found.restore_key, found.completed) == ("CHG-1", False)
    assert ledger(begun) == []
    assert begun.sim.bytes("vms/web-01") == b"changed later"


COMPLETE = Mandate(complete=frozenset({"CHG-1"}))


def test_one_that_may_have_acted_waits_for_a_person(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    (found,) = begun.driver.recover(frozenset())
    assert (found.restore_key, found.completed, found.pending) == ("CHG-1", False, True)
    assert begun.sim.bytes("vms/web-01") == b"changed later"
    assert ledger(begun) == [("CHG-1", False)]


def test_one_that_may_have_acted_is_given_up_when_a_person_says_so(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    (found,) = begun.driver.recover(frozenset(), Mandate(undo=frozenset({"CHG-1"})))
    assert (found.completed, found.pending) == (False, False)
    assert begun.sim.bytes("vms/web-01") == b"changed later"
    assert ledger(begun) == []


def test_one_that_may_have_acted_is_done_again_when_a_person_says_so(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    (found,) = begun.driver.recover(frozenset(), COMPLETE)
    assert (found.restore_key, found.completed) == ("CHG-1", True)
    assert begun.sim.bytes("vms/web-01") == b"web one"
    assert ledger(begun) == [("CHG-1", True)]


def test_one_that_may_have_acted_on_a_vm_that_is_on_is_left(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    vm = next(row["$key"] for row in begun.rows("vms") if row["name"] == "web-01")
    begun.sim.post("vm_actions", {"vm": vm, "action": "poweron"})
    for _ in range(2):
        (found,) = begun.driver.recover(frozenset())
        assert (found.restore_key, found.completed) == ("", False)
        assert "stays begun" in found.text
    assert begun.sim.bytes("vms/web-01") == b"changed later"
    assert ledger(begun) == [("CHG-1", False)]


def test_one_that_may_have_acted_on_a_vm_that_was_used_since_is_left(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    begun.sim.control("POST", "clock/step", {"minutes": 10})
    vm = next(row["$key"] for row in begun.rows("vms") if row["name"] == "web-01")
    for action in ("poweron", "kill"):
        begun.sim.post("vm_actions", {"vm": vm, "action": action})
    (found,) = begun.driver.recover(frozenset())
    assert "switched on since" in found.text
    assert begun.sim.bytes("vms/web-01") == b"changed later"
    assert ledger(begun) == [("CHG-1", False)]


def test_one_that_acted_is_only_switched_on(begun: Writer) -> None:
    rewritten(begun, state="started", step="acted", power_on=True)
    (found,) = begun.driver.recover(frozenset())
    assert found.completed
    assert is_on(begun, "vms", "web-01")
    assert begun.sim.bytes("vms/web-01") == b"changed later"


def test_a_target_that_is_gone_ends_it(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    vm = next(row["$key"] for row in begun.rows("vms") if row["name"] == "web-01")
    begun.sim.delete(f"vms/{vm}")
    (found,) = begun.driver.recover(frozenset())
    assert "its target is gone" in found.text
    assert ledger(begun) == []


def test_a_source_that_is_gone_leaves_it_begun(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    begun.sim.delete("machine_snapshots/1")
    (found,) = begun.driver.recover(frozenset(), COMPLETE)
    assert "is not there any more" in found.text
    assert ledger(begun) == [("CHG-1", False)]


def test_a_record_that_says_too_little_is_left(begun: Writer) -> None:
    rewritten(begun, state="started", source="?")
    (found,) = begun.driver.recover(frozenset())
    assert "stays begun" in found.text


def test_a_vm_of_the_name_that_was_there_long_before_is_not_the_clone(writer: Writer) -> None:
    request = prepared(writer, KINDS["VM clone"])
    assert writer.restore(request).error is None
    copy = next(row["$key"] for row in writer.rows("vms") if row["name"] == "copy")
    rewritten(writer, state="started")
    writer.sim.control("PUT", f"rows/vms/{copy}", {"created": 1_600_000_000})
    (found,) = writer.driver.recover(frozenset())
    assert not found.completed
    assert ledger(writer) == []


def test_a_recovery_that_is_under_way_is_waited_for(sim: Sim, write_to: Callable[..., Writer]) -> None:
    sim.seed(timings={**SEED["timings"], "recover": 40})
    writer = write_to(building_timeout="10s")
    assert writer.restore(prepared(writer, KINDS["VM out of the system"])).error is not None
    assert ledger(writer) == [("CHG-1", False)]
    (found,) = writer.driver.recover(frozenset())
    assert (found.restore_key, found.completed) == ("CHG-1", True)
    assert writer.sim.bytes("vms/copy") == b"web one"


def test_a_recovery_that_takes_longer_is_left_to_the_next_run(sim: Sim, write_to: Callable[..., Writer]) -> None:
    sim.seed(timings={**SEED["timings"], "recover": 3600})
    writer = write_to(building_timeout="10s")
    assert writer.restore(prepared(writer, KINDS["VM out of the system"])).error is not None
    (found,) = writer.driver.recover(frozenset())
    assert "still being imported" in found.text
    assert ledger(writer) == [("CHG-1", False)]
    sim.step(3600)
    (found,) = writer.driver.recover(frozenset())
    assert found.completed


def test_without_a_budget_it_is_left_to_a_later_run(begun: Writer) -> None:
    rewritten(begun, state="started", step="acting")
    begun.meter.count(2_000_000)
    (found,) = begun.driver.recover(frozenset(), Mandate(complete=frozenset({"CHG-1"})))
    assert "requests of this hour" in found.text
    assert begun.sim.bytes("vms/web-01") == b"changed later"
