"""The ``vergeos`` driver keeps the contract of drivers, on the simulator in three platform versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage
from snapplan.drivers.conformance import BehaviourConformance, CrashConformance, Harness, PauseConformance
from snapplan.drivers.conformance.lab import make_lab
from snapplan.drivers.vergeos import CAPABILITIES, DRIVER
from snapplan.drivers.vergeos.driver import VergeosDriver
from snapplan.models.request import Outcome, PlatformProfileRequest
from snapplan.models.target import Scope

from .vergeos_world import VergeosHarness

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from snapplan.drivers.base import Settings
    from snapplan.models.request import ExpireRequest, PlatformAssignRequest


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One server for all tests of a process; each test has a system of its own on it."""
    with Simulator(Stage.of(seeds.parse({}), 0), tmp_path_factory.mktemp("vergeos")) as running:
        yield running


class OnTheSimulator:
    declared = CAPABILITIES
    version = "26.1.7"

    @pytest.fixture
    def harness(self, server: Simulator, tmp_path: Path) -> Iterator[Harness]:
        made = VergeosHarness(server, tmp_path, self.version)
        yield made
        made.close()


@pytest.mark.slow
class TestVergeos2600(OnTheSimulator, BehaviourConformance):
    version = "26.0"


@pytest.mark.slow
class TestVergeos2613(OnTheSimulator, BehaviourConformance):
    version = "26.1.3"


class TestVergeos2617(OnTheSimulator, BehaviourConformance):
    version = "26.1.7"


@pytest.mark.slow
class TestVergeosThatCrashes(OnTheSimulator, CrashConformance):
    pass


@pytest.mark.slow
class TestVergeosThatIsPaused(OnTheSimulator, PauseConformance):
    pass


class OverwritesProfiles(VergeosDriver):
    def set_profile(self, request: PlatformProfileRequest) -> Outcome:
        platform = self.inventory().platform
        assert platform is not None
        wanted = request.after or request.before
        stands = [each for each in platform.profiles if wanted is not None and each.name == wanted.name]
        ours = [each._replace(project=self._settings.project) for each in stands]
        for before, after in zip(stands, ours, strict=True):
            super().set_profile(PlatformProfileRequest(before, after))
        return super().set_profile(PlatformProfileRequest(ours[0] if ours else None, request.after))


class KeepsOldPeriods(VergeosDriver):
    def set_profile(self, request: PlatformProfileRequest) -> Outcome:
        before, after = request
        if before is not None and after is not None:
            request = PlatformProfileRequest(before, after._replace(periods={**before.periods, **after.periods}))
        return super().set_profile(request)


class AssignsWithoutALook(VergeosDriver):
    def set_assignment(self, request: PlatformAssignRequest) -> Outcome:
        platform = self.inventory().platform
        assert platform is not None
        return super().set_assignment(request._replace(before=platform.assigned.get(request.target.id, "")))


class NeverTakesAway(VergeosDriver):
    def set_assignment(self, request: PlatformAssignRequest) -> Outcome:
        return super().set_assignment(request) if request.after else Outcome()


class ExpiresWhatThePlatformTook(VergeosDriver):
    def expire(self, requests: Sequence[ExpireRequest]) -> Iterator[Outcome]:
        for request in requests:
            self._api.delete(*request.snapshot.native_id.split("/")[:2])
            yield Outcome()


FAULTS: list[tuple[type[VergeosDriver], str, dict[str, Any]]] = [
    (OverwritesProfiles, "test_a_foreign_profile_is_left_as_it_is", {}),
    (OverwritesProfiles, "test_what_somebody_else_changed_is_refused", {}),
    (KeepsOldPeriods, "test_a_profile_is_changed_to_what_is_asked_for", {"periods": {"yearly": None}}),
    (AssignsWithoutALook, "test_an_assignment_that_somebody_else_changed_is_refused", {}),
    (NeverTakesAway, "test_a_profile_is_assigned_and_taken_away", {"scope": Scope.VM}),
    (ExpiresWhatThePlatformTook, "test_what_the_platform_takes_is_not_expired_by_us", {"scope": Scope.VM}),
]


@pytest.mark.parametrize(("opened", "test", "arguments"), FAULTS, ids=lambda each: getattr(each, "__name__", None))
def test_a_driver_that_breaks_the_schedule_fails(
    opened: type[VergeosDriver],
    test: str,
    arguments: dict[str, Any],
    server: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connect(settings: Settings) -> VergeosDriver:
        assert isinstance(settings.options, DRIVER.options)
        return opened(settings, settings.options, CAPABILITIES)

    harness = VergeosHarness(server, tmp_path, "26.1.7")
    harness.driver = DRIVER._replace(open=connect)
    monkeypatch.setenv("SNAPPLAN_NOW", harness.now().isoformat())
    lab = make_lab(harness)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(BehaviourConformance(), test)(lab, lab.driver, **arguments)
    lab.driver.close()
    harness.close()
