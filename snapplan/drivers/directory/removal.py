"""Removing a tree whatever it holds: folders that forbid it, odd names, any depth; but never what is mounted in it.

Everything is removed by its name in an open folder, so that a name swapped for a symlink meanwhile, by a program that
still works in the tree, leads nowhere else.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from snapplan.drivers.directory.descent import Descent
from snapplan.drivers.directory.mounts import mount_points, mounted_at_or_below

# What opening says of a name that was a folder when its folder was listed, and is a file or a link now.
_NO_FOLDER = (errno.ENOTDIR, errno.ELOOP)


def remove_tree(root: Path) -> None:
    """Remove ``root`` and all below it; no error when it is not there, or somebody removes it at the same time.

    Raises ``OSError``: ``EBUSY`` before anything is removed where something is mounted in it, whatever the system refuses
    otherwise (what is left then is still below ``root``).
    """
    mount = mounted_at_or_below(Path(os.path.realpath(root.parent)) / root.name, mount_points())
    if mount is not None:
        raise OSError(errno.EBUSY, "something is mounted there", mount)
    try:
        if not stat.S_ISDIR(root.lstat().st_mode):
            root.unlink()
            return
        with _opened(root) as place:
            _empty(place, root)
        root.rmdir()
    except FileNotFoundError:
        return


def _opened(root: Path) -> Descent:
    try:
        return Descent(root)
    except PermissionError:
        root.chmod(0o700)
        return Descent(root)


def _empty(place: Descent, root: Path) -> None:
    """Remove all below the folder where ``place`` stands, which is ``root``."""
    device = place.status.st_dev
    names: list[str] = []
    try:
        levels = [_files_removed(place)]
        while levels:
            if levels[-1]:
                below = levels[-1].pop()
                if _entered(place, below, device):
                    names.append(below)
                    levels.append(_files_removed(place))
                continue
            levels.pop()
            if levels:
                place.leave()
                _remove(place, names.pop(), folder=True)
    except OSError as error:
        # What it names is a name in some open folder.
        where = "/".join([str(root), *names, *([str(error.filename)] if error.filename else [])])
        raise OSError(error.errno, error.strerror, where) from error


def _files_removed(place: Descent) -> list[str]:
    """Remove what is no folder from the folder where ``place`` stands; return its folders."""
    with os.scandir(place.fd) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in found:
        if not is_folder:
            _remove(place, name)
    return [name for name, is_folder in found if is_folder]


def _entered(place: Descent, name: str, device: int) -> bool:
    """Go into a folder; return ``False`` where there is none (any more), having removed what has its name."""
    try:
        try:
            place.enter(name)
        except PermissionError:
            _open_up(place, name)
            place.enter(name)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return False
        if error.errno not in _NO_FOLDER:
            raise
        _remove(place, name)
        return False
    if place.status.st_dev != device:
        place.leave()
        raise OSError(errno.EBUSY, "another filesystem is mounted there", name)
    return True


def _open_up(place: Descent, name: str) -> None:
    # Root needs no permission, so this is a user's own folder: a link put in its place leads to nothing but theirs.
    if os.geteuid() == 0:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), name)
    os.chmod(name, 0o700, dir_fd=place.fd)


def _remove(place: Descent, name: str, *, folder: bool = False) -> None:
    remove = os.rmdir if folder else os.unlink
    try:
        try:
            remove(name, dir_fd=place.fd)
        except PermissionError:
            if os.geteuid() == 0:
                raise
            # A user's own folder that forbids writing has to be opened up first.
            os.fchmod(place.fd, 0o700)
            remove(name, dir_fd=place.fd)
    except FileNotFoundError:
        return
