"""The tests that every driver passes, for the driver's author to run in tests of their own.

    from snapplan.drivers.conformance import DriverConformance, Harness

    class MyHarness(Harness):
        ...

    class TestMyDriver(DriverConformance):
        @pytest.fixture
        def harness(self, tmp_path):
            return MyHarness(tmp_path)

A harness makes small worlds on the real backend and looks at them behind the driver's back. What the driver does not
declare in its capabilities is skipped, and so is what the harness cannot do; each skip says why. Needs pytest.
"""

from __future__ import annotations

import pytest

_SUBJECTS = (
    "changing",
    "crasher",
    "crashing",
    "expiring",
    "lab",
    "listing",
    "marking",
    "naming",
    "pausing",
    "restoring",
    "scheduling",
    "taking",
)
pytest.register_assert_rewrite(*(f"{__name__}.{subject}" for subject in _SUBJECTS))

from snapplan.drivers.conformance.harness import Harness  # noqa: E402
from snapplan.drivers.conformance.suite import (  # noqa: E402
    BehaviourConformance,
    CrashConformance,
    DriverConformance,
    PauseConformance,
)
from snapplan.drivers.conformance.worlds import WorldTarget, content_of, parse_world  # noqa: E402

__all__ = [
    "BehaviourConformance",
    "CrashConformance",
    "DriverConformance",
    "Harness",
    "PauseConformance",
    "WorldTarget",
    "content_of",
    "parse_world",
]
