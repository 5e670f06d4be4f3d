"""Taking snapshots: of what is there, many at once, as a set, with I/O frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snapplan.drivers.conformance.lab import refused, require
from snapplan.errors import NotFoundError, QuiesceError, RefusedError
from snapplan.models.target import Quiesce, Scope

if TYPE_CHECKING:
    from snapplan.drivers.conformance.lab import Lab

MANY = 100


class CreateTests:
    """``create`` beyond marks and names."""

    def test_a_target_that_is_gone_is_not_found(self, lab: Lab) -> None:
        path = lab.path()
        require(path != "cloud", "the cloud cannot be deleted")
        request = lab.request(path)
        lab.harness.delete_target(path)
        refused(lab.create(request)[0], NotFoundError)
        assert lab.snapshots() == []

    def test_a_target_with_another_id_is_refused(self, lab: Lab) -> None:
        request = lab.request(lab.path())
        other = request._replace(
            target=request.target._replace(id="another-id"), mark=request.mark._replace(target_id="another-id")
        )
        refused(lab.create(other)[0], RefusedError)
        assert lab.snapshots() == []

    def test_outcomes_come_in_order_and_one_failure_stops_no_other(self, lab: Lab) -> None:
        path = lab.path()
        lab.take(path, "b", project="elsewhere")
        outcomes = lab.create(*(lab.request(path, each) for each in "abc"))
        assert [each.error is None for each in outcomes] == [True, False, True]
        assert [each.snapshot and each.snapshot.name for each in outcomes] == ["a", None, "c"]
        assert sorted(each.name for each in lab.snapshots()) == ["a", "b", "c"]

    def test_a_hundred_are_taken_and_expired_in_two_calls(self, lab: Lab) -> None:
        path = lab.path()
        target = lab.target(path)
        first = lab.request(path)
        requests = [
            first._replace(name=f"n{number}", mark=first.mark._replace(key=f"n{number}")) for number in range(MANY)
        ]
        assert all(each.error is None for each in lab.create(*requests))
        inventory = lab.inventory()
        assert {each.name for each in inventory.snapshots} == {each.name for each in requests}
        assert len({each.native_id for each in inventory.snapshots}) == MANY
        assert {each.target_id for each in inventory.snapshots} == {target.id}
        assert inventory.requests < MANY, "an inventory does not ask for one snapshot at a time"
        assert all(each.error is None for each in lab.expire(*inventory.snapshots))
        assert lab.snapshots() == []

    def test_no_batch_is_no_work(self, lab: Lab) -> None:
        assert lab.create() == []
        assert lab.expire() == []
        assert lab.snapshots() == []

    def test_a_set_is_taken_at_one_instant(self, lab: Lab) -> None:
        require(lab.capabilities.atomic_sets, "the driver does not take sets at one instant")
        outcomes = lab.create(*(lab.request(each.path, set="s") for each in lab.targets))
        assert [each.error for each in outcomes] == [None] * len(lab.targets)
        assert len({each.taken_at for each in lab.snapshots()}) == 1

    def test_a_set_with_a_member_that_cannot_be_taken_is_not_taken(self, lab: Lab) -> None:
        require(lab.capabilities.atomic_sets, "the driver does not take sets at one instant")
        taken = lab.take(lab.targets[-1].path, project="elsewhere")
        outcomes = lab.create(*(lab.request(each.path, set="s") for each in lab.targets))
        assert all(isinstance(each.error, RefusedError) for each in outcomes)
        assert lab.snapshots() == [taken]

    def test_required_quiesce_that_is_impossible_takes_nothing(self, lab: Lab) -> None:
        path = lab.path()
        require(not lab.target(path).can_quiesce, f"{path} can be quiesced")
        refused(lab.create(lab.request(path, quiesce=Quiesce.REQUIRE))[0], QuiesceError)
        assert lab.snapshots() == []

    def test_preferred_quiesce_that_is_impossible_takes_it_anyway(self, lab: Lab) -> None:
        path = lab.path()
        require(not lab.target(path).can_quiesce, f"{path} can be quiesced")
        assert not lab.take(path, quiesce=Quiesce.PREFER).quiesced

    def test_a_target_that_can_be_quiesced_is(self, lab: Lab) -> None:
        path = next((each.path for each in lab.targets if each.scope in lab.capabilities.quiesce), None)
        require(path is not None, "the driver quiesces no scope")
        assert path is not None
        lab.harness.can_quiesce(path)
        lab.driver.close()
        lab.driver = lab.harness.open()
        assert lab.target(path).can_quiesce
        assert lab.take(path, "required", quiesce=Quiesce.REQUIRE).quiesced
        assert lab.take(path, "preferred", quiesce=Quiesce.PREFER).quiesced
        assert not lab.take(path, "never", quiesce=Quiesce.NEVER).quiesced

    def test_a_snapshot_of_one_target_is_of_no_other(self, lab: Lab) -> None:
        lab.take(lab.path())
        where = lab.split(lab.path())
        assert [(each.scope, each.target_name) for each in lab.snapshots()] == [where]
        assert where[0] is Scope.CLOUD or all(each.contains == () for each in lab.snapshots())
