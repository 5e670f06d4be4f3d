"""What a driver lists, and what it leaves alone when it only reads."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import pytest

from snapplan.drivers.conformance.lab import require
from snapplan.errors import BackendError
from snapplan.models.target import RestoreMode, RestorePath, Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from snapplan.drivers.conformance.lab import Lab
    from snapplan.models.request import Outcome

SCOPES = pytest.mark.parametrize("scope", list(Scope), ids=str)


class ListingTests:
    """Targets, snapshots, and reading without writing."""

    def test_the_capabilities_of_connection_and_type_agree(self, lab: Lab) -> None:
        declared = lab.harness.driver.capabilities
        assert lab.capabilities.scopes
        assert lab.capabilities.scopes <= declared.scopes
        assert lab.capabilities.restores <= declared.restores
        assert lab.capabilities.quiesce <= lab.capabilities.scopes
        assert lab.capabilities.parallel >= 1
        assert "@" in lab.capabilities.reserved_in_names, "a snapshot's address follows the last @"

    def test_every_target_is_listed_once_with_an_id_of_its_own(self, lab: Lab) -> None:
        listed = lab.inventory().targets
        expected = {lab.split(each.path) for each in lab.targets}
        if Scope.CLOUD in lab.capabilities.scopes:
            expected.add((Scope.CLOUD, ""))
        assert sorted((each.scope, each.name) for each in listed) == sorted(expected)
        assert len({(each.scope, each.id) for each in listed}) == len(listed)
        assert all(each.id for each in listed)

    def test_all_text_of_a_listing_is_valid_unicode(self, lab: Lab) -> None:
        lab.take(lab.path())
        lab.harness.add_odd_names(lab.path())
        inventory = lab.inventory()
        for target in inventory.targets:
            assert all(_is_unicode(each) for each in (target.name, target.id, *target.tags))
        for snapshot in inventory.snapshots:
            texts = (snapshot.native_id, snapshot.name, snapshot.target_id, snapshot.target_name)
            assert all(_is_unicode(each) for each in texts)

    def test_ids_stay_the_same_over_connections_and_writes(self, lab: Lab) -> None:
        before = {each.address: each.id for each in lab.inventory().targets}
        lab.spoil(lab.path())
        lab.take(lab.path())
        assert {each.address: each.id for each in lab.inventory().targets} == before

    def test_a_new_backend_has_no_snapshots_and_no_restores(self, lab: Lab) -> None:
        inventory = lab.inventory()
        assert inventory.snapshots == []
        assert inventory.restores == ()

    @pytest.mark.parametrize("scope", [Scope.TENANT, Scope.VM, Scope.VOLUME], ids=str)
    def test_a_cloud_snapshot_says_what_it_contains(self, lab: Lab, scope: Scope) -> None:
        path = lab.path(scope)
        modes = [each for each in lab.capabilities.restores if each[:2] == (Scope.CLOUD, scope)]
        require(bool(modes), f"the driver restores no {scope} out of a cloud snapshot")
        kind, name = lab.split(path)
        contained = lab.take(lab.path(Scope.CLOUD)).contains
        assert any(fnmatchcase(f"{kind}/{name}", each) for each in contained)

    def test_to_list_writes_nothing(self, lab: Lab) -> None:
        before = lab.harness.fingerprint()
        lab.inventory()
        assert lab.harness.fingerprint() == before
        lab.take(lab.path())
        before = lab.harness.fingerprint()
        lab.inventory()
        assert lab.harness.fingerprint() == before

    def test_a_connection_that_only_reads_refuses_to_write(self, lab: Lab) -> None:
        path = lab.path()
        snapshot = lab.take(path)
        request = lab.request(path, "two")
        before = lab.harness.fingerprint()
        writing, lab.driver = lab.driver, lab.harness.open(read_only=True)
        writes: list[Callable[[], Outcome]] = [
            lambda: lab.create(request)[0],
            lambda: lab.change(snapshot, expires_at=None),
            lambda: lab.expire(snapshot)[0],
        ]
        if RestorePath(snapshot.scope, snapshot.scope, RestoreMode.CLONE) in lab.capabilities.restores:
            restore = lab.restoring(snapshot, path, RestoreMode.CLONE)
            writes.append(lambda: lab.restore(restore))
        for write in writes:
            assert isinstance(_failure(write), BackendError)
        lab.driver.close()
        lab.driver = writing
        assert lab.harness.fingerprint() == before

    def test_a_listing_that_cannot_be_read_whole_is_an_error(self, lab: Lab) -> None:
        for name in ("one", "two"):
            lab.take(lab.path(), name)
        lab.harness.break_listing()
        with pytest.raises(BackendError):
            lab.inventory()

    def test_recover_has_nothing_to_do_after_runs_that_ended_well(self, lab: Lab) -> None:
        lab.take(lab.path())
        before = lab.inventory()
        assert lab.driver.recover(frozenset()) == []
        assert lab.inventory() == before


def _is_unicode(text: str) -> bool:
    return text.encode(errors="replace").decode() == text


def _failure(write: Callable[[], Outcome]) -> Exception | None:
    """Return how ``write`` failed; a connection may raise for the whole call or answer for each request."""
    try:
        return write().error
    except BackendError as error:
        return error
