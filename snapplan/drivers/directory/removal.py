"""Removing a tree whatever it holds: folders that forbid it, odd names, any depth; but never what is mounted in it."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from snapplan.drivers.directory.mounts import mount_points, mounted_at_or_below

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

# Far below PATH_MAX (4096 bytes), so that a name of 255 bytes still fits behind it.
_LONG = 3000


def remove_tree(root: Path) -> None:
    """Remove ``root`` and all below it; no error when it is not there, or somebody removes it at the same time.

    Raises ``OSError``: ``EBUSY`` before anything is removed where something is mounted in it, whatever the system refuses
    otherwise (what is left then is still below ``root``).
    """
    mount = mounted_at_or_below(root, mount_points())
    if mount is not None:
        raise OSError(errno.EBUSY, "something is mounted there", mount)
    try:
        status = root.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        root.unlink(missing_ok=True)
        return
    _remove_folder(os.fspath(root), status.st_dev)


def _remove_folder(root: str, device: int) -> None:
    pending = [root]
    while pending:
        folder = pending[-1]
        children = _empty(folder, device)
        if not children:
            pending.pop()
            _quietly_rmdir(folder)
            continue
        for child in children:
            if len(os.fsencode(child)) > _LONG:
                child = _hoist(child, root)
            pending.append(child)


def _empty(folder: str, device: int) -> list[str]:
    """Remove the files of one folder and return its folders."""
    try:
        if os.lstat(folder).st_dev != device:
            raise OSError(errno.EBUSY, "another filesystem is mounted there", folder)
        with _listing(folder) as entries:
            found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except FileNotFoundError:
        return []
    files = [path for path, is_folder in found if not is_folder]
    if found:
        _allow_writing(folder)
    for path in files:
        Path(path).unlink(missing_ok=True)
    return [path for path, is_folder in found if is_folder]


def _listing(folder: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
    try:
        return os.scandir(folder)
    except PermissionError:
        Path(folder).chmod(0o700)
        return os.scandir(folder)


def _allow_writing(folder: str) -> None:
    # Root may write anywhere; another user's own read-only folder has to be opened up first.
    if os.geteuid() != 0 and not os.access(folder, os.W_OK | os.X_OK):
        Path(folder).chmod(0o700)


def _hoist(path: str, root: str) -> str:
    """Move a deep folder up to just below ``root``, and return its new path."""
    _allow_writing(path)
    shallower = f"{root}/.deep-{uuid.uuid4().hex}"
    Path(path).rename(shallower)
    return shallower


def _quietly_rmdir(folder: str) -> None:
    try:
        Path(folder).rmdir()
    except FileNotFoundError:
        return
