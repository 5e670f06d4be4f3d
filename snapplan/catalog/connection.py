"""One SQLite connection that threads share: transactions, and SQLite's errors as sentences for the operator."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snapplan.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_SECONDS = 30.0


class Connection:
    """A SQLite connection under a lock; every use is one transaction.

    ``file`` is ``None`` for a catalog in memory; one that is not ``writable`` is a copy of the file's state.
    """

    def __init__(self, raw: sqlite3.Connection, file: Path | None, *, writable: bool) -> None:
        self.file = file
        self.writable = writable
        self._raw = raw
        self._lock = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that sees one state of the catalog."""
        with self._lock, explained(self.file):
            self._raw.execute("BEGIN")
            try:
                yield self._raw
            finally:
                self._raw.rollback()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that is durable once the block has ended without an exception."""
        if not self.writable:
            hint = "Run it as a user who may write the file and its folder."
            raise CatalogError(f"the catalog {self.file} was opened without write access", hint=hint)
        with self._lock, explained(self.file):
            self._raw.execute("BEGIN IMMEDIATE")
            try:
                yield self._raw
                self._raw.commit()
            except BaseException:
                self._raw.rollback()
                raise

    def close(self) -> None:
        """Close it; a second time nothing happens."""
        with self._lock:
            self._raw.close()


@contextmanager
def explained(file: Path | None) -> Iterator[None]:
    """Turn SQLite's errors into a ``CatalogError`` that names the file and says what to do."""
    subject = f"the catalog {file}" if file else "the catalog in memory"
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(error, subject) from error
    except UnicodeEncodeError as error:
        raise CatalogError(f"{subject} cannot keep {error.object!r}: it is not valid Unicode") from error


def _explain(error: sqlite3.Error, subject: str) -> CatalogError:
    name = getattr(error, "sqlite_errorname", "") or ""
    rebuild = "Move it away and run `snapplan catalog rebuild`."
    if name.startswith("SQLITE_NOTADB"):
        return CatalogError(f"{subject} is not a SQLite database", hint="Check the `catalog:` key of snapplan.yaml.")
    if name.startswith("SQLITE_CORRUPT"):
        return CatalogError(f"{subject} is damaged: {error}", hint=rebuild)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return CatalogError(f"{subject} is busy: another process kept it for more than {BUSY_SECONDS:.0f} s")
    if name.startswith("SQLITE_FULL"):
        return CatalogError(f"{subject} cannot be written: no space is left", hint="Free some space and try again.")
    if name.startswith("SQLITE_READONLY"):
        return CatalogError(f"{subject} cannot be written: {error}")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_IOERR")):
        return CatalogError(f"{subject} cannot be read: {error}")
    return CatalogError(f"{subject}: {error}")
