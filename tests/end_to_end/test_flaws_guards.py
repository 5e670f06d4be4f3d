"""Ways around the guards that somebody found."""

from __future__ import annotations

from pathlib import Path

from .repository import CONFIG, HOURLY, Repository

LATER = "2026-11-22T12:20:00Z"
TWO = CONFIG.replace("backends:\n", "backends:\n  nas: {driver: directory, root: nas}\n")


def test_a_backend_that_leaves_the_policy_ends_the_protection_of_its_targets(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", HOURLY.replace("backend: lab", 'backend: "*"'), TWO)
    for name in "abcd":
        (repository.root / "nas" / "volumes" / name).mkdir(parents=True)
    repository.apply()
    (repository.root / "snapplan.yaml").write_text(CONFIG)
    stopped = repository.apply(LATER, expect=3)
    assert "SP304" in stopped.stdout
    assert "the policy has its backend no more" in stopped.stdout
    assert (
        len([row for row in repository.json("list", "assignments", now=LATER) if row["target"].startswith("nas/")]) == 5
    )
    repository.apply(LATER, 0, "--allow", "SP304", "--reason", "the nas is gone")


def test_a_catalog_that_is_not_lost_is_not_rebuilt_by_accident(repository: Repository) -> None:
    repository.apply()
    assert "--replace" in repository.run("catalog", "rebuild", now=LATER, expect=3).stderr
    repository.run("catalog", "rebuild", "--replace", now=LATER)


def test_loosened_limits_do_not_ride_along_with_a_guard_that_is_lifted(repository: Repository) -> None:
    repository.apply()
    loose = "guards: {max_expire: {percent: 100}}\n"
    (repository.root / "snapplan.yaml").write_text(CONFIG + loose)
    repository.write_policy("assignments: {}\n")
    repository.apply(LATER, 0, "--allow", "SP304", "--reason", "given up")
    limits = repository.json("plan", now=LATER)["guards"]
    assert [guard["limit"]["percent"] for guard in limits if guard["code"] == "SP301"] == [20]


def test_only_restores_keeps_what_they_replace(repository: Repository) -> None:
    repository.apply()
    repository.write("volumes/a/file", "changed")
    restores = "{target: lab/volume/a, from: {snapshot: latest, before: 2026-11-22T12:10Z}, mode: in_place}"
    restores = restores.replace("in_place", "in_place, not_after: 2026-11-23T00:00Z")
    repository.write_policy(HOURLY + f"restores: {{back: {restores}}}\n")
    words = ["--only", "restore", "--confirm", "lab/volume/a"]
    done = repository.apply(LATER, 0, *words)
    assert "0 snapshots taken, 0 changed, 0 expired, 1 restored" in done.stdout
    assert repository.read("volumes/a/file") == "one"
    kept = [row for row in repository.json("list", "snapshots", now=LATER) if row["state"] == "set-aside"]
    assert [row["name"] for row in kept] == ["manual.pre-restore.back"]


def test_a_target_that_lost_all_its_snapshots_is_not_called_ok(repository: Repository) -> None:
    repository.apply()
    for snapshot in (repository.data / ".snapplan" / "snapshots" / "volume" / "a").iterdir():
        snapshot.rename(repository.root / snapshot.name)
    rows = {row["target"]: row for row in repository.json("status", now=LATER)["targets"]}
    assert rows["lab/volume/a"]["state"] == "missing"
    assert "no complete snapshot of it is left" in rows["lab/volume/a"]["attention"]
    assert rows["lab/volume/b"]["state"] == "ok"
