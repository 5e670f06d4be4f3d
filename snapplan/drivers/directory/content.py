"""Copy the data of one open file into another: shared where the filesystem can, else copied, holes kept."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Protocol

from snapplan.drivers.directory import linux

if TYPE_CHECKING:
    from collections.abc import Callable

# So much is copied between two looks at ``stop``.
_STEP = 64 << 20
_BLOCK = 1 << 20
# Below this, one read and one write cost less than copy_file_range.
_SMALL = 64 << 10
# A single file may refuse to be cloned (btrfs without copy-on-write) where the filesystem can.
_REFUSALS = 3


class Digest(Protocol):
    """What is given the bytes of a file one after the other, such as a SHA-256."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""


class CopyStoppedError(Exception):
    """The caller's ``stop`` said so; what was copied so far is the caller's to remove."""


class DataCopier:
    """Copies file data, and learns on the way whether this pair of filesystems shares it."""

    def __init__(self, stop: Callable[[], bool] | None = None) -> None:
        self._stop = stop
        self._shared = 0
        self._copied = 0
        self._refused = 0
        self.digested = False
        self.shared = False

    @property
    def reflinked(self) -> bool | None:
        """Whether all data was shared; ``None`` when there was none."""
        return self._copied == 0 if self._shared or self._copied else None

    def copy(self, src_fd: int, dst_fd: int, status: os.stat_result, digest: Digest | None = None) -> int:
        """Fill the empty file ``dst_fd``; return its size in bytes, less than ``status.st_size`` if the source shrank.

        ``digest`` is given all of it unless the data is shared or the file has holes: see ``digested``, ``shared``.
        Takes no more than ``status.st_size`` bytes when it copies. Raises ``OSError``, ``CopyStoppedError``.
        """
        size = status.st_size
        self.digested = self.shared = False
        if size == 0:
            self.digested = True
            return 0
        if self._shares(src_fd, dst_fd):
            self._shared += 1
            self.shared = True
            return os.fstat(dst_fd).st_size
        self._copied += 1
        if status.st_blocks * 512 < size and self._copy_with_holes(src_fd, dst_fd, size):
            return size
        self.digested = True
        return self._copy_bytes(src_fd, dst_fd, size, digest)

    def _shares(self, src_fd: int, dst_fd: int) -> bool:
        if self._refused >= _REFUSALS and not self._shared:
            return False
        if linux.reflink(src_fd, dst_fd):
            return True
        self._refused += 1
        return False

    def _copy_with_holes(self, src_fd: int, dst_fd: int, size: int) -> bool:
        """Copy only where there is data. Return ``False``, nothing done, where holes are not told."""
        offset = 0
        while offset < size:
            try:
                start = os.lseek(src_fd, offset, os.SEEK_DATA)
                end = min(os.lseek(src_fd, start, os.SEEK_HOLE), size)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break
                if error.errno == errno.EINVAL and offset == 0:
                    os.lseek(src_fd, 0, os.SEEK_SET)
                    return False
                raise
            os.lseek(src_fd, start, os.SEEK_SET)
            os.lseek(dst_fd, start, os.SEEK_SET)
            self._copy_bytes(src_fd, dst_fd, end - start)
            offset = max(end, start)
        os.ftruncate(dst_fd, size)
        return True

    def _copy_bytes(self, src_fd: int, dst_fd: int, count: int, digest: Digest | None = None) -> int:
        left = count
        in_kernel = count > _SMALL and digest is None
        while left > 0:
            if self._stop is not None and left < count and self._stop():
                raise CopyStoppedError
            if in_kernel:
                copied = linux.copy_range(src_fd, dst_fd, min(left, _STEP))
                if copied:
                    left -= copied
                    continue
                # Some filesystems answer 0 before the end; read() knows for certain.
                in_kernel = False
            data = os.read(src_fd, min(left, _BLOCK))
            if not data:
                break
            left -= len(data)
            _write_all(dst_fd, data)
            if digest is not None:
                digest.update(data)
        return count - left


def _write_all(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    if written < len(data):
        view = memoryview(data)
        while written < len(data):
            written += os.write(fd, view[written:])
