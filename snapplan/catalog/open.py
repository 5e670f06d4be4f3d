"""Opens the catalog that a URL names, makes it where there is none, and refuses places where it would not be safe."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from snapplan.catalog import requests as request_counts
from snapplan.catalog.connection import BUSY_SECONDS, Connection, explained
from snapplan.catalog.migrate import migrate, migrations, schema_version
from snapplan.catalog.mounts import MOUNTS, filesystem_type, is_network
from snapplan.catalog.record import found
from snapplan.catalog.sqlite import SqliteCatalog
from snapplan.clock import monotonic, now
from snapplan.errors import CatalogError, CatalogMissingError

if TYPE_CHECKING:
    from datetime import datetime

    from snapplan.catalog.base import Catalog

MEMORY = "memory:"
SQLITE = "sqlite:///"
COPY_TRIES = 20
COPY_WAIT_SECONDS = 0.05
MOST_COPIED = 2 * 1024**3
_LOG = "-wal"


def open_catalog(
    url: str | None,
    *,
    project: str,
    base: Path,
    state_home: Path | None = None,
    writable: bool = True,
    create: bool = True,
    required: bool = True,
    mounts: Path = MOUNTS,
) -> Catalog:
    """Return the catalog at ``url``: ``sqlite:///PATH`` (relative to ``base``), ``memory:``, or ``None`` for the default.

    The default is ``snapplan/PROJECT/catalog.db`` in the user's state folder (``state_home``, else ``XDG_STATE_HOME``,
    else ``~/.local/state``). With ``writable`` it is made where there is none (``create``) and its schema brought up to
    date; where it cannot be written it is opened for reading, and says so by its own ``writable``. Without ``writable``
    nothing is written at all, and one that is not ``required`` and not there is taken for one that knows nothing.

    Raises ``CatalogMissingError`` where there is none and none is made, and ``CatalogError`` for everything else.
    """
    if url == MEMORY:
        return _in_memory(project)
    file = catalog_file(url, project=project, base=base, state_home=state_home)
    _refuse_network(file, mounts)
    if not _exists(file):
        if not writable and not required:
            return _absent(file, project)
        if not (writable and create):
            raise CatalogMissingError(f"there is no catalog at {file}", hint="Run `snapplan catalog rebuild`.")
        _make_file(file)
    with explained(file):
        may_write = writable and _can_write(file)
        connection = _open_writable(file, project) if may_write else _open_readable(file)
    catalog = SqliteCatalog(SQLITE + str(file), connection)
    try:
        _refuse_other_project(connection, project, file)
    except BaseException:
        catalog.close()
        raise
    return catalog


def catalog_file(url: str | None, *, project: str, base: Path, state_home: Path | None = None) -> Path:
    """Return the file that ``url`` names, absolute and without symbolic links; ``CatalogError`` where it names none."""
    if url is None:
        return (_state_home(state_home) / "snapplan" / project / "catalog.db").resolve()
    scheme = url.partition(":")[0]
    if scheme in ("postgresql", "postgres"):
        raise CatalogError("a catalog in PostgreSQL is not supported yet", hint="Use sqlite:///PATH for now.")
    path = url.removeprefix(SQLITE)
    if path == url or not path or path.endswith("/"):
        raise CatalogError(
            f"the catalog's URL of scheme {scheme!r} names no file", hint="Write sqlite:///PATH or memory:."
        )
    return (base / path).resolve()


def _state_home(given: Path | None) -> Path:
    if given is not None:
        return given
    folder = os.environ.get("XDG_STATE_HOME", "")
    if Path(folder).is_absolute():
        return Path(folder)
    try:
        return Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise CatalogError(
            "there is no home folder for the catalog", hint="Set `catalog:` in snapplan.yaml."
        ) from error


def _refuse_network(file: Path, mounts: Path) -> None:
    filesystem = filesystem_type(file, mounts)
    if filesystem is not None and is_network(filesystem):
        raise CatalogError(
            f"the catalog {file} lies on a network filesystem ({filesystem}), where SQLite loses data",
            hint="Set `catalog:` in snapplan.yaml to a path on a local disk.",
        )


def _exists(file: Path) -> bool:
    try:
        mode = file.stat().st_mode
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CatalogError(f"the catalog {file} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(mode):
        raise CatalogError(f"the catalog {file} is not a regular file", hint="Check `catalog:` in snapplan.yaml.")
    return True


def _make_file(file: Path) -> None:
    """Make an empty file that only its owner may read; whoever comes second finds it made."""
    try:
        missing = [folder for folder in file.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise CatalogError(f"the catalog {file} cannot be made: {error.strerror}") from error


def _can_write(file: Path) -> bool:
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _connect(target: str) -> sqlite3.Connection:
    raw = sqlite3.connect(
        target, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    raw.execute("PRAGMA foreign_keys = ON")
    return raw


def _uri(file: Path, options: str) -> str:
    return f"{file.as_uri()}?{options}"


def _open_writable(file: Path, project: str) -> Connection:
    raw = _connect(_uri(file, "mode=rw"))
    try:
        raw.execute("PRAGMA synchronous = FULL")
        migrate(raw, keep=lambda version: _keep_copy(file, version))
        _use_write_ahead_log(raw)
        _claim(raw, project)
    except BaseException:
        raw.close()
        raise
    return Connection(raw, file, writable=True)


def _keep_copy(file: Path, version: int) -> None:
    """Copy a catalog that is about to be migrated to ``FILE.schema-VERSION.bak``; what has that name already stays.

    Raises ``CatalogError`` where that cannot be done: then nothing is migrated.
    """
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{file.name}.", suffix=".bak", dir=file.parent)  # mode 0600
        os.close(handle)
        _backup(file, temporary)
        _place(temporary, file, version)
    except (OSError, sqlite3.Error) as error:
        raise CatalogError(
            f"the catalog {file} has the older schema {version}, and cannot be copied before it is brought up to date:"
            f" {error}",
            hint="Make room and let its folder be written to, then run it again.",
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _backup(file: Path, copy: str) -> None:
    """Copy a catalog with what its log holds; somebody holds its lock, so that it does not change meanwhile."""
    source, target = _connect(_uri(file, "mode=ro")), sqlite3.connect(copy)
    try:
        source.backup(target)
    finally:
        target.close()
        source.close()
    with open(copy, "rb") as written:
        os.fsync(written.fileno())


def _place(temporary: str, file: Path, version: int) -> None:
    """Give a copy its name, or the next that is free: an earlier copy may be of another life of the catalog."""
    for number in range(1, 1000):
        again = "" if number == 1 else f".{number}"
        try:
            os.link(temporary, file.with_name(f"{file.name}.schema-{version}{again}.bak"))
        except FileExistsError:
            continue
        folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return
    raise OSError("there are too many copies of it already")


def _use_write_ahead_log(raw: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging; SQLite does not wait by itself while others are about it."""
    deadline = monotonic() + BUSY_SECONDS
    while True:
        try:
            raw.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _claim(raw: sqlite3.Connection, project: str) -> None:
    """Write down whose catalog a new one is, and begin the record where there is none yet."""
    if raw.execute("SELECT record_number FROM meta").fetchone() in (None, (0,)):
        raw.execute("BEGIN IMMEDIATE")
        try:
            found(raw, project, now())
            raw.commit()
        except BaseException:
            raw.rollback()
            raise


