"""Carry owners, modes, times and extended attributes over from one thing to its copy."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from snapplan.drivers.directory.linux import entry_path

if TYPE_CHECKING:
    from collections.abc import Callable

_DENIED = (errno.EPERM, errno.EACCES, errno.EINVAL)
_XATTR_REFUSED = (*_DENIED, errno.ENOTSUP, errno.E2BIG, errno.ERANGE)
_ACL = "system.posix_acl_"
_SET_ID = stat.S_ISUID | stat.S_ISGID


class Attributes:
    """Sets what can be set, and remembers what could not, for one notice each.

    ``root_fd`` is the new folder that everything is made in: its owner is the one that new things get. ``unreadable`` is
    told of extended attributes that the source does not give away, with the path; it may raise.
    """

    def __init__(self, root_fd: int, unreadable: Callable[[OSError, str], None]) -> None:
        self._unreadable = unreadable
        self._lost: dict[str, list[str]] = {}
        self._made = _prepare(root_fd)

    def lost(self, what: str, path: str) -> None:
        """Remember that ``what`` was not kept of ``path``."""
        self._lost.setdefault(what, []).append(path)

    def not_read(self, error: OSError, path: str) -> None:
        """Remember that extended attributes of ``path`` are lost where the system only refuses, else raise ``error``."""
        if error.errno not in _XATTR_REFUSED:
            raise error
        self.lost(f"extended attributes not kept ({os.strerror(error.errno)})", path)

    def notices(self) -> tuple[str, ...]:
        """Return one sentence for each kind of loss."""
        return tuple(f"{what}: {_some(paths)}" for what, paths in self._lost.items())

    def to_open(self, src_fd: int, dst_fd: int, status: os.stat_result, path: str) -> int:
        """Give ``dst_fd`` what ``src_fd`` has; return the mode it now has, without its type. Raises ``OSError``."""
        mode = stat.S_IMODE(status.st_mode)
        # Owner first: it clears set-id bits and file capabilities. Times last: all else would move them.
        if (status.st_uid, status.st_gid) != self._made and not self._own(dst_fd, None, status, path):
            mode = self._without_set_id(mode, status, path)
        for name in self._names(src_fd, path, follow=True):
            self._copy_xattr(src_fd, dst_fd, name, path, follow=True)
        os.chmod(dst_fd, mode)
        os.utime(dst_fd, ns=(status.st_atime_ns, status.st_mtime_ns))
        return mode

    def to_name(self, src_dir: int, dst_dir: int, name: str, status: os.stat_result, path: str) -> int:
        """The same for what is not opened: symlinks, FIFOs, device nodes."""
        mode = stat.S_IMODE(status.st_mode)
        if (status.st_uid, status.st_gid) != self._made and not self._own(name, dst_dir, status, path):
            mode = self._without_set_id(mode, status, path)
        source, copy = entry_path(src_dir, name), entry_path(dst_dir, name)
        for attribute in self._names(source, path, follow=False):
            self._copy_xattr(source, copy, attribute, path, follow=False)
        if not stat.S_ISLNK(status.st_mode):
            os.chmod(name, mode, dir_fd=dst_dir)
        os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=dst_dir, follow_symlinks=False)
        return mode

    def _own(self, thing: int | str, dir_fd: int | None, status: os.stat_result, path: str) -> bool:
        # An owner must be root to give a thing away, but may give it to a group of its own.
        for uid in (status.st_uid, -1):
            try:
                if isinstance(thing, int):
                    os.chown(thing, uid, status.st_gid)
                else:
                    os.chown(thing, uid, status.st_gid, dir_fd=dir_fd, follow_symlinks=False)
            except OSError as error:
                if error.errno not in _DENIED:
                    raise
            else:
                if uid == -1:
                    self.lost("owner not kept (needs root)", path)
                return uid != -1
        self.lost("owner and group not kept (needs root)", path)
        return False

    def _without_set_id(self, mode: int, status: os.stat_result, path: str) -> int:
        # A program that runs as its owner must not become one that runs as somebody else.
        if mode & _SET_ID and stat.S_ISREG(status.st_mode):
            self.lost("set-user-ID and set-group-ID dropped with the owner", path)
            return mode & ~_SET_ID
        return mode

    def _copy_xattr(self, source: int | str, copy: int | str, name: str, path: str, *, follow: bool) -> None:
        try:
            value = os.getxattr(source, name, follow_symlinks=follow)
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.ENOENT, errno.ENOTSUP):
                self._unreadable(error, path)
            return
        try:
            os.setxattr(copy, name, value, follow_symlinks=follow)
        except OSError as error:
            if error.errno not in _XATTR_REFUSED:
                raise
            self.lost(f"extended attribute {name!r} not kept ({os.strerror(error.errno)})", path)

    def _names(self, source: int | str, path: str, *, follow: bool) -> list[str]:
        try:
            return _listed(source, follow=follow)
        except OSError as error:
            self._unreadable(error, path)
            return []


def _listed(thing: int | str, *, follow: bool) -> list[str]:
    try:
        return os.listxattr(thing, follow_symlinks=follow)
    except OSError as error:
        # ENOENT: a name, not an open file, that vanished meanwhile.
        if error.errno in (errno.ENOTSUP, errno.ENOENT):
            return []
        raise


def _prepare(root_fd: int) -> tuple[int, int]:
    """Undo what a new folder inherited (set-group-ID, group, access lists); return the owner that things get in it."""
    os.chmod(root_fd, 0o700)
    for name in _listed(root_fd, follow=True):
        if name.startswith(_ACL):
            os.removexattr(root_fd, name)
    status = os.fstat(root_fd)
    if status.st_gid != os.getegid():
        try:
            os.chown(root_fd, -1, os.getegid())
        except OSError as error:
            if error.errno not in _DENIED:
                raise
        status = os.fstat(root_fd)
    return status.st_uid, status.st_gid


def _some(paths: list[str]) -> str:
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{paths[0]!r}{more}"
