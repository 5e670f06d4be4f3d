from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from snapplan.drivers.base import Settings
from snapplan.drivers.memory import MemoryDriver, MemoryOptions, World
from snapplan.drivers.memory.state import decode, encode
from snapplan.errors import (
    BackendError,
    NotFoundError,
    OutcomeUnknownError,
    QuiesceError,
    RefusedError,
    RequestBudgetError,
    UnreachableError,
)
from snapplan.models.request import ExpireRequest, RestoreRequest, SnapshotRequest
from snapplan.models.snapshot import Mark, Pin
from snapplan.models.target import POWERED_ON, Quiesce, RestoreMode, Scope

if TYPE_CHECKING:
    from pathlib import Path

    from snapplan.models.request import Outcome
    from snapplan.models.snapshot import Snapshot

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
WEB = {"scope": "vm", "name": "web", "files": {"disk": "AAAA"}}


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T12:00:00Z")


def driver(base: Path, world: World | None = None, *, read_only: bool = False, **options: Any) -> MemoryDriver:
    checked = MemoryOptions.model_validate(options)
    return MemoryDriver(Settings("lab", "shop", checked, base, {}, read_only), world)


def request(opened: MemoryDriver, name: str = "one", path: str = "vm/web", **fields: Any) -> SnapshotRequest:
    target = next(each for each in opened.inventory().targets if each.address == f"lab/{path}")
    mark = Mark("shop", target.id, "run-1", NOW, NOW + timedelta(days=1), key=name)
    options = fields.pop("options", {})
    return SnapshotRequest(target, name, mark._replace(**fields), Quiesce.NEVER, options=options)


def take(opened: MemoryDriver, name: str = "one", path: str = "vm/web", **fields: Any) -> Outcome:
    (outcome,) = opened.create([request(opened, name, path, **fields)])
    return outcome


def expire(opened: MemoryDriver, snapshot: Snapshot) -> Outcome:
    (outcome,) = opened.expire([ExpireRequest(snapshot)])
    return outcome


def in_place(snapshot: Snapshot, **fields: Any) -> RestoreRequest:
    wanted = RestoreRequest(
        "k", "run-1", "lab", snapshot.scope, snapshot.target_name, snapshot.target_id, snapshot, RestoreMode.IN_PLACE
    )
    return wanted._replace(**fields)


