"""Opening the files of a tree that is copied: never blocking, without leaving a trace, and past other programs' leases.

A lease (Samba's oplocks, NFS delegations) is waited for. The kernel asks its holder to let go when somebody else opens
the file, and takes the lease away after a while. Opening without blocking starts that; a blocking open would hang for ever
where a name was swapped for a pipe meanwhile.
"""

from __future__ import annotations

import errno
import os
import time
from functools import cache
from typing import TYPE_CHECKING

from snapplan import clock
from snapplan.drivers.directory.content import CopyStoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

NO_SUCH_NAMES = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
"""What making an entry fails with where the filesystem of the copy cannot have such a name."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_ATIME = getattr(os, "O_NOATIME", 0)
_PROBE = 4 << 20
_STEP = 0.05
# The kernel's default, and how much later than that it may come to it.
_DEFAULT = 45.0
_GRACE = 2.0


@cache
def break_seconds() -> float:
    """Return after how many seconds a lease is surely gone that somebody was asked to give up."""
    try:
        with open("/proc/sys/fs/lease-break-time") as file:
            return float(file.read()) + _GRACE
    except (OSError, ValueError):
        return _DEFAULT + _GRACE


def deadline() -> float:
    """Return until when (``clock.monotonic``) leases are waited for that were met by now."""
    return clock.monotonic() + break_seconds()


class Opener:
    """Opens files for reading by name. ``stop`` is asked while a lease is waited for (``CopyStoppedError``)."""

    def __init__(self, stop: Callable[[], bool] | None) -> None:
        self._stop = stop
        self._flags = _READ | (_NO_ATIME if os.geteuid() == 0 else 0)

    def open(self, name: str, dir_fd: int, until: float | None = None) -> int:
        """Return the file ``name``, open. Raises ``OSError``: ``BlockingIOError`` where a lease is not given up.

        With ``until`` (``clock.monotonic``) that is waited for.
        """
        while True:
            try:
                return self._open(name, dir_fd)
            except BlockingIOError:
                if until is None or clock.monotonic() >= until:
                    raise
            if self._stop is not None and self._stop():
                raise CopyStoppedError
            time.sleep(_STEP)

    def _open(self, name: str, dir_fd: int) -> int:
        try:
            return os.open(name, self._flags, dir_fd=dir_fd)
        except PermissionError:
            if not self._flags & _NO_ATIME:
                raise
            # A root without CAP_FOWNER may read, but not leave the access time alone.
            found = os.open(name, self._flags & ~_NO_ATIME, dir_fd=dir_fd)
            self._flags &= ~_NO_ATIME
            return found


def is_of_source(error: OSError, src_fd: int) -> bool:
    """Whether an error met while a file was copied is the file's own, not that of the place it is copied to.

    A name that the other filesystem cannot have is the entry's own too. Reads the file once more.
    """
    if error.errno in NO_SUCH_NAMES:
        return True
    offset = 0
    try:
        while data := os.pread(src_fd, _PROBE, offset):
            offset += len(data)
    except OSError:
        return True
    return False


def differs(before: os.stat_result, after: os.stat_result) -> bool:
    """Whether a file was written, or its attributes were, between two looks at it."""
    return (
        before.st_mtime_ns != after.st_mtime_ns
        or before.st_ctime_ns != after.st_ctime_ns
        or before.st_size != after.st_size
    )