def _open_readable(file: Path) -> Connection:
    """Copy the catalog into memory as it is now, with the schema of today; nothing is written beside it.

    SQLite's own reading would leave two files there, and would not read an older schema.
    """
    raw = _connect(":memory:")
    try:
        _copy(file, raw)
        version = schema_version(raw)
        if not version:
            raise CatalogMissingError(f"the catalog {file} is empty", hint="Run `snapplan catalog rebuild`.")
        if raw.execute("SELECT count(*) FROM sqlite_master WHERE type IN ('view', 'trigger')").fetchone()[0]:
            raise CatalogError(f"the catalog {file} holds more than tables, which snapplan never makes")
        migrate(raw)
    except BaseException:
        raw.close()
        raise
    return Connection(raw, file, writable=False)


def _copy(file: Path, into: sqlite3.Connection) -> None:
    """Copy one state of the database ``file``, whether others write it now or not."""
    torn = False
    for _ in range(COPY_TRIES):
        before = _fingerprint(file)
        if before.size > MOST_COPIED:
            text = f"the catalog {file} is larger than {MOST_COPIED // 1024**3} GiB, which no catalog of snapplan is"
            raise CatalogError(text, hint="Check `catalog:` in snapplan.yaml.")
        torn = before.torn
        if torn:
            time.sleep(COPY_WAIT_SECONDS)
            continue
        if before.log and before.shared:  # somebody has it open, or was killed: SQLite's own locks see to it
            return _copy_shared(file, into)
        if before.log:
            _copy_with_log(file, into)
        else:
            _read_all(_uri(file, "mode=ro&immutable=1"), into)
        if _fingerprint(file) == before:
            return None
    if torn:
        raise CatalogError(
            f"the catalog {file} was left in the middle of a change, which only a process with write access can take back",
            hint="If it is yours, the next apply does; otherwise check `catalog:` in snapplan.yaml.",
        )
    raise CatalogError(f"the catalog {file} changed each time it was read", hint="Try again.")


