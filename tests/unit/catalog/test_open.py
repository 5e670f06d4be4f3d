from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from snapplan.catalog.migrate import migrate, migrations
from snapplan.catalog.open import catalog_file, open_catalog
from snapplan.errors import CatalogError, CatalogMissingError

from .samples import NOW, PROJECT, observation, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

READ_AS_NOBODY = """
import os, sys
from pathlib import Path
from snapplan.catalog.open import open_catalog
warm = open_catalog("memory:", project="prod", base=Path("/"))  # imports all, as nobody may not read the interpreter
warm.state(), warm.known("dc1"), warm.close()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    catalog = open_catalog("sqlite:///" + sys.argv[1], project="prod", base=Path("/"))
    print(catalog.writable, sorted(catalog.known("dc1")), catalog.state().revision)
    catalog.apply_profile(1, "gold", None, None)
except Exception as error:
    print(type(error).__name__, error)
"""


def make(tmp_path: Path) -> Path:
    """Make a catalog that holds one snapshot and one profile, and return its file."""
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    catalog.apply_profile(1, "gold", {}, NOW)
    catalog.observe(observation(changed=[snapshot()]))
    catalog.close()
    return tmp_path / "c.db"


def test_a_relative_url_counts_from_the_base(tmp_path: Path) -> None:
    file = catalog_file("sqlite:///state/c d?.db", project=PROJECT, base=tmp_path)
    assert file == tmp_path.resolve() / "state" / "c d?.db"
    catalog = open_catalog("sqlite:///state/c d?.db", project=PROJECT, base=tmp_path)
    catalog.close()
    assert file.is_file()
    assert catalog.url == f"sqlite:///{file}"
    assert catalog_file(catalog.url, project=PROJECT, base=Path("/elsewhere")) == file


def test_the_default_lies_in_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = tmp_path.resolve() / "snapplan" / PROJECT / "catalog.db"
    assert catalog_file(None, project=PROJECT, base=Path("/x"), state_home=tmp_path) == expected
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert catalog_file(None, project=PROJECT, base=Path("/x")) == expected
    monkeypatch.setenv("HOME", str(tmp_path))
    in_home = tmp_path.resolve() / ".local" / "state" / "snapplan" / PROJECT / "catalog.db"
    for useless in ("", "relative/folder"):
        monkeypatch.setenv("XDG_STATE_HOME", useless)
        assert catalog_file(None, project=PROJECT, base=Path("/x")) == in_home


def test_only_the_owner_may_read_a_new_catalog(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        catalog = open_catalog("sqlite:///one/two/c.db", project=PROJECT, base=tmp_path)
        catalog.observe(observation(changed=[snapshot()]))
        files = list((tmp_path / "one" / "two").iterdir())
        assert len(files) == 3, "the write-ahead log and its index lie beside it while it is open"
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert {stat.S_IMODE((tmp_path / f).stat().st_mode) for f in ("one", "one/two")} == {0o700}
        catalog.close()
    finally:
        os.umask(umask)


def test_writes_are_durable_and_logged_ahead(tmp_path: Path) -> None:
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    with catalog._connection.read() as db:  # type: ignore[attr-defined]
        pragmas = [
            db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    catalog.close()
    assert pragmas == ["wal", 2, 1]


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    make(tmp_path)
    again = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    assert set(again.known("dc1")) == {"s1"}
    assert again.state().profiles == {"gold": {}}
    again.close()


def test_a_missing_catalog_is_not_made_where_none_is_wanted(tmp_path: Path) -> None:
    for options in ({"create": False}, {"writable": False}):
        with pytest.raises(CatalogMissingError, match="there is no catalog at"):
            open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_holds_no_catalog_for_a_reader(tmp_path: Path) -> None:
    (tmp_path / "c.db").touch()
    with pytest.raises(CatalogMissingError, match="is empty"):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://ada:hunter2@db/snapplan", "PostgreSQL is not supported yet"),
        ("mysql://ada:hunter2@db/snapplan", "scheme 'mysql' names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///folder/", "names no file"),
        ("catalog.db", "names no file"),
    ],
)
def test_other_urls_are_refused_without_their_password(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=message) as caught:
        open_catalog(url, project=PROJECT, base=tmp_path)
    assert "hunter2" not in str(caught.value) + caught.value.hint


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CatalogError, match=r"file/c\.db cannot be"):
        open_catalog("sqlite:///file/c.db", project=PROJECT, base=tmp_path)


def test_a_network_filesystem_is_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nnas:/x {tmp_path.resolve()}/net nfs4 rw 0 0\n")
    with pytest.raises(CatalogError, match=r"network filesystem \(nfs4\)"):
        open_catalog("sqlite:///net/c.db", project=PROJECT, base=tmp_path, mounts=mounts)
    assert not (tmp_path / "net").exists()
    open_catalog("sqlite:///local/c.db", project=PROJECT, base=tmp_path, mounts=mounts).close()


