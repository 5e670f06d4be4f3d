"""Answers to reads: a collection, filtered, sorted, cut and projected; or one row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.query import field_syntax, filters
from snapplan.devtools.vergeos.query.fields import Projector
from snapplan.devtools.vergeos.refusal import fails_validation, invalid_argument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from snapplan.devtools.vergeos.store import Store
    from snapplan.devtools.vergeos.tables.shape import Row, Table


@dataclass(frozen=True)
class Query:
    """The parameters of a read, as they arrived."""

    fields: str | None = None
    filter: str | None = None
    sort: str | None = None
    limit: str | None = None
    offset: str | None = None

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Query:
        """Pick what a read knows; other parameters are ignored."""
        return cls(*(parameters.get(name) for name in ("fields", "filter", "sort", "limit", "offset")))


def collection(
    store: Store, switches: Mapping[str, str], table: Table, query: Query, found: filters.Filter
) -> list[Row]:
    """Return the rows that pass ``found`` in the order and the part that the query asks for."""
    rows = [row for row in _candidates(store, table, found.fixed) if found.test(row)]
    rows = _sorted(rows, query.sort, table, switches["key_sort"])
    offset, limit = _whole("offset", query.offset), _whole("limit", query.limit)
    rows = rows[offset : offset + limit if limit else None]
    projector = Projector(store, switches)
    if query.fields is None:
        project = projector.summary(table)
    else:
        entries = field_syntax.read(query.fields)
        if not entries:
            return [{"$count": len(rows)}]
        project = projector.projection(table, entries)
    return [project(row) for row in rows]


def single(store: Store, switches: Mapping[str, str], table: Table, query: Query, row: Row) -> Row:
    """Return one row as the query asks for it."""
    projector = Projector(store, switches)
    entries = field_syntax.read(query.fields) if query.fields is not None else ()
    project = projector.projection(table, entries) if entries else projector.summary(table)
    return project(row)


def _candidates(store: Store, table: Table, fixed: Mapping[str, Any]) -> Iterable[Row]:
    if "$key" in fixed:
        row = store.get(table.name, fixed["$key"])
        return [] if row is None else [row]
    for name, value in fixed.items():
        if store.indexed(table.name, name):
            return store.find(table.name, **{name: value})
    return store.rows(table.name).values()


def _sorted(rows: list[Row], sort: str | None, table: Table, key_sort: str) -> list[Row]:
    if not sort:
        return rows
    match = re.fullmatch(r"([+\- ]?)\s*([A-Za-z_$][\w$]*)", sort.strip(" ") if sort.startswith(" ") else sort)
    if match is None or (match[2] == "$key" and key_sort == "refused"):
        raise invalid_argument()
    name = match[2]
    if name != "$key" and table.column(name) is None:
        raise invalid_argument()
    return sorted(rows, key=lambda row: (row.get(name) is not None, row.get(name)), reverse=match[1] == "-")


def _whole(name: str, text: str | None) -> int:
    if text is None or text == "":
        return 0
    if not text.isdigit():
        raise fails_validation(name)
    return int(text)
