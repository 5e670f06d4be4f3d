"""What is mounted where, so that nothing is renamed, removed or taken for a part of a copy across a mount."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from snapplan.drivers.directory.facts import Origin
from snapplan.drivers.directory.linux import mount_points as mount_points
from snapplan.drivers.directory.linux import mount_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from snapplan.drivers.directory.linux import Mount
    from snapplan.models.target import Fingerprint

# Their statvfs gives an id that is made of their UUID; others give a device number.
_WITH_OWN_ID = frozenset({"ext2", "ext3", "ext4", "btrfs"})
_BY_UUID = "/dev/disk/by-uuid"


def mounted_at_or_below(path: Path, mounts: frozenset[str]) -> str | None:
    """Return the mount point of ``mounts`` that is ``path`` or lies below it, or ``None``."""
    text = str(path)
    if text in mounts:
        return text
    below = text.rstrip(os.sep) + os.sep
    return next((mount for mount in sorted(mounts) if mount.startswith(below)), None)


def mounted_between(top: Path, path: Path, mounts: frozenset[str]) -> bool:
    """Return whether ``path``, or a folder between it and ``top``, is a mount point: a copy of ``top`` leaves it out."""
    return any(str(folder) in mounts for folder in (path, *path.parents) if top in folder.parents)


def same_mount(one: Path, other: Path, mounts: frozenset[str]) -> bool:
    """Return whether a rename can reach from ``one`` to ``other``; neither need exist yet. Raises ``OSError``.

    One filesystem is not enough: what is mounted a second time elsewhere (bind) counts as another one.
    """
    first, second = nearest_existing(one), nearest_existing(other)
    return first.stat().st_dev == second.stat().st_dev and _mount_of(first, mounts) == _mount_of(second, mounts)


def nearest_existing(path: Path) -> Path:
    """Return ``path`` or the nearest folder above it that is there."""
    while not path.exists():
        path = path.parent
    return path


def _mount_of(path: Path, mounts: frozenset[str]) -> str:
    return next((str(folder) for folder in (path, *path.parents) if str(folder) in mounts), "")


def origin_of(path: Path) -> Origin:
    """Return what the folder ``path`` (a real path) is: where, whether it is a mount point, on which filesystem.

    Raises ``OSError``.
    """
    table = mount_table()
    mount = _mount_around(path, table)
    return _origin(path, mount)._replace(uuid="" if mount is None else _uuid(path, mount))


def fingerprint_of(path: Path, table: Mapping[str, Mount]) -> Fingerprint:
    """Return what the folder ``path`` (a real path) is, by a table of mounts that was read before.

    What is mounted is not asked: who mounted it may forbid that, even to root, and a dead server never answers.
    """
    mount = _mount_around(path, table)
    if mount is not None and mount.point == str(path):
        return Origin(str(path), None, mounted=True, filesystem=mount.filesystem).fingerprint
    try:
        return _origin(path, mount).fingerprint
    except OSError:
        return Origin(str(path)).fingerprint


def _origin(path: Path, mount: Mount | None) -> Origin:
    inode = path.stat().st_ino
    if mount is None:
        return Origin(str(path), inode)
    return Origin(str(path), inode, mount.point == str(path), mount.filesystem)


def _mount_around(path: Path, table: Mapping[str, Mount]) -> Mount | None:
    text = str(path)
    while text not in table:
        above = os.path.dirname(text)  # noqa: PTH120 - 10,000 targets, a Path is slow
        if above == text:
            return None
        text = above
    return table[text]


def _uuid(path: Path, mount: Mount) -> str:
    """Return what tells the filesystem from others, whatever its device is called; empty where that cannot be learned."""
    if mount.filesystem in _WITH_OWN_ID:
        return f"{os.statvfs(path).f_fsid:x}"
    if not mount.source.startswith("/"):
        return ""
    real = os.path.realpath(mount.source)
    try:
        with os.scandir(_BY_UUID) as links:
            return next((link.name for link in links if os.path.realpath(link.path) == real), "")
    except OSError:
        return ""
