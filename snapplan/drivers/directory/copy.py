"""Copy a tree with all that belongs to it, and say what was left out, what could not be kept and what changed meanwhile.

A copy is not one instant. A file that changes while it is copied is copied once more and then recorded, a folder whose
names change is recorded, and so is what vanished. Changes are seen by size, mtime and ctime, so two writes within one
tick of a kernel older than 6.13 (about 4 ms) can look like one.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from snapplan.drivers.directory.attributes import Attributes
from snapplan.drivers.directory.content import CopyStoppedError, DataCopier
from snapplan.drivers.directory.descent import Descent
from snapplan.drivers.directory.manifest import Entry, digest_fd, entry_of
from snapplan.drivers.directory.marker import is_real_store
from snapplan.drivers.directory.mounts import mount_points
from snapplan.drivers.directory.omissions import LeftOut, Omissions, Reason, Rules, omission_notices
from snapplan.drivers.directory.opening import NO_SUCH_NAMES, Opener, deadline, differs, is_of_source

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from hashlib import _Hash as Hash
    from pathlib import Path

__all__ = ["CopyReport", "CopyStoppedError", "copy_tree"]

# A hole costs nothing to copy, but its zeros have to be hashed.
_LARGEST_WITH_HOLES = 4 << 30
_MAKE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# What opening says of a name that was a file, or a folder, when its folder was listed and is something else now.
_SWAPPED = (errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.EISDIR)
_NO_LINK = (errno.EMLINK, errno.ENAMETOOLONG, errno.EPERM, errno.ENOTSUP)
_OF_THE_COPY = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


class CopyReport(NamedTuple):
    """What ``copy_tree`` did.

    ``entries`` are for the manifest, parents first; empty where the caller records them itself. ``links`` counts the
    files of several names. ``identity`` are device and inode of the source. ``hashed`` says whether each file has a
    hash. ``files`` counts files, ``bytes`` their data (a file of several names once). Paths are relative to the
    source. ``changed`` were not the same before and after, ``vanished`` were listed but gone. ``left_out`` is what
    is not in the copy (what is mounted inside is an empty folder there). ``notices`` are sentences for the operator
    about what was not kept. ``reflinked`` says whether all data is shared with the source, ``None`` when there is
    none.
    """

    entries: tuple[Entry, ...]
    files: int
    bytes: int
    changed: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notices: tuple[str, ...] = ()
    reflinked: bool | None = None
    links: int = 0
    identity: tuple[int, int] = (0, 0)
    hashed: bool = False

    @property
    def consistent(self) -> bool:
        """Whether nothing was seen to change during the copy."""
        return not self.changed and not self.vanished


def copy_tree(
    source: Path,
    destination: Path,
    *,
    rules: Rules | None = None,
    hashes: bool | None = False,
    stop: Callable[[], bool] | None = None,
    record: Callable[[Entry], object] | None = None,
) -> CopyReport:
    """Make the new folder ``destination`` with all that the folder ``source`` holds.

    Kept: data with its holes, modes, owners (as root), times, extended attributes and access lists, hard links inside the
    tree, symlinks as they are, FIFOs, device nodes (as root). Never leaves the tree through a symlink, nor its
    filesystem. ``source`` itself must not be a symlink. ``rules`` say which stores are left out with all below them,
    and whether what cannot be read is (else it fails the copy); without them all is copied but ``destination``.
    ``hashes`` puts the SHA-256 of each file, as it is in the copy, into its entry. ``stop`` is asked between files, and
    within large ones. ``record`` is given each entry as it is made, where the report is not to hold them all.

    Nothing is synced. Raises ``FileExistsError``; ``OSError`` with the path for what cannot be read (``PermissionError``)
    or written (``ENOSPC``); ``CopyStoppedError``. The caller then removes ``destination``.
    """
    with Descent(source) as src:
        destination.mkdir(0o700)
        with Descent(destination) as dst:
            copier = _TreeCopier(source, destination, src, dst, rules, hashes=hashes, stop=stop, record=record)
            copier.stay_off(mount_points())
            return copier.run()


class _Level(NamedTuple):
    """A folder that is being copied: its path with a slash behind (the root's is empty), its folders still to do."""

    prefix: str
    status: os.stat_result
    folders: list[str]


class _Opened(NamedTuple):
    """A folder that was entered and listed, before anything is made of it."""

    files: list[os.DirEntry[str]]
    others: list[os.DirEntry[str]]
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
        rules: Rules | None,
        *,
        hashes: bool | None,
        stop: Callable[[], bool] | None,
        record: Callable[[Entry], object] | None,
    ) -> None:
        self._source, self._destination = source, destination
        self._src, self._dst = src, dst
        self._device = src.status.st_dev
        self._identity = (src.status.st_dev, src.status.st_ino)
        self._itself = (dst.status.st_dev, dst.status.st_ino)
        self._omissions = Omissions(rules or Rules(unreadable=False))
        self._capturing = rules is not None
        self._hashes, self._stop = hashes, stop
        self._unhashed = 0
        self._opener = Opener(stop)
        self._data = DataCopier(stop)
        self._attributes = Attributes(dst.fd, self._lost_attribute)
        self._top = os.dup(dst.fd)
        self._levels: list[_Level] = []
        self._links: dict[tuple[int, int], _First] = {}
        self._groups = 0
        self._entries: list[Entry] = []
        self._keep = self._entries.append if record is None else record
        self._changed: list[str] = []
        self._vanished: list[str] = []
        self._mounted: frozenset[str] = frozenset()
        self._files = self._bytes = 0
        self._at = "."

    def stay_off(self, mounts: Collection[str]) -> None:
        """Leave out what is mounted at these paths: a bind mount of the same filesystem cannot be told otherwise."""
        below = os.path.join(os.path.realpath(self._source), "")  # noqa: PTH118 - with a slash behind
        self._mounted = frozenset(mount[len(below) :] for mount in mounts if mount.startswith(below))

    def run(self) -> CopyReport:
        try:
            self._begin("", self._listed(""))
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
            tuple(self._omissions.left_out),
            (*omission_notices(self._omissions.left_out), *self._attributes.notices()),
            self._data.reflinked,
            self._groups,
            self._identity,
            self._unhashed == 0,
        )

    def _fail(self, error: OSError) -> NoReturn:
        """Raise ``error`` anew with a whole path: what it names is a name in some open folder."""
        tree = self._destination if error.errno in _OF_THE_COPY else self._source
        raise OSError(error.errno, error.strerror, os.fspath(tree / self._at)) from error

    def _listed(self, prefix: str) -> _Opened:
        """Return what is in the folder we stand in, sorted by what is to be done with it; what is mounted is left out."""
        files: list[os.DirEntry[str]] = []
        others: list[os.DirEntry[str]] = []
        folders: list[str] = []
        with os.scandir(self._src.fd) as listing:
            for entry in listing:
                # The folder's own list tells the kind: a dead server behind a mount is asked nothing, it never answers.
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif prefix + entry.name in self._mounted:
                    self._omissions.add(prefix + entry.name, Reason.MOUNT)
                elif entry.is_file(follow_symlinks=False):
                    files.append(entry)
                else:
                    others.append(entry)
        return _Opened(files, others, folders)

    def _begin(self, prefix: str, opened: _Opened) -> None:
        """Copy all but the folders of the folder we stand in."""
        status = self._src.status
        self._keep(entry_of(prefix[:-1] or ".", status))
        self._levels.append(_Level(prefix, status, opened.folders))
        leased = [entry.name for entry in opened.files if not self._file(entry.name, prefix + entry.name)]
        for entry in opened.others:
            self._special(entry.name, prefix + entry.name)
        # All holders were asked to let go by then, so that the waiting is one, not one for each file.
        until = deadline() if leased else None
        for name in leased:
            self._file(name, prefix + name, until=until)

    def _descend(self, prefix: str, name: str) -> None:
        self._at = path = prefix + name
        if path in self._mounted:
            self._mount(name, path)
            return
        try:
            self._src.enter(name)
        except OSError as error:
            self._swapped_or_gone(error, name, path)
            return
        opened = self._opened(path + "/")
        if opened is None:
            self._src.leave()
            return
        if not self._made(partial(os.mkdir, name, 0o700, dir_fd=self._dst.fd), path):
            self._src.leave()
            return
        self._dst.enter(name)
        self._begin(path + "/", opened)

    def _made(self, make: Callable[[], object], path: str) -> bool:
        """Make an entry of the copy; return ``False`` where its filesystem cannot have such a name: it is left out."""
        try:
            make()
        except OSError as error:
            if error.errno not in NO_SUCH_NAMES:
                raise
            self._leave_out(error, path)
            return False
        return True

    def _opened(self, prefix: str) -> _Opened | None:
        """Return what is in the folder we stand in, ``None`` where it is left out."""
        path, status = prefix[:-1], self._src.status
        if (status.st_dev, status.st_ino) == self._itself:
            return None
        if self._omissions.is_known_store(status):
            self._omissions.add(path, Reason.STORE)
            return None
        if status.st_dev != self._device:
            # Mounted since the table was read.
            name = path.rpartition("/")[2]
            self._mount(name, path)
            return None
        if self._capturing and is_real_store(self._src.fd):
            self._omissions.add(path, Reason.OTHER_STORE)
            return None
        try:
            return self._listed(prefix)
        except OSError as error:
            if not self._omissions.tolerates(error):
                raise
            self._omissions.add(path, Reason.UNREADABLE, error)
            return None

    def _mount(self, name: str, path: str) -> None:
        """Make an empty folder in place of what is mounted at ``path``; it is not asked for anything."""
        if not self._made(partial(os.mkdir, name, 0o755, dir_fd=self._dst.fd), path):
            return
        self._keep(entry_of(path, os.stat(name, dir_fd=self._dst.fd, follow_symlinks=False)))
        self._omissions.add(path, Reason.MOUNT)

    def _finish(self, level: _Level) -> None:
        """Give the folder its attributes, now that nothing more is made in it, and go back up."""
        self._levels.pop()
        self._at = path = level.prefix[:-1] or "."
        if self._levels:
            src_fd, dst_fd = self._src.ascend(), self._dst.ascend()
        else:
            src_fd, dst_fd = os.dup(self._src.fd), os.dup(self._dst.fd)
        try:
            if differs(level.status, os.fstat(src_fd)):
                self._changed.append(path)
            self._attributes.to_open(src_fd, dst_fd, level.status, path)
        finally:
            os.close(src_fd)
            os.close(dst_fd)

    def _file(self, name: str, path: str, until: float | None = None) -> bool:
        """Copy a file. Return ``False``, nothing done, where somebody has a lease on it and ``until`` is not given."""
        self._at = path
        if self._stop is not None and self._stop():
            raise CopyStoppedError
        try:
            src_fd = self._opener.open(name, self._src.fd, until)
        except BlockingIOError as error:
            if until is None:
                return False
            self._swapped_or_gone(error, name, path)
            return True
        except OSError as error:
            self._swapped_or_gone(error, name, path)
            return True
        try:
            status = os.fstat(src_fd)
            if not stat.S_ISREG(status.st_mode):
                self._swapped(name, path)
            elif status.st_nlink == 1 or not self._hard_link(name, path, status):
                self._copy_or_leave_out(src_fd, name, path, status)
        finally:
            os.close(src_fd)
        return True

    def _copy_or_leave_out(self, src_fd: int, name: str, path: str, status: os.stat_result) -> None:
        try:
            self._copy_file(src_fd, name, path, status)
        except OSError as error:
            if not self._omissions.tolerates(error) or not is_of_source(error, src_fd):
                raise
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._dst.fd)
            self._omissions.add(path, Reason.UNREADABLE, error)

    def _copy_file(self, src_fd: int, name: str, path: str, status: os.stat_result) -> None:
        dst_fd = os.open(name, _MAKE, 0o600, dir_fd=self._dst.fd)
        try:
            digest = self._new_digest()
            size = self._data.copy(src_fd, dst_fd, status, digest)
            after = os.fstat(src_fd)
            if differs(status, after):
                status, digest = after, self._new_digest()
                size = self._copy_again(src_fd, dst_fd, status, digest)
                if differs(status, os.fstat(src_fd)):
                    self._changed.append(path)
            sha256 = self._sha256(dst_fd, size, digest)
            mode = self._attributes.to_open(src_fd, dst_fd, status, path)
        finally:
            os.close(dst_fd)
        self._files += 1
        self._bytes += size
        self._record(path, status, mode, size=size, sha256=sha256)

    def _new_digest(self) -> Hash | None:
        if self._hashes is False:
            return None
        import hashlib

        return hashlib.sha256()

    def _sha256(self, dst_fd: int, size: int, digest: Hash | None) -> str | None:
        """Return the hash of what is in the copy; by default only where its data, or nearly all of it, was read anyway."""
        if digest is not None and self._data.digested:
            return digest.hexdigest()
        if self._hashes or (self._hashes is None and not self._data.shared and size <= _LARGEST_WITH_HOLES):
            return digest_fd(dst_fd)
        self._unhashed += 1
        return None

    def _copy_again(self, src_fd: int, dst_fd: int, status: os.stat_result, digest: Hash | None) -> int:
        os.ftruncate(dst_fd, 0)
        os.lseek(src_fd, 0, os.SEEK_SET)
        os.lseek(dst_fd, 0, os.SEEK_SET)
        return self._data.copy(src_fd, dst_fd, status, digest)

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
            if error.errno in (errno.ENOENT, errno.EINVAL):
                (self._vanished if error.errno == errno.ENOENT else self._changed).append(path)
                return
            self._leave_out(error, path)
            return
        if status.st_nlink > 1 and self._hard_link(name, path, status):
            return
        if self._make(name, path, status, target):
            mode = self._attributes.to_name(self._src.fd, self._dst.fd, name, status, path)
            self._record(path, status, mode, target=target)

    def _make(self, name: str, path: str, status: os.stat_result, target: str | None) -> bool:
        mode = status.st_mode
        if target is not None:
            return self._made(partial(os.symlink, target, name, dir_fd=self._dst.fd), path)
        if stat.S_ISFIFO(mode):
            return self._made(partial(os.mkfifo, name, 0o600, dir_fd=self._dst.fd), path)
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            return self._make_device(name, path, status)
        if stat.S_ISSOCK(mode):
            self._omissions.add(path, Reason.SOCKET)
        else:
            # It was something else when its folder was listed.
            self._changed.append(path)
        return False

    def _make_device(self, name: str, path: str, status: os.stat_result) -> bool:
        try:
            os.mknod(name, stat.S_IFMT(status.st_mode) | 0o600, status.st_rdev, dir_fd=self._dst.fd)
        except PermissionError:
            self._omissions.add(path, Reason.SPECIAL)
            return False
        return True

    def _swapped_or_gone(self, error: OSError, name: str, path: str) -> None:
        if error.errno == errno.ENOENT and not (self._capturing and self._is_listed(name)):
            self._vanished.append(path)
        elif error.errno == errno.ENOENT:
            # Listed still, and not to be had: such is a name that a server cannot translate.
            self._omissions.add(path, Reason.UNREADABLE, error)
        elif error.errno in _SWAPPED:
            self._swapped(name, path)
        else:
            self._leave_out(error, path)

    def _is_listed(self, name: str) -> bool:
        with os.scandir(self._src.fd) as listing:
            return any(entry.name == name for entry in listing)

    def _leave_out(self, error: OSError, path: str) -> None:
        """Record that an entry cannot be read; raise ``error`` where nothing may be left out."""
        if not self._omissions.tolerates(error):
            raise error
        self._omissions.add(path, Reason.UNREADABLE, error)

    def _lost_attribute(self, error: OSError, path: str) -> None:
        """Record that an extended attribute of an entry cannot be read."""
        if not self._omissions.tolerates(error):
            self._attributes.not_read(error, path)
            return
        if not any(each.path == path and each.reason is Reason.ATTRIBUTES for each in self._omissions.left_out[-1:]):
            self._omissions.add(path, Reason.ATTRIBUTES, error)

    def _swapped(self, name: str, path: str) -> None:
        """Copy what stands now where a file or folder was listed; a file or folder again is only recorded."""
        self._changed.append(path)
        self._special(name, path)
