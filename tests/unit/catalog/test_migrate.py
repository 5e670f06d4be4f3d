from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from snapplan.catalog.migrate import migrate, migrations, schema_version, statements
from snapplan.catalog.open import open_catalog
from snapplan.models.world import Vanished

from .samples import ACCEPTED, NOW, PROJECT, begin

OPEN_AND_RUN = """
import sys
from pathlib import Path
from snapplan.catalog.open import open_catalog
from snapplan.catalog.owner import current_owner
from snapplan import clock
sys.stdin.read()
catalog = open_catalog("sqlite:///c.db", project="prod", base=Path(sys.argv[1]))
print(catalog.begin_run("apply", current_owner(), clock.now(), None).number)
catalog.close()
"""


def test_ten_processes_make_one_catalog(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_RUN, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(10)
    ]  # fmt: skip
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    results = [process.communicate(timeout=60) for process in processes]
    assert [error for _, error in results] == [""] * 10
    assert sorted(int(out) for out, _ in results) == list(range(1, 11))


def test_migrations_are_numbered_without_gaps() -> None:
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_only_what_is_missing_is_applied(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.sql").write_text("CREATE TABLE a (x);\nINSERT INTO a VALUES ('a;b');\n")
    db = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    assert migrate(db, folder) == 1
    (folder / "0002_more.sql").write_text("INSERT INTO a VALUES (2);")
    assert migrate(db, folder) == 2
    assert migrate(db, folder) == 2
    assert db.execute("SELECT x FROM a").fetchall() == [("a;b",), (2,)]
    db.close()


def test_a_migration_that_fails_leaves_the_old_schema(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.sql").write_text("CREATE TABLE a (x);")
    db = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    migrate(db, folder)
    (folder / "0002_bad.sql").write_text(
        "CREATE TABLE b (x);\nINSERT INTO a VALUES (1);\nINSERT INTO nowhere VALUES (1);"
    )
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, folder)
    assert schema_version(db) == 1
    assert db.execute("SELECT name FROM sqlite_master").fetchall() == [("a",)]
    assert db.execute("SELECT count(*) FROM a").fetchone() == (0,)
    db.close()


FIRST_VERSION = """
INSERT INTO meta VALUES (1, 'prod', 7, 1795313700, 0);
INSERT INTO backend VALUES ('dc1', 1795313700);
INSERT INTO trait VALUES
(1, 'volume', 'id-a', 'a', NULL, NULL, 0, '', NULL, 'prod', 'id-a', 'gold', 'daily', NULL, 1, NULL);
INSERT INTO snapshot VALUES ('dc1', 's1', NULL, 0, 1, NULL, NULL, 'one', 0, 0, NULL, NULL, '1-a', 0, NULL, 0, NULL);
INSERT INTO snapshot VALUES ('dc1', 's2', 1795313700, 0, 1, NULL, NULL, 'two', 0, 0, NULL, NULL, '1-a', 0, NULL, 0, NULL);
INSERT INTO target VALUES ('dc1', 'id-a', 'volume', 'a', '', 0, '', 1795313700);
INSERT INTO assignment VALUES ('dc1', 'id-a', 'gold', 'all', 0);
INSERT INTO run VALUES (1, '1-a', 'apply', 'ada', 'host', '', 1, '', '', NULL, 0, 1795313700, 'done');
INSERT INTO run VALUES (2, '2-b', 'apply', 'ada', 'another-host', '', 1, '', '', NULL, 0, NULL, 'running');
INSERT INTO action VALUES (1, 1, 'expire', 'dc1', 'dc1/volume/a', 'dc1/volume/a@x', 'done', '', 0, 0);
"""


def test_a_catalog_of_the_first_schema_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.sql").write_text(migrations()[0][1].read_text())
    db = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    assert migrate(db, folder) == 1
    db.executescript(FIRST_VERSION)
    db.close()
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    state = catalog.state()
    assert re.fullmatch("[0-9a-f]{16}", state.id)
    assert (state.revision, state.guards, state.spent, state.commit) == (7, {}, (), None)
    assert state.assigned == {("dc1", "id-a", "gold"): "all"}
    assert set(catalog.known("dc1")) == {"s1"}
    assert catalog.vanished("dc1") == Vanished(0, 0, 0, 1), "what had vanished before is accepted"
    assert [row[6:7] + row[9:12] for row in catalog.runs()] == [("running", None, (), ""), ("done", None, (), "")]
    assert [(row.kind, row.body["runs_before"]) for row in catalog.records()] == [("created", 2)]
    new = begin(catalog)
    catalog.end_run(new, "done", NOW, confirm=ACCEPTED)
    assert [row.state for row in catalog.runs()] == ["done", "interrupted", "done"]
    assert catalog.verify() == []
    catalog.close()
    again = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    assert again.state().id == state.id
    assert [row.number for row in again.records()] == [1, 2, 3, 4]
    again.close()


def test_statements_end_at_their_own_semicolons() -> None:
    script = "-- a; b\nCREATE TABLE a (\n  x TEXT DEFAULT ';'\n);\n\nINSERT INTO a VALUES (1)"
    assert [s.strip() for s in statements(script)] == [
        "-- a; b\nCREATE TABLE a (\n  x TEXT DEFAULT ';'\n);",
        "INSERT INTO a VALUES (1)",
    ]


def test_the_schema_is_whole(tmp_path: Path) -> None:
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path).close()
    db = sqlite3.connect(tmp_path / "c.db")
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_a_catalog_that_another_process_makes_meanwhile_is_no_other_programs(tmp_path: Path, moment: int) -> None:
    file = tmp_path / "catalog.db"
    asking, making = (sqlite3.connect(file, isolation_level=None) for _ in range(2))
    asked: list[str] = []

    def meanwhile(statement: str) -> None:
        asked.append(statement)
        if len(asked) == moment:
            migrate(making)

    asking.set_trace_callback(meanwhile)
    for _ in range(3):
        assert schema_version(asking) in (0, migrations()[-1][0])
    asking.close()
    making.close()
