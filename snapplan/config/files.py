"""Finding and reading the files of a policy repository; nothing outside it is ever opened.

Read are regular files only, opened part by part without following links and without waiting. A link to a file is
followed where it leads to another file of the repository, and never into ``.git``; that is decided before anything is
opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from snapplan.config.config_file import CONFIG_FILE
from snapplan.config.source import Source
from snapplan.config.yaml import MAX_BYTES, load
from snapplan.diagnostics import Location

if TYPE_CHECKING:
    from snapplan.config.source import Findings

_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_READING = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class UnreadableError(Exception):
    """A file of the repository must not or cannot be read: the code of the finding, a sentence, and what to do."""

    def __init__(self, code: str, summary: str, hint: str = "") -> None:
        super().__init__(summary)
        self.code = code
        self.hint = hint


def find_root(start: Path) -> Path | None:
    """Return the nearest folder at or above ``start`` that has a ``snapplan.yaml``, whatever that is; no link is followed.

    Something that must not be read is found all the same, so that it is refused instead of passed by.
    """
    here = absolute(start)
    for folder in (here, *here.parents):
        try:
            if not stat.S_ISDIR((folder / CONFIG_FILE).lstat().st_mode):
                return folder
        except (OSError, ValueError):
            continue
    return None


def absolute(path: Path) -> Path:
    """Return ``path`` from the root folder of the file system, without ``..``; links are kept, as messages show them."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def is_missing(path: Path) -> bool:
    """Whether there is nothing at ``path``; something that must not be looked at is not missing."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def read_source(path: Path, name: str, findings: Findings, *, inside: Path) -> Source | None:
    """Read one file of the repository ``inside``; ``name`` is how messages call it. ``None`` where it cannot be read."""
    try:
        content = read_regular(path, inside)
    except UnreadableError as error:
        findings.about_path(error.code, name, str(error), hint=error.hint)
        return None
    return parsed(content, name, findings)


def parsed(content: bytes, name: str, findings: Findings) -> Source:
    """Return the content of a file, with what is wrong with it as YAML among ``findings``."""
    document = load(content)
    source = Source(name, content, document)
    for problem in document.problems:
        where = Location(name, problem.line, problem.column)
        findings.in_file(source, problem.code, where, problem.summary, hint=problem.hint, width=problem.width)
    return source


def read_regular(path: Path, inside: Path) -> bytes:
    """Return what a regular file of the repository ``inside`` holds, at most one byte more than ``MAX_BYTES``.

    Raises ``UnreadableError`` for anything else, without having opened it.
    """
    try:
        base = inside.resolve(strict=True)
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise _unreadable(error) from error
    if not real.is_relative_to(base):
        raise UnreadableError("SP113", "a link leads outside the policy repository", "copy it into the repository")
    parts = real.relative_to(base).parts
    if any(part.lower() == ".git" for part in parts):
        raise UnreadableError("SP113", "a link leads into .git", "copy the file into the repository")
    if not parts:
        raise UnreadableError("SP100", "this is not a regular file")
    try:
        return _read_below(base, parts)
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error


def _read_below(base: Path, parts: tuple[str, ...]) -> bytes:
    """Open ``parts`` one below the other; a link that was put there since they were resolved is an error."""
    folder = os.open(base, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Opening a device can have effects, so it is looked at first; a pipe put there since does not block.
        if not stat.S_ISREG(os.stat(parts[-1], dir_fd=folder, follow_symlinks=False).st_mode):
            raise UnreadableError("SP100", "this is not a regular file")
        with os.fdopen(os.open(parts[-1], _READING, dir_fd=folder), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UnreadableError("SP100", "this is not a regular file")
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(folder)


def _unreadable(error: Exception) -> UnreadableError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return UnreadableError("SP100", f"the file cannot be read: {reason}")