class TestScript:
    def test_targets_are_listed_with_what_the_script_says(self, tmp_path: Path) -> None:
        scripted = {**WEB, "tags": ["gold"], "can_quiesce": True, "in_place_blocker": "it is powered on", "id": "u-1"}
        cloud, web = driver(tmp_path, targets=[scripted]).inventory().targets
        assert (cloud.address, cloud.id) == ("lab/cloud", "cloud")
        assert (web.address, web.id, web.tags, web.can_quiesce) == ("lab/vm/web", "u-1", frozenset({"gold"}), True)
        assert web.in_place_blocker == "it is powered on"

    def test_a_count_makes_many(self, tmp_path: Path) -> None:
        opened = driver(tmp_path, targets=[{"scope": "volume", "name": "v{n}", "count": 3}])
        names = [each.name for each in opened.inventory().targets]
        assert names == ["", "v1", "v2", "v3"]

    def test_a_series_goes_back_in_time(self, tmp_path: Path) -> None:
        series = {
            "target": "vm/*",
            "profile": "gold",
            "period": "hourly",
            "taken_at": "2026-11-22T11:15Z",
            "every": "1h",
            "count": 3,
            "retention": "24h",
            "minimum": 2,
        }
        found = driver(tmp_path, targets=[WEB], snapshots=[series]).inventory().snapshots
        assert [each.name for each in found] == [f"gold.hourly.20261122T{hour}15Z" for hour in ("11", "10", "09")]
        mark = found[1].mark
        assert mark is not None
        assert mark.slot == mark.taken_at == datetime(2026, 11, 22, 10, 15, tzinfo=UTC)
        assert mark.expires_at == datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
        assert (mark.project, mark.target_id, mark.minimum) == ("shop", "vm/web", 2)

    def test_all_states_can_be_scripted(self, tmp_path: Path) -> None:
        common = {"target": "vm/web", "taken_at": "2026-11-22T10:00Z"}
        scripted = [
            {**common, "name": "theirs"},
            {**common, "key": "half", "complete": False},
            {**common, "key": "native", "managed": True},
            {**common, "key": "locked", "locked_until": "2026-12-01T00:00Z"},
            {**common, "key": "used", "in_use": "a clone"},
            {**common, "key": "pinned", "pin": {"owner": "anna", "reason": "audit"}},
            {**common, "key": "elsewhere", "project": "other"},
            {**common, "key": "future", "taken_at": "2027-01-01T00:00Z"},
        ]
        found = {each.name: each for each in driver(tmp_path, targets=[WEB], snapshots=scripted).inventory().snapshots}
        assert found["theirs"].mark is None
        assert found["manual.half"].completed_at is None
        assert found["manual.native"].managed
        assert found["manual.locked"].locked_until == datetime(2026, 12, 1, tzinfo=UTC)
        assert found["manual.used"].in_use == "a clone"
        assert found["manual.pinned"].mark.pin == Pin("anna", "audit")  # type: ignore[union-attr]
        assert found["manual.elsewhere"].mark.project == "other"  # type: ignore[union-attr]
        assert found["manual.future"].taken_at > NOW

    def test_a_scripted_snapshot_holds_the_content_that_is_written_for_it(self, tmp_path: Path) -> None:
        world = World("lab")
        world.put(Scope.VM, "web", {"disk": b"new"})
        scripted = {"target": "vm/web", "taken_at": "2026-11-22T10:00Z", "key": "k", "files": {"disk": "old"}}
        opened = driver(tmp_path, targets=[WEB], snapshots=[scripted], state="lab.json")
        (snapshot,) = opened.inventory().snapshots
        assert opened.restore(in_place(snapshot)).error is None
        state = decode(json.loads((tmp_path / "lab.json").read_text()))
        assert state.targets[Scope.VM, "web"].files == {"disk": b"old"}

    @pytest.mark.parametrize(
        "options",
        [
            {"targets": [{"scope": "vm"}]},
            {"targets": [{"scope": "cloud", "name": "x"}]},
            {"targets": [{"scope": "vm", "name": "web", "count": 2}]},
            {"targets": [{"scope": "vm", "name": "web", "colour": "red"}]},
            {"snapshots": [{"target": "*", "taken_at": "2026-11-22T10:00Z"}]},
            {"snapshots": [{"target": "*", "taken_at": "2026-11-22T10:00Z", "profile": "gold"}]},
            {"snapshots": [{"target": "*", "taken_at": "2026-11-22T10:00Z", "key": "k", "count": 2}]},
            {"faults": [{"on": "reboot"}]},
        ],
        ids=str,
    )
    def test_a_script_that_makes_no_sense_is_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="validation error"):
            MemoryOptions.model_validate(options)

    def test_a_snapshot_of_no_target_is_refused_when_it_is_opened(self, tmp_path: Path) -> None:
        with pytest.raises(BackendError, match="no target matches 'vm/db'"):
            driver(tmp_path, snapshots=[{"target": "vm/db", "name": "x", "taken_at": "2026-11-22T10:00Z"}])

    def test_one_name_twice_is_refused_when_it_is_opened(self, tmp_path: Path) -> None:
        twice = [{"target": "vm/web", "name": "x", "taken_at": "2026-11-22T10:00Z"}] * 2
        with pytest.raises(BackendError, match="vm/web@x is there twice"):
            driver(tmp_path, targets=[WEB], snapshots=twice)

    def test_a_hundred_thousand_snapshots_are_listed_at_once(self, tmp_path: Path) -> None:
        series = {
            "target": "vm/*",
            "profile": "gold",
            "period": "hourly",
            "taken_at": "2026-11-22T11:00Z",
            "every": "1h",
            "count": 100,
        }
        opened = driver(tmp_path, targets=[{"scope": "vm", "name": "vm{n}", "count": 1000}], snapshots=[series])
        begun = time.process_time()
        inventory = opened.inventory()
        assert time.process_time() - begun < 3
        assert len(inventory.snapshots) == 100_000


