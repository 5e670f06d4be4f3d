"""The ``vergeos`` driver keeps the contract of drivers, on the simulator in three platform versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage
from snapplan.drivers.conformance import BehaviourConformance, CrashConformance, Harness

from .vergeos_world import VergeosHarness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VERSIONS = ("26.0", "26.1.3", "26.1.7")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One server for all tests of a process; each test has a system of its own on it."""
    with Simulator(Stage.of(seeds.parse({}), 0), tmp_path_factory.mktemp("vergeos")) as running:
        yield running


class OnTheSimulator:
    version = VERSIONS[-1]

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
