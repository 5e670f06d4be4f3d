"""The list of all that a tree holds, as JSON lines: what a snapshot is checked against.

The first line is ``{"format": "snapplan.manifest/1", "hashes": true|false, "entries": N}``, where ``hashes`` says
whether any entry has one; then follows one object per entry, parents before children, ``.`` first. Names are text with
the bytes that are no UTF-8 as lone surrogates (``os.fsencode`` gives them back). ``mode`` is octal text without the
type, ``mtime_ns`` nanoseconds since 1970 UTC.
"""

from __future__ import annotations

import os
import stat
from json.encoder import encode_basestring_ascii as quote
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

FORMAT = "snapplan.manifest/1"
_CHUNK = 1 << 18
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
        self._hashed = False
        self.entries = 0
        self._lines: list[str] = []

        self._file = open(path, "x", encoding="ascii", newline="\n", opener=_private)  # noqa: SIM115
        self._file.write(self._header(-1))

    def _header(self, entries: int) -> str:
        # As long as any other header: the number is only known in the end.
        flag = " true" if self._hashes or self._hashed else "false"
        return f'{{"format":"{FORMAT}","hashes":{flag},"entries":{entries:12}}}\n'

    def add(self, entry: Entry) -> None:
        """Write one more entry."""
        self._lines.append(_line(entry))
        self._hashed = self._hashed or entry.sha256 is not None
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


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o600)


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
        with open(_opened(path), encoding="ascii", newline="\n") as file:
            header = json.loads(file.readline())
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise ManifestError(f"{path} is not a {FORMAT}")
            entries = tuple(_entry(json.loads(line)) for line in file)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ManifestError(f"{path} is not a whole manifest: {error}") from error
    if len(entries) != header.get("entries"):
        raise ManifestError(f"{path} is cut off: {len(entries)} of {header.get('entries')} entries")
    return Manifest(entries, bool(header.get("hashes")))


def _opened(path: Path) -> int:
    """Return the manifest, open; a pipe or a link of its name is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ManifestError(f"{path} is not a file")
    return descriptor


def looks_whole(path: str) -> bool:
    """Whether the file ``path`` begins and ends as a manifest does that was finished. Raises ``OSError``."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        head = os.pread(descriptor, len(FORMAT) + 80, 0)
        # The number of entries is -1 until the end.
        return FORMAT.encode() in head and b"-1}" not in head and os.pread(descriptor, 2, max(size - 2, 0)) == b"}\n"
    finally:
        os.close(descriptor)


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


def digest_of(path: Path) -> str:
    """Return the SHA-256 of the regular file ``path``, hexadecimal. Raises ``OSError``."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return digest_fd(fd)
    finally:
        os.close(fd)