@pytest.mark.parametrize("writable", [True, False])
def test_a_file_that_is_not_sqlite_is_named(tmp_path: Path, writable: bool) -> None:
    (tmp_path / "c.db").write_bytes(b"not a database, but long enough to be looked at " * 50)
    with pytest.raises(CatalogError, match=r"c\.db is not a SQLite database"):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=writable)


@pytest.mark.parametrize("writable", [True, False])
def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path, writable: bool) -> None:
    db = sqlite3.connect(tmp_path / "c.db")
    db.execute("CREATE TABLE bookmarks (url)")
    db.close()
    before = (tmp_path / "c.db").read_bytes()
    with pytest.raises(CatalogError, match="not a snapplan catalog"):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=writable)
    assert (tmp_path / "c.db").read_bytes() == before


def test_damage_is_reported_as_damage(tmp_path: Path) -> None:
    file = make(tmp_path)
    page = 4096
    content = bytearray(file.read_bytes())
    content[page:] = b"\xa5" * (len(content) - page)
    file.write_bytes(content)
    with pytest.raises(CatalogError, match="is damaged") as caught:
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    assert "catalog rebuild" in caught.value.hint


@pytest.mark.parametrize("writable", [True, False])
def test_a_newer_schema_is_refused(tmp_path: Path, writable: bool) -> None:
    db = sqlite3.connect(make(tmp_path))
    db.execute("PRAGMA user_version = 4711")
    db.close()
    with pytest.raises(CatalogError, match="has schema 4711") as caught:
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=writable)
    assert caught.value.hint == "Upgrade snapplan."


def older(tmp_path: Path) -> Path:
    """Make a catalog of the schema before this one, with a revision of 7, and return its file."""
    *before, newest = migrations()
    folder = tmp_path / "migrations"
    folder.mkdir()
    for _, file in before:
        shutil.copy(file, folder)
    db = sqlite3.connect(tmp_path / "c.db", isolation_level=None)
    migrate(db, folder)
    db.execute("INSERT INTO meta (one, id, project, revision, rebuilt) VALUES (1, 'x', ?, 7, 0)", (PROJECT,))
    db.close()
    assert newest[0] == before[-1][0] + 1
    return tmp_path / "c.db"


def copies(tmp_path: Path) -> list[Path]:
    return sorted(tmp_path.glob("c.db*.bak")) + sorted(tmp_path.glob(".c.db*"))


def version_of(file: Path) -> int:
    db = sqlite3.connect(file)
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    db.close()
    return version


def test_an_older_schema_is_read_out_of_a_copy_in_memory(tmp_path: Path) -> None:
    file = older(tmp_path)
    before = file.read_bytes()
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False)
    assert catalog.state().revision == 7
    assert not catalog.writable
    catalog.close()
    assert file.read_bytes() == before
    assert copies(tmp_path) == []


def test_a_catalog_is_copied_before_it_is_migrated_and_no_copy_is_overwritten(tmp_path: Path) -> None:
    file = older(tmp_path)
    version, newest = version_of(file), migrations()[-1][0]
    content = file.read_bytes()
    (tmp_path / f"c.db.schema-{version}.bak").write_text("an earlier one")
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path).close()
    assert version_of(file) == newest
    first, second = sorted(copies(tmp_path), key=lambda path: len(path.name))
    assert first.read_text() == "an earlier one"
    assert second.name == f"c.db.schema-{version}.2.bak"
    assert (version_of(second), stat.S_IMODE(second.stat().st_mode)) == (version, 0o600)
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path).close()
    assert len(copies(tmp_path)) == 2, "only a migration makes one"
    second.replace(file)
    assert len(content) == file.stat().st_size
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path).close()  # the copy is a catalog


def test_nothing_is_migrated_that_cannot_be_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = older(tmp_path)
    version = version_of(file)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("snapplan.catalog.open.os.link", full)
    with pytest.raises(CatalogError, match="cannot be copied before it is brought up to date"):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    monkeypatch.undo()
    assert version_of(file) == version
    assert copies(tmp_path) == []


def test_another_projects_catalog_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    for options in ({}, {"writable": False}):
        with pytest.raises(CatalogError, match="belongs to project 'prod', not to 'lab'"):
            open_catalog("sqlite:///c.db", project="lab", base=tmp_path, **options)


def test_opened_for_reading_it_reads_and_refuses_to_write(tmp_path: Path) -> None:
    make(tmp_path)
    catalog = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False)
    assert not catalog.writable
    assert set(catalog.known("dc1")) == {"s1"}
    with pytest.raises(CatalogError, match="without write access"):
        catalog.observe(observation())
    catalog.close()


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


