"""``snapplan drivers check``: what it finds on one system, and that it changes nothing there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from vergeos_sim.conftest import Sim

from snapplan.drivers.base import CheckFinding, Settings
from snapplan.drivers.vergeos import DRIVER
from snapplan.drivers.vergeos.check import TABLES
from snapplan.drivers.vergeos.probes import columns, words
from snapplan.errors import BackendError, UnreachableError
from snapplan.models.target import Scope

from .conftest import options_of
from .world import OURS, THEIRS, take

Check = Callable[..., list[CheckFinding]]
ADMIN = {"name": "admin", "password": "admin"}


@pytest.fixture
def check(sim: Sim, tmp_path: Path) -> Check:
    """Return a function that examines the system; ``secret`` replaces the password."""

    def examined(secret: str = "admin", **changes: Any) -> list[CheckFinding]:
        options = options_of(sim, **changes).model_copy(update={"password": SecretStr(secret)})
        assert DRIVER.check is not None
        return list(DRIVER.check(Settings("dc1", "p", options, tmp_path)))

    return examined


def about(found: list[CheckFinding], subject: str) -> list[tuple[str, str]]:
    return [(each.state, each.text) for each in found if each.subject == subject]


class TestChecks:
    def test_a_system_in_order_has_no_problem(self, check: Check, sim: Sim) -> None:
        sim.seed(shipped_profiles=True, system_profile="System Snapshots")
        for scope in (Scope.VM, Scope.VOLUME):
            take(sim, scope, "one")
        sim.requests()
        found = check()
        asked = sim.requests()
        assert {each.state for each in found} == {"ok", "note"}
        assert {each.subject for each in found if each.subject.startswith("table ")} == {f"table {t}" for t in TABLES}
        assert {each.partition(" ")[0] for each in asked} == {"GET"}
        assert about(found, "requests") == [("note", f"this check made {len(asked)}; 900 an hour are allowed")]
        assert about(found, "connection")[0][1].endswith("is simulated")
        assert about(found, "credentials") == [("ok", "the system accepts user admin")]
        assert about(found, "version") == [("ok", "VergeOS 26.1.7")]
        assert about(found, "system profile") == [
            ("ok", "setting system_snapshot_profile, which holds a profile's key; now '4'")
        ]
        assert about(found, "retention for ever") == [("ok", "0, as in the shipped profile HIPAA")]
        assert about(found, "machine_snapshots.expires_type") == [("ok", "not stored; expires alone tells")]
        assert about(found, "volume_snapshots.expires_type") == [("ok", "stored")]
        assert about(found, "guest agents") == [("ok", "told with the VMs")]
        assert "no setting tells which" in about(found, "time zone")[0][1]
        assert "columns nobody knows: none" in about(found, "custom periods")[0][1]

    def test_each_of_its_doubts_is_settled_the_other_way_as_well(self, check: Check, sim: Sim) -> None:
        switches = {
            "system_profile_value": "name",
            "retention_zero": "refuse",
            "custom_periods": "year_column",
            "period_partial_columns": "absent",
            "volume_restore": "offered",
            "cloud_restore": "offered",
            "agent_version": "absent",
            "machine_expires_type": "stored",
        }
        sim.seed(
            switches=switches,
            shipped_profiles=True,
            system_profile="System Snapshots",
            settings={"time_zone": "Europe/Berlin"},
        )
        take(sim, Scope.VM, "one")
        found = check()
        assert about(found, "system profile")[0][1].endswith("which holds a profile's name; now 'System Snapshots'")
        assert about(found, "retention for ever")[0][0] == "warning"
        assert about(found, "period columns")[0] == (
            "note",
            "periods have no type, partial_tags, quiesce_tags, private: these cannot be scheduled",
        )
        assert "columns nobody knows: year" in about(found, "custom periods")[0][1]
        assert about(found, "restore of a volume") == [("ok", "offered: volume_actions has it")]
        assert "cloud_restore has cloud_snapshot, " in about(found, "restore of the system")[0][1]
        assert about(found, "guest agents")[0][1].endswith("a refresh makes one more request for them")
        assert about(found, "machine_snapshots.expires_type") == [("ok", "stored")]
        assert about(found, "time zone")[0][1].endswith("time_zone is 'Europe/Berlin'")

    def test_an_empty_system_leaves_doubts(self, check: Check, sim: Sim) -> None:
        sim.seed(vms=[], profiles=[])
        found = check()
        assert about(found, "system profile")[0][0] == "warning"
        assert about(found, "retention for ever")[0][0] == "note"
        assert about(found, "guest agents") == [("note", "no VM is running to see one on")]
        assert about(found, "volume_snapshots.expires_type") == [("note", "there is no snapshot to see it on")]
        assert about(found, "period columns") == [("ok", "periods have type, partial_tags, quiesce_tags, private")]
        assert about(found, "profiles")[0][1].startswith("none carries a mark")

    @pytest.mark.parametrize("table", TABLES)
    def test_each_missing_permission_is_a_problem_of_its_own(self, check: Check, sim: Sim, table: str) -> None:
        sim.seed(accounts=[{**ADMIN, "denied": [table]}])
        found = check()
        problems = [(each.subject, each.text) for each in found if each.state == "problem"]
        assert problems == [(f"table {table}", f"this user may not read it; it holds {TABLES[table].purpose}")]

    def test_without_an_administrator_schemas_are_not_shown(self, check: Check, sim: Sim) -> None:
        sim.seed(accounts=[{**ADMIN, "admin": False}])
        found = check()
        assert {each.state for each in found} <= {"ok", "note", "warning"}
        assert "schemas are shown to administrators only" in about(found, "restore of a volume")[0][1]
        assert about(found, "period columns")[0][0] == "ok", "the rows show them as well"

    @pytest.mark.parametrize(("version", "said"), [("26.0", 3), ("26.1.1", 2), ("26.1.3", 1), ("26.1.7", 0)])
    def test_what_an_old_version_lacks_is_told(self, check: Check, sim: Sim, version: str, said: int) -> None:
        sim.seed(version=version)
        found = about(check(), "version")
        assert found[0] == ("ok", f"VergeOS {version}")
        assert len(found) == 1 + said

    def test_clock_and_certificate(self, check: Check, sim: Sim) -> None:
        assert about(check(), "clock") == [("ok", "within 0 s of this machine's")]
        assert about(check(), "certificate")[0][0] == "ok"
        sim.step(3600)
        assert about(check(), "clock")[0] == (
            "warning",
            "the system's clock is 1:00:00 ahead of this machine's; it expires by its own",
        )
        assert about(check(insecure=True, ca_file=None), "certificate")[0][0] == "warning"

    def test_whose_profiles_there_are(self, check: Check, sim: Sim) -> None:
        sim.seed(
            profiles=[
                {"name": "b", "description": OURS},
                {"name": "a", "description": OURS},
                {"name": "c", "description": THEIRS},
            ]
        )
        assert about(check(), "profiles") == [("note", "of project 'another': c"), ("ok", "this project's: a, b")]

    def test_a_table_that_fails_is_a_problem_and_the_check_goes_on(self, check: Check, sim: Sim) -> None:
        sim.control("POST", "faults", {"kind": "status_before", "path": "tenants", "times": 0, "text": "boom"})
        found = check()
        assert "boom" in about(found, "table tenants")[0][1]
        assert about(found, "table cloud_snapshots")[0][0] == "ok"

    def test_what_stops_it_is_raised(self, check: Check, sim: Sim) -> None:
        with pytest.raises(UnreachableError, match="refuses the credentials"):
            check(secret="wrong")
        sim.control("POST", "faults", {"kind": "drop_before", "path": "tenants", "times": 0})
        with pytest.raises(UnreachableError, match="tenants: no connection"):
            check()
        sim.seed(version="25.4")
        with pytest.raises(BackendError, match="runs VergeOS"):
            check()


class TestSchemas:
    """Their layout is documented nowhere."""

    @pytest.mark.parametrize(
        "schema",
        [
            {"fields": [{"name": "action", "list": ["enable", "restore"]}]},
            {"fields": {"action": {"list": {"enable": "Enable", "restore": "Restore"}}}},
            {"columns": [{"name": "action", "list": [{"name": "restore"}, {"value": "enable"}]}]},
        ],
    )
    def test_words_are_found_in_any_of_them(self, schema: dict[str, Any]) -> None:
        assert words(schema, "action") == {"enable", "restore"}
        assert set(columns(schema)) == {"action"}

    @pytest.mark.parametrize(
        "schema", [None, {}, {"fields": "action"}, {"fields": [1]}, {"fields": [{"name": "action"}]}]
    )
    def test_what_is_none_offers_nothing(self, schema: dict[str, Any] | None) -> None:
        assert words(schema, "action") == frozenset()
