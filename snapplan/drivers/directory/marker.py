"""The file that makes a folder a store (or a place where a restore is built): it is never captured and never swapped."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MARKER = "snapplan-store.json"
FORMAT = "snapplan.store/1"
_FAMILY = b'"snapplan.store/'


def is_store(folder: Path | str) -> bool:
    """Return whether ``folder`` carries the marker of a store, of this or any other backend and version.

    The content counts, not the name alone, so that a user's own file of that name hides no data from a snapshot. A marker
    that is a symlink is none.
    """
    return _is_marker(f"{folder}/{MARKER}", None)


def is_open_store(folder: int) -> bool:
    """The same for an open folder."""
    return _is_marker(MARKER, folder)


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
