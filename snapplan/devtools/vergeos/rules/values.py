"""What may be written into a column.

Members of a body that no column knows are dropped without a word. Words outside a list, numbers outside their range,
read-only columns and references to nothing are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snapplan.devtools.vergeos.refusal import (
    Refusal,
    fails_validation,
    no_such_reference,
    not_in_list,
    read_only,
    required,
)
from snapplan.devtools.vergeos.tables.shape import Column
from snapplan.devtools.vergeos.tables.version import CONFLICTS_ARE_409

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snapplan.devtools.vergeos.rules.system import System
    from snapplan.devtools.vergeos.tables.shape import Key, Row, Table


def new_row(system: System, table: Table, body: Mapping[str, Any]) -> Row:
    """Return the row of a POST, defaults included; raises Refusal."""
    row: Row = {}
    for column in table.columns:
        given = column.name in body
        if column.required and (not given or body[column.name] is None):
            raise required(table.name, column.name)
        if given and column.access == "r":
            raise read_only(column.name)
        if column.access != "write":
            row[column.name] = checked(system, column, body[column.name]) if given else column.default
        elif given:
            checked(system, column, body[column.name])
    return row


def changes(system: System, table: Table, body: Mapping[str, Any]) -> Row:
    """Return what a PUT changes; raises Refusal."""
    found: Row = {}
    for column in table.columns:
        if column.name not in body:
            continue
        if column.access in ("r", "create"):
            raise read_only(column.name)
        value = checked(system, column, body[column.name])
        if column.access != "write":
            found[column.name] = value
    return found


def checked(system: System, column: Column, value: Any) -> Any:
    """Return a value as the column stores it; raises Refusal."""
    if column.kind == "row":
        return reference(system, column.name, column.table, value)
    if value is None:
        return column.default
    if column.kind == "bool":
        return _bool(column, value)
    if column.kind in ("int", "epoch"):
        return _whole(column, value)
    if column.kind == "enum":
        if str(value) not in column.choices:
            raise not_in_list(column.name, value)
        return str(value)
    return _text(column, value) if column.kind == "string" else value


def reference(system: System, field: str, table: str, value: Any) -> Key | None:
    """Return the key that a reference names, None for null; raises Refusal (404) when there is no such row, 0 included."""
    if value is None:
        return None
    if value == 0 and field == "snapshot_profile" and system.switches["zero_reference"] == "null":
        return None
    key = as_key(system, table, value)
    if key is None or system.row(table, key) is None:
        raise no_such_reference(field)
    return key


def as_key(system: System, table: str, value: Any) -> Key | None:
    """Return a key as the table stores it: receipts hand keys out as text."""
    known = system.tables.get(table)
    if known is None or isinstance(value, bool):
        return None
    if known.keys != "int":
        return str(value)
    if isinstance(value, int):
        return value
    return int(value) if isinstance(value, str) and value.isdigit() else None


def text(params: Mapping[str, Any], name: str, default: str) -> str:
    """Return a text among an action's parameters, the default for an empty one; raises Refusal for what is none."""
    given = params.get(name)
    if given is not None and not isinstance(given, str):
        raise fails_validation(name)
    return given or default


def whole(params: Mapping[str, Any], name: str, default: int) -> int:
    """Return a number among an action's parameters; raises Refusal for what is none."""
    return _whole(Column(name, "int"), params[name]) if params.get(name) is not None else default


def unique(system: System, table: Table, row: Row, but: Key | None = None) -> None:
    """Raise Refusal when another row has the same values in columns that are unique together."""
    for names in table.unique:
        values = tuple(row.get(name) for name in names)
        if system.store.has(table.name, names, values, but):
            raise Refusal(409 if system.version >= CONFLICTS_ARE_409 else 422, table.exists_text)


def _bool(column: Column, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if value in (0, 1, "0", "1", "true", "false"):
        return value in (1, "1", "true")
    raise fails_validation(column.name)


def _whole(column: Column, value: Any) -> int:
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdigit())):
        raise fails_validation(column.name)
    number = int(value)
    too_small = column.least is not None and number < column.least
    if too_small or (column.most is not None and number > column.most) or number < 0:
        raise fails_validation(column.name)
    return number


def _text(column: Column, value: Any) -> str:
    if isinstance(value, dict | list):
        raise fails_validation(column.name)
    text = str(value)
    too_long = column.longest is not None and len(text) > column.longest
    if too_long or (column.least is not None and len(text) < column.least):
        raise fails_validation(column.name)
    return text
