"""The platform's own schedule: profiles, assignments, and what its scheduler takes by them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from snapplan.drivers.conformance.harness import PROJECT
from snapplan.drivers.conformance.lab import SUBJECTS, refused, require
from snapplan.errors import BackendError, NameTakenError, NotFoundError, RefusedError
from snapplan.models.platform import PlatformPeriod, PlatformProfile, PlatformSchedule
from snapplan.models.request import ExpireRequest, PlatformAssignRequest, PlatformProfileRequest
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from snapplan.drivers.base import ScheduleDriver
    from snapplan.drivers.conformance.lab import Lab
    from snapplan.models.request import Outcome
    from snapplan.models.snapshot import Snapshot

DAY = 86_400
HOURLY = PlatformPeriod("hourly", DAY, minute=15)
PERIODS = {
    "hourly": HOURLY,
    "daily": PlatformPeriod("daily", 14 * DAY, minute=30, hour=2, min_snapshots=3),
    "weekly": PlatformPeriod("weekly", 60 * DAY, hour=3, day_of_week="sun"),
    "monthly": PlatformPeriod("monthly", 365 * DAY, hour=4, day_of_month=1),
    "yearly": PlatformPeriod("yearly", None, hour=5, day_of_month=31, month=12, min_snapshots=0),
}
GOLD = PlatformProfile("", "gold", PERIODS, PROJECT, "Hourly for a day\nand more")
CHANGES: dict[str, dict[str, PlatformPeriod | None]] = {
    "another time": {"daily": PERIODS["daily"]._replace(hour=5)},
    "another retention": {"hourly": HOURLY._replace(retention=2 * DAY)},
    "another frequency": {"weekly": PERIODS["weekly"]._replace(frequency="daily", day_of_week="")},
    "one more": {"noon": PlatformPeriod("daily", DAY, hour=12)},
    "one less": {"yearly": None},
    "one for another": {"yearly": None, "noon": PlatformPeriod("daily", DAY, hour=12)},
}
NATIVE = pytest.mark.parametrize("scope", list(Scope), ids=str)


def changed(profile: PlatformProfile, periods: dict[str, PlatformPeriod | None]) -> PlatformProfile:
    """Return a profile with some periods replaced, those that are ``None`` taken away."""
    merged = {**profile.periods, **periods}
    return profile._replace(periods={name: period for name, period in merged.items() if period is not None})


class ScheduleTests:
    """``set_profile`` and ``set_assignment`` of a driver with ``native_schedule``."""

    @pytest.fixture
    def driver(self, lab: Lab) -> ScheduleDriver:
        """Return the connection as one to a platform that has a schedule; skip where it has none."""
        require(bool(lab.capabilities.native_schedule), "the platform has no scheduler")
        return cast("ScheduleDriver", lab.driver)

    def test_a_profile_is_made_as_it_is_asked_for(self, lab: Lab, driver: ScheduleDriver) -> None:
        outcome = driver.set_profile(PlatformProfileRequest(None, GOLD))
        assert (outcome.error, outcome.existed) == (None, False)
        found = listed(lab)
        assert found._replace(native_id="") == GOLD
        assert found.native_id

    def test_to_make_it_again_is_done_already(self, lab: Lab, driver: ScheduleDriver) -> None:
        make(lab, driver)
        before = lab.harness.fingerprint()
        again = driver.set_profile(PlatformProfileRequest(None, GOLD))
        assert (again.error, again.existed) == (None, True)
        assert lab.harness.fingerprint() == before

    @pytest.mark.parametrize("periods", CHANGES.values(), ids=CHANGES.keys())
    def test_a_profile_is_changed_to_what_is_asked_for(
        self, lab: Lab, driver: ScheduleDriver, periods: dict[str, PlatformPeriod | None]
    ) -> None:
        before = make(lab, driver)
        after = changed(before, periods)
        outcome = driver.set_profile(PlatformProfileRequest(before, after))
        assert (outcome.error, outcome.existed) == (None, False)
        assert listed(lab) == after
        again = driver.set_profile(PlatformProfileRequest(before, after))
        assert (again.error, again.existed) == (None, True)

    def test_a_description_is_changed_and_the_mark_stays(self, lab: Lab, driver: ScheduleDriver) -> None:
        before = make(lab, driver)
        after = before._replace(description="other words")
        assert driver.set_profile(PlatformProfileRequest(before, after)).error is None
        assert listed(lab) == after

    def test_a_change_that_a_dead_run_began_is_completed(self, lab: Lab, driver: ScheduleDriver) -> None:
        before = make(lab, driver)
        half = changed(before, CHANGES["another time"])
        assert driver.set_profile(PlatformProfileRequest(before, half)).error is None
        after = changed(half, CHANGES["one for another"])
        assert driver.set_profile(PlatformProfileRequest(before, after)).error is None
        assert listed(lab) == after

    def test_what_somebody_else_changed_is_refused(self, lab: Lab, driver: ScheduleDriver) -> None:
        planned = make(lab, driver)
        theirs = changed(planned, CHANGES["another retention"])
        assert driver.set_profile(PlatformProfileRequest(planned, theirs)).error is None
        refused(driver.set_profile(PlatformProfileRequest(planned, planned._replace(description="x"))), RefusedError)
        refused(driver.set_profile(PlatformProfileRequest(planned, None)), RefusedError)
        assert listed(lab) == theirs

    def test_one_that_is_gone_is_not_found(self, lab: Lab, driver: ScheduleDriver) -> None:
        before = make(lab, driver)
        assert driver.set_profile(PlatformProfileRequest(before, None)).error is None
        after = before._replace(description="x")
        refused(driver.set_profile(PlatformProfileRequest(before, after)), NotFoundError)
        assert "gold" not in {each.name for each in schedule(lab).profiles}

    def test_a_profile_is_deleted_once(self, lab: Lab, driver: ScheduleDriver) -> None:
        before = make(lab, driver)
        outcome = driver.set_profile(PlatformProfileRequest(before, None))
        assert (outcome.error, outcome.existed) == (None, False)
        assert "gold" not in {each.name for each in schedule(lab).profiles}
        again = driver.set_profile(PlatformProfileRequest(before, None))
        assert (again.error, again.existed) == (None, True)

    def test_a_profile_in_use_is_not_deleted(self, lab: Lab, driver: ScheduleDriver) -> None:
        profile = make(lab, driver)
        path = native_path(lab)
        assert assign(lab, driver, path, "", "gold").error is None
        refused(driver.set_profile(PlatformProfileRequest(profile, None)), RefusedError)
        assert listed(lab) == profile
        assert schedule(lab).assigned[lab.target(path).id] == profile.native_id

    def test_a_foreign_profile_is_left_as_it_is(self, lab: Lab, driver: ScheduleDriver) -> None:
        lab.harness.add_foreign_profile("gold")
        theirs = listed(lab)
        assert theirs.project is None
        refused(driver.set_profile(PlatformProfileRequest(None, GOLD)), NameTakenError)
        refused(driver.set_profile(PlatformProfileRequest(theirs, None)), RefusedError)
        assert listed(lab) == theirs

    def test_a_foreign_profile_is_adopted_when_that_is_asked_for(self, lab: Lab, driver: ScheduleDriver) -> None:
        lab.harness.add_foreign_profile("gold")
        theirs = listed(lab)
        ours = theirs._replace(project=PROJECT)
        assert driver.set_profile(PlatformProfileRequest(theirs, ours)).error is None
        assert listed(lab) == ours

    def test_a_connection_that_only_reads_writes_no_schedule(self, lab: Lab, driver: ScheduleDriver) -> None:
        profile = make(lab, driver)
        before = lab.harness.fingerprint()
        reading = cast("ScheduleDriver", lab.harness.open(read_only=True))
        outcomes = [
            reading.set_profile(PlatformProfileRequest(profile, None)),
            assign(lab, reading, native_path(lab), "", "gold"),
        ]
        reading.close()
        assert all(isinstance(each.error, BackendError) for each in outcomes)
        assert lab.harness.fingerprint() == before

    @NATIVE
    def test_a_profile_is_assigned_and_taken_away(self, lab: Lab, driver: ScheduleDriver, scope: Scope) -> None:
        path = native_path(lab, scope)
        key = make(lab, driver).native_id
        target_id = lab.target(path).id
        before = schedule(lab).assigned.get(target_id, "")
        for current, wanted, stands in ((before, "gold", key), (key, "", None)):
            outcome = assign(lab, driver, path, current, wanted)
            assert (outcome.error, outcome.existed) == (None, False)
            assert schedule(lab).assigned.get(target_id) == stands
            again = assign(lab, driver, path, current, wanted)
            assert (again.error, again.existed) == (None, True)

    def test_an_assignment_that_somebody_else_changed_is_refused(self, lab: Lab, driver: ScheduleDriver) -> None:
        path = native_path(lab)
        profile = make(lab, driver)
        assert assign(lab, driver, path, "", "gold").error is None
        other = profile._replace(name="other", native_id="")
        assert driver.set_profile(PlatformProfileRequest(None, other)).error is None
        refused(assign(lab, driver, path, "", "other"), RefusedError)
        assert schedule(lab).assigned[lab.target(path).id] == profile.native_id

    def test_a_profile_that_is_not_there_is_not_assigned(self, lab: Lab, driver: ScheduleDriver) -> None:
        path = native_path(lab)
        refused(assign(lab, driver, path, "", "gold"), NotFoundError)
        assert lab.target(path).id not in schedule(lab).assigned

    def test_a_scope_that_the_platform_does_not_schedule_is_refused(self, lab: Lab, driver: ScheduleDriver) -> None:
        others = sorted(lab.capabilities.scopes - lab.capabilities.native_schedule)
        require(bool(others), "the platform schedules every scope")
        make(lab, driver)
        refused(assign(lab, driver, SUBJECTS[others[0]], "", "gold"), BackendError)

    @NATIVE
    def test_what_the_platform_takes_is_managed(self, lab: Lab, driver: ScheduleDriver, scope: Scope) -> None:
        path = native_path(lab, scope)
        snapshots = scheduled(lab, driver, path)
        assert snapshots
        assert all(each.managed for each in snapshots)
        assert {each.mark and (each.mark.project, each.mark.profile, each.mark.period) for each in snapshots} == {
            (PROJECT, "gold", "hourly")
        }
        assert len({each.mark and each.mark.slot for each in snapshots}) == len(snapshots)

    @NATIVE
    def test_what_the_platform_takes_is_not_expired_by_us(self, lab: Lab, driver: ScheduleDriver, scope: Scope) -> None:
        snapshot = scheduled(lab, driver, native_path(lab, scope))[0]
        refused(lab.expire(snapshot)[0], RefusedError)
        assert snapshot in lab.snapshots()

    def test_what_the_platform_took_of_a_target_that_lost_its_profile_is_expired_when_asked(
        self, lab: Lab, driver: ScheduleDriver
    ) -> None:
        path = native_path(lab, Scope.VM)
        snapshot = scheduled(lab, driver, path)[0]
        request = ExpireRequest(snapshot, orphan=True)
        refused(next(iter(driver.expire([request]))), RefusedError)
        assert assign(lab, driver, path, listed(lab).native_id, "").error is None
        assert next(iter(driver.expire([request]))).error is None
        assert snapshot.native_id not in {each.native_id for each in lab.snapshots()}


def schedule(lab: Lab) -> PlatformSchedule:
    """Return the platform's schedule as it is listed."""
    found = lab.inventory().platform
    assert found is not None, "a platform with a scheduler lists its schedule"
    return found


