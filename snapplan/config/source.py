"""Files as they were read, and the one place where findings about them are made."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from snapplan.config.explain import closest
from snapplan.config.yaml import Document, Path, split_lines
from snapplan.diagnostics import Diagnostic, Location, Severity
from snapplan.models.policy import ConfigFile, PolicyFile

if TYPE_CHECKING:
    from collections.abc import Callable

LINES_BEFORE = 2
LINES_AFTER = 1
LONGEST_LINE = 300
LONGEST_MESSAGE = 500
LONGEST_SEARCHED = 1_200
"""Of a longer line only so much is looked through: the time that the patterns take grows with its square."""
MAX_FINDINGS = 1_000
MOST_KEYS_COMPARED = 20
_KEYS = frozenset({*PolicyFile.model_fields, *ConfigFile.model_fields})
# Not compiled ahead: only a finding needs them (start-up time).
_SECRET_KEY = r"(?i)([\w-]*(?:token|passw|secret|api_?key|credential)[\w-]*[\"']?\s*:\s*)(?!\s|[\"']?\$\{)(.+)"
_PASSWORD = r"(://[^\s/:@]*:)([^\s/@]+)(?=@)"
_VALUE = re.compile(
    r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[\[{]|[^\s,\]}](?:[^,\]}\n]*?[^\s,\]}])??(?=\s*(?:[,\]}]|\s#|$))"""
)


class Source:
    """One file: its name relative to the policy repository, its text, its data and where each key stands."""

    def __init__(self, name: str, content: bytes, document: Document) -> None:
        self.name = name
        self.content = content
        self.document = document
        self._lines: list[str] | None = None
        self._hidden: set[int] = set()
        self._is_policy: bool | None = None

    @property
    def lines(self) -> list[str]:
        """The lines of the file."""
        if self._lines is None:
            self._lines = split_lines(self.content.decode("utf-8-sig", "replace").removesuffix("\n"))
        return self._lines

    @property
    def is_policy(self) -> bool:
        """Whether it is a mapping with a key of the policy language, or with one that was probably meant as such.

        Who may change ``include:`` could have any other file of the machine's checkout quoted, such as one with secrets.
        """
        if self._is_policy is None:
            first = list(islice(self.document.marks.top, MOST_KEYS_COMPARED))
            self._is_policy = any(key in _KEYS or closest(key[:LONGEST_LINE], _KEYS) is not None for key in first)
        return self._is_policy

    def nearest(self, path: Path) -> Path | None:
        """Return the longest part of ``path`` that stands in the file."""
        while path:
            if path in self.document.marks:
                return path
            path = path[:-1]
        return None

    def locate(self, path: Path, *, value: bool = False) -> tuple[Location, int]:
        """Return the place of the key at ``path``, or of its value, and how many characters it takes.

        Where ``path`` does not stand in the file, the nearest key above it does instead.
        """
        found = self.nearest(path)
        if found is None:
            return Location(self.name), 1
        key_mark, value_mark = self.document.marks[found]
        pointed = value and found == path
        mark = value_mark if pointed else key_mark
        line = self.lines[mark.line] if mark.line < len(self.lines) else ""
        if pointed or key_mark is value_mark:
            match = _VALUE.match(line, mark.column, mark.column + LONGEST_SEARCHED)
            width = len(match[0]) if match else 1
        else:
            quoted = line[mark.column : mark.column + 1] in ("'", '"')
            width = len(found[-1]) + (2 if quoted else 0)
        return Location(self.name, mark.line + 1, mark.column + 1), max(1, width)

    def snippet(self, line: int) -> tuple[tuple[int, str], ...]:
        """Return the numbered lines around ``line`` (from 1); none of a file that is no policy, whatever else it is."""
        if not self.is_policy:
            return ()
        first, last = max(1, line - LINES_BEFORE), min(len(self.lines), line + LINES_AFTER)
        numbered = ((number, self.lines[number - 1]) for number in range(first, last + 1))
        return tuple((number, "***" if number in self._hidden else _printable(text)) for number, text in numbered)

    def hide(self, path: Path) -> None:
        """Keep the value at ``path`` out of all snippets: its line and those that belong to it."""
        marks = self.document.marks.get(path)
        if marks is None:
            return
        self._hidden.update((marks[0].line + 1, marks[1].line + 1))
        for number in range(marks[1].line + 1, len(self.lines)):
            text = self.lines[number]
            if text.strip() and len(text) - len(text.lstrip()) <= marks[0].column:
                return
            self._hidden.add(number + 1)


