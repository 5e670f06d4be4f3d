"""Comparing a tree with its manifest."""

from __future__ import annotations

import os
import stat
import zlib
from typing import TYPE_CHECKING

from snapplan.drivers.directory.descent import Descent
from snapplan.drivers.directory.facts import SET_ASIDE
from snapplan.drivers.directory.listing import damage_of
from snapplan.drivers.directory.manifest import (
    Entry,
    Manifest,
    ManifestError,
    digest_fd,
    digest_of,
    entry_of,
    read_manifest,
)
from snapplan.drivers.directory.names import shown_name
from snapplan.drivers.directory.store import DATA, MANIFEST
from snapplan.models.request import Difference, Verification

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from datetime import date
    from pathlib import Path

    from snapplan.drivers.directory.facts import Facts


def verify_tree(
    root: Path,
    manifest: Manifest,
    *,
    hashes: bool | None = None,
    owners: bool = False,
    chosen: Callable[[str], bool] | None = None,
) -> list[Difference]:
    """Return how the tree at ``root`` differs from ``manifest``, by path; empty when it does not.

    ``hashes`` ``None``: read the content of the files whose hash the manifest has; ``True`` raises ``ValueError`` when it
    has none. ``chosen`` says of which files (by path) the content is read; all by default. ``owners`` also compares uid and
    gid, which a copy by a user other than root cannot keep. Raises ``OSError`` when ``root`` cannot be opened.
    """
    return list(verify_all(root, manifest, hashes=hashes, owners=owners, chosen=chosen).differences)


def verify_all(
    root: Path,
    manifest: Manifest,
    *,
    hashes: bool | None = None,
    owners: bool = False,
    chosen: Callable[[str], bool] | None = None,
) -> Verification:
    """Return the same with how much was compared."""
    if hashes and not manifest.hashes:
        raise ValueError("this manifest has no hashes to verify")
    with_hashes = manifest.hashes if hashes is None else hashes
    expected = {entry.path: entry for entry in manifest.entries}
    hashable = {entry.path for entry in manifest.entries if entry.sha256 is not None} if with_hashes else set()
    read = hashable if chosen is None else {path for path in hashable if chosen(path)}
    differences: list[Difference] = []
    linked: list[tuple[Entry, Entry]] = []
    for found in _scan(root, read):
        if isinstance(found, Difference):
            differences.append(found)
            if found.what == "unreadable":
                expected.pop(found.path, None)
            continue
        wanted = expected.pop(found.path, None)
        if wanted is None:
            differences.append(Difference(found.path, "extra"))
            continue
        differences += _compare(wanted, found, owners=owners)
        if wanted.link is not None or found.link is not None:
            linked.append((wanted, found))
    differences += [Difference(path, "missing") for path in expected]
    differences += _links_that_differ(linked)
    return Verification(tuple(sorted(differences)), len(manifest.entries), len(read), len(hashable))


def verify_snapshot(path: Path, facts: Facts, sample: int, on: date) -> Verification:
    """Compare the snapshot in the folder ``path`` with its manifest, and that with its mark; reads only.

    Of ``sample`` percent of the files the content is read: which ones follows from the snapshot's id, ``on`` and the path.
    """
    damage = damage_of(str(path), facts)
    record: list[Difference] = [Difference(".", "record", found=damage)] if damage else []
    try:
        if facts.manifest_sha256 and digest_of(path / MANIFEST) != facts.manifest_sha256:
            record = [Difference(MANIFEST, "record", found="it is not as it was written")]
        manifest = read_manifest(path / MANIFEST)
        compared = verify_all(path / DATA, manifest, chosen=_sample(facts.id, sample, on))
    except ManifestError as error:
        if facts.source == SET_ASIDE:
            return Verification(tuple(record))
        return Verification((*record, Difference(MANIFEST, "record", found=str(error))))
    except OSError as error:
        if facts.source == SET_ASIDE and isinstance(error, FileNotFoundError):
            return Verification(tuple(record))
        unreadable = Difference(".", "unreadable", found=os.strerror(error.errno or 0))
        return Verification(tuple(record) or (unreadable,))
    if facts.source == SET_ASIDE:
        # Programs may still write to it: the manifest says what it was, not what it has to be.
        return compared._replace(differences=tuple(record))
    return compared._replace(differences=(*record, *map(_shown, compared.differences)))


def _shown(difference: Difference) -> Difference:
    """Return a difference as text that can be printed: names are any bytes."""
    return Difference(*map(shown_name, difference))


def _sample(identity: str, percent: int, on: date) -> Callable[[str], bool] | None:
    if percent >= 100:
        return None
    seed = f"{identity} {on.isoformat()} ".encode()
    limit = percent * (1 << 32) // 100

    def is_chosen(path: str) -> bool:
        return zlib.crc32(seed + os.fsencode(path)) < limit

    return is_chosen


def _compare(expected: Entry, found: Entry, *, owners: bool) -> Iterator[Difference]:
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
    if found.sha256 is not None and expected.sha256 != found.sha256:
        yield Difference(path, "hash", str(expected.sha256), found.sha256)


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


def _scan(root: Path, read: Collection[str]) -> Iterator[Entry | Difference]:
    """Yield an entry for each thing below ``root``, and for it; never follows a symlink.

    What cannot be read is a difference; the content of the files ``read`` is.
    """
    links: dict[tuple[int, int], int] = {}
    with Descent(root) as place:
        yield entry_of(".", place.status)
        try:
            for path, status in place.walk():
                yield _found(place.fd, path, status, links, read)
        except OSError as error:
            yield Difference(".", "unreadable", found=f"{os.strerror(error.errno or 0)}, in a folder of it")


def _found(
    dir_fd: int, path: str, status: os.stat_result, links: dict[tuple[int, int], int], read: Collection[str]
) -> Entry | Difference:
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
    if path in read:
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=dir_fd)
            try:
                sha256 = digest_fd(fd)
            finally:
                os.close(fd)
        except OSError as error:
            return Difference(path, "unreadable", found=os.strerror(error.errno or 0))
    return entry_of(path, status, size=status.st_size, link=link, sha256=sha256)
