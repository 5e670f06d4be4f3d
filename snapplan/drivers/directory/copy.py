"""Copy a tree with all that belongs to it, and say what could not be kept and what changed meanwhile.

A copy is not one instant. A file that changes while it is copied is copied once more and then recorded, a folder whose
names change is recorded, and so is what vanished. Changes are seen by size, mtime and ctime, so two writes within one
tick of a kernel older than 6.13 (about 4 ms) can look like one.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from snapplan.drivers.directory.attributes import Attributes
from snapplan.drivers.directory.content import CopyStoppedError, DataCopier
from snapplan.drivers.directory.descent import Descent
from snapplan.drivers.directory.manifest import Entry, digest_fd, entry_of
from snapplan.drivers.directory.marker import is_open_store
from snapplan.drivers.directory.mounts import mount_points

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

__all__ = ["CopyReport", "CopyStoppedError", "copy_tree"]

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAKE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_ATIME = getattr(os, "O_NOATIME", 0)
# What opening says of a name that was a file, or a folder, when its folder was listed and is something else now.
_SWAPPED = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR)
_NO_LINK = (errno.EMLINK, errno.ENAMETOOLONG, errno.EPERM, errno.ENOTSUP)
_OF_THE_COPY = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


class CopyReport(NamedTuple):
    """What ``copy_tree`` did.

    ``entries`` are for the manifest, parents first; empty where the caller records them itself. ``links`` counts the files
    of several names. ``files`` counts files, ``bytes`` their data (a file of several names once). Paths are relative to
    the source. ``changed`` were not the same before and after, ``vanished`` were listed but gone. ``skipped_mounts`` are
    empty folders in the copy. ``notices`` are sentences for the operator about what was not kept. ``reflinked`` says
    whether all data is shared with the source, ``None`` when there is none.
    """

    entries: tuple[Entry, ...]
    files: int
    bytes: int
    changed: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    skipped_mounts: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    reflinked: bool | None = None
    links: int = 0

    @property
    def consistent(self) -> bool:
        """Whether nothing was seen to change during the copy."""
        return not self.changed and not self.vanished


def copy_tree(
    source: Path,
    destination: Path,
    *,
    exclude: Collection[Path] = (),
    hashes: bool = False,
    stop: Callable[[], bool] | None = None,
    record: Callable[[Entry], object] | None = None,
) -> CopyReport:
    """Make the new folder ``destination`` with all that the folder ``source`` holds.

    Kept: data with its holes, modes, owners (as root), times, extended attributes and access lists, hard links inside the
    tree, symlinks as they are, FIFOs, device nodes (as root). Never leaves the tree through a symlink, nor its filesystem.
    ``source`` itself must not be a symlink. The folders in ``exclude`` are left out with all below them, and so are
    ``destination`` and any store. ``hashes`` puts the SHA-256 of each file, as it is in the copy, into its entry. ``stop``
    is asked between files, and within large ones. ``record`` is given each entry as it is made, where the report is not to
    hold them all.

    Nothing is synced. Raises ``FileExistsError``; ``OSError`` with the path for what cannot be read (``PermissionError``)
    or written (``ENOSPC``); ``CopyStoppedError``. The caller then removes ``destination``.
    """
    with Descent(source) as src:
        destination.mkdir(0o700)
        with Descent(destination) as dst:
            copier = _TreeCopier(source, destination, src, dst, hashes=hashes, stop=stop, record=record)
            copier.leave_out(exclude)
            copier.stay_off(mount_points())
            return copier.run()


class _Level(NamedTuple):
    """A folder that is being copied: its path with a slash behind (the root's is empty), its folders still to do."""

    prefix: str
    status: os.stat_result
    folders: list[str]


class _First(NamedTuple):
    """A file of several names, as it was copied under the first of them."""

    entry: Entry
    status: os.stat_result


class _TreeCopier:
    """One walk through a tree, folder by folder, deepest first."""

    def __init__(
        self,
        source: Path,
        destination: Path,
        src: Descent,
        dst: Descent,
        *,
        hashes: bool,
        stop: Callable[[], bool] | None,
        record: Callable[[Entry], object] | None,
    ) -> None:
        self._source, self._destination = source, destination
        self._src, self._dst = src, dst
        self._device = src.status.st_dev
        self._excluded = {(dst.status.st_dev, dst.status.st_ino)}
        self._hashes, self._stop = hashes, stop
        self._read = _READ | (_NO_ATIME if os.geteuid() == 0 else 0)
        self._data = DataCopier(stop)
        self._attributes = Attributes(dst.fd)
        self._top = os.dup(dst.fd)
        self._levels: list[_Level] = []
        self._links: dict[tuple[int, int], _First] = {}
        self._groups = 0
        self._entries: list[Entry] = []
        self._keep = self._entries.append if record is None else record
        self._changed: list[str] = []
        self._vanished: list[str] = []
        self._mounted: frozenset[str] = frozenset()
        self._mounts: list[str] = []
        self._files = self._bytes = 0
        self._at = "."

    def leave_out(self, folders: Collection[Path]) -> None:
        """Leave these folders out, by what they are and not by name. One that is not there is nothing to leave out."""
        for folder in folders:
            try:
                status = folder.stat()
            except FileNotFoundError:
                continue
            self._excluded.add((status.st_dev, status.st_ino))

    def stay_off(self, mounts: Collection[str]) -> None:
        """Leave out what is mounted at these paths: a bind mount of the same filesystem cannot be told otherwise."""
        below = os.path.join(os.path.realpath(self._source), "")  # noqa: PTH118 - with a slash behind
        self._mounted = frozenset(mount[len(below) :] for mount in mounts if mount.startswith(below))

    def run(self) -> CopyReport:
        try:
            self._begin("")
            while self._levels:
                level = self._levels[-1]
                if level.folders:
                    self._descend(level.prefix, level.folders.pop())
                else:
                    self._finish(level)
        except OSError as error:
            self._fail(error)
        finally:
            os.close(self._top)
        return CopyReport(
            tuple(self._entries),
            self._files,
            self._bytes,
            tuple(dict.fromkeys(self._changed)),
            tuple(self._vanished),
            tuple(self._mounts),
            self._attributes.notices(),
            self._data.reflinked,
            self._groups,
        )

    def _fail(self, error: OSError) -> NoReturn:
        """Raise ``error`` anew with a whole path: what it names is a name in some open folder."""
        tree = self._destination if error.errno in _OF_THE_COPY else self._source
        raise OSError(error.errno, error.strerror, os.fspath(tree / self._at)) from error

    def _begin(self, prefix: str) -> None:
        """Copy all but the folders of the folder we stand in."""
        status = self._src.status
        self._keep(entry_of(prefix[:-1] or ".", status))
        level = _Level(prefix, status, [])
        self._levels.append(level)
        if status.st_dev != self._device or prefix[:-1] in self._mounted:
            self._mounts.append(prefix[:-1])
            self._attributes.lost("another filesystem is mounted there, left out", prefix[:-1])
            return
        with os.scandir(self._src.fd) as listing:
            found = list(listing)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                level.folders.append(entry.name)
            elif entry.is_file(follow_symlinks=False):
                self._file(entry.name, prefix + entry.name)
            else:
                self._special(entry.name, prefix + entry.name)

    def _descend(self, prefix: str, name: str) -> None:
        self._at = path = prefix + name
        try:
            self._src.enter(name)
        except OSError as error:
            self._swapped_or_gone(error, name, path)
            return
        status = self._src.status
        excluded = (status.st_dev, status.st_ino) in self._excluded
        if excluded or (status.st_dev == self._device and is_open_store(self._src.fd)):
            self._src.leave()
            return
        os.mkdir(name, 0o700, dir_fd=self._dst.fd)
        self._dst.enter(name)
        self._begin(path + "/")

    def _finish(self, level: _Level) -> None:
        """Give the folder its attributes, now that nothing more is made in it, and go back up."""
        self._levels.pop()
        self._at = path = level.prefix[:-1] or "."
        if self._levels:
            src_fd, dst_fd = self._src.ascend(), self._dst.ascend()
        else:
            src_fd, dst_fd = os.dup(self._src.fd), os.dup(self._dst.fd)
        try:
            if _differs(level.status, os.fstat(src_fd)):
                self._changed.append(path)
            self._attributes.to_open(src_fd, dst_fd, level.status, path)
        finally:
            os.close(src_fd)
            os.close(dst_fd)

    def _file(self, name: str, path: str) -> None:
        self._at = path
        if self._stop is not None and self._stop():
            raise CopyStoppedError
        try:
            src_fd = self._open(name)
        except OSError as error:
            self._swapped_or_gone(error, name, path)
            return
        try:
            status = os.fstat(src_fd)
            if not stat.S_ISREG(status.st_mode):
                self._swapped(name, path)
            elif status.st_nlink == 1 or not self._hard_link(name, path, status):
                self._copy_file(src_fd, name, path, status)
        finally:
            os.close(src_fd)

    def _open(self, name: str) -> int:
        try:
            return os.open(name, self._read, dir_fd=self._src.fd)
        except PermissionError:
            if not self._read & _NO_ATIME:
                raise
            # A root without CAP_FOWNER may read, but not leave the access time alone.
            self._read &= ~_NO_ATIME
            return os.open(name, self._read, dir_fd=self._src.fd)

    def _copy_file(self, src_fd: int, name: str, path: str, status: os.stat_result) -> None:
        dst_fd = os.open(name, _MAKE, 0o600, dir_fd=self._dst.fd)
        try:
            size = self._data.copy(src_fd, dst_fd, status)
            after = os.fstat(src_fd)
            if _differs(status, after):
                status = after
                size = self._copy_again(src_fd, dst_fd, status)
                if _differs(status, os.fstat(src_fd)):
                    self._changed.append(path)
            sha256 = digest_fd(dst_fd) if self._hashes else None
            mode = self._attributes.to_open(src_fd, dst_fd, status, path)
        finally:
            os.close(dst_fd)
        self._files += 1
        self._bytes += size
        self._record(path, status, mode, size=size, sha256=sha256)

    def _copy_again(self, src_fd: int, dst_fd: int, status: os.stat_result) -> int:
        os.ftruncate(dst_fd, 0)
        os.lseek(src_fd, 0, os.SEEK_SET)
        os.lseek(dst_fd, 0, os.SEEK_SET)
        return self._data.copy(src_fd, dst_fd, status)

    def _record(
        self,
        path: str,
        status: os.stat_result,
        mode: int,
        *,
        size: int = 0,
        target: str | None = None,
        sha256: str | None = None,
    ) -> None:
        link = self._groups if status.st_nlink > 1 else None
        entry = entry_of(path, status, size=size, target=target, link=link, sha256=sha256)
        if mode != entry.mode:
            entry = entry._replace(mode=mode)
        if link is not None:
            self._groups += 1
            self._links[status.st_dev, status.st_ino] = _First(entry, status)
        self._keep(entry)

    def _hard_link(self, name: str, path: str, status: os.stat_result) -> bool:
        """Give what was copied already under another name this name too; return ``False`` if that cannot be."""
        known = self._links.get((status.st_dev, status.st_ino))
        if known is None:
            return False
        first, before = known
        if (before.st_mtime_ns, before.st_size) != (status.st_mtime_ns, status.st_size):
            # Not what was copied: written since, or removed and its number given to another file.
            self._changed.append(path)
            return False
        try:
            os.link(first.path, name, src_dir_fd=self._top, dst_dir_fd=self._dst.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            self._attributes.lost("hard link not kept, copied", path)
            return False
        self._keep(first._replace(path=path))
        if first.type == "file":
            self._files += 1
        return True

    def _special(self, name: str, path: str) -> None:
        """Copy what is neither a file nor a folder."""
        self._at = path
        try:
            status = os.stat(name, dir_fd=self._src.fd, follow_symlinks=False)
            target = os.readlink(name, dir_fd=self._src.fd) if stat.S_ISLNK(status.st_mode) else None
        except OSError as error:
            # EINVAL: it was a symlink a moment ago.
            if error.errno not in (errno.ENOENT, errno.EINVAL):
                raise
            (self._vanished if error.errno == errno.ENOENT else self._changed).append(path)
            return
        if status.st_nlink > 1 and self._hard_link(name, path, status):
            return
        if self._make(name, path, status, target):
            mode = self._attributes.to_name(self._src.fd, self._dst.fd, name, status, path)
            self._record(path, status, mode, target=target)

    def _make(self, name: str, path: str, status: os.stat_result, target: str | None) -> bool:
        mode = status.st_mode
        if target is not None:
            os.symlink(target, name, dir_fd=self._dst.fd)
        elif stat.S_ISFIFO(mode):
            os.mkfifo(name, 0o600, dir_fd=self._dst.fd)
        elif stat.S_ISSOCK(mode):
            self._attributes.lost("socket left out", path)
            return False
        elif stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            return self._make_device(name, path, status)
        else:
            # It was something else when its folder was listed.
            self._changed.append(path)
            return False
        return True

    def _make_device(self, name: str, path: str, status: os.stat_result) -> bool:
        try:
            os.mknod(name, stat.S_IFMT(status.st_mode) | 0o600, status.st_rdev, dir_fd=self._dst.fd)
        except PermissionError:
            self._attributes.lost("device node left out (needs root)", path)
            return False
        return True

    def _swapped_or_gone(self, error: OSError, name: str, path: str) -> None:
        if error.errno == errno.ENOENT:
            self._vanished.append(path)
        elif error.errno in _SWAPPED:
            self._swapped(name, path)
        else:
            raise error

    def _swapped(self, name: str, path: str) -> None:
        """Copy what stands now where a file or folder was listed; a file or folder again is only recorded."""
        self._changed.append(path)
        self._special(name, path)


def _differs(before: os.stat_result, after: os.stat_result) -> bool:
    return (
        before.st_mtime_ns != after.st_mtime_ns
        or before.st_ctime_ns != after.st_ctime_ns
        or before.st_size != after.st_size
    )
