"""Comparing a tree with its manifest."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.directory.descent import Descent
from snapplan.drivers.directory.manifest import Entry, Manifest, digest_fd, entry_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path


class Difference(NamedTuple):
    """One way in which a tree is not what its manifest says.

    ``what`` is ``missing``, ``extra``, ``type``, ``size``, ``mtime``, ``mode``, ``owner``, ``target``, ``link`` or
    ``hash``.
    """

    path: str
    what: str
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        values = f": expected {self.expected}, found {self.found}" if self.expected or self.found else ""
        return f"{self.path!r} {self.what}{values}"


def verify_tree(
    root: Path, manifest: Manifest, *, hashes: bool | None = None, owners: bool = False
) -> list[Difference]:
    """Return how the tree at ``root`` differs from ``manifest``, by path; empty when it does not.

    ``hashes`` ``None``: read the content when the manifest has hashes; ``True`` raises ``ValueError`` when it has none.
    ``owners`` also compares uid and gid, which a copy by a user other than root cannot keep. Raises ``OSError``.
    """
    if hashes and not manifest.hashes:
        raise ValueError("this manifest has no hashes to verify")
    with_hashes = manifest.hashes if hashes is None else hashes
    expected = {entry.path: entry for entry in manifest.entries}
    differences: list[Difference] = []
    linked: list[tuple[Entry, Entry]] = []
    for found in _scan(root, with_hashes):
        wanted = expected.pop(found.path, None)
        if wanted is None:
            differences.append(Difference(found.path, "extra"))
            continue
        differences += _compare(wanted, found, owners=owners, hashes=with_hashes)
        if wanted.link is not None or found.link is not None:
            linked.append((wanted, found))
    differences += [Difference(path, "missing") for path in expected]
    differences += _links_that_differ(linked)
    return sorted(differences)


def _compare(expected: Entry, found: Entry, *, owners: bool, hashes: bool) -> Iterator[Difference]:
    path = expected.path
    if expected.type != found.type:
        yield Difference(path, "type", expected.type, found.type)
        return
    if expected.size != found.size:
        yield Difference(path, "size", str(expected.size), str(found.size))
    if expected.mtime_ns != found.mtime_ns:
        yield Difference(path, "mtime", str(expected.mtime_ns), str(found.mtime_ns))
    if expected.mode != found.mode:
        yield Difference(path, "mode", f"{expected.mode:04o}", f"{found.mode:04o}")
    if owners and (expected.uid, expected.gid) != (found.uid, found.gid):
        yield Difference(path, "owner", f"{expected.uid}:{expected.gid}", f"{found.uid}:{found.gid}")
    if expected.target != found.target:
        yield Difference(path, "target", str(expected.target), str(found.target))
    if hashes and expected.sha256 is not None and expected.sha256 != found.sha256:
        yield Difference(path, "hash", expected.sha256, str(found.sha256))


def _links_that_differ(linked: Sequence[tuple[Entry, Entry]]) -> Iterator[Difference]:
    mine = _partners(wanted for wanted, _ in linked)
    theirs = _partners(found for _, found in linked)
    for path in mine.keys() | theirs.keys():
        wanted, there = mine.get(path, (path,)), theirs.get(path, (path,))
        if wanted != there:
            yield Difference(path, "link", " = ".join(wanted), " = ".join(there))


def _partners(entries: Iterable[Entry]) -> dict[str, tuple[str, ...]]:
    groups: dict[int, list[str]] = {}
    for entry in entries:
        if entry.link is not None:
            groups.setdefault(entry.link, []).append(entry.path)
    return {path: tuple(sorted(paths)) for paths in groups.values() for path in paths}


def _scan(root: Path, hashes: bool) -> Iterator[Entry]:
    """Yield an entry for each thing below ``root``, and for it; never follows a symlink."""
    links: dict[tuple[int, int], int] = {}
    with Descent(root) as place:
        yield entry_of(".", place.status)
        for path, status in place.walk():
            yield _found(place.fd, path, status, links, hashes)


def _found(dir_fd: int, path: str, status: os.stat_result, links: dict[tuple[int, int], int], hashes: bool) -> Entry:
    name = path.rpartition("/")[2]
    kind = stat.S_IFMT(status.st_mode)
    link = None
    if status.st_nlink > 1 and kind != stat.S_IFDIR:
        link = links.setdefault((status.st_dev, status.st_ino), len(links))
    if kind == stat.S_IFLNK:
        return entry_of(path, status, target=os.readlink(name, dir_fd=dir_fd), link=link)
    if kind != stat.S_IFREG:
        return entry_of(path, status, link=link)
    sha256 = None
    if hashes:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=dir_fd)
        try:
            sha256 = digest_fd(fd)
        finally:
            os.close(fd)
    return entry_of(path, status, size=status.st_size, link=link, sha256=sha256)
