"""Brings a catalog's schema up to date: numbered SQL files, each applied once, in one transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from snapplan.errors import CatalogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

APPLICATION_ID = 0x534E5050
FOLDER = Path(__file__).parent / "migrations"


def migrations(folder: Path = FOLDER) -> list[tuple[int, Path]]:
    """Return the number and the file of each migration, in order."""
    return sorted((int(file.name.partition("_")[0]), file) for file in folder.glob("[0-9]*.sql"))


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the number of the last migration applied; 0 where there is no schema yet.

    Raises ``CatalogError`` where the database is another program's.
    """
    # One statement, so one moment: another process may migrate meanwhile.
    version: int
    version, application, tables = connection.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise CatalogError(
            "this SQLite database is not a snapplan catalog", hint="Check the `catalog:` key of snapplan.yaml."
        )
    return version


def refuse_newer(version: int, known: int) -> None:
    """Raise ``CatalogError`` for a schema that only a later snapplan knows."""
    if version > known:
        raise CatalogError(
            f"the catalog has schema {version}, and this snapplan knows {known} at most", hint="Upgrade snapplan."
        )


def migrate(connection: sqlite3.Connection, folder: Path = FOLDER, keep: Callable[[int], None] | None = None) -> int:
    """Apply what is missing and return the schema's version; several processes may try at once.

    All of it is one transaction under the lock of a writer: a crash leaves the old schema or the new. ``keep`` is called
    under that lock before anything is changed, with the version that the database has; not for a new one.
    """
    steps = migrations(folder)
    newest = steps[-1][0]
    version = schema_version(connection)
    refuse_newer(version, newest)
    if version == newest:
        return version
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = schema_version(connection)
        refuse_newer(version, newest)
        if keep is not None and 0 < version < newest:
            keep(version)
        for number, file in steps:
            if number > version:
                for statement in statements(file.read_text(encoding="utf-8")):
                    connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {newest}")
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return newest


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script one by one (``executescript`` would end the transaction)."""
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if pending.strip():
        yield pending
