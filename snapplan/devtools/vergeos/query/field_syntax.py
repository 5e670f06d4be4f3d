"""The syntax of ``fields``: names, ``a#b`` traversals, ``name[...]`` sub-selects, functions, ``as`` aliases."""

from __future__ import annotations

import re
from dataclasses import dataclass

from snapplan.devtools.vergeos.refusal import invalid_argument

_NAME = re.compile(r"[A-Za-z0-9_$]+")
_ALIAS = re.compile(r"\s+as\s+([^\s,\[\]()]+)")


@dataclass(frozen=True)
class Name:
    """A column, ``$key``, ``$display``, or the rows below a row."""

    text: str


@dataclass(frozen=True)
class Step:
    """``first#rest``: what the row that ``first`` refers to says for ``rest``."""

    first: Name
    rest: Expression


@dataclass(frozen=True)
class Call:
    """``name(of)``."""

    name: str
    of: Expression


@dataclass(frozen=True)
class Select:
    """``name[entries]``: some fields of the row that ``name`` refers to, or of each row below."""

    name: str
    entries: tuple[Entry, ...]


Expression = Name | Step | Call | Select


@dataclass(frozen=True)
class Entry:
    """One entry of a projection and the name under which it lands in the answer."""

    expression: Expression
    lands: str


def read(source: str) -> tuple[Entry, ...]:
    """Read a ``fields`` parameter; entries that are empty are left out. Raises Refusal (422) for broken brackets."""
    reader = _Reader(source)
    entries = reader.entries()
    if reader.at < len(source):
        raise invalid_argument()
    return entries


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0

    def entries(self) -> tuple[Entry, ...]:
        found: list[Entry] = []
        while True:
            self.skip()
            if self.peek() not in (",", "]", ""):
                found.append(self.entry())
                self.skip()
            if self.peek() != ",":
                return tuple(found)
            self.at += 1

    def entry(self) -> Entry:
        start = self.at
        expression = self.expression()
        plain = self.source[start : self.at]
        alias = _ALIAS.match(self.source, self.at)
        if alias is not None:
            self.at = alias.end()
        return Entry(expression, alias[1] if alias is not None else plain.strip())

    def expression(self) -> Expression:
        match = _NAME.match(self.source, self.at)
        if match is None:
            raise invalid_argument()
        self.at = match.end()
        if self.peek() == "(":
            self.at += 1
            of = self.expression()
            self.close(")")
            return Call(match[0], of)
        if self.peek() == "[":
            self.at += 1
            entries = self.entries()
            self.close("]")
            return Select(match[0], entries)
        if self.peek() == "#":
            self.at += 1
            return Step(Name(match[0]), self.expression())
        return Name(match[0])

    def close(self, bracket: str) -> None:
        self.skip()
        if self.peek() != bracket:
            raise invalid_argument()
        self.at += 1

    def skip(self) -> None:
        while self.peek().isspace():
            self.at += 1

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]
