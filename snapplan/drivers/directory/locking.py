"""Who writes: the kernel's locks on a store and on the folders around the targets that a restore exchanges.

The lock of a store is ``flock`` on the file ``lock`` in it, which is made with the store and never replaced. It is shared
by captures and exclusive for all else that writes; reading takes none. It ends when its holder lets go or dies, and only
then, so a process that is stopped (a suspended machine, ``SIGSTOP``) keeps it. A process has one lock on a store, which its
threads share. What stands in the lock file says to people who holds it, and is never relied on.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import threading
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.directory import linux
from snapplan.errors import RefusedError, StoreLockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from snapplan.drivers.base import Permit

LOCK = "lock"
enabled = True
"""Tests switch the locks off, to prove that the checks right before each irreversible step are enough alone."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL)
# Locks on them stay on this machine (or may, as far as can be told), though other machines may write there.
_LOCAL_LOCKS = frozenset({"9p", "afs", "cifs", "fuse", "lustre", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs"})
_NFS_LOCAL = frozenset({"nolock", "local_lock=all", "local_lock=flock"})
_FIRST_WAIT = 0.02
_LONGEST_WAIT = 0.5
_LONGEST_HINT = 4096


class Mode(Enum):
    """How much a lock keeps out."""

    SHARED = fcntl.LOCK_SH
    EXCLUSIVE = fcntl.LOCK_EX


class Lockable(NamedTuple):
    """A store to lock: its folder, and whether its locks need not reach other machines (``store_lock: local``)."""

    backend: str
    path: Path
    local: bool


class _Handle:
    """One lock of this process. ``descriptors`` are empty while it is being taken; ``users`` are its threads."""

    def __init__(self, mode: Mode) -> None:
        self.mode = mode
        self.descriptors: tuple[int, ...] = ()
        self.users = 1


_handles: dict[str, _Handle] = {}
_changed = threading.Condition()


@contextmanager
def locked_store(store: Lockable, mode: Mode, permit: Permit) -> Iterator[int]:
    """Hold the lock of an existing store; yields its folder, open.

    Raises ``StoreLockedError`` naming the holder when the patience of the run has ended, ``RefusedError`` where the
    filesystem has no locks or they do not reach other machines, ``OSError``.
    """
    with _held(str(store.path), mode, lambda: _take_store(store, mode, permit)) as descriptors:
        yield descriptors[0]


@contextmanager
def locked_folders(store: Lockable, folders: Sequence[Path], permit: Permit) -> Iterator[None]:
    """Hold the folders themselves, for nobody else; in one order, so that two who want several do not wait in a circle."""
    paths = sorted(dict.fromkeys(folders))
    if not paths:
        yield
        return
    with (
        _held(str(paths[0]), Mode.EXCLUSIVE, lambda: _take_folder(store, paths[0], permit)),
        locked_folders(store, paths[1:], permit),
    ):
        yield


@contextmanager
def _held(key: str, mode: Mode, take: Callable[[], tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    handle = _joined(key, mode, take)
    try:
        yield handle.descriptors
    finally:
        with _changed:
            handle.users -= 1
            if not handle.users:
                _give_back(key, handle)


def _joined(key: str, mode: Mode, take: Callable[[], tuple[int, ...]]) -> _Handle:
    """Return this process's lock, taken if need be; other threads are waited for as long as they need it."""
    with _changed:
        while (handle := _handles.get(key)) is not None:
            if handle.mode is mode and handle.descriptors:
                handle.users += 1
                return handle
            _changed.wait()
        handle = _handles[key] = _Handle(mode)
    try:
        descriptors = take()
    except BaseException:
        with _changed:
            _give_back(key, handle)
        raise
    with _changed:
        handle.descriptors = descriptors
        _changed.notify_all()
    return handle


def _give_back(key: str, handle: _Handle) -> None:
    del _handles[key]
    for descriptor in handle.descriptors:
        os.close(descriptor)
    _changed.notify_all()


def _forget() -> None:
    """Give up the parent's locks in a forked child: they stay the parent's."""
    global _changed
    _changed = threading.Condition()
    for handle in _handles.values():
        for descriptor in handle.descriptors:
            with suppress(OSError):
                os.close(descriptor)
    _handles.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _take_store(store: Lockable, mode: Mode, permit: Permit) -> tuple[int, ...]:
    _refuse_unreachable(store, store.path)
    pause = _FIRST_WAIT
    while True:
        folder = linux.open_folder(store.path)
        descriptors: tuple[int, ...] = (folder,)
        try:
            file = _open_lock(folder)
            descriptors = (folder, file)
            if _flocked(store, file, mode):
                if _is_still(store.path, folder, file):
                    _write_hint(file, mode, permit.bearer)
                    return descriptors
                _close(descriptors)
                continue
            holder, hint = _holder(file)
        except BaseException:
            _close(descriptors)
            raise
        _close(descriptors)
        if permit.wait(pause):
            raise StoreLockedError(store.backend, holder, hint=hint)
        pause = min(_LONGEST_WAIT, pause * 2)


def _take_folder(store: Lockable, path: Path, permit: Permit) -> tuple[int, ...]:
    _refuse_unreachable(store, path)
    pause = _FIRST_WAIT
    while True:
        folder = linux.open_folder(path)
        try:
            if _flocked_folder(store, folder):
                return (folder,)
            holder, hint = _holder(folder)
        except BaseException:
            os.close(folder)
            raise
        os.close(folder)
        if permit.wait(pause):
            raise StoreLockedError(store.backend, f"{holder} (by its folder {str(path)!r})", hint=hint)
        pause = min(_LONGEST_WAIT, pause * 2)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _open_lock(folder: int) -> int:
    # A store of an earlier snapplan has none yet; two who make it at once make one.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    file = os.open(LOCK, flags, 0o600, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(errno.EINVAL, "it is no file", LOCK)
    return file


def _flocked(store: Lockable, file: int, mode: Mode) -> bool:
    if not enabled:
        return True
    try:
        fcntl.flock(file, mode.value | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        if not store.local:
            raise _no_locks(store, "its filesystem has no locks") from error
    return True


def _flocked_folder(store: Lockable, folder: int) -> bool:
    try:
        return _flocked(store, folder, Mode.EXCLUSIVE)
    except OSError as error:
        # NFS locks only what is open for writing, which a folder never is. The lock of the store counts there all the same.
        if error.errno != errno.EBADF:
            raise
        return True


def _is_still(path: Path, folder: int, file: int) -> bool:
    """Whether what was opened still is what has the names."""
    try:
        pairs = (
            (os.fstat(folder), path.lstat()),
            (os.fstat(file), os.stat(LOCK, dir_fd=folder, follow_symlinks=False)),
        )
    except FileNotFoundError:
        return False
    return all((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino) for one, other in pairs)


def _refuse_unreachable(store: Lockable, path: Path) -> None:
    if store.local:
        return
    kind, options = linux.filesystem_of(path)
    if kind.partition(".")[0] in _LOCAL_LOCKS or (kind.startswith("nfs") and options & _NFS_LOCAL):
        raise _no_locks(
            store, f"{str(path)!r} is on a filesystem of type {kind}, whose locks do not reach other machines"
        )


def _no_locks(store: Lockable, why: str) -> RefusedError:
    return RefusedError(
        store.backend,
        f"SP446: the store {str(store.path)!r} cannot be locked: {why}",
        hint="store_lock: local says that nobody on another machine writes to this store",
    )


def _write_hint(file: int, mode: Mode, bearer: str) -> None:
    hint = {
        "pid": os.getpid(),
        "birth": linux.process_birth(os.getpid()),
        "host": os.uname().nodename,
        "mode": mode.name.lower(),
        "bearer": bearer,
    }
    # For people only: on a full disk the lock counts all the same.
    with suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(hint).encode()[:_LONGEST_HINT], 0)


def _holder(file: int) -> tuple[str, str]:
    """Return who holds the lock on an open file, in words, and what a person can do about it."""
    hint = _read_hint(file)
    pids = _pids_of(os.fstat(file)) or ([hint["pid"]] if _is_alive(hint) else [])
    if not pids:
        where = f"process {hint['pid']} on {hint['host']}" if hint else "another process"
        return where, "wait for it, or give --lock-timeout more time"
    said = [_described(pid, hint) for pid in pids]
    stopped = [pid for pid in pids if _state(pid) in ("T", "t")]
    if not stopped:
        return " and ".join(said), "wait for it, or give --lock-timeout more time"
    first = stopped[0]
    advice = f"kill -CONT {first} lets it go on, kill -KILL {first} ends it; catalog unlock cannot release this lock"
    return " and ".join(said), advice


def _described(pid: int, hint: dict[str, Any]) -> str:
    of = f" ({hint['bearer']})" if hint.get("pid") == pid else ""
    state = ", which is stopped (T)" if _state(pid) in ("T", "t") else ""
    return f"process {pid}{of}{state}"


def _read_hint(file: int) -> dict[str, Any]:
    try:
        hint = json.loads(os.pread(file, _LONGEST_HINT, 0))
        return {
            "pid": int(hint["pid"]),
            "birth": str(hint["birth"]),
            "host": str(hint["host"])[:64],
            "bearer": str(hint["bearer"])[:100],
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return {}


def _is_alive(hint: dict[str, Any]) -> bool:
    return bool(hint) and linux.process_birth(hint["pid"]) == hint["birth"]


def _pids_of(status: os.stat_result) -> list[int]:
    """Return who holds a ``flock`` on a file, as far as the kernel tells."""
    name = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    try:
        with open("/proc/locks", encoding="ascii") as table:
            rows = [line.split() for line in table]
    except OSError:
        return []
    # "1: FLOCK ADVISORY WRITE 4711 08:01:131 0 EOF"; one who waits has an arrow after the number.
    return [int(row[4]) for row in rows if len(row) > 5 and row[1] == "FLOCK" and row[5] == name and int(row[4]) > 0]


def _state(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""
