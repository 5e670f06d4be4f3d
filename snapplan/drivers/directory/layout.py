"""Which folders are targets, where they lie, and where the store is. Reads folders, writes nothing."""

from __future__ import annotations

import os
import stat
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from snapplan.drivers.directory.linux import mount_points
from snapplan.drivers.directory.marker import MARKER, is_real_store_at
from snapplan.drivers.directory.names import folder_named, shown_name
from snapplan.errors import RefusedError, UnreachableError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from snapplan.drivers.directory.options import DirectoryOptions, NamedPath

# No path has more, links included; the kernel gives up after 40 links.
_MOST_STEPS = 4_096
STORE_NAME = ".snapplan"
# How the folder is called that a restore builds beside a target, where the store is on another filesystem.
BESIDE = ".snapplan-restoring-"
NO_PLACE_FOR_CLONES = "a clone needs a root to lie in, and this backend only has named paths"
FOLDERS: Mapping[Scope, str] = {Scope.TENANT: "tenants", Scope.VM: "vms", Scope.VOLUME: "volumes"}
# The root of a filesystem has one; it holds nothing of the user's and only root may read it.
_NEVER_TARGETS = {"lost+found"}


class Place(NamedTuple):
    """One target's folder. ``path`` is real (no symlinks); ``folder`` the name of its folder in the root or the given name.

    ``inside`` says that a copy of the root holds its content.
    """

    scope: Scope
    name: str
    path: Path
    folder: str
    tags: frozenset[str]
    inside: bool

    @property
    def key(self) -> str:
        """``vm/web``: what globs are matched against; ``cloud`` for the whole."""
        return f"{self.scope}/{self.name}" if self.name else str(self.scope)


class Layout(NamedTuple):
    """Where everything of one backend lies. ``named`` are the explicit paths by scope and name, absolute.

    ``stores`` are real paths of stores that this run knows, of other backends too: none of them is a target. ``written`` is
    the root as the options have it, with its links.
    """

    backend: str
    root: Path | None
    store: Path
    named: Mapping[tuple[Scope, str], NamedPath]
    base: Path
    tags: Mapping[str, tuple[str, ...]]
    stores: frozenset[Path] = frozenset()
    written: Path | None = None

    def places(self) -> list[Place]:
        """Return the targets below the cloud that are there now, sorted.

        Raises ``UnreachableError`` when the root is missing, two targets have one name, or one lies in the store;
        ``OSError`` when a folder cannot be read.
        """
        found: dict[tuple[Scope, str], Place] = {}
        for place in [*self._in_root(), *self._named()]:
            if (place.scope, place.name) in found:
                other = found[place.scope, place.name].path
                raise UnreachableError(
                    self.backend,
                    f"{place.key} is two folders, {str(other)!r} and {str(place.path)!r}",
                    hint="give the named path another name",
                )
            if place.path == self.store or self.store in place.path.parents:
                raise UnreachableError(
                    self.backend, f"{place.key} lies inside the store {str(self.store)!r}", hint="move the store"
                )
            found[place.scope, place.name] = place
        return sorted(found.values(), key=lambda place: (place.scope, place.name))

    def place(self, scope: Scope, name: str) -> Place | None:
        """Return one target below the cloud, or ``None`` when it is not there. Raises ``UnreachableError``."""
        self.check_root()
        if (scope, name) in self.named:
            return self._named_place(scope, name)
        home = self.home(scope, name)
        if home is None or not home.is_dir() or self._is_store(home, home.is_symlink(), mount_points()):
            return None
        return self._root_place(scope, home, home.is_symlink())

    def home(self, scope: Scope, name: str) -> Path | None:
        """Return where the folder of ``scope/name`` is or would be: its named path, else below the root, else ``None``."""
        named = self.named.get((scope, name))
        if named is not None:
            return absolute(self.base, named.path)
        folder = self.folder_of(scope)
        return None if folder is None else folder_named(folder, name)

    def folder_of(self, scope: Scope) -> Path | None:
        """Return the real folder below the root that holds the targets of a scope, ``None`` where there is no root."""
        return None if self.root is None else (self.root / FOLDERS[scope]).resolve()

    def check_root(self) -> None:
        """Raise ``UnreachableError`` when there is a root in the options and no such folder."""
        if self.root is not None and not self.root.is_dir():
            raise UnreachableError(
                self.backend,
                f"the root {str(self.root)!r} is not there",
                hint="make it, mount it, or correct root: in snapplan.yaml",
            )

    def _in_root(self) -> Iterator[Place]:
        self.check_root()
        if self.root is not None:
            mounts = mount_points()
            for scope in FOLDERS:
                folder = self.folder_of(scope)
                for path, is_link in [] if folder is None else _folders(folder):
                    if not self._is_store(path, is_link, mounts):
                        yield self._root_place(scope, path, is_link)

    def _is_store(self, folder: Path, is_link: bool, mounts: frozenset[str]) -> bool:
        """Whether a folder among the targets is none of them. A file that looks like a marker makes it no store."""
        real = folder.resolve() if is_link else folder
        if real in self.stores:
            return True
        # What is mounted is not asked: a dead server never answers.
        return str(real) not in mounts and os.path.lexists(folder / MARKER) and is_real_store_at(folder)

    def stores_of_others(self) -> list[Path]:
        """Return the folders beside the targets that are none, as they are real stores which this run does not know."""
        mounts = mount_points()
        folders = [self.folder_of(scope) for scope in FOLDERS]
        return [
            path
            for folder in folders
            for path, is_link in ([] if folder is None else _folders(folder))
            if self._is_store(path, is_link, mounts) and path.resolve() not in self.stores
        ]

    def check_links(self, scope: Scope, name: str) -> None:
        """Raise ``RefusedError`` where a target is reached through a link that neither root nor the running user owns.

        Whoever owns the link decides where it leads, and could change it between any two looks.
        """
        link = self.link_of_another(scope, name)
        if link is not None:
            raise RefusedError(
                self.backend,
                f"{scope}/{name} is reached through {str(link)!r}, a link that another user owns",
                hint="put the folder itself there, or let root or the user that runs snapplan own the link",
            )

    def link_of_another(self, scope: Scope, name: str) -> Path | None:
        """Return the first link on the way to a target that neither root nor the running user owns, or ``None``."""
        found = (foreign_link(written) for written in self._written(scope, name))
        return next((link for link in found if link is not None), None)

    def _written(self, scope: Scope, name: str) -> Iterator[Path]:
        """Yield the paths by which a target is reached, as they are written: with their links."""
        if scope is Scope.CLOUD:
            if self.written is not None:
                yield self.written
                yield from (self.written / folder for folder in FOLDERS.values())
        elif (scope, name) in self.named:
            yield self.base / Path(self.named[scope, name].path).expanduser()
        elif self.written is not None:
            yield folder_named(self.written / FOLDERS[scope], name)

    def _root_place(self, scope: Scope, path: Path, is_link: bool) -> Place:
        assert self.root is not None
        name = shown_name(path.name)
        real = path.resolve() if is_link else path
        # A copy of the root has links as links, so what is behind one is not in it.
        inside = real is path and path.parent == self.root / FOLDERS[scope]
        return Place(scope, name, real, path.name, self._tags(scope, name), inside=inside)

    def _named(self) -> Iterator[Place]:
        for scope, name in self.named:
            place = self._named_place(scope, name)
            if place is not None:
                yield place

    def _named_place(self, scope: Scope, name: str) -> Place | None:
        entry = self.named[scope, name]
        path = absolute(self.base, entry.path)
        if path.is_dir():
            return Place(scope, name, path, name, self._tags(scope, name) | set(entry.tags), inside=False)
        if path.exists():
            raise UnreachableError(self.backend, f"{scope}/{name} is {str(path)!r}, which is not a folder")
        return None

    def _tags(self, scope: Scope, name: str) -> frozenset[str]:
        key = f"{scope}/{name}"
        return frozenset(tag for glob, tags in self.tags.items() if fnmatchcase(key, glob) for tag in tags)