def _copy_shared(file: Path, into: sqlite3.Connection) -> None:
    try:
        _read_all(_uri(file, "mode=ro"), into)
    except sqlite3.OperationalError as error:
        if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise
        raise CatalogError(
            f"the catalog {file} has changes that only a process with write access can bring in",
            hint="Run `snapplan status` once with write access.",
        ) from error


def _copy_with_log(file: Path, into: sqlite3.Connection) -> None:
    """A log that a machine's end left is brought in, in a copy: beside the original that would write."""
    with tempfile.TemporaryDirectory(prefix="snapplan-") as folder:
        copy = Path(folder) / "catalog.db"
        try:
            for ending in ("", _LOG):
                shutil.copyfile(file.with_name(file.name + ending), copy.with_name(copy.name + ending))
        except FileNotFoundError:
            return  # somebody brought it in just now, and _copy sees that the catalog changed
        except (OSError, shutil.SpecialFileError) as error:
            raise CatalogError(f"the catalog {file} cannot be copied to be read: {error}") from error
        _read_all(_uri(copy, "mode=rw"), into)


def _read_all(uri: str, into: sqlite3.Connection) -> None:
    source = _connect(uri)
    try:
        source.backup(into)
    finally:
        source.close()


class _Fingerprint(NamedTuple):
    """What tells two states of a file apart; ``size`` counts its log, in which changes are that are not in it yet.

    ``log`` says that there is one, ``shared`` that somebody has it open. ``torn``: the file is being changed itself, or was
    left so. SQLite would take that back, and would remove the file that a journal names, so it is not given one that
    somebody else may have put there.
    """

    inode: int
    size: int
    changed: int
    log: bool
    shared: bool
    torn: bool


def _fingerprint(file: Path) -> _Fingerprint:
    status = file.stat()
    log = _size(file, _LOG)
    size = status.st_size + log
    return _Fingerprint(
        status.st_ino, size, status.st_mtime_ns, log > 0, _size(file, "-shm") > 0, _size(file, "-journal") > 0
    )


def _size(file: Path, ending: str) -> int:
    try:
        return file.with_name(file.name + ending).stat().st_size
    except OSError:
        return 0


def count_requests(url: str, backend: str, instant: datetime, requests: int) -> None:
    """Count requests to a backend in a catalog that was opened for reading; nothing where it cannot be written now.

    They were made, whoever made them, and an apply must know of them: the platform refuses what is over its limit.
    """
    file = Path(url.removeprefix(SQLITE))
    if not _can_write(file):
        return
    with explained(file):
        raw = _connect(_uri(file, "mode=rw"))
        try:
            if schema_version(raw) == migrations()[-1][0]:
                raw.execute("BEGIN IMMEDIATE")
                request_counts.count(raw, backend, instant, requests)
                raw.commit()
        finally:
            raw.close()


def _refuse_other_project(connection: Connection, project: str, file: Path) -> None:
    with connection.read() as db:
        owner = db.execute("SELECT project FROM meta").fetchone()
    if owner is not None and owner[0] != project:
        raise CatalogError(
            f"the catalog {file} belongs to project {owner[0]!r}, not to {project!r}",
            hint="Give each project a catalog of its own.",
        )


def _absent(file: Path, project: str) -> Catalog:
    """Return what stands for a catalog that is not there yet: it knows nothing, has no id and cannot be written."""
    raw = _connect(":memory:")
    migrate(raw)
    _claim(raw, project)
    raw.execute("UPDATE meta SET id = ''")
    return SqliteCatalog(SQLITE + str(file), Connection(raw, file, writable=False), exists=False)


def _in_memory(project: str) -> Catalog:
    raw = _connect(":memory:")
    migrate(raw)
    _claim(raw, project)
    return SqliteCatalog(MEMORY, Connection(raw, None, writable=True))
