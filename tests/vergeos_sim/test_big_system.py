"""A plan of a VergeOS system costs the same few requests whatever the system holds, and an assignment one write each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snapplan.devtools.vergeos.web.serving import Simulator

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from bench.vergeos import Served  # noqa: E402
from bench.vergeos_system import Size, stage_of  # noqa: E402

SMALL, LARGE = Size(vms=10, volumes=4, tenants=2, foreign=5), Size(vms=200, volumes=20, tenants=8, foreign=40)
MORE = """
assignments:
  more:
    profile: silver
    schedule: platform
    targets: [{backend: dc1, scope: vm, names: ["web-00[0-5]*"]}]
"""


@pytest.fixture
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    with Simulator(stage_of(request.param), tmp_path / "simulator") as running:
        endpoints = {"host": running.host, "control": running.control_url, "ca_file": str(running.ca_file)}
        yield Served(endpoints, tmp_path / "repository")


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=lambda size: f"{size.vms} VMs")
def test_a_plan_takes_the_same_requests_whatever_the_size(size: Size, tmp_path: Path) -> None:
    with Simulator(stage_of(size), tmp_path / "simulator") as running:
        endpoints = {"host": running.host, "control": running.control_url, "ca_file": str(running.ca_file)}
        served = Served(endpoints, tmp_path / "repository")
        first, second = served.run("plan", "-v"), served.run("plan")
    assert (first.code, second.code) == (0, 0), first.err + second.err
    for ran in (first, second):
        assert ran.requests == EXPECTED
    assert sum(EXPECTED.values()) <= 15
    print(first.out, first.err)


EXPECTED: dict[str, int] = {}
