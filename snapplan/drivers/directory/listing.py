"""What there is: targets, snapshots and restores of one backend, in one pass. Reads only."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from snapplan.drivers.directory.facts import SET_ASIDE
from snapplan.drivers.directory.linux import mount_table
from snapplan.drivers.directory.manifest import looks_whole
from snapplan.drivers.directory.mounts import fingerprint_of, mount_points, mounted_at_or_below, same_mount
from snapplan.drivers.directory.names import shown_name
from snapplan.drivers.directory.store import DATA, MANIFEST
from snapplan.models.snapshot import Snapshot
from snapplan.models.target import Scope, Target

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from snapplan.drivers.directory.facts import Facts
    from snapplan.drivers.directory.layout import Layout, Place
    from snapplan.drivers.directory.store import Store
    from snapplan.models.snapshot import Mark

# Room for `.damaged-` and eight digits.
_LONGEST_KEPT = 238
_LATEST = 1 << 37


def target_id(scope: Scope, name: str) -> str:
    """Return the permanent id of a target: ``vm/web-01``, or ``cloud``. A folder has no other."""
    return f"{scope}/{name}" if name else str(scope)


def list_targets(layout: Layout, freezable: Collection[str]) -> list[Target]:
    """Return all targets, the cloud first; ``freezable`` are the ``scope/name`` globs that have quiesce commands.

    Raises ``OSError``, ``UnreachableError``.
    """
    places = layout.places()
    blockers = in_place_blockers(layout, places)
    table = mount_table()
    inside = _inside(places)
    targets = [
        Target(
            layout.backend,
            place.scope,
            place.name,
            place.key,
            place.tags,
            can_quiesce=_matches(place.key, freezable),
            in_place_blocker=blockers.get(place.key, ""),
            fingerprint=fingerprint_of(place.path, table),
            inside=tuple(inside.get(str(place.path), ())),
        )
        for place in places
    ]
    first_blocker = next(
        (f"{target.id}: {target.in_place_blocker}" for target in targets if target.in_place_blocker), ""
    )
    whole = Target(
        layout.backend,
        Scope.CLOUD,
        "",
        target_id(Scope.CLOUD, ""),
        can_quiesce=_matches(str(Scope.CLOUD), freezable) or any(target.can_quiesce for target in targets),
        in_place_blocker=first_blocker,
        fingerprint=None if layout.root is None else fingerprint_of(layout.root.resolve(), table),
    )
    return [whole, *targets]


def _inside(places: Collection[Place]) -> Mapping[str, list[str]]:
    """Return by the path of a target the ids of those that lie inside it."""
    paths = {str(place.path) for place in places}
    found: dict[str, list[str]] = {}
    for place in places:
        path = str(place.path)
        while (above := os.path.dirname(path)) != path:  # noqa: PTH120 - 10,000 targets, a Path is slow
            if above in paths:
                found.setdefault(above, []).append(place.key)
            path = above
    return found


def in_place_blockers(layout: Layout, places: Iterable[Place]) -> Mapping[str, str]:
    """Return by ``scope/name`` why a target cannot be exchanged in one step; those that can be are left out.

    Raises ``OSError``.
    """
    mounts = mount_points()
    reasons = ((place.key, _blocker(place, layout.store, mounts)) for place in places)
    return {key: reason for key, reason in reasons if reason}


def _blocker(place: Place, store: Path, mounts: frozenset[str]) -> str:
    mount = mounted_at_or_below(place.path, mounts)
    if mount == str(place.path):
        return f"{mount!r} is a mount point; restore it as a clone"
    if mount is not None:
        return f"something is mounted inside it, at {mount!r}; restore it as a clone"
    if not same_mount(place.path, store, mounts):
        return f"{str(place.path)!r} is on another filesystem than the store; restore it as a clone"
    for folder in (place.path.parent, place.path):
        # A folder that moves to another one is itself written to: its ".." changes.
        if not os.access(folder, os.W_OK | os.X_OK):
            return f"this user may not write {str(folder)!r}"
    return ""


def list_snapshots(store: Store, in_use: Mapping[str, str]) -> list[Snapshot]:
    """Return all snapshots, incomplete and foreign ones too; ``in_use`` says by id what needs one.

    Incomplete ones are read first: one that becomes complete meanwhile is then seen twice and counted once, never missed.
    Raises ``OSError``, ``NotSupportedError``.
    """
    incomplete = {snapshot.native_id: snapshot for snapshot in _incomplete(store)}
    found: dict[str, Snapshot] = {}
    for snapshot in _complete(store, in_use):
        if snapshot.native_id in found:
            # A mark that was copied into another snapshot's folder and edited: the first one has the id.
            snapshot = _copied(store, snapshot)
        found[snapshot.native_id] = snapshot
    return list((incomplete | found).values())


def _copied(store: Store, snapshot: Snapshot) -> Snapshot:
    """Return a snapshot whose id another one has, as one without a mark of its own."""
    native_id = f"foreign:{snapshot.target_id}@{snapshot.name}"
    return Snapshot(
        store.backend,
        native_id,
        snapshot.name,
        snapshot.scope,
        snapshot.target_id,
        snapshot.target_name,
        snapshot.taken_at,
        snapshot.completed_at,
        damage="its id is that of another snapshot",
    )


def _incomplete(store: Store) -> Iterator[Snapshot]:
    for name in _folders(store.incoming):
        facts = None if name.startswith(".") else store.read(store.incoming / name)
        if facts is not None:
            yield facts.snapshot(store.backend, complete=False)


def _complete(store: Store, in_use: Mapping[str, str]) -> Iterator[Snapshot]:
    for scope in Scope:
        top = store.snapshots / scope
        for folder in [""] if scope is Scope.CLOUD else _folders(top):
            parent = top / folder
            for name in _folders(parent):
                snapshot = _read(store, scope, parent, name, in_use)
                if snapshot is not None:
                    yield snapshot


def _read(store: Store, scope: Scope, parent: Path, name: str, in_use: Mapping[str, str]) -> Snapshot | None:
    path = f"{parent}/{name}"
    facts = store.look(path)
    folder = "" if scope is Scope.CLOUD else parent.name
    if isinstance(facts, str):
        return _unmarked(store, scope, folder, parent / name, facts)
    # A snapshot's folder that somebody copied or moved elsewhere is not that snapshot any more.
    if (facts.scope, facts.folder) != (scope, folder) or name not in (facts.name, out_of_the_way(facts)):
        return _unmarked(store, scope, folder, parent / name, "")
    damage = damage_of(path, facts)
    return facts._replace(name=name).snapshot(
        store.backend, complete=True, in_use=in_use.get(facts.id, ""), damage=damage
    )


def unmarked_notices(snapshots: Iterable[Snapshot]) -> Iterator[str]:
    """Yield a sentence about the damaged snapshots of which nobody can tell whose they are: no status would show them."""
    found = [snapshot for snapshot in snapshots if snapshot.mark is None and snapshot.damage]
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield f"{found[0].address}{more} cannot be told whose: {found[0].damage}; it counts for nothing and stays"


def out_of_the_way(facts: Facts) -> str:
    """Return the name that a damaged snapshot is given when another one is to be taken under its own."""
    return f"{facts.name.encode()[:_LONGEST_KEPT].decode(errors='ignore')}.damaged-{facts.id[:8]}"


def is_stray(mark: Mark, store_id: str | None) -> bool:
    """Whether a mark says that its snapshot was made in another store than the one with this id: it is a copy."""
    return mark.store is not None and mark.store != store_id


def damage_of(path: str, facts: Facts) -> str:
    """Return in a few words what of a complete snapshot is missing or cut off, empty where nothing is.

    Looks at names and sizes only: it is asked of each snapshot of each listing. ``snapplan verify`` reads.
    """
    if facts.completed_at is None:
        return "its mark says that it was never completed"
    try:
        status = os.lstat(f"{path}/{DATA}")
        if not stat.S_ISDIR(status.st_mode):
            return f"its {DATA} is not a folder"
        if facts.data_mtime_ns not in (None, status.st_mtime_ns) and _is_emptied(path, facts):
            return f"its {DATA} is empty"
    except OSError as error:
        return (
            f"its {DATA} is missing" if error.errno == errno.ENOENT else f"its {DATA}: {os.strerror(error.errno or 0)}"
        )
    if facts.source == SET_ASIDE:
        # It has no manifest yet, or one that is a record of what it was then.
        return ""
    try:
        return _damage_of_manifest(f"{path}/{MANIFEST}", facts.manifest_size)
    except OSError as error:
        what = "is missing" if error.errno == errno.ENOENT else f"cannot be read: {os.strerror(error.errno or 0)}"
        return f"its {MANIFEST} {what}"


def _is_emptied(path: str, facts: Facts) -> bool:
    if facts.entries <= 1:
        return False
    with os.scandir(f"{path}/{DATA}") as entries:
        return next(entries, None) is None


def _damage_of_manifest(path: str, size: int | None) -> str:
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode):
        return f"its {MANIFEST} is not a file"
    if size is None:
        return "" if looks_whole(path) else f"its {MANIFEST} is cut off"
    return "" if status.st_size == size else f"its {MANIFEST} has {status.st_size} bytes instead of {size}"


def _unmarked(store: Store, scope: Scope, folder: str, path: Path, damage: str) -> Snapshot | None:
    """Return a folder in the place of a snapshot that has no mark of its own: a damaged one of ours, or a foreign one."""
    found = _foreign(store, scope, folder, path)
    if found is None or not (damage or os.path.lexists(path / MANIFEST)):
        return found
    return found._replace(completed_at=found.taken_at, damage=damage or "its mark is missing")


def _foreign(store: Store, scope: Scope, folder: str, path: Path) -> Snapshot | None:
    try:
        changed_at = _instant(path.stat().st_mtime)
    except FileNotFoundError:
        return None
    target, name = shown_name(folder), shown_name(path.name)
    native_id = f"foreign:{target_id(scope, target)}@{name}"
    return Snapshot(store.backend, native_id, name, scope, target_id(scope, target), target, changed_at, None)


def _instant(seconds: float) -> datetime:
    """Return when that was, within what can be recorded: anything may be the time of a folder."""
    return datetime.fromtimestamp(int(min(max(seconds, 0), _LATEST)), UTC)


def _folders(parent: Path) -> list[str]:
    """Return the names of the folders in ``parent``, none when it is not there (any more)."""
    try:
        with os.scandir(parent) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _matches(key: str, globs: Collection[str]) -> bool:
    return any(fnmatchcase(key, glob) for glob in globs)
