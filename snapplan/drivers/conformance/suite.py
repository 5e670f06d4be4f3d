"""The suite: all subjects in one class, or in two where the crashes take too long for every day."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pytest

from snapplan.clock import NOW_VARIABLE
from snapplan.drivers.conformance.changing import ChangeTests
from snapplan.drivers.conformance.crashing import CrashTests
from snapplan.drivers.conformance.expiring import ExpireTests, PlatformExpiryTests
from snapplan.drivers.conformance.lab import Lab, make_lab
from snapplan.drivers.conformance.listing import ListingTests
from snapplan.drivers.conformance.marking import MarkTests
from snapplan.drivers.conformance.naming import NameTests
from snapplan.drivers.conformance.pausing import PauseTests
from snapplan.drivers.conformance.restoring import RestoreTests
from snapplan.drivers.conformance.scheduling import ScheduleTests
from snapplan.drivers.conformance.taking import CreateTests
from snapplan.ids import format_instant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snapplan.drivers.conformance.harness import Harness
    from snapplan.models.target import Capabilities


class _OnAHarness:
    """The fixtures; a subclass gives ``harness``, and may name the driver's capabilities; see ``selection``."""

    declared: ClassVar[Capabilities | None] = None

    @pytest.fixture
    def harness(self) -> Harness:
        """Return the harness of the driver."""
        raise NotImplementedError("the test class of a driver has a fixture called harness")

    @pytest.fixture
    def lab(self, harness: Harness, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
        """A world with two VMs, two volumes and a tenant, as far as the driver has the scopes."""
        monkeypatch.setenv(NOW_VARIABLE, format_instant(harness.now()))
        lab = make_lab(harness)
        yield lab
        lab.driver.close()


class BehaviourConformance(
    _OnAHarness,
    ListingTests,
    MarkTests,
    NameTests,
    CreateTests,
    ChangeTests,
    ExpireTests,
    PlatformExpiryTests,
    RestoreTests,
    ScheduleTests,
):
    """All tests but those that crash the driver."""


class CrashConformance(_OnAHarness, CrashTests):
    """The tests that crash the driver at each of its points; they take most of the time."""


class PauseConformance(_OnAHarness, PauseTests):
    """The tests that pause the driver at each of its points while others act."""


class DriverConformance(BehaviourConformance, CrashConformance, PauseConformance):
    """All tests."""
