"""Rows in memory, with indexes and keys.

A stored row is never changed: a change stores a new dict. So a snapshot keeps what it captured by holding the rows.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snapplan.devtools.vergeos.tables.shape import Key, Row, Table

Values = tuple[Any, ...]


class _Rows:
    """The rows of one table with its indexes."""

    def __init__(self, table: Table) -> None:
        self.rows: dict[Key, Row] = {}
        columns = dict.fromkeys((*table.indexes, *table.unique))
        self.indexes: dict[tuple[str, ...], dict[Values, dict[Key, None]]] = {names: {} for names in columns}
        self.first = table.first_key
        self.last = table.first_key - 1
        self.free: list[int] = []
        self.revision = 0

    def add(self, key: Key, row: Row) -> None:
        self.revision += 1
        self.rows[key] = row
        for names, index in self.indexes.items():
            index.setdefault(tuple([row.get(name) for name in names]), {})[key] = None

    def take(self, key: Key) -> Row:
        self.revision += 1
        row = self.rows.pop(key)
        for names, index in self.indexes.items():
            values = tuple([row.get(name) for name in names])
            keys = index[values]
            del keys[key]
            if not keys:
                del index[values]
        return row

    def put(self, key: Key, row: Row) -> None:
        """Replace a row in its place."""
        self.revision += 1
        old = self.rows[key]
        self.rows[key] = row
        for names, index in self.indexes.items():
            before, after = tuple([old.get(name) for name in names]), tuple([row.get(name) for name in names])
            if before != after:
                del index[before][key]
                if not index[before]:
                    del index[before]
                index.setdefault(after, {})[key] = None


class Store:
    """All rows of a system, by table and key."""

    def __init__(self, tables: Mapping[str, Table], key_reuse: str = "highest") -> None:
        self.tables = dict(tables)
        self.key_reuse = key_reuse
        self._tables = {name: _Rows(table) for name, table in tables.items()}

    def redefine(self, table: Table) -> None:
        """Give a table other columns; its rows stay as they are."""
        self.tables[table.name] = table

    def add_table(self, table: Table) -> None:
        """Begin a table that was not there before."""
        self.tables[table.name] = table
        self._tables[table.name] = _Rows(table)

    def rows(self, table: str) -> dict[Key, Row]:
        """Return the rows of a table by key, in the order of their making; not to be changed."""
        return self._tables[table].rows

    def get(self, table: str, key: object) -> Row | None:
        """Return a row, or None when there is no such table or row."""
        return self._tables[table].rows.get(key) if table in self._tables else None  # type: ignore[call-overload]

    def find(self, table: str, **equal: Any) -> list[Row]:
        """Return the rows whose columns equal the values given, by an index where one names them in this order."""
        held = self._tables[table]
        exact = held.indexes.get(tuple(equal))
        if exact is not None:
            keys = exact.get(tuple(equal.values()))
            return [held.rows[key] for key in keys] if keys else []
        for names, index in held.indexes.items():
            if len(names) == 1 and names[0] in equal:
                some = [held.rows[key] for key in index.get((equal[names[0]],), ())]
                return [row for row in some if _equals(row, equal)]
        return [row for row in held.rows.values() if _equals(row, equal)]

    def has(self, table: str, names: tuple[str, ...], values: Values, but: Key | None = None) -> bool:
        """Say whether another row than ``but`` has these values in the columns of an index."""
        keys = self._tables[table].indexes[names].get(values, ())
        return any(key != but for key in keys)

    def indexed(self, table: str, name: str) -> bool:
        """Say whether a single column has an index of its own."""
        return (name,) in self._tables[table].indexes

    def insert(self, table: str, row: Row, key: Key | None = None) -> Row:
        """Store a new row under ``key`` or the next free one; returns it with its ``$key``."""
        held = self._tables[table]
        chosen = self._next(held) if key is None else key
        if isinstance(chosen, int) and chosen > held.last:
            held.last = chosen
        stored = {"$key": chosen, **row}
        stored["$key"] = chosen
        held.add(chosen, stored)
        return stored

    def change(self, table: str, key: Key, **changes: Any) -> Row:
        """Store a changed copy of a row; returns it."""
        held = self._tables[table]
        row = {**held.rows[key], **changes}
        held.put(key, row)
        return row

    def remove(self, table: str, key: Key) -> Row:
        """Remove a row and what its indexes know of it; what hangs on it is the business of the rules."""
        held = self._tables[table]
        row = held.take(key)
        if isinstance(key, int):
            if self.key_reuse == "lowest":
                heapq.heappush(held.free, key)
            elif self.key_reuse == "highest":
                while held.last >= held.first and held.last not in held.rows:
                    held.last -= 1
        return row

    def revision(self, table: str) -> int:
        """Return a number that changes with every change of a table's rows."""
        return self._tables[table].revision

    def everything(self) -> Iterator[tuple[str, Row]]:
        """Yield every row with its table."""
        for name, held in self._tables.items():
            for row in held.rows.values():
                yield name, row

    def last_key(self, table: str) -> int:
        """Return the highest key given out, for what is saved."""
        return self._tables[table].last

    def restore_last_key(self, table: str, last: int) -> None:
        """Continue after ``last``, as before what was saved."""
        self._tables[table].last = max(last, self._tables[table].last)

    def _next(self, held: _Rows) -> int:
        while self.key_reuse == "lowest" and held.free:
            key = heapq.heappop(held.free)
            if key not in held.rows:
                return key
        return held.last + 1


def _equals(row: Row, equal: Mapping[str, Any]) -> bool:
    return all(row.get(name) == value for name, value in equal.items())
