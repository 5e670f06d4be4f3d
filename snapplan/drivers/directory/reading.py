"""Reading JSON that anybody may have written: strictly, within limits, and never hanging.

What stands in a store is input. Every way in which it can be odd is a ``ValueError`` with a sentence: wrong types, texts
that are no Unicode, numbers and instants beyond what can be recorded or reckoned with, names given twice, NaN, thousands of
nested lists, files that are links, pipes or devices, files without an end.
"""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LARGEST = 32 << 20
"""A document of more bytes is not read."""
LARGEST_NUMBER = (1 << 63) - 1
# No argument of a command line is longer.
LONGEST_TEXT = 1 << 18
_SHORT = 256
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# What is reckoned from an instant (margins, retentions) must still be one.
_LATEST = datetime(9900, 1, 1, tzinfo=UTC)
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def read_file(path: str, limit: int = LARGEST) -> bytes:
    """Return what the regular file ``path`` holds. Raises ``ValueError`` for what is none, or is larger; ``OSError``."""
    descriptor = os.open(path, _FLAGS)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > limit:
            raise ValueError(f"it has {status.st_size} bytes, more than {limit}")
        parts = []
        left = status.st_size
        while left > 0 and (part := os.read(descriptor, left)):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def parse(text: bytes) -> dict[str, Any]:
    """Return the JSON object that ``text`` is. Raises ``ValueError``."""
    try:
        document = json.loads(text.decode(), parse_constant=_no_number, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    return document


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a name is given twice")
    return document


class Document:
    """The fields of one JSON object, each read as what it has to be; ``ValueError`` says which one is not."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._fields.get(name) is not None

    def text(self, name: str, *, odd: bool = False, longest: int = LONGEST_TEXT) -> str:
        """Return a text of valid Unicode, or of any bytes where ``odd`` says so."""
        value = self._fields.get(name)
        if type(value) is str and len(value) < _SHORT and value.isascii():
            return value  # nearly all are
        return _text(name, self._fields.get(name), odd=odd, longest=longest)

    def text_or(self, name: str, otherwise: str | None = None) -> str | None:
        """Return a text, or ``otherwise`` where there is none."""
        value = self._fields.get(name)
        return otherwise if value is None else self.text(name)

    def number(self, name: str, otherwise: int | None = None) -> int | None:
        """Return a whole number from 0 to 2**63 - 1, or ``otherwise``."""
        value = self._fields.get(name)
        if value is None:
            return otherwise
        if type(value) is not int or not 0 <= value <= LARGEST_NUMBER:
            raise ValueError(f"{name!r} is no whole number that can be")
        return value

    def signed(self, name: str) -> int | None:
        """Return a whole number that may be negative, or ``None``."""
        value = self._fields.get(name)
        if value is None:
            return None
        if type(value) is not int or abs(value) > LARGEST_NUMBER:
            raise ValueError(f"{name!r} is no whole number that can be")
        return value

    def flag(self, name: str) -> bool | None:
        """Return true, false, or ``None`` where it is not said."""
        value = self._fields.get(name)
        if value is not None and type(value) is not bool:
            raise ValueError(f"{name!r} is neither true nor false")
        return value

    def instant(self, name: str) -> datetime | None:
        """Return an instant in UTC, between 1970 and 9900, or ``None``."""
        value = self._fields.get(name)
        if value is None:
            return None
        if type(value) is not str:
            raise ValueError(f"{name!r} is no instant")
        try:
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is None:
                raise ValueError(f"{name!r} has no UTC offset")
            if instant.tzinfo is not UTC:
                instant = instant.astimezone(UTC)
        except OverflowError:
            raise ValueError(f"{name!r} is no instant that can be") from None
        if not _EARLIEST <= instant <= _LATEST:
            raise ValueError(f"{name!r} is no instant that can be")
        return instant

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty where there is none."""
        return tuple(_text(name, value) for value in self._list(name))

    def objects(self, name: str) -> Sequence[Document]:
        """Return a list of objects, empty where there is none."""
        return [_object(name, value) for value in self._list(name)]

    def object(self, name: str) -> Document:
        """Return an object."""
        return _object(name, self._fields.get(name))

    def _list(self, name: str) -> list[Any]:
        value = self._fields.get(name)
        if value is None:
            return []
        if type(value) is not list:
            raise ValueError(f"{name!r} is no list")
        return value


def _text(name: str, value: object, *, odd: bool = False, longest: int = LONGEST_TEXT) -> str:
    if type(value) is not str:
        raise ValueError(f"{name!r} is no text")
    if len(value) > longest:
        raise ValueError(f"{name!r} has {len(value)} characters")
    if not odd and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name!r} is not valid Unicode") from None
    return value


def _object(name: str, value: object) -> Document:
    if type(value) is not dict:
        raise ValueError(f"{name!r} is no object")
    return Document(value)
