"""What a hostile or careless user of the UI does with names, tags, profiles and marks takes no protection away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
  silver: {periods: {daily: {frequency: daily, hour: 2, retention: 7d}}}
  ours: {periods: {daily: {frequency: daily, hour: 3, retention: 7d}}}
assignments:
  names:
    profile: silver
    targets: [{backend: dc1, scope: vm, names: [web-01, "db-*"]}, {backend: dc1, scope: volume, names: [shared]}]
  tenants: {profile: ours, targets: [{backend: dc1, scope: tenant, names: [acme]}]}
  tagged: {profile: ours, schedule: snapplan, targets: [{backend: dc1, scope: vm, tags: [DB]}]}
"""
WORLD = {
    **SEED,
    "tags": [{"category": "env", "tags": ["DB"]}],
    "vms": [{"name": "web-01"}, {"name": "db-01", "tags": ["DB"]}],
    "volumes": [{"name": "shared"}],
    "tenants": [{"name": "acme"}],
}


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[SimulatedRepository]:
    """A policy that was applied once."""
    with Simulator(Stage.of(Seed.model_validate(WORLD), 0), tmp_path / "sim") as running:
        sim = Sim(running)
        made = SimulatedRepository(tmp_path / "repository", sim)
        made.policy(POLICY)
        made.run("apply", "--auto-approve")
        yield made
        sim.http.close()


def profiles(repository: SimulatedRepository, table: str) -> dict[str, Any]:
    """Return what is assigned to each object, by its key."""
    return {
        row["$key"]: row["snapshot_profile"]
        for row in repository.sim.control("GET", f"rows/{table}")
        if not row["is_snapshot"]
    }


def codes(repository: SimulatedRepository) -> set[str]:
    return {found["code"] for found in repository.json("plan")["diagnostics"]}


def test_renames_and_homonyms_leave_every_protection_as_it_is(repository: SimulatedRepository) -> None:
    sim = repository.sim
    before = {table: profiles(repository, table) for table in ("machines", "volumes")}
    vms = {row["name"]: row["$key"] for row in sim.get("vms", fields="$key,name", filter="is_snapshot eq false")}
    sim.put(f"vms/{vms['web-01']}", {"name": "renamed"})
    sim.put(f"vms/{vms['db-01']}", {"name": "0-before-all"})
    sim.key("vms", {"name": "web-01"})
    sim.key("tenants", {"name": "acme"})
    sim.key("volumes", {"name": "shared", "service": sim.key("vm_services", {"name": "nas2"})})
    category = sim.key("tag_categories", {"name": "site", "taggable_vms": True})
    sim.key("tags", {"name": "DB", "category": category})
    sim.step(DAY)
    repository.run("apply", "--auto-approve", expect=3)
    for table, assigned in before.items():
        assert profiles(repository, table).items() >= assigned.items(), table
    assert {"SP460", "SP461"} <= codes(repository)
    taken = sim.control("GET", "rows/tenant_snapshots")
    assert len({row["tenant"] for row in taken}) == 2, "a homonym is protected too"
    states = {row["target"]: row for row in repository.json("status", "--detailed-exitcode", expect=8)["targets"]}
    assert all(states[f"dc1/vm/{name}"]["attention"] for name in ("renamed", "0-before-all"))


def test_an_unattended_apply_gives_a_homonym_no_profile_of_the_platform(repository: SimulatedRepository) -> None:
    repository.sim.key("vms", {"name": "web-01"})
    assert "SP460" in repository.run("apply", "--auto-approve", expect=3).stderr
    assert None in profiles(repository, "machines").values()
    twins = sorted(row["target"] for row in repository.json("list", "targets") if "web-01~" in row["target"])
    repository.run("restore", "dc1/vm/web-01", "--as", "copy", expect=1)
    for twin in twins:
        repository.run("accept", twin, "--reason", "meant")
    repository.run("apply", "--auto-approve")
    assert None not in profiles(repository, "machines").values()
    assert codes(repository) == set()


def test_the_original_may_be_deleted_afterwards(repository: SimulatedRepository) -> None:
    sim = repository.sim
    original = sim.get("vms", fields="$key", filter="name eq 'web-01'")[0]["$key"]
    sim.key("vms", {"name": "web-01"})
    repository.run("apply", "--auto-approve", expect=3)
    sim.http.delete(f"https://{sim.host}/api/v4/vms/{original}").raise_for_status()
    repository.run("apply", "--auto-approve")
    assert None not in profiles(repository, "machines").values()
    assert "dc1/vm/web-01" in {row["target"] for row in repository.json("list", "targets")}


def test_a_homonym_while_the_catalog_is_lost_takes_nothing_away(repository: SimulatedRepository) -> None:
    sim = repository.sim
    before = profiles(repository, "machines")
    for file in repository.root.glob("catalog.db*"):
        file.unlink()
    sim.key("vms", {"name": "web-01"})
    sim.step(DAY)
    repository.run("apply", "--auto-approve", expect=None)
    assert profiles(repository, "machines").items() >= before.items()
    assert "SP460" in codes(repository)


def test_marks_and_names_that_are_changed_in_the_ui_are_findings(repository: SimulatedRepository) -> None:
    sim = repository.sim
    sim.step(DAY)
    repository.run("apply", "--auto-approve")
    silver = next(row for row in sim.control("GET", "rows/snapshot_profiles") if row["name"] == "silver")
    sim.put(f"snapshot_profiles/{silver['$key']}", {"description": "cleaned up"})
    ours = next(row for row in sim.control("GET", "rows/tenant_snapshots"))
    sim.put(f"tenant_snapshots/{ours['$key']}", {"description": ""})
    for _ in range(2):
        assert {"SP464", "SP466"} <= codes(repository), "said as long as it is so"
        repository.run("apply", "--auto-approve", expect=None)
    sim.put(f"snapshot_profiles/{silver['$key']}", {"description": silver["description"], "name": "silveren"})
    before = profiles(repository, "machines")
    assert "SP465" in codes(repository)
    repository.run("apply", "--auto-approve")
    assert {row["name"] for row in sim.control("GET", "rows/snapshot_profiles")} >= {"silver"}
    assert profiles(repository, "machines") == before
