"""Whose a store is: real folders of the running user that nobody else can write, or it is not used.

What stands in a store decides what is removed and what is put in a target's place, so somebody else must not be able to
write it. Checked is what snapplan made itself: the store and the folders in it, never what was captured.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from snapplan.drivers.directory import linux
from snapplan.errors import RefusedError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snapplan.drivers.directory.store import Store

_OTHERS_MAY_WRITE = 0o022
_PRIVATE = 0o700
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def check_store(store: Store, *, put_right: bool) -> list[str]:
    """Check the folders of a store; return in sentences what was not as it should be and is put right (or would be).

    Raises ``RefusedError`` where one is another user's, or no folder but a link or something else; ``OSError``.
    """
    if not store.checked:
        return []
    return [said for path in _folders(store) if (said := _checked(store, path, put_right=put_right)) is not None]


def own_folder(store: Store, path: Path) -> bool:
    """Return whether there is a folder ``path`` of ours in the store. Raises ``RefusedError``, ``OSError``."""
    if not store.checked:
        return path.is_dir()
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    _refuse(store, path, status, stat.S_ISDIR(status.st_mode))
    return True


def read_own(store: Store, path: Path, most: int) -> bytes:
    """Return what is in a file of ours in the store, of at most ``most`` bytes.

    Raises ``RefusedError`` where somebody else wrote it or it is no file, ``FileNotFoundError``, ``OSError``,
    ``ValueError``.
    """
    try:
        descriptor = os.open(path, _FILE)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _foreign(store, path, "a symbolic link") from error
        raise
    try:
        status = os.fstat(descriptor)
        if store.checked:
            _refuse(store, path, status, stat.S_ISREG(status.st_mode))
        elif not stat.S_ISREG(status.st_mode):
            raise ValueError("it is no file")
        if status.st_size > most:
            raise ValueError(f"it is larger than {most} bytes")
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def _folders(store: Store) -> Iterator[Path]:
    yield store.base
    for path in (store.incoming, store.trash, store.restores, store.frozen, store.base / "backends", store.snapshots):
        yield path
    for path in (store.restores, *(store.snapshots / scope for scope in Scope)):
        yield path
        if path == store.snapshots / Scope.CLOUD:
            continue
        try:
            with os.scandir(path) as entries:
                inner = [path / entry.name for entry in entries if entry.is_dir() or entry.is_symlink()]
        except (FileNotFoundError, NotADirectoryError):
            continue
        yield from inner


def _checked(store: Store, path: Path, *, put_right: bool) -> str | None:
    try:
        status = path.stat() if path == store.base else path.lstat()
    except FileNotFoundError:
        return None
    _refuse(store, path, status, stat.S_ISDIR(status.st_mode))
    if not status.st_mode & _OTHERS_MAY_WRITE:
        return None
    shown = linux.shown_path(str(path))
    if not put_right:
        return f"others may write to {shown!r}; the next apply puts that right"
    descriptor = linux.open_folder(path)
    try:
        os.fchmod(descriptor, _PRIVATE)
    finally:
        os.close(descriptor)
    return f"others could write to {shown!r}; its mode is {_PRIVATE:o} now"


def _refuse(store: Store, path: Path, status: os.stat_result, is_right: bool) -> None:
    if not is_right:
        raise _foreign(store, path, "a symbolic link" if stat.S_ISLNK(status.st_mode) else "something else")
    if status.st_uid != os.geteuid() and not (store.read_only and status.st_uid == 0):
        shown = linux.shown_path(str(path))
        raise RefusedError(
            store.backend,
            f"{shown!r} belongs to user {status.st_uid}, and this is user {os.geteuid()}",
            hint="run snapplan as the user whose store it is, or give this backend a store of its own",
        )


def _foreign(store: Store, path: Path, what: str) -> RefusedError:
    return RefusedError(
        store.backend,
        f"{linux.shown_path(str(path))!r} is {what}, where a store has its own",
        hint="look who put it there, and remove it",
    )
