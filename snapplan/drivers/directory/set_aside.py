"""What a restore in place replaced: it becomes the safety snapshot, moved and never copied, and nothing of it is lost.

Its mark stands in the restore's journal before the first exchange. From the exchange on it is listed, and its restore holds
it until it stands among the snapshots with a manifest; only then its retention begins. Programs that still have its files
open go on writing to them, so the manifest is a record and not a condition: nothing here changes what was set aside.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

from snapplan import clock, crash
from snapplan.drivers.directory import linux
from snapplan.drivers.directory.descent import Descent
from snapplan.drivers.directory.durable import make_folder, sync_parents, write_document
from snapplan.drivers.directory.facts import SET_ASIDE, Facts, to_document
from snapplan.drivers.directory.failure import describe
from snapplan.drivers.directory.manifest import ManifestWriter, entry_of
from snapplan.drivers.directory.marker import marker_id
from snapplan.drivers.directory.names import name_fault
from snapplan.drivers.directory.store import DATA, MANIFEST, MARK, new_id
from snapplan.models.snapshot import Mark
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from snapplan.drivers.directory.manifest import Entry
    from snapplan.drivers.directory.omissions import LeftOut
    from snapplan.drivers.directory.store import Store
    from snapplan.drivers.directory.swap import Tree
    from snapplan.models.request import RestoreRequest

RETENTION = timedelta(days=7)
"""How long it is kept where the request does not say so."""
BOX = "safety"
# What a manifest cannot be written for now, and can later.
_LATER = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)
_TRIES = 3
_LONGEST = 200


def facts_of(
    store: Store, request: RestoreRequest, folder: str, contains: Sequence[str], left_out: Sequence[LeftOut]
) -> Facts:
    """Return what will stand beside the safety snapshot of a restore; ``folder`` is that of the target's snapshots."""
    now = clock.now()
    asked = request.set_aside
    mark = Mark(
        store.project, request.target_id, request.run, now, now + RETENTION, key=f"pre-restore.{request.key}"[:200]
    )
    facts = Facts(
        id=new_id(),
        name=_fitting(f"manual.pre-restore.{request.key}") if asked is None else asked.name,
        scope=request.scope,
        target_name=request.name,
        folder=folder,
        mark=(mark if asked is None else asked.mark)._replace(store=marker_id(store.base) or None),
        quiesced=False,
        contains=tuple(contains),
        description=f"before restore {request.key}" if asked is None else asked.description,
        source=SET_ASIDE,
        left_out=tuple(left_out),
        left_out_count=len(left_out),
    )
    return _named(store, facts)


def undone(store: Store, facts: Facts, key: str) -> Facts:
    """Return what will stand beside the content that a restore had put in place before it was taken back."""
    mark = facts.mark._replace(key=f"undone-restore.{key}"[:200])
    return _named(store, facts._replace(id=new_id(), name=_fitting(f"manual.undone-restore.{key}"), mark=mark))


def _fitting(name: str) -> str:
    if "@" in name or name_fault(name) or len(name.encode()) > _LONGEST:
        return f"manual.pre-restore.{hashlib.sha256(name.encode(errors='surrogateescape')).hexdigest()[:16]}"
    return name


def _named(store: Store, facts: Facts) -> Facts:
    """Return the facts under a name that is free: nobody else takes one meanwhile, as the store is locked."""
    if not os.path.lexists(_place_of(store, facts)):
        return facts
    return facts._replace(name=f"{facts.name.encode()[:_LONGEST].decode(errors='ignore')}.{facts.id[:8]}")


def _place_of(store: Store, facts: Facts) -> Path:
    return store.target_folder(facts.scope, facts.folder) / facts.name


def is_placed(store: Store, facts: Facts) -> bool:
    """Return whether it stands among the snapshots. Raises as ``Store.read`` does."""
    found = store.read(_place_of(store, facts))
    return found is not None and found.id == facts.id


