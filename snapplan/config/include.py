"""Which files the globs of ``include:`` name: one bounded walk for all of them, and no link to a folder is followed.

``*``, ``?`` and ``[...]`` stay within one part of a path; ``**`` is any number of folders. The time grows
with the number of entries times that of the parts of the globs, whatever they are; repeated ``**`` count once.
"""

from __future__ import annotations

import fnmatch
import os
import re
from itertools import islice, takewhile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from snapplan.config.config_file import CONFIG_FILE
from snapplan.diagnostics import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from snapplan.config.source import Findings

MAX_FILES = 10_000
MAX_ENTRIES = 200_000
"""So many files and folders are looked at in all."""
MAX_STEPS = 2_000_000
"""So often an entry is held against a part of a glob; it bounds the time where both are many."""
MAX_GLOBS = 200
MAX_GLOB_LENGTH = 1_024
MAX_DEPTH = 100
DEFAULT_INCLUDE = ("policies/**/*.yaml", "policies/**/*.yml")
_ANY_DEPTH = "**"
_WILD = frozenset("*?[")


class _Glob(NamedTuple):
    """One glob, part by part; ``number`` is its position in ``include:``."""

    number: int
    text: str
    parts: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]

    @property
    def is_literal(self) -> bool:
        """Whether it is the path of one file."""
        return not any(_is_wild(part) for part in self.parts)


_State = tuple[_Glob, int]
"""A glob, and how many of its parts the path so far has used up."""


class _TooManyError(Exception):
    """There is more to look at than a policy repository holds."""


def included(root: Path, include: Sequence[str], findings: Findings) -> list[Path]:
    """Return the files below ``root`` that the globs name, sorted, each once; ``findings`` get what is refused.

    Hidden files and folders and ``snapplan.yaml`` are never among them. A link to a file is, as ``files.read_source``
    says where it may lead; a link to a folder that a glob names (other than by ``**``) is an error, as what is in it
    would silently be missing.
    """
    globs = [glob for index, text in enumerate(include) if (glob := _glob(index, text, findings)) is not None]
    if len(include) > MAX_GLOBS:
        findings.error("SP103", ("config", "include"), f"there are {len(include):,} globs; {MAX_GLOBS} at most")
        return []
    walk = _Walk(root, findings)
    try:
        walk.folder(root, (), [(glob, 0) for glob in globs])
    except _TooManyError:
        summary = f"the globs lead to more files and folders than a policy needs ({MAX_ENTRIES:,})"
        findings.error("SP103", ("config", "include"), summary, hint="name the folders that hold policy files")
    for glob in globs:
        if glob.number not in walk.matched and tuple(include) != DEFAULT_INCLUDE:
            _say_missing(glob, findings)
    found = sorted(walk.found)
    if len(found) > MAX_FILES:
        findings.error("SP103", ("config", "include"), f"there are {len(found):,} policy files; {MAX_FILES:,} at most")
    return found[:MAX_FILES]


def names(include: Sequence[str], path: str) -> bool:
    """Whether any of the globs names the file at ``path``, relative and with ``/``; for lists of paths from git."""
    parts = path.split("/")
    if path == CONFIG_FILE or any(part.startswith(".") for part in parts):
        return False
    states: Sequence[_State] = [(glob, 0) for index, text in enumerate(include) if (glob := _parsed(index, text))]
    for part in parts:
        states = _after([(glob, at) for glob, at in states if at < len(glob.parts)], part)
    return any(_is_used_up(glob, at) for glob, at in states)


def literal_folders(include: Sequence[str]) -> list[str]:
    """Return the folders, relative, below which everything lies that the globs name; ``""`` where that is anywhere."""
    return sorted({"/".join(takewhile(lambda part: not _is_wild(part), _collapsed(glob)[:-1])) for glob in include})


def _say_missing(glob: _Glob, findings: Findings) -> None:
    place = ("config", "include", str(glob.number))
    hint = "include counts from the folder of snapplan.yaml"
    if glob.is_literal:
        findings.error("SP114", place, f'there is no policy file "{glob.text}"', value=True, hint=hint)
    else:
        findings.warning("SP114", place, f'"{glob.text}" matches no file', value=True, hint=hint)


def _glob(index: int, text: str, findings: Findings) -> _Glob | None:
    """Return a glob, ``None`` where it is refused."""
    place = ("config", "include", str(index))
    if len(text) > MAX_GLOB_LENGTH:
        findings.error("SP103", place, f"the glob is longer than {MAX_GLOB_LENGTH} characters", value=True)
        return None
    if text.startswith(("/", "~")) or ".." in PurePosixPath(text).parts:
        hint = "put the files below snapplan.yaml"
        findings.error("SP113", place, f'"{text}" leads outside the policy repository', value=True, hint=hint)
        return None
    glob = _parsed(index, text)
    if glob is None:
        hint = "** stands for folders, between slashes"
        findings.error("SP113", place, f'"{text}" is not a glob', value=True, hint=hint)
    return glob