class TestFaults:
    @pytest.mark.parametrize(
        ("error", "kind"),
        [
            ("refused", RefusedError),
            ("unreachable", UnreachableError),
            ("unknown", OutcomeUnknownError),
            ("quiesce", QuiesceError),
        ],
    )
    def test_a_fault_before_the_effect_does_nothing(self, tmp_path: Path, error: str, kind: type[Exception]) -> None:
        opened = driver(tmp_path, targets=[WEB], faults=[{"on": "create", "error": error}])
        assert type(take(opened).error) is kind
        assert opened.inventory().snapshots == []

    def test_a_fault_after_the_effect_leaves_it(self, tmp_path: Path) -> None:
        fault = {"on": "create", "error": "unknown", "after_effect": True, "times": 1}
        opened = driver(tmp_path, targets=[WEB], faults=[fault])
        assert isinstance(take(opened).error, OutcomeUnknownError)
        assert [each.name for each in opened.inventory().snapshots] == ["one"]
        assert take(opened).existed

    def test_a_fault_strikes_as_often_as_it_says(self, tmp_path: Path) -> None:
        opened = driver(tmp_path, targets=[WEB], faults=[{"on": "create", "times": 2}])
        assert [take(opened, name).error is None for name in "abc"] == [False, False, True]

    def test_the_count_outlives_the_process(self, tmp_path: Path) -> None:
        options: dict[str, Any] = {"targets": [WEB], "faults": [{"on": "create", "times": 1}], "state": "lab.json"}
        assert take(driver(tmp_path, **options)).error is not None
        assert take(driver(tmp_path, **options)).error is None

    def test_a_fault_strikes_what_it_names(self, tmp_path: Path) -> None:
        faults = [{"on": "create", "target": "vm/w*", "snapshot": "bad*"}]
        opened = driver(tmp_path, targets=[WEB, {"scope": "vm", "name": "db"}], faults=faults)
        assert take(opened, "bad1").error is not None
        assert take(opened, "good").error is None
        assert take(opened, "bad1", "vm/db").error is None

    def test_an_inventory_fails_as_a_whole(self, tmp_path: Path) -> None:
        faults = [{"on": "inventory", "error": "unreachable", "times": 1}]
        opened = driver(tmp_path, targets=[WEB], faults=faults)
        with pytest.raises(UnreachableError):
            opened.inventory()
        assert len(opened.inventory().targets) == 2

    @pytest.mark.parametrize("after", [False, True])
    def test_expiring_and_restoring_fail_before_and_after_the_effect(self, tmp_path: Path, after: bool) -> None:
        faults = [{"on": verb, "after_effect": after, "error": "unknown"} for verb in ("expire", "restore")]
        world = World("lab")
        world.put(Scope.VM, "web", {"disk": b"old"})
        opened = driver(tmp_path, world, faults=faults)
        snapshot = take(opened).snapshot
        assert snapshot is not None
        world.put(Scope.VM, "web", {"disk": b"new"})
        assert isinstance(opened.restore(in_place(snapshot)).error, OutcomeUnknownError)
        assert world.targets[Scope.VM, "web"].files == {"disk": b"old" if after else b"new"}
        assert isinstance(expire(opened, snapshot).error, OutcomeUnknownError)
        assert (snapshot.native_id in world.snapshots) is not after


