"""Strict YAML with the place of every key: the C parser's events become plain data in one pass.

Only ``true|false``, ``null|~``, decimal integers and decimal fractions are typed; everything else stays text, also
``12:30``, ``no``, ``on``, ``0100`` and dates. Refused: keys given twice, tags, merge keys, several documents, keys that are
not scalars, and files made to exhaust the reader (depth, size, expanded aliases).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamStartEvent,
)

Path = tuple[str, ...]
# A tree, because a dict of whole paths would take a third of the time of reading.
_Level = dict[str, tuple[Any, Any, "_Level"]]

MAX_BYTES = 4 * 1024 * 1024
MAX_TOTAL_BYTES = 64 * 1024 * 1024
"""Of all files of a policy repository together."""
MAX_TEXT = 16 * 1024
"""Of a longer text only so much is looked at; no key of the policy language takes as much."""
MAX_DEPTH = 40
MAX_NODES = 2_000_000
MAX_ALIASED_NODES = 100_000
MAX_PROBLEMS = 200

_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
_NOTHING: _Level = {}
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\Z")
_FRACTION = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,30}(?:[eE][-+]?[0-9]{1,2})?\Z")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_NUMBER_STARTS = frozenset("+-0123456789")
# Not compiled ahead: hardly any file needs them (start-up time).
_BRACKETS = r"""[\[\]{}]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*"""
_INVISIBLE = "[\x85\u2028-\u202e\u2066-\u2069\ufeff]"
_UNPRINTABLE = "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
_CONTROL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]"


class Problem(NamedTuple):
    """What is wrong with the file as YAML; ``line`` and ``column`` count from 1."""

    code: str
    summary: str
    line: int
    column: int
    hint: str = ""
    width: int = 1


class Marks(Mapping[Path, tuple[Any, Any]]):
    """The marks of the key and of the value at each path of a file, in its order (lines count from 0).

    An item of a list stands under ``str(index)``. What an alias stands for has no marks of its own: the nearest path
    above is the alias.
    """

    def __init__(self, top: _Level) -> None:
        self._top = top

    @property
    def top(self) -> Iterator[str]:
        """The keys of the outermost mapping, as far as it was read."""
        return iter(self._top)

    def __getitem__(self, path: Path) -> tuple[Any, Any]:
        level, found = self._top, None
        for key in path:
            if key not in level:
                raise KeyError(path)
            found = level[key]
            level = found[2]
        if found is None:
            raise KeyError(path)
        return found[0], found[1]

    def __iter__(self) -> Iterator[Path]:
        return _paths(self._top, ())

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _paths(level: _Level, above: Path) -> Iterator[Path]:
    for key, (_, _, below) in level.items():
        path = (*above, key)
        yield path
        yield from _paths(below, path)


class Document(NamedTuple):
    """One file as data. ``complete`` is ``False`` where reading stopped early, so that something may be missing."""

    data: Any
    marks: Marks
    problems: list[Problem]
    complete: bool = True


class _StopError(Exception):
    """Reading cannot go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.summary)
        self.problem = problem


def load(content: bytes) -> Document:
    """Return what a file says, and everything that is wrong with it as YAML. Never raises for any content."""
    reader = _Reader()
    try:
        text = decode(content)
        _refuse_invisible(text)
        reader.open(text)
        data = reader.stream()
    except _StopError as stop:
        return Document(None, Marks(reader.marks), [*reader.problems, stop.problem], complete=False)
    except (yaml.YAMLError, RecursionError) as error:
        problem = _nesting(error, text) or _syntax(error, text)
        return Document(None, Marks(reader.marks), [*reader.problems, problem], complete=False)
    return Document(data, Marks(reader.marks), reader.problems)


def decode(content: bytes) -> str:
    """Return the text of UTF-8 bytes, without a byte order mark."""
    if len(content) > MAX_BYTES:
        raise _StopError(Problem("SP103", f"the file is larger than {MAX_BYTES // 1024**2} MiB", 1, 1))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        line, column = position(before, len(before))
        byte = content[error.start]
        raise _StopError(
            Problem("SP102", f"byte 0x{byte:02x} is not UTF-8", line, column, "save the file as UTF-8")
        ) from None


def position(text: str, index: int) -> tuple[int, int]:
    """Return line and column, counted from 1, of the character at ``index``."""
    lines = split_lines(text[:index])
    return len(lines), len(lines[-1]) + 1


