"""Profiles of a platform that the policy has no more, or under another name: nothing that they took is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from vergeos_sim.conftest import SEED, Sim

from snapplan.devtools.vergeos.seed import Seed
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage

from .simulated import SimulatedRepository

pytestmark = pytest.mark.slow
DAY = 86_400
POLICY = """\
profiles:
  silver: {periods: {daily: {frequency: daily, hour: 2, retention: 3d, min_snapshots: 2}}}
assignments:
  some: {profile: silver, targets: [{backend: dc1, scope: vm, names: [web-01]}, {backend: dc1, scope: volume}]}
"""
NOTHING = "profiles: {}\nassignments: {}\n"

ALLOWED = ("--allow", "SP304", "--reason", "given up on purpose")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[SimulatedRepository]:
    """Three days after a profile was assigned to a VM and a volume."""
    with Simulator(Stage.of(Seed.model_validate(SEED), 0), tmp_path / "sim") as running:
        sim = Sim(running)
        made = SimulatedRepository(tmp_path / "repository", sim)
        made.policy(POLICY)
        for _ in range(3):
            made.run("apply", "--auto-approve")
            sim.step(DAY)
        made.run("apply", "--auto-approve")
        yield made
        sim.http.close()


def names(repository: SimulatedRepository, table: str) -> list[str]:
    return [row["name"] for row in repository.sim.control("GET", f"rows/{table}")]


def test_the_last_snapshots_outlive_the_end_of_their_profile(repository: SimulatedRepository) -> None:
    repository.policy(NOTHING)
    assert "SP459" in repository.run("apply", "--auto-approve", *ALLOWED).stdout
    repository.sim.step(30 * DAY)
    repository.run("apply", "--auto-approve")
    for table in ("machine_snapshots", "volume_snapshots"):
        assert names(repository, table) == ["daily_20261124", "daily_20261125"], table
    states = {row["target"]: row["state"] for row in repository.json("status")["targets"]}
    assert states["dc1/vm/web-01"] == "orphan"


def test_a_profile_goes_with_its_last_snapshot(repository: SimulatedRepository) -> None:
    repository.policy(NOTHING)
    repository.run("apply", "--auto-approve", *ALLOWED)
    for table in ("machine_snapshots", "volume_snapshots"):
        for row in repository.sim.control("GET", f"rows/{table}"):
            repository.sim.http.delete(f"https://{repository.sim.host}/api/v4/{table}/{row['$key']}").raise_for_status()
    repository.run("apply", "--auto-approve", expect=None)
    assert "silver" not in names(repository, "snapshot_profiles")


def test_a_moved_profile_keeps_what_it_took(repository: SimulatedRepository) -> None:
    moved = "moved: [{from: profiles.silver, to: profiles.bronze}]\n"
    repository.policy(POLICY.replace("silver", "bronze") + moved)
    repository.run("apply", "--auto-approve")
    assert repository.run("plan").stdout.startswith("Nothing to do.")
    assert "silver" not in names(repository, "snapshot_profiles")
    listed = repository.json("list", "snapshots")
    assert {(one["state"], one["profile"]) for one in listed} == {("managed", "bronze")}
    assert len(listed) == 6
