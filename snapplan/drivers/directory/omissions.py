"""What a snapshot leaves out, and why: recorded path by path, so that a restore in place can carry it over.

Nothing is left out without a word. Most reasons are the tool's own business (its stores) or as a copy of one filesystem
has it (sockets, what is mounted inside); the others are a gap: the snapshot is not all that was asked for.
"""

from __future__ import annotations

import errno
import os
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.directory.names import shown_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from snapplan.drivers.directory.facts import Facts

GAPS_CODE = "SP470"
RECORDED = 1_000
"""So many omissions stand in a mark; a snapshot with more of them cannot be restored in place."""
_NAMED = 3
_LONGEST_PATH = 4096
_LONGEST_SHOWN = 120
# What reading one entry may fail with, without saying anything of the next one.
_NAMES = (
    "EACCES EPERM EIO ESTALE EAGAIN ENODEV ENXIO ENOTCONN ECONNREFUSED ECONNABORTED EHOSTDOWN EHOSTUNREACH ETIMEDOUT"
    " EREMOTEIO EUCLEAN EBADMSG EILSEQ EINVAL ENAMETOOLONG EOVERFLOW ETXTBSY EBUSY ENOKEY EKEYEXPIRED EKEYREVOKED ENOMEDIUM"
)
OF_THE_ENTRY = frozenset(getattr(errno, name) for name in _NAMES.split() if hasattr(errno, name))


class Reason(StrEnum):
    """Why something is not in a snapshot.

    ``store``: a store of this backend or configuration, or what one of its restores builds. ``other_store``: the store of
    another project. ``socket``: it has no content. ``mount``: another filesystem. ``unreadable``: the system refused.
    ``special``: only root can make it anew. ``attributes``: the entry is there, some of its extended attributes are not.
    """

    STORE = "store"
    OTHER_STORE = "other_store"
    SOCKET = "socket"
    MOUNT = "mount"
    UNREADABLE = "unreadable"
    SPECIAL = "special"
    ATTRIBUTES = "attributes"


class LeftOut(NamedTuple):
    """One entry that is not in a snapshot, with all below it.

    ``path`` is relative to the snapshot's data, with the bytes that are no UTF-8 as lone surrogates. ``gap`` says that it
    was asked for. ``text`` is what the system said.
    """

    path: str
    reason: Reason
    gap: bool = False
    text: str = ""

    @property
    def absent(self) -> bool:
        """Whether the snapshot has no entry of this path, or only an empty folder in place of a mount point."""
        return self.reason is not Reason.ATTRIBUTES

    def below(self, prefix: str) -> LeftOut:
        """Return the same of the part of a snapshot that lies under ``prefix`` (empty: all of it)."""
        return self._replace(path=f"{prefix}/{self.path}") if prefix else self


def gaps_text(left_out: Iterable[LeftOut], count: int) -> str:
    """Return in a sentence what is missing of a snapshot, empty where nothing is; ``count`` is how many gaps there are.

    Valid Unicode, and the same for the same gaps.
    """
    if not count:
        return ""
    gaps = [each for each in left_out if each.gap][:_NAMED]
    named = ", ".join(f"{_short(each.path)!r} ({_why(each)})" for each in gaps)
    more = f" and {count - len(gaps)} more" if count > len(gaps) else ""
    return f"not captured: {named}{more}"


def gaps_of(facts: Facts) -> tuple[int, frozenset[tuple[str, Reason]]]:
    """Return what is missing of a snapshot: where it differs from the snapshot before, a person has to look."""
    return facts.gap_count, frozenset((each.path, each.reason) for each in facts.left_out if each.gap)


def recorded(left_out: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """Return the omissions that stand in a mark: not those whose path is longer than any that the system opens."""
    short = (each for each in left_out if len(each.path) <= _LONGEST_PATH)
    return tuple(islice(short, RECORDED))


def _short(path: str) -> str:
    shown = shown_name(path)
    return shown if len(shown) <= _LONGEST_SHOWN else f"...{shown[-_LONGEST_SHOWN:]}"


def _why(left_out: LeftOut) -> str:
    return left_out.text or left_out.reason.value


def omission_notices(left_out: Collection[LeftOut]) -> Iterable[str]:
    """Yield a sentence for the operator for each kind of omission that is no gap."""
    for reason, what in _WORDS.items():
        paths = [shown_name(each.path) for each in left_out if each.reason is reason and not each.gap]
        if paths:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            yield f"{what}: {_short(paths[0])!r}{more}"


# A backend's own store inside its root is in every snapshot's list, and nobody needs to hear of it each time.
_WORDS = {
    Reason.OTHER_STORE: "the store of another project, left out",
    Reason.SOCKET: "socket left out",
    Reason.MOUNT: "another filesystem is mounted there, left out",
    Reason.UNREADABLE: "not readable, left out",
    Reason.SPECIAL: "device node left out (needs root)",
    Reason.ATTRIBUTES: "extended attributes not readable, left out",
}


class Rules(NamedTuple):
    """What a capture leaves out, and what of that is a gap.

    ``stores`` are the folders that this run knows as its own and as those of the other backends; ``tolerant`` leaves out
    what cannot be read instead of failing; ``unreadable`` and ``mounts`` say whether that, and what is mounted inside,
    is a gap.
    """

    stores: Collection[Path] = ()
    tolerant: bool = False
    unreadable: bool = True
    mounts: bool = False

    def is_gap(self, reason: Reason) -> bool:
        """Whether something left out for this reason is a gap."""
        if reason is Reason.MOUNT:
            return self.mounts
        return self.unreadable and reason in (Reason.UNREADABLE, Reason.SPECIAL, Reason.ATTRIBUTES)


class Omissions:
    """Collects what one copy leaves out; ``left_out`` are all of them, in the order in which they were met."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.left_out: list[LeftOut] = []
        self._stores: set[tuple[int, int]] = set()
        for folder in rules.stores:
            try:
                status = folder.stat()
            except OSError:
                continue
            self._stores.add((status.st_dev, status.st_ino))

    def add(self, path: str, reason: Reason, error: OSError | None = None) -> None:
        """Record that ``path`` is left out."""
        text = "" if error is None else os.strerror(error.errno) if error.errno else str(error)
        self.left_out.append(LeftOut(path, reason, self.rules.is_gap(reason), text))

    def is_known_store(self, status: os.stat_result) -> bool:
        """Whether a folder with this status is a store that this run knows."""
        return (status.st_dev, status.st_ino) in self._stores

    def tolerates(self, error: OSError) -> bool:
        """Whether the failure to read one entry is an omission, not the end."""
        return self.rules.tolerant and error.errno in OF_THE_ENTRY