def listed(lab: Lab, name: str = "gold") -> PlatformProfile:
    """Return the profile of that name."""
    (found,) = [each for each in schedule(lab).profiles if each.name == name]
    return found


def make(lab: Lab, driver: ScheduleDriver) -> PlatformProfile:
    """Make the profile of these tests and return it as it is listed."""
    assert driver.set_profile(PlatformProfileRequest(None, GOLD)).error is None
    return listed(lab)


def native_path(lab: Lab, scope: Scope = Scope.VM) -> str:
    """Return a target that the platform schedules and whose assignment it tells."""
    require(scope in lab.capabilities.native_schedule, f"the platform schedules no {scope}")
    blocker = schedule(lab).blockers.get(scope, "")
    require(not blocker, blocker)
    return lab.path(scope)


def assign(lab: Lab, driver: ScheduleDriver, path: str, before: str, after: str) -> Outcome:
    """Assign the profile called ``after`` to a target that has the one with the key ``before``."""
    return driver.set_assignment(PlatformAssignRequest(lab.target(path), before, after))


def scheduled(lab: Lab, driver: ScheduleDriver, path: str) -> list[Snapshot]:
    """Return what the platform took of a target in three hours, by a profile of ours."""
    profile = GOLD._replace(periods={"hourly": HOURLY})
    assert driver.set_profile(PlatformProfileRequest(None, profile)).error is None
    current: Any = schedule(lab).assigned.get(lab.target(path).id, "")
    assert assign(lab, driver, path, current, "gold").error is None
    lab.harness.let_pass(timedelta(hours=3))
    return lab.snapshots(path)