def lay_out(backend: str, options: DirectoryOptions, base: Path, stores: Collection[Path] = ()) -> Layout:
    """Return the layout that ``options`` describe; relative paths count from ``base``. ``stores`` are other backends'."""
    root = None if options.root is None else absolute(base, options.root)
    store = absolute(base, options.store) if options.store is not None else (root or base) / STORE_NAME
    named: dict[tuple[Scope, str], NamedPath] = {}
    for scope, entries in (
        (Scope.TENANT, options.tenants),
        (Scope.VM, options.vms),
        (Scope.VOLUME, options.volumes),
    ):
        named.update({(scope, name): entry for name, entry in entries.items()})
    known = frozenset(each.resolve() for each in (store, *stores))
    written = None if options.root is None else base / Path(options.root).expanduser()
    return Layout(backend, root, store, named, base, options.tags, known, written)


def foreign_link(path: Path) -> Path | None:
    """Return the first link on the way to ``path`` that neither root nor the running user owns, or ``None``."""
    owners = {0, os.geteuid()}
    left = list(reversed(path.absolute().parts))
    place = Path(left.pop())
    for _ in range(_MOST_STEPS):
        if not left:
            return None
        part = left.pop()
        if part == "..":
            place = place.parent
            continue
        try:
            status = os.lstat(place / part)
        except OSError:
            return None
        if not stat.S_ISLNK(status.st_mode):
            place = place / part
            continue
        if status.st_uid not in owners:
            return place / part
        target = (place / part).readlink()
        if target.is_absolute():
            place, target = Path(target.anchor), target.relative_to(target.anchor)
        left += reversed(target.parts)
    return None


def absolute(base: Path, text: str) -> Path:
    """Return the real path of ``text``; it need not exist."""
    return (base / Path(text).expanduser()).resolve()


def _folders(parent: Path) -> list[tuple[Path, bool]]:
    """Return the folders in ``parent`` and whether each is a symlink to one; none when there is no ``parent``."""
    try:
        with os.scandir(parent) as entries:
            return [
                (parent / entry.name, entry.is_symlink())
                for entry in entries
                if entry.is_dir() and not _is_never_target(entry.name)
            ]
    except FileNotFoundError:
        return []


def _is_never_target(name: str) -> bool:
    # What a restore builds carries a marker, but not from its first moment.
    return name in _NEVER_TARGETS or name.startswith(BESIDE)