def _parsed(index: int, text: str) -> _Glob | None:
    """Return a glob, ``None`` where it is none."""
    parts = _collapsed(text)
    if "\0" in text or not parts or any(_ANY_DEPTH in part and part != _ANY_DEPTH for part in parts):
        return None
    return _Glob(index, text, parts, tuple(re.compile(fnmatch.translate(part)) for part in parts))


def _collapsed(text: str) -> tuple[str, ...]:
    """Return the parts of a glob; ``**/**`` means no more than ``**``."""
    parts: list[str] = []
    for part in PurePosixPath(text).parts:
        if part != _ANY_DEPTH or parts[-1:] != [_ANY_DEPTH]:
            parts.append(part)
    return tuple(parts)


def _is_wild(part: str) -> bool:
    return not _WILD.isdisjoint(part)


class _Walk:
    """Goes through the folders that a glob can lead into, each once."""

    def __init__(self, root: Path, findings: Findings) -> None:
        self.root = root
        self.findings = findings
        self.found: list[Path] = []
        self.matched: set[int] = set()
        self.entries = 0
        self.steps = 0

    def folder(self, path: Path, above: tuple[str, ...], states: Sequence[_State]) -> None:
        """Look for what the globs in ``states`` name below the folder ``path``."""
        if len(above) > MAX_DEPTH:
            self.findings.about_path("SP103", "/".join(above), f"folders are nested more than {MAX_DEPTH} levels deep")
            return
        for entry in self.listed(path, above, states):
            self.entries += 1
            self.steps += len(states)
            if self.entries > MAX_ENTRIES or self.steps > MAX_STEPS:
                raise _TooManyError
            if entry.name.startswith("."):
                continue
            inner = (*above, entry.name)
            following = _after(states, entry.name)
            if not following:
                continue
            if entry.is_dir(follow_symlinks=False):
                if inside := [(glob, at) for glob, at in following if at < len(glob.parts)]:
                    self.folder(path / entry.name, inner, inside)
            elif _leads_to_folder(entry):
                self.link(inner, states, following)
            else:
                self.file(path / entry.name, inner, following)

    def listed(self, path: Path, above: tuple[str, ...], states: Sequence[_State]) -> list[os.DirEntry[str]]:
        """Return the entries of a folder by name; one that cannot be listed is a finding."""
        try:
            with os.scandir(path) as entries:
                return sorted(islice(entries, MAX_ENTRIES + 1), key=lambda entry: entry.name)
        except OSError as error:
            named = any(glob.parts[at] != _ANY_DEPTH for glob, at in states)
            severity = Severity.ERROR if named else Severity.WARNING
            text = f"the folder cannot be read: {error.strerror}"
            self.findings.about_path("SP100", "/".join(above) or ".", text, severity=severity)
            return []

    def file(self, path: Path, inner: tuple[str, ...], states: Sequence[_State]) -> None:
        matched = {glob.number for glob, at in states if _is_used_up(glob, at)}
        if matched and inner != (CONFIG_FILE,):
            self.found.append(path)
            self.matched |= matched

    def link(self, inner: tuple[str, ...], states: Sequence[_State], following: Sequence[_State]) -> None:
        """Refuse a link to a folder that a glob names; ``**`` passes it by, as it always did."""
        named = {(glob.number, at) for glob, at in following if at < len(glob.parts)}
        named -= {(glob.number, at) for glob, at in states if glob.parts[at] == _ANY_DEPTH}
        if named:
            hint = "name the folder itself, or put it there"
            summary = "this is a link to a folder, which is not followed"
            self.findings.about_path("SP113", "/".join(inner), summary, hint=hint)


def _after(states: Sequence[_State], name: str) -> list[_State]:
    """Return the states after one more part of the path; none of ``states`` has used up all parts."""
    found: dict[tuple[int, int], _State] = {}
    for glob, at in states:
        for position in (at, at + 1) if glob.parts[at] == _ANY_DEPTH else (at,):
            if position == len(glob.parts):
                continue
            if glob.parts[position] == _ANY_DEPTH:
                found[glob.number, position] = (glob, position)
            elif glob.patterns[position].fullmatch(name):
                found[glob.number, position + 1] = (glob, position + 1)
    return list(found.values())


def _is_used_up(glob: _Glob, at: int) -> bool:
    return at == len(glob.parts) or (at == len(glob.parts) - 1 and glob.parts[at] == _ANY_DEPTH)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_symlink() and entry.is_dir()
    except OSError:
        return False
