"""What is mounted where, so that nothing is renamed, removed or taken for a part of a copy across a mount."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from snapplan.drivers.directory.facts import Origin
from snapplan.drivers.directory.linux import mount_points as mount_points
from snapplan.drivers.directory.linux import mount_table

if TYPE_CHECKING:
    from pathlib import Path

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
    status = path.stat()
    mount = next((mount for folder in (path, *path.parents) if (mount := mount_table().get(str(folder)))), None)
    if mount is None:
        return Origin(str(path), status.st_ino)
    return Origin(str(path), status.st_ino, mount.point == str(path), mount.filesystem, _uuid(mount.source))


def _uuid(device: str) -> str:
    """Return the UUID of the filesystem on a device, empty where that cannot be learned."""
    if not device.startswith("/"):
        return ""
    real = os.path.realpath(device)
    try:
        with os.scandir(_BY_UUID) as links:
            return next((link.name for link in links if os.path.realpath(link.path) == real), "")
    except OSError:
        return ""
