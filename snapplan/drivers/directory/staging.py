"""The folder in which a restore builds the new content, and which then holds the old: on the target's filesystem."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from snapplan import crash
from snapplan.drivers.directory.durable import make_folder, write_document
from snapplan.drivers.directory.journal import aside_path
from snapplan.drivers.directory.layout import BESIDE
from snapplan.drivers.directory.marker import MARKER
from snapplan.drivers.directory.mounts import mount_points, nearest_existing, same_mount
from snapplan.drivers.directory.removal import remove_tree
from snapplan.drivers.directory.store import new_id
from snapplan.drivers.directory.swap import nested_stores
from snapplan.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from snapplan.drivers.directory.store import Store

# Marks a folder beside a target as one that is never captured, as a store's marker does.
_FORMAT = "snapplan.store/restoring"


def choose_aside(store: Store, key: str, token: str, places: Sequence[Path]) -> Path:
    """Return where the content of ``places`` can be built so that a rename reaches them: in the store, else beside them.

    Raises ``RefusedError`` when several places are not on the store's filesystem, ``OSError``.
    """
    mounts = mount_points()
    if all(same_mount(place.parent, store.path, mounts) for place in places):
        return aside_path(store, key, token)
    if len(places) == 1:
        return nearest_existing(places[0].parent) / f"{BESIDE}{new_id()}"
    raise RefusedError(
        store.backend,
        "some targets are on another filesystem than the store",
        hint="restore them one by one, as clones",
    )


def make_aside(store: Store, aside: Path) -> None:
    """Make the folder that ``choose_aside`` chose. Raises ``OSError``."""
    make_folder(aside)
    if store.base not in aside.parents:
        write_document(aside / MARKER, {"format": _FORMAT}, "restore.marker")
    (aside / "new").mkdir(mode=0o700)
    crash.point("restore.aside")


def drop_aside(aside: Path) -> None:
    """Remove the folder with all that is in it. Raises ``OSError``: ``EBUSY`` when a store has come to lie in it."""
    for part in ("new", "old"):
        store = next(nested_stores(aside / part), None)
        if store is not None:
            raise OSError(errno.EBUSY, "it holds a store that was made meanwhile", str(store))
    remove_tree(aside)
    crash.point("restore.dropped")
