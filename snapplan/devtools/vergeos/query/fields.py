"""Projections: what an answer says of each row.

A name that a table does not have is absent from the answer, without an error; so is a traversal through a null
reference. ``all`` is the table's own columns (not what is joined or computed, and not ``$key``), ``most`` and
``summary`` are the views of the schema; without ``fields`` the summary answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from snapplan.devtools.vergeos.query import functions
from snapplan.devtools.vergeos.query.field_syntax import Call, Entry, Expression, Name, Select, Step
from snapplan.devtools.vergeos.tables.shape import Column, Row, Table

if TYPE_CHECKING:
    from snapplan.devtools.vergeos.store import Store

ABSENT: Final = functions.ABSENT
Value = Callable[[Row], Any]
Parts = list[tuple[str, Value]]


class Projector:
    """Makes projections over the rows of one store; ``switches`` decide what the sources leave open."""

    def __init__(self, store: Store, switches: Mapping[str, str]) -> None:
        self.store = store
        self.switches = switches

    def projection(self, table: Table, entries: tuple[Entry, ...]) -> Callable[[Row], Row]:
        """Return the function from a stored row to the row of an answer."""
        parts: Parts = []
        for entry in entries:
            view = self._view(table, entry.expression)
            parts += view if view is not None else [(entry.lands, self._value(table, entry.expression))]

        def project(row: Row) -> Row:
            found = ((name, value(row)) for name, value in parts)
            return {name: value for name, value in found if value is not ABSENT}

        return project

    def summary(self, table: Table) -> Callable[[Row], Row]:
        """Return the projection of a query that names no fields."""
        return self.projection(table, (Entry(Name("$key"), "$key"), Entry(Name("summary"), "summary")))

    def _view(self, table: Table, expression: Expression) -> Parts | None:
        if not isinstance(expression, Name) or expression.text not in ("all", "most", "summary"):
            return None
        columns = [column for column in table.columns if column.access != "write"]
        if expression.text == "summary":
            columns = [column for column in columns if column.summary]
        keyed = expression.text != "all" or self.switches["all_with_key"] == "yes"
        names = [*(["$key"] if keyed else []), *(column.name for column in columns)]
        return [(name, self._value(table, Name(name))) for name in names]

    def _value(self, table: Table, expression: Expression) -> Value:
        match expression:
            case Name(text):
                return self._named(table, text)
            case Step(first, rest):
                return self._step(table, first.text, rest)
            case Select(name, entries):
                return self._select(table, name, entries)
            case Call(name, of):
                return self._call(table, name, of)

    def _named(self, table: Table, name: str) -> Value:
        if name == "$display":
            return lambda row: row.get(table.display)
        column = table.column(name)
        if name == "$key" or (column is not None and column.access != "write"):
            return lambda row: row.get(name)
        if name in table.lists:
            below = self._below(table, name)
            return lambda row: [each["$key"] for each in below(row)]
        return lambda row: ABSENT

    def _step(self, table: Table, name: str, rest: Expression) -> Value:
        column = table.column(name)
        if column is None or (table.name == "vms" and self._hidden(name, rest)):
            return lambda row: ABSENT
        if rest == Name("$display") and column.kind != "row":
            return lambda row: functions.display(row.get(name))
        if column.kind != "row" or column.table not in self.store.tables:
            return lambda row: ABSENT
        target = self._value(self.store.tables[column.table], rest)
        rows = self.store.rows(column.table)

        def follow(row: Row) -> Any:
            referred = rows.get(row.get(name))  # type: ignore[arg-type]
            return ABSENT if referred is None else target(referred)

        return follow

    def _hidden(self, name: str, rest: Expression) -> bool:
        path = Step(Name("status"), Name("agent_version"))
        return name == "machine" and rest == path and self.switches["agent_version"] == "absent"

    def _select(self, table: Table, name: str, entries: tuple[Entry, ...]) -> Value:
        if name in table.lists:
            inner = self.projection(self.store.tables[table.lists[name][0]], entries)
            below = self._below(table, name)
            return lambda row: [inner(each) for each in below(row)]
        column = table.column(name)
        if column is None or column.kind != "row" or column.table not in self.store.tables:
            return lambda row: ABSENT
        project = self.projection(self.store.tables[column.table], entries)
        rows = self.store.rows(column.table)

        def pick(row: Row) -> Any:
            referred = rows.get(row.get(name))  # type: ignore[arg-type]
            return ABSENT if referred is None else project(referred)

        return pick

    def _call(self, table: Table, name: str, of: Expression) -> Value:
        column = table.column(of.text) if isinstance(of, Name) else None
        if name == "display" and column is not None:
            return self._display(column)
        inner = self._value(table, of)
        function = functions.FUNCTIONS.get(name)
        if function is None:
            return lambda row: ABSENT

        def apply(row: Row) -> Any:
            value = inner(row)
            return ABSENT if value is ABSENT else function(value)

        return apply

    def _display(self, column: Column) -> Value:
        if column.kind != "row" or column.table not in self.store.tables:
            return lambda row: functions.display(row.get(column.name))
        rows, shown = self.store.rows(column.table), self.store.tables[column.table].display

        def display(row: Row) -> Any:
            referred = rows.get(row.get(column.name))  # type: ignore[arg-type]
            return None if referred is None else referred.get(shown)

        return display

    def _below(self, table: Table, name: str) -> Callable[[Row], list[Row]]:
        below, column = table.lists[name]
        return lambda row: self.store.find(below, **{column: row["$key"]})
