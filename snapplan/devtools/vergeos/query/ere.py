"""POSIX extended regular expressions, as far as a filter's ``rx`` shows them.

Matching is partial and case-sensitive; an empty pattern matches everything; shorthands and inline flags of other
dialects are no error and match nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_CLASSES = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "A-Fa-f0-9",
}
_FOREIGN = re.compile(r"\\[A-Za-z0-9]|\(\?")


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a test whether a text matches; a pattern of another dialect, or a broken one, matches nothing."""
    if _FOREIGN.search(pattern.replace("\\\\", "")):
        return lambda text: False
    try:
        expression = re.compile(re.sub(r"\[:(\w+):\]", lambda match: _CLASSES.get(match[1], ""), pattern))
    except re.error:
        return lambda text: False
    return lambda text: expression.search(text) is not None
