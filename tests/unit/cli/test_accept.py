"""``snapplan accept``, and what waits for it: another store, a target that lies elsewhere, content that has vanished."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.open import open_catalog

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Ran

LATER = "2026-11-22T03:15:00Z"
MUCH_LATER = "2026-11-22T04:15:00Z"


def files(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


def at(monkeypatch: pytest.MonkeyPatch, instant: str) -> None:
    """Set both clocks."""
    monkeypatch.setenv("SNAPPLAN_NOW", instant)
    monkeypatch.setenv("SNAPPLAN_SECOND_CLOCK", instant)


def apply(run: Callable[..., Ran]) -> Ran:
    return run("apply", "--auto-approve")


@pytest.fixture
def applied(repository: Path, run: Callable[..., Ran]) -> Path:
    """A repository of which a run was applied, with content in its volume."""
    (repository / "lab" / "volumes" / "a" / "file").write_text("precious")
    assert apply(run).code == 0
    return repository


def test_a_store_that_is_not_there_leaves_the_backend_out(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = applied / "lab" / ".snapplan"
    store.rename(applied / "away")
    before = files(applied / "lab")
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    planned = json.loads(run("plan", "--format", "json").out)
    assert [found["code"] for found in planned["diagnostics"]] == ["SP445"]
    assert planned["actions"] == []
    assert apply(run).code == 3
    assert files(applied / "lab") == before, "no store is made below the mount point"
    (applied / "away").rename(store)
    assert apply(run).code == 0, "the right one is back"


def test_another_store_leaves_the_backend_out_until_it_is_accepted(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = applied / "lab" / ".snapplan"
    marker = store / "snapplan-store.json"
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "id": "other"}))
    assert apply(run).code == 3
    refused = run("accept", "lab", "--reason", " ")
    assert refused.code == 64
    accepted = run("accept", "lab", "--reason", "CHG-7, a new disk")
    assert accepted.code == 0
    assert "the store other of backend lab" in accepted.out
    assert apply(run).code == 0
    catalog = open_catalog("sqlite:///catalog.db", project="cli-tests", base=applied)
    entries = [row for row in catalog.records() if row.kind == "accepted"]
    catalog.close()
    assert [(row.body["subject"], row.body["kind"], row.body["reason"]) for row in entries] == [
        ("lab", "store", "CHG-7, a new disk")
    ]
    assert run("catalog", "verify").code == 0
    store.rename(applied / "away")
    assert apply(run).code == 3, "what was accepted was that store, not any"


def test_a_store_that_is_gone_for_good_is_made_anew_once_accepted(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = applied / "lab" / ".snapplan"
    store.rename(applied / "away")
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    assert run("accept", "lab", "--reason", "the disk died").code == 0
    assert apply(run).code in (0, 3)  # the snapshots that are gone may trip a guard; the new one is taken
    assert list(store.glob("snapshots/volume/a/*0300Z*")) or list(store.glob("snapshots/volume/a/*"))
    store.rename(applied / "again")
    monkeypatch.setenv("SNAPPLAN_NOW", MUCH_LATER)
    assert apply(run).code == 3
    assert not store.exists(), "what was accepted was the loss of the first one"


def test_a_target_that_became_a_link_is_left_alone_until_it_is_accepted(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    volume, elsewhere = applied / "lab" / "volumes" / "a", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret").write_text("not for a snapshot")
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    assert run("plan", "--out", "plan.json").code == 0
    volume.rename(tmp_path / "a-before")
    volume.symlink_to(elsewhere)
    planned = json.loads(run("plan", "--format", "json").out)
    moved = next(guard for guard in planned["guards"] if guard["code"] == "SP310")
    assert moved["state"] == "blocked"
    assert str(elsewhere) in moved["text"]
    assert {code for action in planned["actions"] for code in action["blocked_by"]} == {"SP310"}
    assert run("apply", "plan.json").code == 5, "it was approved for the folder"
    assert run("apply", "--auto-approve", "--allow", "SP310", "--reason", "x").code == 64
    assert apply(run).code == 3
    assert run("snapshot", "lab/volume/a", "--key", "k", "--expires", "1d").code == 3
    store = applied / "lab" / ".snapplan" / "snapshots"
    assert not list(store.rglob("secret"))
    assert run("status", "--detailed-exitcode").code == 8
    assert run("accept", "lab/volume/a", "--reason", "CHG-8").code == 0
    assert apply(run).code == 0
    assert list(store.rglob("secret"))
    volume.unlink()
    (tmp_path / "a-before").rename(volume)
    monkeypatch.setenv("SNAPPLAN_NOW", MUCH_LATER)
    assert apply(run).code == 3, "the way back is another change of place"


def test_a_folder_above_that_became_a_link_is_found_too_and_another_inode_is_not(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    volumes = applied / "lab" / "volumes"
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    (volumes / "a").rename(tmp_path / "old")
    (volumes / "a").mkdir()
    (volumes / "a" / "f").write_text("restored by hand")
    assert apply(run).code == 0, "another inode at the same path is nothing to worry about"
    monkeypatch.setenv("SNAPPLAN_NOW", MUCH_LATER)
    volumes.rename(tmp_path / "volumes")
    volumes.symlink_to(tmp_path / "volumes")
    assert apply(run).code == 3


def test_a_target_that_was_gone_for_a_while_is_still_known_where_it_lay(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    volume = applied / "lab" / "volumes" / "a"
    volume.rename(tmp_path / "old")
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    run("apply", "--auto-approve")
    volume.symlink_to(tmp_path / "old")
    planned = json.loads(run("plan", "--format", "json").out)
    assert next(guard for guard in planned["guards"] if guard["code"] == "SP310")["state"] == "blocked"


def test_content_that_vanished_stops_expiry_until_it_is_accepted(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    (applied / "lab" / "volumes" / "a" / "file").unlink()
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    assert "it is empty" in apply(run).err
    at(monkeypatch, "2026-11-23T05:15:00Z")
    planned = json.loads(run("plan", "--format", "json").out)
    stopped = [action["blocked_by"] for action in planned["actions"] if action["verb"] == "expire"]
    assert stopped == [["SP309"], ["SP309"]]
    assert apply(run).code == 3
    accepted = run("accept", "lab/volume/a", "--reason", "emptied for the migration")
    assert accepted.code == 0
    assert "the content of lab/volume/a since" in accepted.out
    at(monkeypatch, "2026-11-23T06:15:00Z")
    assert apply(run).code == 0
    rows = json.loads(run("list", "snapshots", "--format", "json").out)
    assert {row["state"] for row in rows} == {"complete"}, "neither what was accepted nor what came after is suspicious"


def test_nothing_to_accept_is_no_error_and_an_unknown_subject_is_one(applied: Path, run: Callable[..., Ran]) -> None:
    assert run("accept", "lab", "--reason", "x").code == 0
    assert run("accept", "lab/volume/a", "--reason", "x").code == 0
    assert run("accept", "lab/volume/zz", "--reason", "x").code == 64
    assert run("accept", "zz", "--reason", "x").code == 64


def test_what_there_is_to_accept_as_json(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    (applied / "lab" / ".snapplan").rename(applied / "away")
    shown = json.loads(run("accept", "lab", "--reason", "x", "--format", "json").out)
    assert [(one["subject"], one["kind"]) for one in shown] == [("lab", "store")]


def test_a_backend_whose_root_was_moved_is_accepted_as_a_whole(
    applied: Path, run: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    (applied / "lab" / "volumes" / "b").mkdir()
    assert apply(run).code == 0
    (applied / "lab").rename(applied / "moved")
    config = applied / "snapplan.yaml"
    config.write_text(config.read_text().replace("root: lab", "root: moved"))
    monkeypatch.setenv("SNAPPLAN_NOW", LATER)
    assert apply(run).code == 3
    accepted = run("accept", "lab", "--reason", "CHG-9, another disk")
    assert accepted.out.count("Accepted: lab/volume/") == 2
    assert apply(run).code == 0
