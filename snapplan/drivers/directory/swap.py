"""Bringing new content to its place in one atomic rename per unit, and finding out afterwards how far it got.

A unit's renames are told apart by inode numbers, recorded before the first of them: what stands at a unit's place is either
the old thing or the new one. (Device numbers are not recorded, as they change when a machine starts again; all that a unit
names lies on one filesystem.)
"""

from __future__ import annotations

import errno
import os
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from snapplan import crash
from snapplan.drivers.directory import linux
from snapplan.drivers.directory.durable import sync_parents
from snapplan.drivers.directory.marker import is_store
from snapplan.drivers.directory.removal import remove_tree
from snapplan.models.request import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path


class Kind(StrEnum):
    """What happens to a unit: both are there, only the new thing is, or only the old one."""

    EXCHANGE = "exchange"
    ADD = "add"
    REMOVE = "remove"


class Unit(NamedTuple):
    """One rename. ``live`` is the place, ``aside`` where the new thing waits and the old one goes: its place in the tree.

    ``new`` and ``old`` are inode numbers, ``None`` where there is no such thing.
    """

    kind: Kind
    live: Path
    aside: Path
    new: int | None
    old: int | None


class FolderMetadata(NamedTuple):
    """What a folder gets once all renames are done: the mode, owner and modification time that the snapshot has."""

    path: Path
    mode: int
    uid: int
    gid: int
    mtime_ns: int


class SwapPlan(NamedTuple):
    """All renames of a restore, the folders that get their metadata afterwards, and those that stay as they are."""

    units: tuple[Unit, ...] = ()
    folders: tuple[FolderMetadata, ...] = ()
    around: tuple[Path, ...] = ()


class Tree(NamedTuple):
    """A tree that was replaced: ``path`` is where it lies in the restore's folder, ``prefix`` where in the snapshot."""

    path: str
    prefix: str


class MovedAwayError(Exception):
    """Neither the old thing nor the new one stands where it should: somebody else moved it. ``str()`` says what."""


def plan_swap(new: Path, live: Path, keep: Collection[Path] = ()) -> SwapPlan:
    """Return the renames that put ``new`` in the place of ``live``, after which ``new`` holds all that ``live`` held.

    What is in ``keep``, and the stores inside ``live`` that ``new`` has no folder for, stay where they are: then the
    entries around them are exchanged one by one instead of the whole. Raises ``OSError``, also where ``new`` is not there:
    a tree that is missing is never an empty one. ``KeptInTheWayError`` where ``new`` has something else in the way of what
    stays.
    """
    if _inode(new) is None:
        raise FileNotFoundError(errno.ENOENT, "the new content is gone", str(new))
    if not os.path.lexists(live):
        return SwapPlan((Unit(Kind.ADD, live, new, _inode(new), None),), _made_movable(new, live))
    stores = (store for store in nested_stores(live) if not _is_folder(new / store.relative_to(live)))
    kept = frozenset([*stores, *(path for path in keep if os.path.lexists(path))])
    kept = frozenset(path for path in kept if kept.isdisjoint(path.parents))
    if not kept:
        return SwapPlan((Unit(Kind.EXCHANGE, live, new, _inode(new), _inode(live)),), _made_movable(new, live))
    around = frozenset(folder for path in kept for folder in path.parents if folder == live or live in folder.parents)
    units: list[Unit] = []
    folders: list[FolderMetadata] = []
    _split(new, live, _Kept(kept, around), units, folders)
    return SwapPlan(tuple(units), tuple(folders), tuple(sorted(around)))


class KeptInTheWayError(Exception):
    """What has to stay in the target lies where the snapshot has something that is no folder. ``str()`` is its path."""


class _Kept(NamedTuple):
    """What stays where it is, and the folders that therefore stay as well."""

    paths: frozenset[Path]
    around: frozenset[Path]


def _split(new: Path, live: Path, kept: _Kept, units: list[Unit], folders: list[FolderMetadata]) -> None:
    made = _made_folder(new)
    coming = _names(new)
    for name in sorted(coming | _names(live)):
        if live / name in kept.paths:
            # What the snapshot has there (the empty folder of a mount, say) was not replaced, so it is not set aside.
            if name in coming:
                remove_tree(new / name)
            continue
        if live / name in kept.around:
            _split(new / name, live / name, kept, units, folders)
        else:
            folders += _made_movable(new / name, live / name)
            units.append(_unit(new / name, live / name))
    # After the entries: each rename in the folder sets its modification time.
    if not made:
        folders.append(_metadata(new, live))
    # From now on it holds what is replaced.
    _give_mode(live, new)


def _give_mode(live: Path, new: Path) -> None:
    status = live.lstat()
    if os.geteuid() == 0:
        os.chown(new, status.st_uid, status.st_gid)
    new.chmod(status.st_mode & 0o7777)


def _made_folder(new: Path) -> bool:
    """Make the folder that the snapshot does not have and that stays all the same, to set aside what is in it."""
    try:
        new.mkdir(mode=0o700)
    except FileExistsError:
        if not _is_folder(new):
            raise KeptInTheWayError(str(new)) from None
        return False
    return True


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _made_movable(new: Path, live: Path) -> tuple[FolderMetadata, ...]:
    """Let a folder be renamed whose mode forbids its owner to write it; return the mode to give back at ``live``."""
    if os.geteuid() == 0 or new.is_symlink() or not new.is_dir() or os.access(new, os.W_OK | os.X_OK):
        return ()
    metadata = _metadata(new, live)
    new.chmod(metadata.mode | 0o300)
    return (metadata,)