class TestWorld:
    def test_without_state_each_connection_begins_with_the_script(self, tmp_path: Path) -> None:
        take(driver(tmp_path, targets=[WEB]))
        assert driver(tmp_path, targets=[WEB]).inventory().snapshots == []

    def test_a_world_that_is_handed_in_is_shared(self, tmp_path: Path) -> None:
        world = World("lab")
        world.put(Scope.VM, "web", {})
        take(driver(tmp_path, world))
        assert len(driver(tmp_path, world).inventory().snapshots) == 1

    def test_state_outlives_the_connection_and_the_script(self, tmp_path: Path) -> None:
        take(driver(tmp_path, targets=[WEB], state="lab.json"))
        found = driver(tmp_path, state="lab.json").inventory()
        assert [each.name for each in found.snapshots] == ["one"]
        assert "lab/vm/web" in [each.address for each in found.targets]

    def test_everything_survives_the_file(self, tmp_path: Path) -> None:
        world = World("lab")
        odd = world.put(Scope.VOLUME, "ö/ä", {"b\udcff": bytes(range(256))})
        world.add_foreign(odd, "theirs", NOW)
        opened = driver(tmp_path, world)
        take(opened, path="volume/ö/ä", pin=Pin("Zoë", "audit", NOW), set="s", slot=NOW)
        take(opened, "all", "cloud", options={"immutable": True})
        snapshot = opened.inventory().snapshots[1]
        opened.restore(in_place(snapshot))
        world.fired[3] = 2
        assert decode(json.loads(json.dumps(encode(world)))) == world

    def test_a_broken_state_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "lab.json").write_text('{"backend": ')
        with pytest.raises(BackendError, match="state cannot be read"):
            driver(tmp_path, state="lab.json").inventory()

    def test_to_read_makes_no_file(self, tmp_path: Path) -> None:
        opened = driver(tmp_path, read_only=True, targets=[WEB], state="lab.json")
        opened.inventory()
        with pytest.raises(RefusedError):
            take(opened)
        assert list(tmp_path.iterdir()) == []

    def test_a_target_that_is_made_again_is_another(self) -> None:
        world = World("lab")
        first = world.put(Scope.VM, "web", {})
        world.remove(Scope.VM, "web")
        assert world.put(Scope.VM, "web", {}).id != first.id


