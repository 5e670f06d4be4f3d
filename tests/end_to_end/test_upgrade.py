"""A repository that an older snapplan made (``tests/fixtures/before-promises``) goes on as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .packed import unpack
from .repository import Repository
from .trusted import Inside, Ran

FIXTURE = Path(__file__).parent.parent / "fixtures" / "before-promises"
NOW, LATER = "2026-11-22T12:50:00Z", "2026-11-22T18:05:00Z"
OLD_SCHEMA = 3
DIED = "lab/volume/b@manual.died"
"""A capture that died half an hour before: the old snapplan too would have planned its removal, and nothing else."""
KEPT = {"lab/volume/a@manual.before-26.2", "lab/volume/a@manual.deploy-2.14", "lab/volume/b@manual.pre-restore.CHG-1"}
PINNED = "lab/volume/a@gold.daily.20261120T0200Z"
SAVED = "22b6fcf15a66"
REFUSED_WITH_A_CODE = "error[SP"


class Upgraded:
    """The old repository under today's snapplan."""

    def __init__(self, inside: Inside, root: Path) -> None:
        self._inside = inside
        self.root = root
        unpack(FIXTURE, root)

    def run(self, *words: str, now: str = NOW) -> Ran:
        return self._inside.run(self.root, *words, now=now)

    def json(self, *words: str, now: str = NOW) -> Any:
        ran = self.run(*words, "--format", "json", now=now)
        assert ran.out, ran.err
        return json.loads(ran.out)

    def planned(self, now: str = NOW) -> list[tuple[str, str]]:
        """Return verb and subject of everything that the plan would do."""
        plan = self.json("plan", now=now)
        return [(each["verb"], each.get("snapshot") or each.get("target") or "") for each in plan["actions"]]

    def data(self) -> dict[str, str]:
        files = (path for path in (self.root / "data").rglob("*") if path.is_file() and ".snapplan" not in path.parts)
        return {str(path.relative_to(self.root / "data")): path.read_text() for path in files}

    def damaged(self) -> list[str]:
        repository = Repository.__new__(Repository)
        repository.root = self.root
        return repository.damaged()


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Upgraded:
    monkeypatch.setenv("SNAPPLAN_SECOND_CLOCK", "")
    return Upgraded(Inside(monkeypatch, capsys), tmp_path / "repository")


def test_nothing_is_planned_after_the_upgrade_but_what_was_planned_before(old: Upgraded) -> None:
    before = old.data()
    assert old.planned() == [("expire", DIED)]
    ran = old.run("apply", "--auto-approve")
    assert ran.code == 0, ran.out + ran.err
    assert old.planned() == []
    assert old.data() == before


def test_nothing_is_due_before_it_was_due_for_the_old_one(old: Upgraded) -> None:
    old.run("apply", "--auto-approve")
    assert old.planned("2026-11-22T17:59:00Z") == []
    due = {("beside/vm/imagined"), ("lab/volume/a"), ("lab/volume/b")}
    assert {(verb, subject.partition("@")[0]) for verb, subject in old.planned(LATER)} == {("snapshot", t) for t in due}


def test_no_snapshot_became_foreign_or_worth_less(old: Upgraded) -> None:
    def listed() -> dict[str, Any]:
        return {row["snapshot"]: row for row in old.json("list", "snapshots")}

    rows = listed()
    old.run("apply", "--auto-approve")
    assert rows.keys() - listed().keys() == {DIED}
    rows = listed()
    assert Counter(target.partition("@")[0] for target in rows) == {
        "beside/vm/imagined": 4,
        "lab/cloud": 1,
        "lab/tenant/acme": 1,
        "lab/vm/web": 3,
        "lab/volume/a": 6,
        "lab/volume/b": 5,
    }
    assert rows.keys() >= KEPT | {PINNED}
    text = json.dumps(list(rows.values()))
    assert [word for word in ("foreign", "suspicious", "damaged", "gaps") if f'"{word}"' in text] == []
    assert "pinned" in json.dumps(rows[PINNED])
    assert old.damaged() == []


def test_the_state_of_every_target_is_what_it_was(old: Upgraded) -> None:
    old.run("apply", "--auto-approve")
    ran = old.run("status")
    assert "1 needs a look" in ran.out or "1 needs attention" in ran.out, ran.out
    assert [line.split()[0] for line in ran.out.splitlines() if line.startswith("! ")] == ["!"]
    assert "! lab/vm/web " in ran.out


def test_the_record_of_the_old_runs_is_whole(old: Upgraded) -> None:
    old.run("apply", "--auto-approve")
    ran = old.run("catalog", "verify")
    assert ran.code == 0, ran.out + ran.err
    runs = old.json("list", "runs")
    assert len(runs) == 12


def test_the_catalog_is_copied_before_it_is_migrated(old: Upgraded) -> None:
    old.run("apply", "--auto-approve")
    with sqlite3.connect(old.root / "catalog.db") as catalog:
        assert catalog.execute("PRAGMA user_version").fetchone()[0] > OLD_SCHEMA
    catalog.close()
    copies = [path for path in old.root.glob("catalog.db*") if not path.name.endswith(("catalog.db", "-wal", "-shm"))]
    assert len(copies) == 1, copies
    with sqlite3.connect(copies[0]) as copy:
        assert copy.execute("PRAGMA user_version").fetchone()[0] == OLD_SCHEMA
        assert copy.execute("SELECT count(*) FROM run").fetchone()[0] == 11
        assert copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    copy.close()
    assert copies[0].stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("words", [("plan.json",), ("--approved", SAVED)])
def test_a_plan_that_the_old_one_saved_is_refused_with_a_code(old: Upgraded, words: tuple[str, ...]) -> None:
    before = old.data(), old.json("list", "snapshots")
    ran = old.run("apply", *words, now=LATER)
    assert ran.code not in (0, 70), ran.out
    assert REFUSED_WITH_A_CODE in ran.err
    assert (old.data(), old.json("list", "snapshots")) == before


def test_an_old_snapshot_is_restored(old: Upgraded) -> None:
    words = ["--from", PINNED.partition("@")[2], "--as", "back", "--auto-approve"]
    ran = old.run("restore", "lab/volume/a", *words)
    assert ran.code == 0, ran.out + ran.err
    data = old.data()
    assert (data["volumes/back/file"], data["volumes/back/deep/er/note"]) == ("one", "two")
    assert (old.root / "data/volumes/back/link").readlink() == Path("deep/er/note")


def test_what_the_old_one_replaced_is_had_back_from_its_safety_snapshot(old: Upgraded) -> None:
    words = ["--from", "manual.pre-restore.CHG-1", "--mode", "in_place", "--confirm", "lab/volume/b"]
    assert old.data()["volumes/b/file"] == "three"
    ran = old.run("restore", "lab/volume/b", *words)
    assert ran.code == 0, ran.out + ran.err
    assert old.data()["volumes/b/file"] == "changed since"


def test_a_catalog_that_is_lost_after_the_upgrade_is_rebuilt_from_the_old_marks(old: Upgraded) -> None:
    old.run("apply", "--auto-approve")
    for path in old.root.glob("catalog.db*"):
        path.unlink()
    ran = old.run("catalog", "rebuild")
    assert ran.code == 0, ran.out + ran.err
    assert [verb for verb, _ in old.planned() if verb in ("expire", "snapshot", "restore")] == []


def test_a_store_that_was_moved_before_the_upgrade_is_known(old: Upgraded, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(old.root, moved, symlinks=True)
    shutil.rmtree(old.root)
    old.root = moved
    assert old.planned() == [("expire", DIED)]
