"""All that only Linux has: exchange of two names, exclusive rename, reflinks, syncing one filesystem, mounts.

Elsewhere each function raises ``OSError`` with ``ENOTSUP`` and says so, except ``reflink``, which answers ``False``,
``sync_filesystem``, which syncs everything, and ``mount_points``, which answers that there are none. This is the place
for another system's own calls (on macOS ``renamex_np`` with ``RENAME_SWAP`` and ``RENAME_EXCL``, and ``fclonefileat``).
"""

from __future__ import annotations

import errno
import os
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

_OPEN = "/proc/self/fd/"
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_FICLONE = 0x40049409
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_CANNOT_CLONE = (*_UNSUPPORTED, errno.EXDEV, errno.ENOTTY, errno.EPERM, errno.ETXTBSY, errno.EBADF)


@cache
def _libc_function(name: str) -> Any:
    """Return a function of the C library that sets ``errno``, or ``None`` where there is none of that name."""
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), name, None)


def _last_errno() -> int:
    import ctypes

    return ctypes.get_errno()


def exchange(a: Path, b: Path) -> None:
    """Exchange the names of ``a`` and ``b`` in one atomic step; both must exist, on one filesystem.

    No symlink in the folders above them is followed. Not durable before the folders of both are synced. Raises
    ``OSError``: ``ENOTSUP`` where the system or the filesystem cannot, ``ENOENT`` when one is missing, ``EXDEV`` across
    filesystems, ``EBUSY`` for a mount point.
    """
    _rename(a, b, _RENAME_EXCHANGE, "cannot exchange two names atomically here")


def rename_exclusive(a: Path, b: Path) -> None:
    """Rename ``a`` to ``b`` only if there is no ``b``. Raises ``FileExistsError``, else as ``exchange`` does."""
    _rename(a, b, _RENAME_NOREPLACE, "cannot rename without replacing here")


def _rename(a: Path, b: Path, flags: int, unsupported: str) -> None:
    call = _libc_function("renameat2")
    if call is None:
        raise OSError(errno.ENOTSUP, unsupported, os.fspath(a), None, os.fspath(b))
    first = open_folder(a.parent)
    try:
        second = open_folder(b.parent)
        try:
            if call(first, os.fsencode(a.name), second, os.fsencode(b.name), flags) == 0:
                return
            code = _last_errno()
        finally:
            os.close(second)
    finally:
        os.close(first)
    if code in _UNSUPPORTED:
        raise OSError(errno.ENOTSUP, unsupported, os.fspath(a), None, os.fspath(b))
    raise OSError(code, os.strerror(code), os.fspath(a), None, os.fspath(b))