class TestVerbs:
    def test_an_immutable_snapshot_is_locked_until_it_expires(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        opened = driver(tmp_path, targets=[WEB])
        snapshot = take(opened, options={"immutable": True}).snapshot
        assert snapshot is not None
        assert snapshot.locked_until == NOW + timedelta(days=1)
        assert isinstance(expire(opened, snapshot).error, RefusedError)
        monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-23T12:00:00Z")
        assert expire(opened, snapshot).error is None

    def test_what_the_platform_expires_is_refused(self, tmp_path: Path) -> None:
        scripted = {"target": "vm/web", "taken_at": "2026-11-22T10:00Z", "key": "k", "managed": True}
        opened = driver(tmp_path, targets=[WEB], snapshots=[scripted])
        assert isinstance(expire(opened, opened.inventory().snapshots[0]).error, RefusedError)

    def test_a_blocked_target_is_not_restored_in_place(self, tmp_path: Path) -> None:
        opened = driver(tmp_path, targets=[{**WEB, "in_place_blocker": "it is powered on"}])
        snapshot = take(opened).snapshot
        assert snapshot is not None
        outcome = opened.restore(in_place(snapshot))
        assert isinstance(outcome.error, RefusedError)
        assert "powered on" in str(outcome.error)
        assert opened.inventory().restores == ()

    def test_another_target_under_the_old_name_is_not_overwritten(self, tmp_path: Path) -> None:
        world = World("lab")
        world.put(Scope.VM, "web", {"disk": b"old"})
        opened = driver(tmp_path, world)
        snapshot = take(opened).snapshot
        assert snapshot is not None
        world.remove(Scope.VM, "web")
        world.put(Scope.VM, "web", {"disk": b"another VM"})
        assert isinstance(opened.restore(in_place(snapshot)).error, RefusedError)
        assert world.targets[Scope.VM, "web"].files == {"disk": b"another VM"}

    @pytest.mark.parametrize("power_on", [True, False])
    def test_one_that_is_powered_on_is_switched_off_where_that_is_asked_for(
        self, tmp_path: Path, power_on: bool
    ) -> None:
        opened = driver(tmp_path, targets=[{**WEB, "in_place_blocker": POWERED_ON}])
        take(opened)
        (snapshot,) = opened.inventory().snapshots
        assert opened.restore(in_place(snapshot, power_off=True, power_on=power_on)).error is None
        assert opened.inventory().targets[1].in_place_blocker == (POWERED_ON if power_on else "")

    def test_power_off_lifts_no_other_blocker(self, tmp_path: Path) -> None:
        opened = driver(tmp_path, targets=[{**WEB, "in_place_blocker": "it is locked"}])
        take(opened)
        (snapshot,) = opened.inventory().snapshots
        assert isinstance(opened.restore(in_place(snapshot, power_off=True)).error, RefusedError)

    def test_an_incomplete_snapshot_restores_nothing(self, tmp_path: Path) -> None:
        scripted = {"target": "vm/web", "taken_at": "2026-11-22T10:00Z", "key": "k", "complete": False}
        opened = driver(tmp_path, targets=[WEB], snapshots=[scripted])
        assert isinstance(opened.restore(in_place(opened.inventory().snapshots[0])).error, RefusedError)

    def test_a_cloud_snapshot_without_the_target_restores_nothing(self, tmp_path: Path) -> None:
        world = World("lab")
        opened = driver(tmp_path, world)
        snapshot = take(opened, path="cloud").snapshot
        assert snapshot is not None
        late = world.put(Scope.VM, "late", {})
        wanted = in_place(snapshot, scope=Scope.VM, name="late", target_id=late.id)
        assert isinstance(opened.restore(wanted).error, NotFoundError)

    def test_targets_made_since_stay_when_the_system_is_restored(self, tmp_path: Path) -> None:
        world = World("lab")
        world.put(Scope.VM, "web", {"disk": b"old"})
        opened = driver(tmp_path, world)
        snapshot = take(opened, path="cloud").snapshot
        assert snapshot is not None
        world.put(Scope.VM, "late", {"disk": b"late"})
        world.put(Scope.VM, "web", {"disk": b"new"})
        assert opened.restore(in_place(snapshot)).error is None
        assert world.targets[Scope.VM, "late"].files == {"disk": b"late"}
        assert world.targets[Scope.VM, "web"].files == {"disk": b"old"}


EXPIRING: dict[str, Any] = {"targets": [WEB], "expires_itself": True, "state": "lab.json"}


class TestExpiringByItself:
    def test_what_is_over_is_gone_without_anybody_asking(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = driver(tmp_path, **EXPIRING)
        assert take(opened).error is None
        monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-30T11:59:59Z")
        assert len(driver(tmp_path, read_only=True, **EXPIRING).inventory().snapshots) == 1
        monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-30T12:00:00Z")
        assert driver(tmp_path, read_only=True, **EXPIRING).inventory().snapshots == []
        assert take(opened, "two", expires_at=None).error is None
        assert [each.name for each in opened.inventory().snapshots] == ["two"]

    def test_a_pinned_one_stays(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = driver(tmp_path, **EXPIRING)
        assert take(opened, pin=Pin("anna", "audit")).error is None
        monkeypatch.setenv("SNAPPLAN_NOW", "2027-11-30T12:00:00Z")
        assert [each.name for each in opened.inventory().snapshots] == ["one"]

    def test_a_scripted_one_has_a_date_too(self, tmp_path: Path) -> None:
        old = {"target": "vm/web", "taken_at": "2026-11-20T00:00Z", "key": "a", "retention": "1d"}
        scripted = [old, {**old, "key": "b", "deletes_at": "2026-12-24T00:00Z"}]
        found = driver(tmp_path, snapshots=scripted, **EXPIRING).inventory().deletes_at
        assert sorted(found.values()) == [datetime(2026, 11, 28, tzinfo=UTC), datetime(2026, 12, 24, tzinfo=UTC)]


class TestBudget:
    def test_calls_beyond_it_are_refused_and_do_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        opened = driver(tmp_path, targets=[WEB], requests_per_hour=5, request_costs={"inventory": 2})
        assert opened.capabilities.requests_per_hour == 5
        wanted = request(opened)
        assert opened.inventory().requests == 2
        assert [each.error for each in opened.create([wanted])] == [None]
        (refused,) = opened.create([wanted._replace(name="two")])
        assert isinstance(refused.error, RequestBudgetError)
        assert "5 of 5 requests" in str(refused.error)
        assert len(opened.inventory().snapshots) == 1, "reading is never refused"
        monkeypatch.setenv("SNAPPLAN_NOW", "2026-11-22T13:00:00Z")
        assert [each.error for each in opened.create([wanted._replace(name="two")])] == [None]
