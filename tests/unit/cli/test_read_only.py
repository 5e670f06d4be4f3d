"""Commands that show something write nothing where they were told nothing: no catalog, no store, no folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from unit.cli.conftest import CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from unit.cli.conftest import Ran

READING = [
    ("validate",),
    ("plan",),
    ("plan", "--no-refresh"),
    ("plan", "--format", "json"),
    ("status",),
    ("list", "targets"),
    ("list", "snapshots"),
    ("list", "profiles"),
    ("list", "assignments"),
    ("list", "runs"),
    ("simulate", "--to", "2026-11-23T02:00:04Z", "--every", "6h"),
    ("simulate", "--to", "2026-11-23T02:00:04Z", "--every", "6h", "--targets", "lab/volume/a"),
    ("why", "SP507"),
    ("verify",),
    ("drivers", "list"),
    ("drivers", "check", "lab"),
]


def everything(folder: Path) -> dict[str, tuple[int, int, int]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (status.st_ino, status.st_mtime_ns, status.st_mode)
    return found


@pytest.fixture
def home(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Everything that a command could write to: the user's home, the state folder and the repository."""
    home = repository.parent
    for name in ("HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(home / name))
    return home


@pytest.mark.parametrize("catalog", ["sqlite:///catalog.db", "sqlite:///deep/down/catalog.db", None])
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_nothing_is_written_before_the_first_apply(
    words: tuple[str, ...], catalog: str | None, home: Path, repository: Path, run: Callable[..., Ran]
) -> None:
    told = f"catalog: {catalog}\n" if catalog else ""
    (repository / "snapplan.yaml").write_text(CONFIG.replace("catalog: sqlite:///catalog.db\n", told))
    before = everything(home)
    assert run(*words).code == 0
    assert everything(home) == before


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_nothing_is_written_afterwards(
    words: tuple[str, ...], home: Path, repository: Path, run: Callable[..., Ran]
) -> None:
    assert run("apply", "--auto-approve").code == 0
    before = everything(home)
    assert run(*words).code == 0
    assert everything(home) == before


def test_a_plan_in_a_file_makes_no_catalog_and_is_the_first_that_is_applied(
    home: Path, repository: Path, run: Callable[..., Ran]
) -> None:
    before = everything(home)
    assert run("plan", "--out", "plan.json").code == 0
    assert everything(home).keys() - before.keys() == {"repository/plan.json"}
    (repository / "copy.json").write_bytes((repository / "plan.json").read_bytes())
    assert run("apply", "plan.json").code == 0
    ran = run("apply", "copy.json")
    assert ran.code == 5
    assert "SP503" in ran.err or "SP504" in ran.err


def test_such_a_plan_is_not_for_a_catalog_that_was_lost(repository: Path, run: Callable[..., Ran]) -> None:
    assert run("plan", "--out", "early.json").code == 0
    assert run("apply", "--auto-approve").code == 0
    (repository / "catalog.db").unlink()
    ran = run("apply", "early.json")
    assert ran.code == 5
    assert "SP503" in ran.err


def test_a_plan_in_the_catalog_makes_it(repository: Path, run: Callable[..., Ran]) -> None:
    assert run("plan", "--save").code == 0
    assert (repository / "catalog.db").exists()


def test_a_database_of_another_program_is_left_alone(repository: Path, run: Callable[..., Ran]) -> None:
    """SQLite's own reading leaves two files beside a database in its modern mode."""
    import sqlite3

    database = sqlite3.connect(repository / "catalog.db")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("CREATE TABLE t (x)")
    database.close()
    before = everything(repository)
    assert run("plan").code == 1
    assert everything(repository) == before


def test_a_pipe_as_the_catalog_is_no_reason_to_wait(repository: Path, run: Callable[..., Ran]) -> None:
    os.mkfifo(repository / "catalog.db")
    for words in (("plan",), ("apply", "--auto-approve")):
        ran = run(*words)
        assert ran.code == 1
        assert "is not a regular file" in ran.err
