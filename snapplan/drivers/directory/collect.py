"""Copying all parts of a snapshot into its data, its manifest beside it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.directory.copy import copy_tree
from snapplan.drivers.directory.failure import describe
from snapplan.drivers.directory.manifest import ManifestWriter, digest_of, entry_of
from snapplan.drivers.directory.omissions import Omissions, Reason
from snapplan.drivers.directory.parts import ROOT, moved_under
from snapplan.drivers.directory.removal import remove_tree
from snapplan.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from snapplan.drivers.directory.copy import CopyReport
    from snapplan.drivers.directory.manifest import Entry
    from snapplan.drivers.directory.omissions import LeftOut, Rules
    from snapplan.drivers.directory.parts import Part


class Collecting(NamedTuple):
    """How parts are copied.

    ``rules`` say what is left out; ``hashes`` is as for ``copy_tree``; ``stop`` is asked whether to end it
    (``CopyStoppedError``).
    """

    backend: str
    rules: Rules
    hashes: bool | None
    stop: Callable[[], bool] | None


class Collected(NamedTuple):
    """All parts, copied. ``entries`` counts those of the manifest, whose file has ``manifest_size`` bytes and this hash.

    ``left_out`` are the omissions of all parts, by their paths in the data.
    """

    entries: int
    reports: tuple[CopyReport, ...]
    notices: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    manifest_size: int = 0
    manifest_sha256: str = ""


def collect(how: Collecting, parts: Sequence[Part], data: Path, manifest: Path) -> Collected:
    """Make the new folder ``data`` with all ``parts``, and the new file ``manifest``. Nothing is synced.

    A named folder that is gone meanwhile is left out and said. Raises ``NotFoundError`` where nothing would be left, or
    the root is gone; ``OSError``, ``CopyStoppedError``.
    """
    with ManifestWriter(manifest, hashes=bool(how.hashes)) as writer:
        if len(parts) == 1 and not parts[0].prefix:
            report = _copy(how, parts[0].source, data, writer.add)
            collected = Collected(writer.entries, (report,), left_out=report.left_out)
        else:
            collected = _collect_several(how, parts, data, writer)
    return collected._replace(manifest_size=manifest.stat().st_size, manifest_sha256=digest_of(manifest))


def _collect_several(how: Collecting, parts: Sequence[Part], data: Path, writer: ManifestWriter) -> Collected:
    around = _make_folders_around(data, parts)
    for path, status in around:
        writer.add(entry_of(path, status))
    reports: list[CopyReport] = []
    notices: list[str] = []
    left_out: list[LeftOut] = []
    omissions = Omissions(how.rules)
    for part in parts:
        before = writer.place()
        try:
            report = _copy(how, part.source, data / part.prefix, partial(_add_moved, writer, part.prefix, reports))
        except NotFoundError:
            # Without its root a system is not a smaller one but none at all: nothing may be taken for its snapshot.
            if part.prefix == ROOT:
                raise
            remove_tree(data / part.prefix)
            writer.back_to(before)
            notices.append(f"{str(part.source)!r} vanished while the system was copied, and is left out")
        except OSError as error:
            # Nothing was made yet: it is the folder itself that cannot be opened.
            if part.prefix == ROOT or (data / part.prefix).exists() or not omissions.tolerates(error):
                raise
            writer.back_to(before)
            omissions.add(part.prefix, Reason.UNREADABLE, error)
        else:
            reports.append(report)
            left_out += (each.below(part.prefix) for each in report.left_out)
    if not reports:
        raise NotFoundError(how.backend, "nothing to copy: none of the named folders is there")
    for path, status in reversed(around):
        os.utime(data / path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return Collected(writer.entries, tuple(reports), tuple(notices), (*left_out, *omissions.left_out))


def _add_moved(writer: ManifestWriter, prefix: str, earlier: Sequence[CopyReport], entry: Entry) -> None:
    links = 0 if entry.link is None else sum(report.links for report in earlier)
    writer.add(moved_under(prefix, entry, links))


def _make_folders_around(data: Path, parts: Sequence[Part]) -> list[tuple[str, os.stat_result]]:
    """Make the folders of the data that are no copies themselves; return them with their status, parents first."""
    paths = {parent for part in parts for parent in PurePosixPath(part.prefix).parents}
    found = []
    for path in sorted({PurePosixPath(), *paths}):
        (data / path).mkdir(mode=0o700)
        found.append((str(path), (data / path).lstat()))
    return found


def _copy(how: Collecting, source: Path, destination: Path, record: Callable[[Entry], object]) -> CopyReport:
    try:
        before = _identity(how, source)
        report = copy_tree(source, destination, rules=how.rules, hashes=how.hashes, stop=how.stop, record=record)
        after = _identity(how, source)
    except FileNotFoundError as error:
        if source.exists():
            raise
        raise NotFoundError(how.backend, f"nothing to copy: {describe(error)}") from error
    if not before == report.identity == after:
        raise NotFoundError(how.backend, f"{str(source)!r} was replaced while it was copied")
    return report


def _identity(how: Collecting, source: Path) -> tuple[int, int]:
    """Return device and inode of a folder. Its path is a real one, and must not lead anywhere else now."""
    status = source.stat()
    if os.path.realpath(source) != str(source):
        raise NotFoundError(how.backend, f"{str(source)!r} leads to {os.path.realpath(source)!r} now")
    return status.st_dev, status.st_ino
