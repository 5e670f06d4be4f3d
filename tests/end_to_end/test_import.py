"""What somebody clicked together becomes a policy file, and a plan made right after has nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vergeos_sim.conftest import NOON, SEED, Sim

from snapplan.config.load import load_repository
from snapplan.devtools.vergeos import seed as seeds
from snapplan.devtools.vergeos.web.serving import Simulator
from snapplan.devtools.vergeos.web.stage import Stage

from .simulated import SimulatedRepository

pytestmark = pytest.mark.slow
DAY = 86_400
SYSTEM: dict[str, Any] = {
    **SEED,
    "shipped_profiles": True,
    "system_profile": "System Snapshots",
    "accounts": [
        {"name": "admin", "password": "admin"},
        {"name": "snapplan", "password": "unused", "keys": ["simulated-key"]},
    ],
    "profiles": [
        {
            "name": "gold",
            "description": "Nights for a week",
            "periods": [
                {"name": "Night", "frequency": "daily", "hour": 2, "minute": 30, "retention": "7d", "quiesce": True},
                {"name": "Every Sunday", "frequency": "weekly", "day_of_week": "sun", "hour": 4, "retention": "91d"},
                {"name": "Month", "frequency": "monthly", "day_of_month": 31, "retention": "1y", "max_tier": "4"},
                {"name": "Year", "frequency": "yearly", "month": 2, "day_of_month": 29, "retention": 0},
            ],
        },
        {"name": "idle", "periods": [{"name": "Noon", "frequency": "daily", "hour": 12, "retention": "3d"}]},
    ],
    "vms": [
        {"name": "web-{:02}", "count": 12, "profile": "gold", "agent": "8.2", "drives": {"disk0": 16}},
        {"name": "odd [1]*", "profile": "gold", "drives": {"disk0": 16}},
        {"name": "alone", "drives": {"disk0": 16}},
    ],
    "volumes": [{"name": "shared", "profile": "gold"}, {"name": "scratch"}],
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with Simulator(Stage.of(seeds.parse(SYSTEM), NOON), tmp_path_factory.mktemp("sim")) as made:
        yield made


@pytest.fixture
def sim(running: Simulator) -> Iterator[Sim]:
    running.stage.begin_anew(seeds.parse(SYSTEM), NOON)
    made = Sim(running)
    yield made
    made.http.close()


@pytest.fixture
def repository(tmp_path: Path, sim: Sim) -> SimulatedRepository:
    return SimulatedRepository(tmp_path / "repository", sim)


def rows(sim: Sim) -> dict[str, Any]:
    """Return what an import must leave alone."""
    tables = ("snapshot_profiles", "snapshot_profile_periods", "machines", "volumes", "settings", "tags")
    return {table: sim.control("GET", f"rows/{table}") for table in tables}


def findings(root: Path) -> list[str]:
    return [f"{one.code} {one.summary}" for one in load_repository(root).diagnostics if one.severity != "note"]


def test_a_plan_right_after_an_import_is_empty(repository: SimulatedRepository, sim: Sim) -> None:
    before = rows(sim)
    ran = repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    assert "Wrote policies/dc1.yaml: 2 profiles and 3 assignments." in ran.stderr
    assert findings(repository.root) == []
    plan = repository.json("plan", "--detailed-exitcode")
    assert plan["actions"] == []
    assert {found["code"] for found in plan["diagnostics"]} <= {"SP209", "SP464"}
    assert rows(sim) == before


def test_apply_records_it_and_changes_nothing_on_the_platform(repository: SimulatedRepository, sim: Sim) -> None:
    repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    before = rows(sim)
    repository.run("apply", "--auto-approve")
    assert rows(sim) == before
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_everything_is_imported_on_demand(repository: SimulatedRepository, sim: Sim) -> None:
    ran = repository.run("import", "--backend", "dc1", "--all", "--out", "policies/dc1.yaml")
    policy = load_repository(repository.root).policy
    assert policy is not None
    names = {profile.platform_name or key for key, profile in policy.profiles.items()}
    assert names == {"gold", "idle", "System Snapshots", "SOX", "HIPAA", "NAS Volume Syncs"}
    assert "Volume Antivirus Scan" in (repository.root / "policies" / "dc1.yaml").read_text()
    assert "2 things are not in it" in ran.stderr
    recorded = repository.json("plan")["actions"]
    assert {(action["verb"], action["profile"]) for action in recorded} == {
        ("profile", key) for key in ("idle", "SOX", "HIPAA", "NAS-Volume-Syncs")
    }
    before = rows(sim)
    repository.run("apply", "--auto-approve")
    assert rows(sim) == before
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_without_a_file_it_is_printed(repository: SimulatedRepository) -> None:
    ran = repository.run("import", "--backend", "dc1")
    assert ran.stdout.startswith("# Written by snapplan import --backend dc1")
    assert list((repository.root / "policies").iterdir()) == []
    assert "  gold:\n" in ran.stdout


def test_a_file_is_replaced_only_by_force_and_then_shows_what_changed(
    repository: SimulatedRepository, sim: Sim
) -> None:
    file = repository.root / "policies" / "dc1.yaml"
    words = ("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    repository.run(*words)
    first = file.read_text()
    refused = repository.run(*words, expect=64)
    assert "--force" in refused.stderr
    assert file.read_text() == first
    repository.run(*words, "--force")
    assert file.read_text() == first
    (night,) = [row for row in rows(sim)["snapshot_profile_periods"] if row["name"] == "Night"]
    sim.put(f"snapshot_profile_periods/{night['$key']}", {"retention": 14 * DAY})
    repository.run(*words, "--force")
    changed = [(a, b) for a, b in zip(first.splitlines(), file.read_text().splitlines(), strict=True) if a != b]
    assert [(old.replace("7d", "14d"), new) for old, new in changed] == [(new, new) for _, new in changed]
    assert len(changed) == 1


def test_what_other_files_have_is_used_and_not_written_again(repository: SimulatedRepository) -> None:
    ran = repository.run("import", "--backend", "dc1")
    profiles, _, assignments = ran.stdout.partition("assignments:\n")
    repository.policy(profiles, "profiles")
    again = repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    assert "0 profiles and 3 assignments" in again.stderr
    assert (repository.root / "policies" / "dc1.yaml").read_text().endswith(assignments)
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_a_time_zone_is_written_where_the_backend_has_one(repository: SimulatedRepository) -> None:
    repository.configure(", timezone: Europe/Berlin")
    repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    policy = load_repository(repository.root).policy
    assert policy is not None
    assert {profile.timezone for profile in policy.profiles.values()} == {"Europe/Berlin"}
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_a_backend_whose_schedule_snapplan_runs_is_imported_as_the_platform_s(repository: SimulatedRepository) -> None:
    repository.configure(", schedule: snapplan")
    repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_what_a_policy_cannot_say_is_left_out_and_said(repository: SimulatedRepository, sim: Sim) -> None:
    (gold,) = [row for row in rows(sim)["snapshot_profiles"] if row["name"] == "gold"]
    period = {"profile": gold["$key"], "name": "Once", "frequency": "custom", "retention": DAY}
    sim.post("snapshot_profile_periods", period)
    ran = repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    text = (repository.root / "policies" / "dc1.yaml").read_text()
    assert "1 profile and 1 assignment" in ran.stderr
    assert "Profile 'gold': period 'Once': it runs once" in text
    assert "dc1/vm/web-01" in text
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_an_imported_profile_is_changed_after_it_was_adopted(repository: SimulatedRepository, sim: Sim) -> None:
    repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    repository.run("apply", "--auto-approve")
    file = repository.root / "policies" / "dc1.yaml"
    file.write_text(file.read_text().replace("retention: 7d", "retention: 14d"))
    plan = repository.json("plan")
    assert [action["verb"] for action in plan["actions"]] == []
    assert any("adopt" in found["hint"] for found in plan["diagnostics"])
    repository.run("adopt", "dc1/profile/gold")
    repository.run("apply", "--auto-approve")
    (night,) = [row for row in rows(sim)["snapshot_profile_periods"] if row["name"] == "Night"]
    assert night["retention"] == 14 * DAY
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_two_systems_whose_profiles_share_a_name_are_imported_side_by_side(
    repository: SimulatedRepository, tmp_path: Path
) -> None:
    night = {"name": "Night", "frequency": "daily", "hour": 3, "retention": "30d"}
    other = {**SYSTEM, "profiles": [{"name": "gold", "periods": [night]}], "volumes": []}
    with Simulator(Stage.of(seeds.parse(other), NOON), tmp_path / "other") as second:
        config = repository.root / "snapplan.yaml"
        (first,) = [line for line in config.read_text().splitlines() if line.startswith("  dc1:")]
        both = first.replace("dc1:", "dc2:").replace(repository.sim.host, second.host).replace("ca.pem", "ca2.pem")
        config.write_text(config.read_text().replace(first, f"{first}\n{both}"))
        (repository.root / "ca2.pem").write_bytes(second.ca_file.read_bytes())
        repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
        repository.run("import", "--backend", "dc2", "--out", "policies/dc2.yaml")
        assert findings(repository.root) == []
        text = (repository.root / "policies" / "dc2.yaml").read_text()
        assert "  gold-2:\n    platform_name: gold\n" in text
        assert "    profile: System-Snapshots\n" in text
        assert "\n  System-Snapshots" not in text.partition("assignments:")[0]
        assert repository.json("plan", "--detailed-exitcode")["actions"] == []


def test_what_the_platform_takes_by_an_adopted_profile_counts_under_the_keys_of_the_policy(
    repository: SimulatedRepository, sim: Sim
) -> None:
    repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    repository.run("apply", "--auto-approve")
    assert {row["state"] for row in repository.json("status")["targets"] if row["profiles"]} == {"unadopted"}
    repository.run("adopt", "dc1/profile/System Snapshots", "dc1/profile/gold")
    sim.step(2 * DAY)
    repository.run("apply", "--auto-approve")
    status = repository.json("status")
    states = {row["target"]: row["state"] for row in status["targets"]}
    assert (states["dc1/cloud"], states["dc1/vm/web-01"], states["dc1/volume/shared"]) == ("ok", "ok", "ok")
    assert states["dc1/vm/alone"] == "unprotected"
    listed = [row for row in repository.json("list", "snapshots") if row["target"] == "dc1/cloud"]
    assert {(row["profile"], row["period"]) for row in listed} == {
        ("System-Snapshots", period) for period in ("Hourly", "Midnight", "Noon")
    }
    assert {row["state"] for row in listed} == {"managed"}


def test_an_assignment_that_this_user_may_not_see_is_said(repository: SimulatedRepository, sim: Sim) -> None:
    denied = {"name": "snapplan", "password": "unused", "keys": ["simulated-key"], "denied": ["settings"]}
    sim.seed(**{**SYSTEM, "accounts": [{"name": "admin", "password": "admin"}, denied]})
    ran = repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    text = (repository.root / "policies" / "dc1.yaml").read_text()
    assert "1 profile and 2 assignments" in ran.stderr
    assert "The assignments of cloud targets: this user may not read the system's settings" in " ".join(text.split())
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []


@pytest.mark.parametrize("version", ["26.0", "26.1.3"])
def test_older_platforms_are_imported_too(repository: SimulatedRepository, sim: Sim, version: str) -> None:
    sim.seed(**{**SYSTEM, "version": version})
    repository.run("import", "--backend", "dc1", "--out", "policies/dc1.yaml")
    assert repository.json("plan", "--detailed-exitcode")["actions"] == []
