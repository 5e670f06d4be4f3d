"""What a table and a column are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = dict[str, Any]
Key = int | str
Kind = Literal["int", "string", "bool", "epoch", "row", "rows", "enum", "json", "epoch_us"]
Access = Literal["rw", "r", "create", "write"]


@dataclass(frozen=True)
class Column:
    """One column.

    ``access``: ``r`` refuses writes, ``create`` refuses changes, ``write`` is an argument that is never stored.
    ``table`` is what a ``row`` refers to, ``since`` the platform version that brought the column, ``when`` a
    switch and the value it must have for the column to exist. ``summary`` columns answer a query without ``fields``.
    """

    name: str
    kind: Kind = "string"
    default: Any = None
    access: Access = "rw"
    required: bool = False
    table: str = ""
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    longest: int | None = None
    since: str = ""
    when: tuple[str, str] | None = None
    summary: bool = False


@dataclass(frozen=True)
class Table:
    """One table: its columns, its keys, what must be unique, and what goes with its rows.

    ``owned`` are (table, column) pairs whose rows are removed with the row they refer to, ``forgotten`` those whose
    column becomes null; ``lists`` names the rows that a query may select or count from below a row; ``through`` are
    columns that are written into the row that another column refers to; ``unique_when`` is a switch and the value that
    it must have for names to be unique; ``display`` is the column that stands for a row where it is referred to.
    """

    name: str
    columns: tuple[Column, ...]
    keys: Literal["int", "hex", "name"] = "int"
    first_key: int = 1
    unique: tuple[tuple[str, ...], ...] = ()
    unique_when: tuple[str, str] | None = None
    exists_text: str = "This name already exists"
    indexes: tuple[tuple[str, ...], ...] = ()
    owned: tuple[tuple[str, str], ...] = ()
    forgotten: tuple[tuple[str, str], ...] = ()
    lists: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    through: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    methods: frozenset[str] = frozenset({"GET", "POST", "PUT", "DELETE"})
    display: str = "name"
    since: str = ""
    when: tuple[str, str] | None = None

    def column(self, name: str) -> Column | None:
        """Return the column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)


READ_ONLY = frozenset({"GET"})


def text(name: str, default: str | None = "", **more: Any) -> Column:
    """Return a column of text."""
    return Column(name, "string", default, **more)


def flag(name: str, default: bool | None = False, **more: Any) -> Column:
    """Return a column that is true or false."""
    return Column(name, "bool", default, **more)


def number(name: str, default: int | None = 0, **more: Any) -> Column:
    """Return a column of whole numbers."""
    return Column(name, "int", default, **more)


def epoch(name: str, **more: Any) -> Column:
    """Return a column of seconds since 1970, UTC."""
    return Column(name, "epoch", **more)


def ref(name: str, table: str, **more: Any) -> Column:
    """Return a column that refers to a row of ``table`` by its key, or to none (null)."""
    return Column(name, "row", table=table, **more)


def choice(name: str, choices: str, default: str | None = None, **more: Any) -> Column:
    """Return a column that takes one of the words in ``choices``."""
    return Column(name, "enum", default, choices=tuple(choices.split()), **more)


def name_column(longest: int = 128, **more: Any) -> Column:
    """Return a required ``name`` of one to ``longest`` characters."""
    return Column("name", "string", required=True, least=1, longest=longest, summary=True, **more)
