"""How a cloud snapshot's data is laid out: the root under ``root/``, other folders under ``named/SCOPE/FOLDER/``."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.directory.layout import FOLDERS
from snapplan.drivers.directory.mounts import mount_points, mounted_between
from snapplan.drivers.directory.names import folder_named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from snapplan.drivers.directory.layout import Layout, Place
    from snapplan.drivers.directory.manifest import Entry, Manifest
    from snapplan.models.target import Scope

ROOT = "root"
NAMED = "named"


class Part(NamedTuple):
    """A folder that is copied, and where to in the snapshot's data (empty: it is the data)."""

    prefix: str
    source: Path


def parts_of(layout: Layout, places: Iterable[Place]) -> tuple[Part, ...]:
    """Return what a cloud snapshot copies. Raises ``OSError``.

    A copy neither follows symlinks nor enters what is mounted, so targets behind either are parts of their own.
    """
    root = layout.root
    if root is None:
        return tuple(_apart(place) for place in places)
    device = root.stat().st_dev
    mounts = mount_points()

    def is_left_out(place: Place) -> bool:
        return mounted_between(root, place.path, mounts) or place.path.stat().st_dev != device

    return (Part(ROOT, root), *(_apart(place) for place in places if not place.inside or is_left_out(place)))


def _apart(place: Place) -> Part:
    return Part(apart_prefix(place), place.path)


def apart_prefix(place: Place) -> str:
    """Return where in a cloud snapshot's data a target is that is a part of its own."""
    return f"{NAMED}/{place.scope}/{place.folder}"


def path_in(data: Path, scope: Scope, name: str) -> Path | None:
    """Return where in a cloud snapshot's data the target ``scope/name`` is, or ``None``."""
    for parent in (data / NAMED / scope, data / ROOT / FOLDERS[scope]):
        # A link in the copy leads to what it led to in the root, which is no part of the snapshot.
        if parent.is_symlink():
            continue
        path = folder_named(parent, name)
        if path.is_dir() and not path.is_symlink():
            return path
    return None


def found_in(data: Path, places: Iterable[Place]) -> Iterator[str]:
    """Yield ``scope/name`` of those of ``places`` that a cloud snapshot's data holds."""
    for place in places:
        if path_in(data, place.scope, place.name) is not None:
            yield place.key


def moved_under(prefix: str, entry: Entry, links: int) -> Entry:
    """Return the manifest entry of a part as an entry of the whole; ``links`` is added to its link number."""
    path = prefix if entry.path == "." else f"{prefix}/{entry.path}"
    return entry._replace(path=path, link=None if entry.link is None else entry.link + links)


def manifest_of_part(manifest: Manifest, prefix: str) -> Manifest:
    """Return what ``manifest`` says of the folder ``prefix`` (``.``: all), as a manifest of that folder.

    A link whose other names lie outside the folder is dropped, as there it is a file of one name.
    """
    if prefix == ".":
        return manifest
    below = prefix + "/"
    inside = [entry for entry in manifest.entries if entry.path == prefix or entry.path.startswith(below)]
    moved = (entry._replace(path=entry.path[len(below) :] or ".") for entry in inside)
    return manifest._replace(entries=tuple(moved))
