"""A plan of a VergeOS system costs the same few requests whatever the system holds, and an assignment one write each."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from snapplan.devtools.vergeos.web.serving import Simulator

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from bench.vergeos import Served  # noqa: E402
from bench.vergeos_system import Size, stage_of  # noqa: E402

MOST = 15
LARGE = Size(vms=100, volumes=10, tenants=4, foreign=20)
MORE = """
assignments:
  more:
    profile: silver
    schedule: platform
    targets: [{backend: dc1, scope: vm, names: ["web-00[0-4]*"]}]
"""


@contextmanager
def served(size: Size, folder: Path, version: str = "26.1.7") -> Iterator[Served]:
    with Simulator(stage_of(size, version), folder / "simulator") as running:
        endpoints = {"host": running.host, "control": running.control_url, "ca_file": str(running.ca_file)}
        yield Served(endpoints, folder / "repository")


def planned(size: Size, folder: Path, version: str = "26.1.7") -> list[dict[str, int]]:
    """Return the requests of a plan with a lost catalog, and of two more, an hour after one another."""
    with served(size, folder, version) as system:
        first, second = system.run("plan"), system.run("plan")
        system.step(minutes=31)
        third = system.run("plan", now="2026-11-22T13:01:00Z")
    for ran in (first, second, third):
        assert ran.code == 0, ran.err
    assert "Nothing to do" in second.out
    due = size.vms // 2 + size.volumes // 2 + size.tenants
    assert f"SNAPSHOT {due}\n" in third.out
    return [first.requests, second.requests, third.requests]


@pytest.mark.parametrize("version", ["26.0", "26.1.7"])
def test_a_plan_takes_the_same_few_requests_whatever_the_system_holds(tmp_path: Path, version: str) -> None:
    little = planned(Size(vms=10, volumes=4, tenants=2, foreign=3), tmp_path / "little", version)
    much = planned(LARGE, tmp_path / "much", version)

    assert much == little
    for counts in much:
        assert sum(counts.values()) <= MOST
        assert set(counts.values()) == {1}
        assert all(name.startswith("GET ") for name in counts)


def test_assigning_a_profile_is_one_write_for_each_vm(tmp_path: Path) -> None:
    with served(LARGE, tmp_path) as system:
        (system.root / "policies" / "more.yaml").write_text(MORE)
        ran = system.run("apply", "--auto-approve", "--only", "assign")
        again = system.run("apply", "--auto-approve", "--only", "assign")

    assert ran.code == 0, ran.err
    writes = Counter({name: count for name, count in ran.requests.items() if not name.startswith("GET ")})
    assert writes == {"PUT vms": 49}
    assert [line.split()[0] for line in ran.err.splitlines() if "/49 " in line] == [f"{n}/49" for n in range(1, 50)]
    assert again.code == 0
    assert all(name.startswith("GET ") for name in again.requests)
