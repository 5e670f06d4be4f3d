"""The words of a filter.

Literals stand in single quotes; a backslash makes the next character itself. A balanced ``{...}`` inside a literal
vanishes without a word, an unbalanced one is an error; a doubled quote ends the literal and starts another, which no
grammar allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from snapplan.devtools.vergeos.refusal import invalid_argument

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_$#.]*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?![A-Za-z_])")


@dataclass(frozen=True)
class Token:
    """A word of a filter: what kind it is, and its text with escapes resolved."""

    kind: Literal["word", "text", "number", "open", "close", "variable"]
    text: str


def tokens(source: str) -> Iterator[Token]:
    """Yield the words of a filter; raises Refusal (422) for what is none."""
    at = 0
    while at < len(source):
        char = source[at]
        if char.isspace():
            at += 1
        elif char in "()":
            yield Token("open" if char == "(" else "close", char)
            at += 1
        elif char == "'":
            value, at = _literal(source, at + 1)
            yield Token("text", value)
        elif char == "{":
            end = _balanced(source, at)
            yield Token("variable", source[at + 1 : end - 1])
            at = end
        else:
            match = _NUMBER.match(source, at) or _WORD.match(source, at)
            if match is None:
                raise invalid_argument()
            yield Token("number" if match.re is _NUMBER else "word", match[0])
            at = match.end()


def _literal(source: str, at: int) -> tuple[str, int]:
    kept: list[str] = []
    while at < len(source):
        char = source[at]
        if char == "\\" and at + 1 < len(source):
            kept.append(source[at + 1])
            at += 2
        elif char == "'":
            return "".join(kept), at + 1
        elif char == "{":
            at = _balanced(source, at)
        else:
            kept.append(char)
            at += 1
    raise invalid_argument()


def _balanced(source: str, at: int) -> int:
    """Return the place behind the brace that closes the one at ``at``; quotes inside do not count."""
    depth = 0
    for place in range(at, len(source)):
        depth += {"{": 1, "}": -1}.get(source[place], 0)
        if depth == 0:
            return place + 1
    raise invalid_argument()