def open_folder(path: Path) -> int:
    """Open the folder ``path``, whose path must be real: ``OSError`` (``ELOOP``) where a link in it leads elsewhere.

    What the path begins with may be an open folder of this process (``/proc/self/fd/5``).
    """
    if str(path.parent) == _OPEN.rstrip("/"):
        return os.dup(int(path.name))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        wanted = shown_path(os.path.abspath(path))  # noqa: PTH100 - the links are what is looked for
        found = _path_of(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    if found is not None and found != wanted:
        os.close(descriptor)
        raise OSError(errno.ELOOP, "a symbolic link stands in the way", wanted)
    return descriptor


def open_path(descriptor: int, path: Path) -> Path:
    """Return a path to the open folder ``path`` that leads there wherever it is moved, where the system has such paths."""
    return Path(f"{_OPEN}{descriptor}") if _path_of(descriptor) is not None else path


def shown_path(path: str) -> str:
    """Return ``path`` with what ``open_path`` gave in it replaced by where that is."""
    if not path.startswith(_OPEN):
        return path
    number, slash, rest = path[len(_OPEN) :].partition("/")
    found = _path_of(int(number)) if number.isdecimal() else None
    return path if found is None else f"{found}{slash}{rest}"


def _path_of(descriptor: int) -> str | None:
    try:
        return os.readlink(f"{_OPEN}{descriptor}")  # noqa: PTH115 - text is what is compared
    except OSError:
        return None


def reflink(src_fd: int, dst_fd: int) -> bool:
    """Make the open, empty file ``dst_fd`` share all data of ``src_fd``; return ``False`` where that cannot be done.

    Raises ``OSError`` for what a copy would not survive either (``ENOSPC``, ``EDQUOT``, ``EIO``).
    """
    import fcntl

    try:
        fcntl.ioctl(dst_fd, _FICLONE, src_fd)
    except OSError as error:
        if error.errno in _CANNOT_CLONE:
            return False
        raise
    return True


def sync_filesystem(path: Path) -> None:
    """Write all that the filesystem of ``path`` holds to its disk, and wait. Raises ``OSError`` when writing failed."""
    call = _libc_function("syncfs")
    if call is None:
        os.sync()
        return
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if call(fd) != 0:
            code = _last_errno()
            raise OSError(code, os.strerror(code), os.fspath(path))
    finally:
        os.close(fd)


def fsync_directory(path: Path) -> None:
    """Make the names in the folder ``path`` durable: what was created, renamed or removed there."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def process_birth(pid: int) -> str | None:
    """Return what tells this process from a later one of the same number: boot id and start time in clock ticks.

    ``None`` when there is no such process, or the system does not tell.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat, open("/proc/sys/kernel/random/boot_id") as boot:
            # The second field is the program's name, in brackets, and may itself hold spaces and brackets.
            started = stat.read().rpartition(b")")[2].split()[19]
            return f"{boot.read().strip()}:{started.decode()}"
    except OSError:
        return None


class Mount(NamedTuple):
    """One mount: where, of which type, and what of (a device, or what the filesystem calls itself)."""

    point: str
    filesystem: str
    source: str


def mount_table() -> dict[str, Mount]:
    """Return what is mounted, by mount point, bind mounts too; empty where the system does not list it.

    Of several mounts at one point the last one counts.
    """
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            lines = table.read().splitlines()
    except FileNotFoundError:
        return {}
    mounts = {}
    for line in lines:
        fields, _, rest = line.partition(b" - ")
        point = os.fsdecode(_unescaped(fields.split(b" ")[4]))
        kind, source = (os.fsdecode(_unescaped(each)) for each in rest.split(b" ")[:2])
        mounts[point] = Mount(point, kind, source)
    return mounts


def mount_points() -> frozenset[str]:
    """Return all mount points that this process sees, bind mounts too; empty where the system does not list them."""
    return frozenset(mount_table())


def filesystem_of(path: Path) -> tuple[str, frozenset[str]]:
    """Return the type of the filesystem that holds ``path``, and its mount options; empty where nobody tells."""
    text = os.fsencode(os.path.realpath(path))
    best, found = -1, (b"", b"")
    try:
        with open("/proc/self/mountinfo", "rb") as table:
            lines = table.read().splitlines()
    except FileNotFoundError:
        return "", frozenset()
    for line in lines:
        fields, _, rest = line.partition(b" - ")
        mount = _unescaped(fields.split(b" ")[4])
        # A later one of the same place hides the earlier.
        if len(mount) >= best and (text == mount or text.startswith(mount.rstrip(b"/") + b"/")):
            kind, _, options = (*rest.split(b" "), b"", b"")[:3]
            best, found = len(mount), (kind, options)
    return found[0].decode(), frozenset(found[1].decode(errors="replace").split(","))


def _unescaped(path: bytes) -> bytes:
    r"""Undo the table's ``\\040`` for a space, and the like."""
    first, *others = path.split(b"\\")
    return first + b"".join(bytes([int(part[:3], 8)]) + part[3:] for part in others)


def entry_path(dir_fd: int, name: str) -> str:
    """Return a path to ``name`` in an open folder, for calls that take no ``dir_fd`` (extended attributes)."""
    return f"/proc/self/fd/{dir_fd}/{name}"


def copy_range(src_fd: int, dst_fd: int, count: int) -> int | None:
    """Copy up to ``count`` bytes inside the kernel, at both files' offsets; return how many, or ``None`` if it cannot."""
    call = getattr(os, "copy_file_range", None)
    if call is None:
        return None
    try:
        copied: int = call(src_fd, dst_fd, count)
    except OSError as error:
        if error.errno in _CANNOT_CLONE:
            return None
        raise
    return copied
