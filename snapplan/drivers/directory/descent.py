"""Walk a tree by open folders, so that no name swapped for a symlink meanwhile leads outside, however deep it is."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

# Folders held open at once; those further up are closed and found again through "..", so depth costs no descriptors.
_HELD = 48
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Descent:
    """The place in a tree where a walk stands: an open folder ``fd``, its ``status`` as it was when opened.

    Each step opens one name below an open folder and refuses symlinks, so the walk cannot leave the tree. Raises
    ``OSError``: ``ENOTDIR`` or ``ELOOP`` for what is no folder (any more), ``ESTALE`` when a folder was moved meanwhile.
    """

    def __init__(self, root: Path | str) -> None:
        self._open: list[int | None] = []
        self._statuses: list[os.stat_result] = []
        self._push(os.open(root, _FLAGS))

    def _push(self, fd: int) -> None:
        self.fd = fd
        self._open.append(fd)
        self.status = os.fstat(fd)
        self._statuses.append(self.status)

    def enter(self, name: str) -> None:
        """Go into the folder ``name`` of this one."""
        self._push(os.open(name, _FLAGS, dir_fd=self.fd))
        if len(self._open) > _HELD and (far := self._open[-_HELD]) is not None:
            os.close(far)
            self._open[-_HELD] = None

    def ascend(self) -> int:
        """Go back to the folder above; return the one that was left, open: it is the caller's to close."""
        left = self.fd
        self._statuses.pop()
        self.status = self._statuses[-1]
        fd = self._open[-2]
        if fd is None:
            fd = self._open[-2] = self._reopen(left)
        self._open.pop()
        self.fd = fd
        return left

    def leave(self) -> None:
        """Go back to the folder above."""
        os.close(self.ascend())

    def _reopen(self, below: int) -> int:
        fd = os.open("..", _FLAGS, dir_fd=below)
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino) != (self.status.st_dev, self.status.st_ino):
            os.close(fd)
            raise OSError(errno.ESTALE, "a folder was moved while it was read")
        return fd

    def walk(self) -> Iterator[tuple[str, os.stat_result]]:
        """Yield path (from here) and status of each thing below; ``fd`` is the folder that holds it meanwhile."""
        levels: list[tuple[str, list[str]]] = []
        prefix = ""
        while True:
            folders = []
            with os.scandir(self.fd) as listing:
                found = list(listing)
            for entry in found:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    folders.append(entry.name)
                yield prefix + entry.name, status
            levels.append((prefix, folders))
            while not levels[-1][1]:
                levels.pop()
                if not levels:
                    return
                self.leave()
            above, left = levels[-1]
            name = left.pop()
            self.enter(name)
            prefix = f"{above}{name}/"

    def close(self) -> None:
        """Close all folders."""
        for fd in self._open:
            if fd is not None:
                os.close(fd)
        self._open.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