def place(store: Store, facts: Facts, trees: Sequence[Tree], aside: Path, check: Callable[[], None]) -> list[str]:
    """Bring it among the snapshots and write its manifest, as far as that was not done; durable when it returns.

    ``check`` is asked before each step. Return what the operator is told. Raises ``FileNotFoundError`` where a tree is
    missing: that is never an empty one; another ``OSError``, after which it can be called again.
    """
    if not trees:
        return []
    if not is_placed(store, facts):
        _fill_box(store, facts, trees, aside, check)
        store.place(aside / BOX, _place_of(store, facts), check)
    crash.point("restore.placed")
    return _record(store, facts, check)


def _fill_box(store: Store, facts: Facts, trees: Sequence[Tree], aside: Path, check: Callable[[], None]) -> None:
    box = aside / BOX
    make_folder(box)
    write_document(
        box / MARK, to_document(facts._replace(completed_at=facts.mark.taken_at)), "restore.mark", check=check
    )
    for tree in trees:
        crash.point("restore.placing")
        check()
        there = box / DATA / tree.prefix if tree.prefix else box / DATA
        if os.path.lexists(there):
            continue
        make_folder(there.parent)
        _move(aside / tree.path, there)
    linux.sync_filesystem(box)


def _move(tree: Path, there: Path) -> None:
    if not os.path.lexists(tree):
        raise FileNotFoundError(errno.ENOENT, "what the restore replaced is gone", str(tree))
    linux.rename_exclusive(tree, there)
    sync_parents(tree, there)


def _record(store: Store, facts: Facts, check: Callable[[], None]) -> list[str]:
    """Write the manifest; from then on the retention counts."""
    folder = _place_of(store, facts)
    found = store.read(folder)
    if found is None or found.id != facts.id:
        raise FileNotFoundError(errno.ENOENT, "the safety snapshot is gone", str(folder))
    if found.manifest_size is not None:
        return []
    notices = []
    try:
        found = _with_manifest(folder, found)
    except OSError as error:
        if error.errno in _LATER:
            raise
        notices.append(f"{found.name} has no record of what it holds: {describe(error)}")
    now = clock.now()
    mark = facts.mark
    expires_at = None if mark.expires_at is None else now + (mark.expires_at - mark.taken_at)
    # A pin that somebody put on it meanwhile stays.
    done = found._replace(completed_at=now, mark=found.mark._replace(expires_at=expires_at))
    check()
    write_document(folder / MARK, to_document(done), "restore.kept", check=check)
    return notices


def _with_manifest(folder: Path, facts: Facts) -> Facts:
    for attempt in range(_TRIES):
        draft = folder / f"{MANIFEST}.new"
        draft.unlink(missing_ok=True)
        size = files = 0
        try:
            with ManifestWriter(draft) as manifest:
                for entry in _entries(folder / DATA):
                    manifest.add(entry)
                    size += entry.size
                    files += entry.type == "file"
                manifest.finish()
                manifest.sync()
        except FileNotFoundError:
            # Somebody still works in it.
            draft.unlink(missing_ok=True)
            if attempt == _TRIES - 1:
                raise
            continue
        crash.point("restore.manifest")
        draft.replace(folder / MANIFEST)
        linux.fsync_directory(folder)
        length = (folder / MANIFEST).stat().st_size
        return facts._replace(size=size, files=files, entries=manifest.entries, manifest_size=length)
    raise AssertionError("unreachable")


def _entries(root: Path) -> Iterator[Entry]:
    links: dict[tuple[int, int], int] = {}
    with Descent(root) as walk:
        yield entry_of(".", walk.status)
        for path, status in walk.walk():
            kind = stat.S_IFMT(status.st_mode)
            link = None
            if status.st_nlink > 1 and kind != stat.S_IFDIR:
                link = links.setdefault((status.st_dev, status.st_ino), len(links))
            target = os.readlink(path.rpartition("/")[2], dir_fd=walk.fd) if kind == stat.S_IFLNK else None
            size = status.st_size if kind == stat.S_IFREG else 0
            yield entry_of(path, status, size=size, target=target, link=link)


def prefix_of(scope: Scope, source: Path, data: Path) -> str:
    """Return where the content of one target lies in the safety snapshot: where it lies in the snapshot restored from."""
    return str(source.relative_to(data)) if scope is Scope.CLOUD else ""
