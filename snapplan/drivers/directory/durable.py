"""Small files and folders that are on the disk when the call returns."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from snapplan import crash
from snapplan.drivers.directory import linux

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def write_document(
    path: Path, document: Mapping[str, Any], point: str, *, check: Callable[[], None] | None = None
) -> None:
    """Replace the JSON file ``path`` atomically; a crash leaves the old content or the new.

    ``point`` names the crash points ``POINT.written`` (aside) and ``POINT.done``. ``check`` is asked right before the
    content is replaced; what it raises ends it. Raises ``OSError``.
    """
    aside = path.with_name(path.name + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(aside, flags, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(descriptor)
    crash.point(f"{point}.written")
    if check is not None:
        check()
    aside.replace(path)
    linux.fsync_directory(path.parent)
    crash.point(f"{point}.done")


def make_folder(path: Path, *, mode: int = 0o700) -> None:
    """Make ``path`` and the folders above it, durably, unless they are there. Raises ``OSError``.

    They are private to the user, unless ``mode`` (less the umask) says otherwise.
    """
    if path.is_dir():
        return
    make_folder(path.parent, mode=mode)
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    linux.fsync_directory(path.parent)


def move_exclusive(source: Path, destination: Path) -> None:
    """Rename ``source`` to ``destination``, durably; raises ``FileExistsError`` where something has that name."""
    linux.rename_exclusive(source, destination)
    sync_parents(source, destination)


def sync_parents(*paths: Path) -> None:
    """Make renames in the folders that hold ``paths`` durable."""
    for folder in dict.fromkeys(path.parent for path in paths):
        linux.fsync_directory(folder)
