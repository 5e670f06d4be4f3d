"""The list of all that a tree holds, as JSON lines: what a snapshot is checked against.

The first line is ``{"format": "snapplan.manifest/1", "hashes": true|false, "entries": N}``; then follows one object per
entry, parents before children, ``.`` first. Names are text with the bytes that are no UTF-8 as lone surrogates
(``os.fsencode`` gives them back). ``mode`` is octal text without the type, ``mtime_ns`` nanoseconds since 1970 UTC.
"""

from __future__ import annotations

import os
import stat
from json.encoder import encode_basestring_ascii as quote
from typing import TYPE_CHECKING, NamedTuple, Self

from snapplan.drivers.directory.descent import Descent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

FORMAT = "snapplan.manifest/1"
_CHUNK = 1 << 20
# So many lines are written at once.
_BATCH = 1_000


class Entry(NamedTuple):
    """One file, folder or other thing of a tree.

    ``path`` is relative to the root, which is ``.`` itself. ``type`` is ``file``, ``directory``, ``symlink``, ``fifo``,
    ``character`` or ``block``. ``size`` counts only for files (bytes). ``target`` is where a symlink points. Entries with
    the same ``link`` number are one file with several names. ``sha256`` is hexadecimal, where hashes were asked for.
    """

    path: str
    type: str
    size: int
    mtime_ns: int
    mode: int
    uid: int
    gid: int
    target: str | None = None
    link: int | None = None
    sha256: str | None = None


class Manifest(NamedTuple):
    """What ``read_manifest`` gives back."""

    entries: tuple[Entry, ...]
    hashes: bool


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


class ManifestError(Exception):
    """A manifest cannot be read: cut off, or not one at all."""


_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
    stat.S_IFSOCK: "socket",
}


def type_of(mode: int) -> str:
    """Return the word for the type bits of ``st_mode``."""
    return _TYPES.get(stat.S_IFMT(mode), "unknown")


def entry_of(
    path: str,
    status: os.stat_result,
    *,
    size: int = 0,
    target: str | None = None,
    link: int | None = None,
    sha256: str | None = None,
) -> Entry:
    """Return the entry of what has this status; ``size`` is what was captured of it, in bytes."""
    mode = status.st_mode
    return Entry(
        path,
        type_of(mode),
        size,
        status.st_mtime_ns,
        stat.S_IMODE(mode),
        status.st_uid,
        status.st_gid,
        target,
        link,
        sha256,
    )


def _line(entry: Entry) -> str:
    # By hand: a third of the time of json.dumps, and a manifest is written inside each snapshot's time.
    path, kind, size, mtime_ns, mode, uid, gid, target, link, sha256 = entry
    line = (
        f'{{"path":{quote(path)},"type":"{kind}","size":{size},"mtime_ns":{mtime_ns},'
        f'"mode":"{mode:04o}","uid":{uid},"gid":{gid}'
    )
    if target is not None:
        line += f',"target":{quote(target)}'
    if link is not None:
        line += f',"link":{link}'
    if sha256 is not None:
        line += f',"sha256":"{sha256}"'
    return line + "}\n"


class ManifestWriter:
    """Writes a new manifest entry by entry, so that a tree of any size needs little memory.

    Its file is whole once the block around it ends, and cut off (``ManifestError``) until then and where the block fails.
    Raises ``FileExistsError``, ``OSError``.
    """

    def __init__(self, path: Path, *, hashes: bool = False) -> None:
        self._hashes = hashes
        self.entries = 0
        self._lines: list[str] = []
        self._file = open(path, "x", encoding="ascii", newline="\n")  # noqa: SIM115 - closed at the end of the block
        self._file.write(self._header(-1))

    def _header(self, entries: int) -> str:
        # As long as any other header: the number is only known in the end.
        flag = "true" if self._hashes else "false"
        return f'{{"format":"{FORMAT}","hashes":{flag},"entries":{entries:12}}}\n'

    def add(self, entry: Entry) -> None:
        """Write one more entry."""
        self._lines.append(_line(entry))
        self.entries += 1
        if len(self._lines) >= _BATCH:
            self._write()

    def _write(self) -> None:
        self._file.write("".join(self._lines))
        self._lines.clear()

    def place(self) -> tuple[int, int]:
        """Return where the manifest stands, for ``back_to``."""
        self._write()
        return self._file.tell(), self.entries

    def back_to(self, place: tuple[int, int]) -> None:
        """Take back all entries since ``place``."""
        self._lines.clear()
        self._file.seek(place[0])
        self._file.truncate()
        self.entries = place[1]

    def sync(self) -> None:
        """Wait until all that was written is on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def finish(self) -> None:
        """Write what is left, and the number of entries."""
        self._write()
        self._file.seek(0)
        self._file.write(self._header(self.entries))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file:
            if error is None:
                self.finish()


def write_manifest(path: Path, entries: Iterable[Entry], *, hashes: bool = False) -> None:
    """Write a new file ``path``, durable when it returns (the folder around it is the caller's to sync).

    Raises ``FileExistsError``, ``OSError``.
    """
    with ManifestWriter(path, hashes=hashes) as manifest:
        for entry in entries:
            manifest.add(entry)
        manifest.finish()
        manifest.sync()


def read_manifest(path: Path) -> Manifest:
    """Return what ``write_manifest`` wrote. Raises ``ManifestError`` for anything else, ``OSError``."""
    import json

    try:
        with open(path, encoding="ascii", newline="\n") as file:
            header = json.loads(file.readline())
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise ManifestError(f"{path} is not a {FORMAT}")
            entries = tuple(_entry(json.loads(line)) for line in file)
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{path} is not a whole manifest: {error}") from error
    if len(entries) != header.get("entries"):
        raise ManifestError(f"{path} is cut off: {len(entries)} of {header.get('entries')} entries")
    return Manifest(entries, bool(header.get("hashes")))


def _entry(row: Mapping[str, object]) -> Entry:
    def number(key: str) -> int:
        value = row[key]
        if not isinstance(value, int):
            raise TypeError(f"{key} is {value!r}")
        return value

    def text(key: str) -> str | None:
        value = row.get(key)
        return None if value is None else str(value)

    return Entry(
        path=str(row["path"]),
        type=str(row["type"]),
        size=number("size"),
        mtime_ns=number("mtime_ns"),
        mode=int(str(row["mode"]), 8),
        uid=number("uid"),
        gid=number("gid"),
        target=text("target"),
        link=number("link") if "link" in row else None,
        sha256=text("sha256"),
    )


def digest_fd(fd: int) -> str:
    """Return the SHA-256 of an open file from its beginning, hexadecimal."""
    import hashlib

    digest = hashlib.sha256()
    offset = 0
    while data := os.pread(fd, _CHUNK, offset):
        digest.update(data)
        offset += len(data)
    return digest.hexdigest()


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
