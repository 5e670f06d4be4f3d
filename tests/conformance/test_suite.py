"""The suite notices drivers that break the contract: each of these is the ``memory`` driver with one fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from snapplan.drivers.base import NO_MANDATE
from snapplan.drivers.conformance import BehaviourConformance, CrashConformance, DriverConformance, parse_world
from snapplan.drivers.conformance.crasher import Crasher
from snapplan.drivers.conformance.lab import Lab, make_lab
from snapplan.drivers.memory import DRIVER, MemoryDriver
from snapplan.errors import BackendError
from snapplan.models.request import Inventory, Outcome
from snapplan.models.snapshot import Pin
from snapplan.models.target import Capabilities, RestoreMode, RestorePath, Scope

from .test_memory import MemoryHarness

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from snapplan.drivers.memory.world import World
    from snapplan.models.request import (
        ChangeRequest,
        ExpireRequest,
        Mandate,
        Recovered,
        RestoreRequest,
        SnapshotRequest,
    )
    from snapplan.models.snapshot import Snapshot


class ExpiresAnything(MemoryDriver):
    def _ours(self, world: World, snapshot: Snapshot) -> Snapshot | None:
        return world.snapshots.get(snapshot.native_id)


class ExpiresPinned(MemoryDriver):
    def expire(self, requests: Sequence[ExpireRequest]) -> Iterator[Outcome]:
        with self._writing() as world:
            for native_id, each in world.snapshots.items():
                if each.mark is not None:
                    world.snapshots[native_id] = each._replace(mark=each.mark._replace(pin=None), in_use="")
        return super().expire(requests)


class Overwrites(MemoryDriver):
    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        with self._writing() as world:
            for request in requests:
                found = world.named(request.target.id, request.name)
                if found is not None:
                    world.drop(found.native_id)
        return super().create(requests)


class ForgetsWhoPinned(MemoryDriver):
    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        return super().create([_with_pin(each, Pin("", "")) if each.mark.pin else each for each in requests])


class ShortensNames(MemoryDriver):
    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        return super().create([each._replace(name=each.name[:100]) for each in requests])


class StopsAtTheFirstFailure(MemoryDriver):
    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        for request in requests:
            (outcome,) = super().create([request])
            yield outcome
            if outcome.error is not None:
                return


class ChangesMore(MemoryDriver):
    def change(self, requests: Sequence[ChangeRequest]) -> Iterator[Outcome]:
        return super().change([each._replace(mark=each.mark._replace(minimum=0)) for each in requests])


class MixesOldAndNew(MemoryDriver):
    def restore(self, request: RestoreRequest) -> Outcome:
        name = request.as_name or request.name
        before = self._store.read().targets.get((request.scope, name))
        outcome = super().restore(request)
        with self._writing() as world:
            stored = world.targets[request.scope, name]
            if before is not None:
                world.put(request.scope, name, {**before.files, **stored.files})
        return outcome


class RestoresEveryTime(MemoryDriver):
    def restore(self, request: RestoreRequest) -> Outcome:
        with self._writing() as world:
            world.restores.pop(request.key, None)
        return super().restore(request)


class GivesNewIds(MemoryDriver):
    def restore(self, request: RestoreRequest) -> Outcome:
        outcome = super().restore(request)
        with self._writing() as world:
            stored = world.targets[request.scope, request.name]
            world.targets[request.scope, request.name] = stored._replace(id=world.new_id("again"))
        return outcome


class CloneOverwrites(MemoryDriver):
    def restore(self, request: RestoreRequest) -> Outcome:
        with self._writing() as world:
            world.targets.pop((request.scope, request.as_name), None)
        return super().restore(request)


class WritesWhenItLists(MemoryDriver):
    def inventory(self) -> Inventory:
        self._read_only = False
        with self._writing() as world:
            world.serial += 1
        return super().inventory()


class ListsWhatItCan(MemoryDriver):
    def inventory(self) -> Inventory:
        try:
            return super().inventory()
        except BackendError:
            return Inventory((), [])


class ListsBytesAsTheyAre(MemoryDriver):
    def inventory(self) -> Inventory:
        found = super().inventory()
        return found._replace(targets=tuple(each._replace(name=f"{each.name}\udce9") for each in found.targets))


class ListsHalfSnapshotsAsComplete(MemoryDriver):
    def inventory(self) -> Inventory:
        found = super().inventory()
        whole = [each._replace(completed_at=each.completed_at or each.taken_at) for each in found.snapshots]
        return found._replace(snapshots=whole)


class NeverRecovers(MemoryDriver):
    def recover(self, live_runs: Collection[str], mandate: Mandate = NO_MANDATE) -> list[Recovered]:
        return []


class RecoversLivingRuns(MemoryDriver):
    def recover(self, live_runs: Collection[str], mandate: Mandate = NO_MANDATE) -> list[Recovered]:
        return super().recover(frozenset())


class WritesTheExactExpiration(MemoryDriver):
    def inventory(self) -> Inventory:
        found = super().inventory()
        exact = {each.native_id: each.mark.expires_at for each in found.snapshots if each.mark is not None}
        return found._replace(deletes_at=exact)


class CountsFromTheExactExpiration(MemoryDriver):
    def _write_deadline(self, world: World, snapshot: Snapshot | None, not_before: datetime | None = None) -> None:
        super()._write_deadline(world, snapshot)


def _with_pin(request: SnapshotRequest, pin: Pin) -> SnapshotRequest:
    return request._replace(mark=request.mark._replace(pin=pin))


class BrokenHarness(MemoryHarness):
    def __init__(self, folder: Path, opened: Callable[..., MemoryDriver]) -> None:
        super().__init__(folder, expires_itself=True)
        self.driver = DRIVER._replace(open=opened)


IN_PLACE = RestorePath(Scope.VM, Scope.VM, RestoreMode.IN_PLACE)
CLONE = RestorePath(Scope.VM, Scope.VM, RestoreMode.CLONE)
FAULTS: list[tuple[type[MemoryDriver], str, dict[str, Any]]] = [
    (ExpiresAnything, "test_a_foreign_snapshot_cannot_be_expired", {}),
    (ExpiresAnything, "test_the_snapshot_of_another_project_cannot_be_expired", {}),
    (ExpiresAnything, "test_another_snapshot_under_this_id_is_refused", {}),
    (ExpiresAnything, "test_a_foreign_snapshot_cannot_be_changed", {}),
    (ExpiresPinned, "test_one_that_was_pinned_meanwhile_is_refused", {}),
    (ExpiresPinned, "test_one_in_use_is_refused", {}),
    (Overwrites, "test_to_take_the_same_again_is_done_already", {}),
    (Overwrites, "test_a_name_that_another_snapshot_has_is_taken", {"fields": {"project": "elsewhere"}}),
    (Overwrites, "test_a_name_that_a_foreign_snapshot_has_is_taken", {}),
    (ForgetsWhoPinned, "test_every_field_of_a_mark_comes_back", {"fields": {"pin": Pin("anna", "audit")}}),
    (ShortensNames, "test_a_name_of_the_greatest_length_is_kept", {}),
    (ShortensNames, "test_names_that_differ_in_their_last_character_are_two", {}),
    (StopsAtTheFirstFailure, "test_outcomes_come_in_order_and_one_failure_stops_no_other", {}),
    (ChangesMore, "test_a_changed_mark_replaces_the_old_and_nothing_else", {"fields": {"expires_at": None}}),
    (MixesOldAndNew, "test_the_old_bytes_come_back", {"path": IN_PLACE}),
    (RestoresEveryTime, "test_a_key_is_done_once", {"path": IN_PLACE}),
    (GivesNewIds, "test_the_old_bytes_come_back", {"path": IN_PLACE}),
    (CloneOverwrites, "test_a_clone_overwrites_nothing", {"path": CLONE}),
    (WritesWhenItLists, "test_to_list_writes_nothing", {}),
    (ListsBytesAsTheyAre, "test_all_text_of_a_listing_is_valid_unicode", {}),
    (WritesTheExactExpiration, "test_the_platform_gets_a_margin_and_the_mark_is_exact", {}),
    (WritesTheExactExpiration, "test_never_under_a_pin_and_a_date_again_without_it", {}),
    (CountsFromTheExactExpiration, "test_a_change_pushes_out_what_is_over_and_stays", {}),
    (ListsWhatItCan, "test_a_listing_that_cannot_be_read_whole_is_an_error", {}),
]
CRASHES: list[tuple[type[MemoryDriver], str, dict[str, Any]]] = [
    (ListsHalfSnapshotsAsComplete, "test_create_leaves_a_whole_snapshot_or_an_incomplete_one", {"scope": Scope.VM}),
    (NeverRecovers, "test_restore_leaves_the_old_content_or_the_new", {"path": IN_PLACE}),
    (RecoversLivingRuns, "test_a_restore_of_a_run_that_lives_is_left_to_it", {"path": IN_PLACE}),
]


def broken(folder: Path, opened: type[MemoryDriver], monkeypatch: pytest.MonkeyPatch) -> Lab:
    harness = BrokenHarness(folder, opened)
    monkeypatch.setenv("SNAPPLAN_NOW", harness.now().isoformat())
    return make_lab(harness)


@pytest.mark.parametrize(("opened", "test", "arguments"), FAULTS, ids=lambda each: getattr(each, "__name__", None))
def test_a_broken_driver_fails(
    opened: type[MemoryDriver], test: str, arguments: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = broken(tmp_path, opened, monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(BehaviourConformance(), test)(lab, **arguments)


@pytest.mark.parametrize(("opened", "test", "arguments"), CRASHES, ids=lambda each: getattr(each, "__name__", None))
def test_a_driver_that_breaks_when_it_crashes_fails(
    opened: type[MemoryDriver],
    test: str,
    arguments: Any,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lab = broken(tmp_path, opened, monkeypatch)
    crasher = Crasher(tmp_path_factory.mktemp("crash"))
    try:
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            getattr(CrashConformance(), test)(lab, crasher, **arguments)
    finally:
        crasher.close()


def test_what_is_not_declared_is_skipped_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = broken(tmp_path, MemoryDriver, monkeypatch)
    lab.capabilities = Capabilities(scopes=frozenset({Scope.VOLUME}))
    with pytest.raises(pytest.skip.Exception, match="no scope vm"):
        lab.path(Scope.VM)
    with pytest.raises(pytest.skip.Exception, match="no vm in_place out of a vm snapshot"):
        BehaviourConformance().test_the_old_bytes_come_back(lab, IN_PLACE)


def test_a_world_is_read_line_by_line() -> None:
    web, acme, empty = parse_world(
        "vm/web: disk=A, etc/fstab=b=c\n\ntenant/acme/vm/db: x=1\ntenant/acme/volume/v: y=\nvm/e:"
    )
    assert (web.path, web.files) == ("vm/web", {"disk": b"A", "etc/fstab": b"b=c"})
    assert (acme.path, acme.files) == ("tenant/acme", {"vm/db/x": b"1", "volume/v/y": b""})
    assert (empty.path, empty.files) == ("vm/e", {})


@pytest.mark.parametrize("line", ["vm/web", "web: a=1", "host/web: a=1"])
def test_a_line_that_is_no_target_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"is not SCOPE/NAME|is not a valid Scope"):
        parse_world(line)


def test_no_test_hides_another_of_the_same_name() -> None:
    names = [name for part in DriverConformance.__mro__ for name in vars(part) if name.startswith("test_")]
    assert len(names) == len(set(names)) > 50
