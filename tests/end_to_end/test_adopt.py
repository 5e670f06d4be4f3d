"""Another project's snapshot stays untouched until somebody adopts it by name."""

from __future__ import annotations

from pathlib import Path

from .repository import CONFIG, Repository

LATER = "2026-11-22T12:10:00Z"
MUCH_LATER = "2026-11-23T12:10:00Z"
NOTHING = "profiles: {}\n"


def taken_by_another_project(root: Path) -> tuple[Repository, str]:
    """Return a repository whose data has a snapshot of another project, and that snapshot's address."""
    repository = Repository(root / "repository", NOTHING)
    config = repository.root / "snapplan.yaml"
    config.write_text(CONFIG.replace("project: e2e", "project: other").replace("catalog.db", "other.db"))
    address = repository.run("snapshot", "lab/volume/a", "--key", "theirs", "--expires", "1h").stdout.strip()
    config.write_text(CONFIG)
    return repository, address


def test_a_snapshot_of_another_project_is_adopted_by_its_address(tmp_path: Path) -> None:
    repository, address = taken_by_another_project(tmp_path)
    assert [row["state"] for row in repository.snapshots()] == ["foreign"]
    said = repository.run("adopt", address, "--expires", "1d", now=LATER)
    assert "Adopted 1." in said.stderr
    [row] = repository.snapshots(LATER)
    assert (row["state"], row["owned"], row["expires_at"]) == ("complete", True, "2026-11-23T12:10:00Z")
    assert repository.damaged() == []
    again = repository.run("adopt", address, "--expires", "1d", now=LATER)
    assert "1 were ours already" in again.stderr
    assert repository.json("plan", now=LATER)["actions"] == []


def test_an_adopted_snapshot_expires_when_its_adopter_said_but_never_as_the_last_copy(tmp_path: Path) -> None:
    repository, address = taken_by_another_project(tmp_path)
    repository.run("adopt", address, "--expires", "1d", now=LATER)
    (expiry,) = repository.json("plan", now=MUCH_LATER, expect=3)["actions"]
    assert (expiry["verb"], expiry["snapshot"], expiry["foreseen"]) == ("expire", address, False)
    assert expiry["blocked_by"] == ["SP303"]
    repository.run("snapshot", "lab/volume/a", "--expires", "2d", now=LATER)
    (expiry,) = repository.json("plan", now=MUCH_LATER)["actions"]
    assert expiry["blocked_by"] == []


def test_what_cannot_be_adopted_is_said_and_left_alone(tmp_path: Path) -> None:
    repository, _ = taken_by_another_project(tmp_path)
    (repository.data / ".snapplan" / "snapshots" / "volume" / "a" / "by-hand").mkdir()
    missing = repository.run("adopt", "lab/volume/a@nothing", "--expires", "never", expect=1)
    assert "SP430" in missing.stderr
    unmarked = repository.run("adopt", "lab/volume/a@by-hand", "--expires", "never", expect=1)
    assert "SP432" in unmarked.stderr
    assert "has no mark" in unmarked.stderr
    wrong = repository.run("adopt", "lab", "--expires", "never", expect=64)
    assert "lab" in wrong.stderr
    assert {row["state"] for row in repository.snapshots()} == {"foreign"}