def _metadata(new: Path, live: Path) -> FolderMetadata:
    status = new.lstat()
    return FolderMetadata(live, status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_mtime_ns)


def _unit(new: Path, live: Path) -> Unit:
    coming, going = _inode(new), _inode(live)
    if coming is None:
        return Unit(Kind.REMOVE, live, new, None, going)
    return Unit(Kind.ADD if going is None else Kind.EXCHANGE, live, new, coming, going)


def nested_stores(top: Path) -> Iterator[Path]:
    """Yield the stores at and below ``top``, of whatever backend. Raises ``OSError``.

    Symlinks are not followed and other filesystems not entered, as a copy does neither.
    """
    pending = [top] if top.is_dir() and not top.is_symlink() else []
    device = top.stat().st_dev if pending else 0
    while pending:
        folder = pending.pop()
        if is_store(folder):
            yield folder
            continue
        try:
            with os.scandir(folder) as entries:
                pending += [folder / entry.name for entry in entries if _is_folder_on(device, entry)]
        except FileNotFoundError:
            continue
        except OSError as error:
            # Deeper than a path can say: no store was ever made there, as making one needs its path.
            if error.errno != errno.ENAMETOOLONG:
                raise


def _is_folder_on(device: int, entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_dev == device


def carry_out(units: Sequence[Unit], check: Callable[[], None] = lambda: None) -> None:
    """Do all renames that are not done yet, and make them durable.

    ``check`` is asked right before each of them; what it raises ends it. Raises ``MovedAwayError``, ``OSError``.
    """
    for unit in units:
        crash.point("restore.swap.before")
        check()
        if not is_done(unit):
            _rename(unit)
        crash.point("restore.swap.after")
    sync_parents(*(path for unit in units for path in (unit.live, unit.aside)))


def undo(units: Sequence[Unit], check: Callable[[], None] = lambda: None) -> None:
    """Take back all renames that are done, and make that durable. Raises ``MovedAwayError``, ``OSError``.

    ``check`` is asked right before each. Where the new thing still waits aside nothing was renamed, and whatever stands at
    that place meanwhile is left alone. What somebody put there after the rename goes aside in its stead.
    """
    for unit in reversed(units):
        check()
        if _inode(unit.aside) != unit.new and _inode(unit.live) != unit.old and is_done(unit):
            _rename_back(unit)
    sync_parents(*(path for unit in units for path in (unit.live, unit.aside) if path.parent.is_dir()))


def is_done(unit: Unit) -> bool:
    """Return whether the rename of ``unit`` has happened. Raises ``MovedAwayError`` when that cannot be told.

    What lies aside tells, as that folder is ours alone: a program may since have saved anew, or removed, what was put in
    place.
    """
    there, aside = _inode(unit.live), _inode(unit.aside)
    if (there, aside) == (unit.old, unit.new):
        return False
    if unit.old is not None and aside == unit.old:
        return True
    if there == unit.old and aside is not None:
        # It was taken back, and what had been put there meanwhile went aside.
        return False
    if aside is None and (unit.kind is Kind.ADD or there is unit.new is None) and unit.aside.parent.is_dir():
        return True
    raise MovedAwayError(f"{str(unit.live)!r} is neither the old content nor the restored one")


def set_metadata(folders: Sequence[FolderMetadata]) -> None:
    """Give the folders around the exchanged entries their old mode, owner and time. Raises ``OSError``.

    Never through a symlink: whoever works in the target could put one there to have another folder given away.
    """
    for folder in folders:
        # Who is not root may not be able to open a folder of theirs, but can also give nothing away.
        is_root = os.geteuid() == 0
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        thing: int | Path = os.open(folder.path, flags) if is_root else folder.path
        try:
            if is_root:
                os.chown(thing, folder.uid, folder.gid)
            os.chmod(thing, folder.mode)  # noqa: PTH101 - an open folder has no path
            os.utime(thing, ns=(folder.mtime_ns, folder.mtime_ns))
        finally:
            if isinstance(thing, int):
                os.close(thing)


def _rename(unit: Unit) -> None:
    if unit.kind is Kind.EXCHANGE:
        linux.exchange(unit.aside, unit.live)
    elif unit.kind is Kind.ADD:
        linux.rename_exclusive(unit.aside, unit.live)
    else:
        linux.rename_exclusive(unit.live, unit.aside)


def _rename_back(unit: Unit) -> None:
    if unit.kind is Kind.ADD:
        linux.rename_exclusive(unit.live, unit.aside)
    elif not os.path.lexists(unit.live):
        linux.rename_exclusive(unit.aside, unit.live)
    elif _is_folder(unit.aside) and not _is_folder(unit.live):
        raise MovedAwayError(f"{str(unit.live)!r} was a folder and is none any more")
    else:
        linux.exchange(unit.aside, unit.live)


def _inode(path: Path) -> int | None:
    try:
        return path.lstat().st_ino
    except (FileNotFoundError, NotADirectoryError):
        return None


def progress(units: Sequence[Unit]) -> Progress:
    """Return how many of the renames have happened; what stands at neither place as it should counts as some."""
    done = []
    for unit in units:
        try:
            done.append(is_done(unit))
        except MovedAwayError:
            # Where the new thing still waits, nothing was renamed: somebody changed the target.
            done.append(_inode(unit.aside) != unit.new)
    if not any(done):
        return Progress.NOTHING
    return Progress.ALL if all(done) else Progress.SOME


def _names(folder: Path) -> frozenset[str]:
    with os.scandir(folder) as entries:
        return frozenset(entry.name for entry in entries)
