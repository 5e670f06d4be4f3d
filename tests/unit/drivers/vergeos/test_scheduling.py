"""Profiles and assignments of the platform: order of the writes, faults at each, and who else uses a profile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from vergeos_sim.conftest import Sim

from snapplan.errors import (
    BackendError,
    NameTakenError,
    NotSupportedError,
    OutcomeUnknownError,
    RefusedError,
    RequestBudgetError,
)
from snapplan.models.platform import PlatformPeriod, PlatformProfile
from snapplan.models.request import Outcome, PlatformAssignRequest, PlatformProfileRequest

from .writer import FAULTS, PROJECT, Writer

DAY = 86_400
HOURLY = PlatformPeriod("hourly", DAY, minute=15)
DAILY = PlatformPeriod("daily", 14 * DAY, hour=2)
NOON = PlatformPeriod("daily", DAY, hour=12)
SILVER = PlatformProfile("", "silver", {"hourly": HOURLY, "daily": DAILY}, PROJECT, "ours")


def put(writer: Writer, before: PlatformProfile | None, after: PlatformProfile | None) -> Outcome:
    return writer.driver.set_profile(PlatformProfileRequest(before, after))


def listed(writer: Writer, name: str = "silver") -> PlatformProfile | None:
    platform = writer.inventory().platform
    assert platform is not None
    return next((each for each in platform.profiles if each.name == name), None)


def made(writer: Writer) -> PlatformProfile:
    assert put(writer, None, SILVER).error is None
    found = listed(writer)
    assert found is not None
    return found


def assign(writer: Writer, path: str, before: str, after: str) -> Outcome:
    return writer.driver.set_assignment(PlatformAssignRequest(writer.target(path), before, after))


class TestProfiles:
    """``set_profile``."""

    def test_what_protects_is_written_first_and_what_goes_last(self, writer: Writer) -> None:
        before = made(writer)
        after = before._replace(periods={"hourly": HOURLY._replace(minute=45), "noon": NOON})
        writer.sim.requests()
        assert put(writer, before, after).error is None
        writes = [each.rpartition("/")[0] or each for each in writer.writes()]
        assert sorted(writes[:2]) == ["POST snapshot_profile_periods", "PUT snapshot_profile_periods"]
        assert writes[2:] == ["DELETE snapshot_profile_periods"]

    def test_a_refusal_in_the_middle_of_its_writes_is_not_called_nothing_done(
        self, sim: Sim, write_to: Callable[..., Writer]
    ) -> None:
        sim.seed()
        writer = write_to()
        writer.fault(kind="status_before", status=429, method="POST", path="snapshot_profile_periods")
        error = put(writer, None, SILVER).error
        assert isinstance(error, BackendError)
        assert not isinstance(error, RequestBudgetError)
        assert "half written" in str(error)
        assert put(writer, None, SILVER).error is None

    @pytest.mark.parametrize("name", FAULTS)
    @pytest.mark.parametrize("change", ["make", "change", "delete"])
    def test_a_fault_at_any_write_is_put_right_by_asking_again(
        self, sim: Sim, write_to: Callable[..., Writer], change: str, name: str
    ) -> None:
        def prepared() -> tuple[Writer, PlatformProfile | None, PlatformProfile | None]:
            sim.seed()
            writer = write_to()
            before = None if change == "make" else made(writer)
            later = {"hourly": HOURLY._replace(minute=45), "noon": NOON}
            after = SILVER if before is None else before._replace(periods=later) if change == "change" else None
            writer.sim.requests()
            return writer, before, after

        writer, before, after = prepared()
        assert put(writer, before, after).error is None
        writes = writer.writes()
        assert len(writes) >= 1 if change == "delete" else len(writes) >= 3
        for number, write in enumerate(writes):
            writer, before, after = prepared()
            method, _, path = write.partition(" ")
            writer.fault(**FAULTS[name][0], method=method, path=path, nth=writes[: number + 1].count(write))
            outcome = put(writer, before, after)
            assert outcome.error is None or isinstance(outcome.error, BackendError)
            again = put(writer, before, after)
            assert again.error is None, (write, outcome, again)
            found = listed(writer)
            assert (found and found._replace(native_id="")) == (after and after._replace(native_id="")), write
            names = [row["name"] for row in writer.rows("snapshot_profile_periods")]
            assert len(names) == (3 if after else 1), "that of the profile gold, and ours"

    def test_tags_are_written_as_keys(self, writer: Writer) -> None:
        period = DAILY._replace(
            type="partial_include", partial_tags=("DB", "Web"), quiesce_tags=("DB",), immutable=True
        )
        assert put(writer, None, SILVER._replace(periods={"daily": period})).error is None
        found = listed(writer)
        assert found is not None
        assert found.periods == {"daily": period}
        row = next(each for each in writer.rows("snapshot_profile_periods") if each["type"] == "partial_include")
        assert row["partial_tags"].replace(",", "").isdecimal()

    def test_an_unknown_tag_makes_nothing(self, writer: Writer) -> None:
        period = DAILY._replace(type="partial_include", partial_tags=("Nowhere",))
        outcome = put(writer, None, SILVER._replace(periods={"daily": period}))
        assert isinstance(outcome.error, RefusedError)
        assert "'Nowhere'" in str(outcome.error)
        assert listed(writer) is None

    def test_an_old_platform_that_would_drop_a_type_is_not_asked(
        self, sim: Sim, write_to: Callable[..., Writer]
    ) -> None:
        sim.seed(version="26.0")
        writer = write_to()
        period = DAILY._replace(type="partial_include", partial_tags=("DB",))
        assert isinstance(put(writer, None, SILVER._replace(periods={"daily": period})).error, RefusedError)
        assert listed(writer) is None

    def test_a_frequency_that_nobody_has_seen_written_is_refused(self, writer: Writer) -> None:
        period = DAILY._replace(frequency="custom")
        assert isinstance(put(writer, None, SILVER._replace(periods={"once": period})).error, RefusedError)
        assert listed(writer) is None

    def test_it_is_renamed_with_its_key(self, writer: Writer) -> None:
        before = made(writer)
        assert put(writer, before, before._replace(name="bronze")).error is None
        assert listed(writer) is None
        found = listed(writer, "bronze")
        assert found is not None
        assert found.native_id == before.native_id

    def test_one_that_was_made_anew_under_the_name_is_another(self, writer: Writer) -> None:
        before = made(writer)
        assert put(writer, before, None).error is None
        writer.sim.post("snapshot_profiles", {"name": "between"})
        made(writer)
        assert isinstance(put(writer, before, before._replace(description="x")).error, RefusedError)
        assert isinstance(put(writer, before, None).error, RefusedError)

    def test_one_of_another_project_is_left(self, writer: Writer, write_to: Callable[..., Writer]) -> None:
        before = made(writer)
        other = write_to(project="elsewhere")
        assert isinstance(put(other, None, SILVER._replace(project="elsewhere")).error, NameTakenError)
        assert isinstance(put(other, before, None).error, RefusedError)
        assert listed(writer) == before

    def test_adopting_writes_the_mark_and_nothing_else(self, writer: Writer) -> None:
        theirs = listed(writer, "gold")
        assert theirs is not None
        writer.sim.requests()
        assert put(writer, theirs, theirs._replace(project=PROJECT)).error is None
        assert [each.split("/")[0] for each in writer.writes()] == ["PUT snapshot_profiles"]
        assert listed(writer, "gold") == theirs._replace(project=PROJECT)


class TestDeleting:
    """A profile in use is not deleted, as the platform may detach what uses it without a word."""

    @pytest.mark.parametrize("switch", ["refuse", "detach"])
    @pytest.mark.parametrize("path", ["vm/db-01", "volume/shared"])
    def test_one_in_use_is_not_deleted(self, writer: Writer, path: str, switch: str) -> None:
        writer.switch(profile_in_use=switch)
        profile = made(writer)
        assert assign(writer, path, "", "silver").error is None
        outcome = put(writer, profile, None)
        assert isinstance(outcome.error, RefusedError)
        assert "is in use" in str(outcome.error)
        assert listed(writer) == profile

    @pytest.mark.parametrize("value", ["key", "name"])
    def test_that_of_the_system_is_not_deleted(self, sim: Sim, write_to: Callable[..., Writer], value: str) -> None:
        sim.seed(switches={"system_profile_value": value, "profile_in_use": "detach"}, system_profile="gold")
        writer = write_to()
        profile = made(writer)
        gold = listed(writer, "gold")
        assert gold is not None
        assert assign(writer, "cloud", gold.native_id, "silver").error is None
        outcome = put(writer, profile, None)
        assert isinstance(outcome.error, RefusedError)
        assert "the system's own snapshots" in str(outcome.error)

    @pytest.mark.parametrize("status", [409, 422, 400])
    def test_a_refusal_of_the_platform_is_told_as_such(self, writer: Writer, status: int) -> None:
        profile = made(writer)
        writer.fault("status_before", "snapshot_profile_actions", status=status, text="Snapshot profile is in use")
        outcome = put(writer, profile, None)
        assert isinstance(outcome.error, RefusedError)
        assert not isinstance(outcome.error, NameTakenError)
        assert listed(writer) == profile

    def test_a_system_that_does_not_know_the_action_is_asked_otherwise(self, writer: Writer) -> None:
        profile = made(writer)
        text = "value 'delete' is not in list for field 'action'"
        writer.fault("status_before", "snapshot_profile_actions", status=422, text=text)
        assert put(writer, profile, None).error is None
        assert listed(writer) is None


class TestAssigning:
    """``set_assignment``."""

    @pytest.mark.parametrize("name", FAULTS)
    @pytest.mark.parametrize("path", ["vm/db-01", "volume/shared", "cloud"])
    def test_a_fault_at_the_write_is_looked_at(
        self, sim: Sim, write_to: Callable[..., Writer], path: str, name: str
    ) -> None:
        sim.seed(system_profile="gold")
        writer = write_to()
        fault, done = FAULTS[name]
        made(writer)
        gold = listed(writer, "gold")
        assert gold is not None
        before = gold.native_id if path == "cloud" else ""
        writer.fault(**fault, method="PUT", path="*/*")
        outcome = assign(writer, path, before, "silver")
        assert (outcome.error is None) is done
        writer.clear()
        again = assign(writer, path, before, "silver")
        assert (again.error, again.existed) == (None, done)
        platform = writer.inventory().platform
        silver = listed(writer)
        assert platform is not None
        assert silver is not None
        assert platform.assigned[writer.target(path).id] == silver.native_id

    def test_each_costs_one_write_and_no_read_after_an_inventory(
        self, sim: Sim, write_to: Callable[..., Writer]
    ) -> None:
        sim.seed(vms=[{"name": "web-{:02}", "count": 30}])
        writer = write_to()
        made(writer)
        writer.inventory()
        targets = [each for path, each in writer._targets.items() if path.startswith("vm/")]
        writer.sim.requests()
        for target in targets:
            assert writer.driver.set_assignment(PlatformAssignRequest(target, "", "silver")).error is None
        assert len(targets) == 30
        assert [each.split("/")[0] for each in writer.sim.requests()] == ["PUT vms"] * 30

    def test_without_an_inventory_it_looks_first(self, writer: Writer, write_to: Callable[..., Writer]) -> None:
        made(writer)
        request = PlatformAssignRequest(writer.target("vm/db-01"), "", "silver")
        assert write_to().driver.set_assignment(request).error is None
        assert write_to().driver.set_assignment(request).existed
        assert isinstance(write_to().driver.set_assignment(request._replace(after="gold")).error, RefusedError)

    def test_after_an_outcome_that_nobody_knows_it_looks_again(self, writer: Writer) -> None:
        made(writer)
        writer.inventory()
        writer.fault("drop_after", "vms/*", "PUT")
        writer.fault("drop_before", "vms", "GET", times=4)
        assert isinstance(assign(writer, "vm/db-01", "", "silver").error, OutcomeUnknownError)
        again = assign(writer, "vm/db-01", "", "silver")
        assert (again.error, again.existed) == (None, True)

    def test_a_tenant_has_no_profile(self, writer: Writer) -> None:
        assert isinstance(assign(writer, "tenant/acme", "", "gold").error, NotSupportedError)

    @pytest.mark.parametrize("key", ["system_snapshot_profile", "x"])
    def test_a_setting_that_is_not_known_for_certain_is_not_written(
        self, sim: Sim, write_to: Callable[..., Writer], key: str
    ) -> None:
        sim.seed(switches={"system_profile_key": key})
        if key == "x":
            # Then the only setting that speaks of snapshots and profiles is how many there may be.
            sim.control("PUT", "rows/settings/x", {"description": ""})
        writer = write_to()
        writer.target("vm/db-01")
        writer.sim.requests()
        outcome = assign(writer, "cloud", "", "gold")
        assert isinstance(outcome.error, RefusedError)
        assert "in the UI at" in str(outcome.error)
        assert writer.writes() == []
