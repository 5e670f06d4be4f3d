"""Finding and reading the files of a policy repository; nothing outside it is ever opened."""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from snapplan.config.config_file import CONFIG_FILE
from snapplan.config.source import Source
from snapplan.config.yaml import MAX_BYTES, Document, Marks, load
from snapplan.diagnostics import Location, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from snapplan.config.source import Findings

MAX_FILES = 10_000
DEFAULT_INCLUDE = ("policies/**/*.yaml", "policies/**/*.yml")
_NOTHING = Document(None, Marks({}), [], complete=False)


def find_root(start: Path) -> Path | None:
    """Return the nearest folder at or above ``start`` that holds a ``snapplan.yaml``."""
    here = absolute(start)
    for folder in (here, *here.parents):
        try:
            if (folder / CONFIG_FILE).is_file():
                return folder
        except OSError:
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


def read_source(path: Path, name: str, findings: Findings) -> Source | None:
    """Read one file; ``name`` is how messages call it. ``None`` where it cannot be read."""
    content = _read(path, name, findings)
    if content is None:
        return None
    document = load(content)
    source = Source(name, content, document)
    for problem in document.problems:
        where = Location(name, problem.line, problem.column)
        findings.in_file(source, problem.code, where, problem.summary, hint=problem.hint, width=problem.width)
    return source


def _read(path: Path, name: str, findings: Findings) -> bytes | None:
    try:
        # Without O_NONBLOCK, opening a pipe would wait for a writer for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                findings.about_path("SP100", name, "this is not a regular file")
                return None
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        findings.about_path("SP100", name, f"the file cannot be read: {reason}")
        return None


def policy_paths(root: Path, include: Sequence[str], findings: Findings) -> list[Path]:
    """Return the policy files that the globs name, sorted, each once. ``findings`` get what is refused."""
    real_root = root.resolve()
    found: set[Path] = set()
    for index, pattern in enumerate(include):
        matched = _matches(root, pattern, index, findings)
        if matched is None:
            continue
        if not matched and tuple(include) != DEFAULT_INCLUDE:
            place = ("config", "include", str(index))
            findings.warning("SP114", place, f'"{pattern}" matches no file', hint="include counts from snapplan.yaml")
        found.update(matched)
    inside = [path for path in sorted(found) if _is_inside(path, root, real_root, findings)]
    if len(inside) > MAX_FILES:
        findings.error("SP103", ("config", "include"), f"there are {len(inside):,} policy files; {MAX_FILES:,} at most")
    return inside[:MAX_FILES]


def _matches(root: Path, pattern: str, index: int, findings: Findings) -> list[Path] | None:
    """Return the policy files that one glob names, ``None`` where the glob is refused."""
    place = ("config", "include", str(index))
    if pattern.startswith(("/", "~")) or ".." in PurePosixPath(pattern).parts:
        hint = "put the files below snapplan.yaml"
        findings.error("SP113", place, f'"{pattern}" leads outside the policy repository', value=True, hint=hint)
        return None
    try:
        return [path for path in root.glob(pattern) if _is_policy_file(path.relative_to(root))]
    except (ValueError, NotImplementedError, IndexError, OSError, RecursionError) as error:
        findings.error("SP113", place, f'"{pattern}" is not a glob: {error}', value=True)
        return None


def _is_policy_file(path: Path) -> bool:
    """Hidden folders hold other tools' YAML, and snapplan.yaml is no policy file."""
    return path != Path(CONFIG_FILE) and not any(part.startswith(".") for part in path.parts)


def _is_inside(path: Path, root: Path, real_root: Path, findings: Findings) -> bool:
    name = path.relative_to(root).as_posix()
    try:
        if path.is_dir():
            return False
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        findings.about_path("SP100", name, f"the file cannot be read: {getattr(error, 'strerror', None) or error}")
        return False
    if not real.is_relative_to(real_root):
        hint = "copy it into the repository"
        findings.about_path("SP113", name, "a link leads outside the policy repository", hint=hint)
        return False
    return True


def warn_if_none(paths: Iterable[Path], findings: Findings) -> None:
    """Say that a repository without policy files protects nothing."""
    if not list(paths):
        findings.about_path(
            "SP114",
            CONFIG_FILE,
            "there is no policy file, so nothing is protected",
            hint="write policies/main.yaml; snapplan init writes one",
            severity=Severity.WARNING,
        )