def _printable(text: str) -> str:
    """Keep a hostile file from writing to the terminal, and secrets out of it; the length stays, so that columns hold."""
    text = text[:LONGEST_SEARCHED]
    for secret in (_SECRET_KEY, _PASSWORD):
        text = re.sub(secret, lambda match: match[1] + "*" * len(match[2]), text)
    text = text.replace("\t", " ")
    text = text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + "..."


def _one_line(text: str) -> str:
    """Show what a file says in a message as one short line that cannot steer a terminal."""
    text = text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)
    return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + "..."


class Findings:
    """Collects diagnostics. ``find_source`` says which file holds a path, and the path within that file."""

    def __init__(self, find_source: Callable[[Path], tuple[Source, Path] | None]) -> None:
        self._find_source = find_source
        self._seen: set[tuple[str, str, Location | None]] = set()
        self._found: list[tuple[Diagnostic, Source | None]] = []

    def error(
        self, code: str, path: Path, summary: str, *, value: bool = False, detail: str = "", hint: str = ""
    ) -> None:
        """Add an error about the key at ``path``, or about its value."""
        self._about(Severity.ERROR, code, path, summary, value, detail, hint)

    def warning(
        self, code: str, path: Path, summary: str, *, value: bool = False, detail: str = "", hint: str = ""
    ) -> None:
        """Add a warning about the key at ``path``, or about its value."""
        self._about(Severity.WARNING, code, path, summary, value, detail, hint)

    def note(
        self, code: str, path: Path, summary: str, *, value: bool = False, detail: str = "", hint: str = ""
    ) -> None:
        """Add a note about the key at ``path``, or about its value."""
        self._about(Severity.NOTE, code, path, summary, value, detail, hint)

    def _about(
        self, severity: Severity, code: str, path: Path, summary: str, value: bool, detail: str, hint: str
    ) -> None:
        found = self._find_source(path)
        if found is None:
            self._add(Diagnostic(code, severity, summary, None, detail, hint), None)
            return
        source, inner = found
        where, width = source.locate(inner, value=value)
        self._add(Diagnostic(code, severity, summary, where, detail, hint, width=width), source)

    def in_file(
        self,
        source: Source,
        code: str,
        where: Location,
        summary: str,
        *,
        detail: str = "",
        hint: str = "",
        width: int = 1,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Add a finding about a place in a file."""
        self._add(Diagnostic(code, severity, summary, where, detail, hint, width=width), source)

    def about_path(
        self, code: str, name: str, summary: str, *, hint: str = "", severity: Severity = Severity.ERROR
    ) -> None:
        """Add a finding about a whole file or folder that was not read."""
        self._add(Diagnostic(code, severity, summary, Location(name), hint=hint), None)

    def _add(self, finding: Diagnostic, source: Source | None) -> None:
        summary, hint = _one_line(finding.summary), _one_line(finding.hint)
        finding = finding._replace(summary=summary, hint=hint)
        key = (finding.code, finding.summary, finding.where)
        if key in self._seen:
            return
        self._seen.add(key)
        self._found.append((finding, source))

    def sorted(self) -> list[Diagnostic]:
        """Return the findings by file and line, with their snippets; beyond ``MAX_FINDINGS`` notes go first."""
        rank = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}
        found = sorted(self._found, key=lambda pair: rank[pair[0].severity])[:MAX_FINDINGS]
        finished = [
            finding._replace(snippet=source.snippet(finding.where.line)) if source and finding.where else finding
            for finding, source in found
        ]
        return sorted(
            finished, key=lambda finding: (finding.where or Location(""), rank[finding.severity], finding.code)
        )

    @property
    def failed(self) -> bool:
        """Whether there is an error."""
        return any(finding.severity is Severity.ERROR for finding, _ in self._found)


class Places(Mapping[Path, Location]):
    """``Policy.where``: the place of every key of every file, worked out when it is asked for."""

    def __init__(self, find_source: Callable[[Path], tuple[Source, Path] | None], paths: Callable[[], Iterator[Path]]):
        self._find_source = find_source
        self._paths = paths

    def __getitem__(self, path: Path) -> Location:
        """Return the place of the key at ``path``."""
        found = self._find_source(path)
        if found is None or found[1] not in found[0].document.marks:
            raise KeyError(path)
        return found[0].locate(found[1])[0]

    def __contains__(self, path: Any) -> bool:
        """Whether the key at ``path`` stands in a file."""
        found = self._find_source(path)
        return found is not None and found[1] in found[0].document.marks

    def __iter__(self) -> Iterator[Path]:
        """All paths."""
        return self._paths()

    def __len__(self) -> int:
        """How many keys there are."""
        return sum(1 for _ in self._paths())