def split_lines(text: str) -> list[str]:
    """Return the lines as YAML and editors count them."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _refuse_invisible(text: str) -> None:
    """Line separators would make line numbers differ from the editor's, and direction marks hide what a diff shows."""
    if text.isascii():
        return
    if found := re.search(_INVISIBLE, text):
        raise _StopError(_character(text, found.start()))


def _character(text: str, index: int) -> Problem:
    line, column = position(text, index)
    return Problem(
        "SP102",
        f"character U+{ord(text[index]):04X} is not allowed: it does not show",
        line,
        column,
        "remove it, or write it as an escape in a double-quoted text",
    )


def _nesting(error: Exception, text: str) -> Problem | None:
    """Say that brackets are nested too deeply, where a parser has a limit of its own and meets it first.

    It reads some hundred characters ahead, so that ``_Reader`` has not seen them yet.
    """
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    depth = 0
    for found in re.finditer(_BRACKETS, text[: len(text) if mark is None else mark.index + 1]):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if depth > MAX_DEPTH:
            line, column = position(text, found.start())
            return Problem("SP103", _TOO_DEEP, line, column)
    return None


def _syntax(error: Exception, text: str) -> Problem:
    """Say where the parser stopped and why."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        if found := re.search(_UNPRINTABLE, text):
            return _character(text, found.start())
        return Problem("SP101", "this is not YAML", 1, 1)
    problem = str(getattr(error, "problem", None) or "this is not YAML")
    context = str(getattr(error, "context", None) or "")
    start = getattr(error, "context_mark", None)
    if context and start is not None and start.line != mark.line:
        context += f" that begins in line {start.line + 1}"
    hint = ""
    if "\t" in text[max(0, mark.index - 1) : mark.index + 1]:
        hint = "indent with spaces; YAML does not allow tabs there"
    elif "did not find expected key" in problem or "mapping values are not allowed" in problem:
        hint = "look at the indentation here and in the lines above, and quote a text that holds ': '"
    elif "cannot start any token" in problem:
        hint = "put the text in quotes"
    summary = f"not valid YAML: {problem}" + (f" ({context})" if context else "")
    line, column = mark.line + 1, mark.column + 1
    lines = split_lines(text.removesuffix("\n"))
    if line > len(lines):
        line, column = len(lines), len(lines[-1]) + 1
    return Problem("SP101", summary, line, column, hint)


class _Reader:
    """Turns events into data. Recursion is bounded by ``MAX_DEPTH``."""

    def __init__(self) -> None:
        self.marks: _Level = {}
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0
        self.aliased = 0
        self.next: Any = None

    def open(self, text: str) -> None:
        self.next = _LOADER(text).get_event

    def stream(self) -> Any:
        """Read the one document of the file."""
        event = self.next()
        if type(event) is StreamStartEvent:
            event = self.next()
        if type(event) is not DocumentStartEvent:
            return None
        data = self.node(self.next(), self.marks, 0)
        event = self.next()
        if type(event) is DocumentEndEvent:
            event = self.next()
        if type(event) is DocumentStartEvent:
            raise self.stop(event, "SP110", "a file holds one document", hint="put the second one in a file of its own")
        return data

    def node(self, event: Any, marks: _Level, depth: int) -> Any:
        """Return the value that begins with ``event``; its keys' marks go into ``marks``."""
        kind = type(event)
        if kind is AliasEvent:
            return self.alias(event)
        first = self.nodes
        if kind is ScalarEvent:
            self.nodes += 1
            value = self.scalar(event)
        elif depth >= MAX_DEPTH:
            raise self.stop(event, "SP103", _TOO_DEEP)
        elif kind is MappingStartEvent:
            value = self.mapping(marks, depth + 1)
        else:
            value = self.sequence(marks, depth + 1)
        if kind is not ScalarEvent and event.tag:
            self.refuse_tag(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, self.nodes - first)
        if self.nodes > MAX_NODES:
            raise self.stop(event, "SP103", f"the file holds more than {MAX_NODES:,} values")
        return value

    def mapping(self, marks: _Level, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        following = self.next
        self.nodes += 1
        while True:
            event = following()
            kind = type(event)
            if kind is MappingEndEvent:
                return result
            key = event.value if kind is ScalarEvent else self.refuse_key(event, depth)
            value_event = following()
            merges = key == "<<" and kind is ScalarEvent and event.implicit[0]
            if merges or kind is not ScalarEvent or event.tag or event.anchor or key in result:
                self.check_key(event, key, marks, known=key in result)
                self.node(value_event, {}, depth)
                continue
            if type(value_event) is ScalarEvent and value_event.anchor is None:
                marks[key] = (event.start_mark, value_event.start_mark, _NOTHING)
                self.nodes += 1
                result[key] = self.scalar(value_event)
            else:
                below: _Level = {}
                marks[key] = (event.start_mark, value_event.start_mark, below)
                result[key] = self.node(value_event, below, depth)

    def sequence(self, marks: _Level, depth: int) -> list[Any]:
        result: list[Any] = []
        following = self.next
        self.nodes += 1
        while True:
            event = following()
            if type(event) is SequenceEndEvent:
                return result
            mark = event.start_mark
            index = str(len(result))
            if type(event) is ScalarEvent and event.anchor is None:
                marks[index] = (mark, mark, _NOTHING)
                self.nodes += 1
                result.append(self.scalar(event))
            else:
                below: _Level = {}
                marks[index] = (mark, mark, below)
                result.append(self.node(event, below, depth))

    def scalar(self, event: Any) -> Any:
        """Type a scalar; quoted and block scalars are text."""
        value: str = event.value
        if len(value) > MAX_TEXT:
            self.problem(event, "SP103", f"the text is longer than {MAX_TEXT // 1024} KiB")
            value = value[:MAX_TEXT]
        if event.tag is not None:
            self.refuse_tag(event)
        if event.implicit[0]:
            if value in _WORDS:
                return _WORDS[value]
            if value[0] in _NUMBER_STARTS:
                return _number(value)
        elif event.style == '"' and not value.isprintable() and (found := re.search(_CONTROL, value)):
            self.problem(event, "SP102", f"the text holds the control character U+{ord(found[0]):04X}")
        return value

    def alias(self, event: Any) -> Any:
        """Return what an alias stands for, counting its nodes as though they were written out."""
        if event.anchor not in self.anchors:
            summary = f'the alias "*{event.anchor}" stands for nothing above, or for what it is part of'
            self.problem(event, "SP101", summary, hint="quote the text if it should begin with *")
            return None
        value, nodes = self.anchors[event.anchor]
        self.nodes += nodes
        self.aliased += nodes
        if self.aliased > MAX_ALIASED_NODES:
            raise self.stop(event, "SP103", f"the aliases expand to more than {MAX_ALIASED_NODES:,} values")
        return value

    def check_key(self, event: Any, key: str, marks: _Level, *, known: bool) -> None:
        """Say why a key cannot be taken."""
        if type(event) is not ScalarEvent:
            return
        if key == "<<" and event.implicit[0]:
            self.problem(event, "SP110", 'the merge key "<<" is not allowed', hint="write the keys out", width=2)
        elif event.tag:
            self.refuse_tag(event)
        elif known:
            line = marks[key][0].line + 1
            hint = f"the first one is in line {line}; keep one of them"
            self.problem(event, "SP109", f'key "{key}" is given twice', hint=hint, width=len(key))
        else:
            self.problem(event, "SP110", "a key cannot carry an anchor", hint="put the anchor on the value")

    def refuse_key(self, event: Any, depth: int) -> str:
        """Skip a key that is no scalar."""
        self.problem(event, "SP110", "a key must be plain text")
        if type(event) is not AliasEvent:
            self.node(event, {}, depth)
        return ""

    def refuse_tag(self, event: Any) -> None:
        self.problem(event, "SP110", f'the tag "{event.tag}" is not allowed', hint="remove it; quote what must be text")

    def problem(self, event: Any, code: str, summary: str, *, hint: str = "", width: int = 1) -> None:
        """Keep a problem and go on reading."""
        mark = event.start_mark
        self.problems.append(Problem(code, summary, mark.line + 1, mark.column + 1, hint, width))
        if len(self.problems) > MAX_PROBLEMS:
            raise self.stop(event, "SP103", f"more than {MAX_PROBLEMS} problems; the rest of the file was not read")

    def stop(self, event: Any, code: str, summary: str, *, hint: str = "") -> _StopError:
        """Return the exception that ends the reading here."""
        return _StopError(Problem(code, summary, event.start_mark.line + 1, event.start_mark.column + 1, hint))


def _number(value: str) -> int | float | str:
    if _INTEGER.match(value):
        return int(value)
    return float(value) if _FRACTION.match(value) else value
