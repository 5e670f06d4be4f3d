"""Filters: comparisons joined by ``and`` and ``or`` without precedence, strictly from left to right.

``eq ne gt ge lt le bw ew cs ct rx`` compare a column of the table with a literal. Joined and aliased fields, functions
and any other operator are refused with "Invalid argument".
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from snapplan.devtools.vergeos.query.ere import matcher
from snapplan.devtools.vergeos.query.tokens import Token, tokens
from snapplan.devtools.vergeos.refusal import invalid_argument
from snapplan.devtools.vergeos.tables.shape import Row, Table

Test = Callable[[Row], bool]
_ORDER: Mapping[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TEXT: Mapping[str, Callable[[str, str], bool]] = {
    "bw": str.startswith,
    "ew": str.endswith,
    "cs": operator.contains,
    "ct": lambda value, part: part.lower() in value.lower(),
}
_VARIABLE = re.compile(r"\s*\$now\s*|\s*\$add\(\s*\{\s*\$now\s*\}\s*,\s*(-?\d+)\s*\)\s*")


@dataclass(frozen=True)
class Filter:
    """A filter that was read: the test, and the columns that it fixes to one value (for an index to use)."""

    test: Test
    fixed: Mapping[str, Any] = field(default_factory=dict)


def read(source: str, table: Table, now: int, unknown: str = "422") -> Filter:
    """Read a filter on ``table``; ``now`` (epoch seconds) is what ``{$now}`` means.

    ``unknown`` says what a column that the table lacks does: "422", or "no_match". Raises Refusal (422).
    """
    reader = _Reader(list(tokens(source)), table, now, unknown)
    if not reader.left:
        return Filter(lambda row: True)
    found = reader.chain()
    if reader.left:
        raise invalid_argument()
    return found


class _Reader:
    def __init__(self, words: list[Token], table: Table, now: int, unknown: str) -> None:
        self.left = words
        self.table = table
        self.now = now
        self.unknown = unknown

    def chain(self) -> Filter:
        found = self.term()
        while self.left and self.left[0].text in ("and", "or") and self.left[0].kind == "word":
            joined = self.take().text
            found = _joined(joined, found, self.term())
        return found

    def term(self) -> Filter:
        first = self.take()
        if first.kind == "open":
            inner = self.chain()
            if self.take().kind != "close":
                raise invalid_argument()
            return inner
        if first.kind != "word":
            raise invalid_argument()
        return self.comparison(first.text)

    def comparison(self, name: str) -> Filter:
        word = self.take()
        value = self.value(self.take())
        column = self.table.column(name)
        known = name == "$key" or column is not None
        if word.kind != "word" or "#" in name or (not known and self.unknown == "422"):
            raise invalid_argument()
        numeric = (name == "$key" and self.table.keys == "int") or (
            column is not None and column.kind in ("int", "epoch", "epoch_us", "row") and column.table != "volumes"
        )
        return compare(name, word.text, _as_number(value) if numeric else value, known)

    def value(self, word: Token) -> Any:
        if word.kind == "text":
            return word.text
        if word.kind == "number":
            return float(word.text) if "." in word.text else int(word.text)
        if word.kind == "variable":
            match = _VARIABLE.fullmatch(word.text)
            if match is None:
                raise invalid_argument()
            return self.now + int(match[1] or 0)
        if word.kind == "word" and word.text in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[word.text]
        raise invalid_argument()

    def take(self) -> Token:
        if not self.left:
            raise invalid_argument()
        return self.left.pop(0)


def compare(name: str, word: str, value: Any, known: bool) -> Filter:
    """Return the test of one comparison."""
    if word == "eq":
        return Filter(lambda row: bool(row.get(name) == value) and known, {name: value} if known else {})
    if word == "ne":
        return Filter(lambda row: bool(row.get(name) != value))
    if word in _ORDER:
        return Filter(_ordered(name, _ORDER[word], value))
    if word == "rx":
        match = matcher(str(value))
        return Filter(lambda row: row.get(name) is not None and match(str(row[name])))
    if word in _TEXT:
        holds, part = _TEXT[word], str(value)
        return Filter(lambda row: row.get(name) is not None and bool(holds(str(row[name]), part)))
    raise invalid_argument()


def _ordered(name: str, holds: Callable[[Any, Any], bool], value: Any) -> Test:
    def test(row: Row) -> bool:
        found = row.get(name)
        if found is None or value is None or isinstance(found, str) != isinstance(value, str):
            return False
        return holds(found, value)

    return test


def _joined(word: str, left: Filter, right: Filter) -> Filter:
    one, two = left.test, right.test
    if word == "and":
        return Filter(lambda row: one(row) and two(row), {**right.fixed, **left.fixed})
    return Filter(lambda row: one(row) or two(row))


def _as_number(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    return value