def test_reading_leaves_nothing_behind(tmp_path: Path) -> None:
    make(tmp_path)
    before = listing(tmp_path)
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False).close()
    assert listing(tmp_path) == before


def test_a_reader_sees_one_state_while_a_writer_goes_on(tmp_path: Path) -> None:
    make(tmp_path)
    writer = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path)
    writer.apply_profile(1, "silver", {}, NOW)
    reader = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False)
    writer.apply_profile(1, "bronze", {}, NOW)
    assert set(reader.state().profiles) == {"gold", "silver"}
    reader.close()
    writer.close()


def test_what_a_killed_writer_left_is_read_and_stays(tmp_path: Path) -> None:
    make(tmp_path / "a")
    writer = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path / "a")
    writer.apply_profile(1, "silver", {}, NOW)
    (tmp_path / "b").mkdir()
    for name in ("c.db", "c.db-wal"):
        (tmp_path / "b" / name).write_bytes((tmp_path / "a" / name).read_bytes())
    writer.close()
    before = listing(tmp_path / "b")
    reader = open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path / "b", writable=False)
    assert set(reader.state().profiles) == {"gold", "silver"}
    reader.close()
    assert listing(tmp_path / "b") == before


def test_one_with_a_journal_is_not_given_to_sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite would take back what the journal says, and remove a file that it names: anybody can plant one."""
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path).close()
    victim = tmp_path / "victim"
    victim.write_text("other.db-journal\0")
    name = str(victim).encode()
    tail = name + struct.pack(">II", len(name), sum(name)) + bytes.fromhex("d9d505f920a163d7")
    header = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 0, 0, 1, 512, 4096)
    (tmp_path / "c.db-journal").write_bytes(header.ljust(512, b"\0") + struct.pack(">I", 0x40000001) + tail)
    monkeypatch.setattr("snapplan.catalog.open.COPY_WAIT_SECONDS", 0.001)
    with pytest.raises(CatalogError, match="in the middle of a change"):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False)
    assert victim.exists()
    (tmp_path / "c.db-journal").unlink()
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False).close()


def test_a_reader_waits_for_a_journal_that_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path).close()
    journal = tmp_path / "c.db-journal"
    journal.write_bytes(b"x")
    monkeypatch.setattr("snapplan.catalog.open.time.sleep", lambda _: journal.unlink())
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False).close()


@pytest.mark.parametrize("ending", ["", "-wal"])
def test_a_giant_is_not_copied(ending: str, tmp_path: Path) -> None:
    open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path).close()
    with open(tmp_path / f"c.db{ending}", "ab") as file:
        file.truncate(10 * 1024**3)
    with pytest.raises(CatalogError, match="larger than 2 GiB"):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False)


def test_one_that_is_not_there_knows_nothing_and_is_not_made(tmp_path: Path) -> None:
    catalog = open_catalog("sqlite:///a/c.db", project=PROJECT, base=tmp_path, writable=False, required=False)
    assert (catalog.exists, catalog.writable, catalog.state().id, catalog.state().revision) == (False, False, "", 0)
    with pytest.raises(CatalogError, match="without write access"):
        catalog.observe(observation())
    catalog.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writable", [True, False])
def test_only_a_regular_file_is_opened(writable: bool, tmp_path: Path) -> None:
    """A pipe would wait for a writer for ever."""
    os.mkfifo(tmp_path / "c.db")
    with pytest.raises(CatalogError, match="is not a regular file"):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=writable)


def test_a_database_with_views_is_not_ours(tmp_path: Path) -> None:
    """A view in a table's place would run whatever query somebody wrote into the file."""
    raw = sqlite3.connect(make(tmp_path))
    raw.executescript("ALTER TABLE snapshot RENAME TO s; CREATE VIEW snapshot AS SELECT * FROM s")
    raw.close()
    with pytest.raises(CatalogError, match="more than tables"):
        open_catalog("sqlite:///c.db", project=PROJECT, base=tmp_path, writable=False)


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that everybody may read; `tmp_path` lies below one that only we may enter."""
    with TemporaryDirectory(prefix="snapplan-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _as_nobody(file: Path) -> list[str]:
    """Read the catalog as a user without any right to write; return what was printed."""
    command = [sys.executable, "-c", READ_AS_NOBODY, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root may")


@needs_root
def test_a_folder_without_write_access_is_read_all_the_same(public: Path) -> None:
    file = make(public)
    file.chmod(0o644)
    refused = f"CatalogError the catalog {file} was opened without write access"
    assert _as_nobody(file) == ["False ['s1'] 1", refused]
    assert [entry.name for entry in public.iterdir()] == ["c.db"]
