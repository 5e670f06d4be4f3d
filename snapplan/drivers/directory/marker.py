"""The file that makes a folder a store (or a place where a restore is built): it is never swapped."""

from __future__ import annotations

import json
import os
import re
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MARKER = "snapplan-store.json"
FORMAT = "snapplan.store/1"
# What every store has since it was made.
_PARTS = ("backends", "trash")
_VERSION = re.compile(r"snapplan\.store/[0-9]+")
_FAMILY = b'"snapplan.store/'


def is_store(folder: Path | str) -> bool:
    """Return whether ``folder`` carries the marker of a store, of this or any other backend and version.

    The content counts, not the name alone, so that a user's own file of that name hides no data from a snapshot. A marker
    that is a symlink is none.
    """
    return _is_marker(f"{folder}/{MARKER}", None)


def is_real_store(folder: int) -> bool:
    """Return whether the open ``folder`` is a store, whoever's: marker, layout, and an owner who could make one here.

    A file that is called as the marker, or has its content, is not enough to keep a folder out of a snapshot, nor is a
    whole store that another user than root or the running one planted.
    """
    owners = {0, os.geteuid()}
    try:
        if os.fstat(folder).st_uid not in owners or not _VERSION.fullmatch(json.loads(_content(folder))["format"]):
            return False
        marker = os.stat(MARKER, dir_fd=folder, follow_symlinks=False)
        parts = [os.stat(name, dir_fd=folder, follow_symlinks=False) for name in _PARTS]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    return marker.st_uid in owners and all(stat.S_ISDIR(part.st_mode) and part.st_uid in owners for part in parts)


def is_real_store_at(folder: Path | str) -> bool:
    """The same for a folder by its path."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_real_store(descriptor)
    finally:
        os.close(descriptor)


def _content(folder: int) -> bytes:
    descriptor = os.open(MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def _is_marker(path: str, dir_fd: int | None) -> bool:
    try:
        # Not blocking: what has the name may be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dir_fd)
    except OSError:
        return False
    try:
        return _FAMILY in os.read(descriptor, 4096)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def marker_format(folder: Path) -> str:
    """Return the format that the marker in ``folder`` names, empty when it is none. Raises ``FileNotFoundError``."""
    return _field(folder, "format")


def marker_id(folder: Path) -> str:
    """Return the id that the store was given when it was made. Raises ``FileNotFoundError``."""
    return _field(folder, "id")


def _field(folder: Path, name: str) -> str:
    try:
        document = json.loads((folder / MARKER).read_bytes())
    except ValueError:
        return ""
    return str(document.get(name, "")) if isinstance(document, dict) else ""
