"""The connection to one backend of folders: the verbs of the driver contract over layout, store, capture and restore."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from snapplan.drivers.base import NO_MANDATE, NoPermit
from snapplan.drivers.directory.failure import describe, reaching, refusing
from snapplan.drivers.directory.journal import State, list_journals, progress_of
from snapplan.drivers.directory.layout import NO_PLACE_FOR_CLONES, lay_out
from snapplan.drivers.directory.linux import open_folder, open_path
from snapplan.drivers.directory.listing import damage_of, is_stray, list_snapshots, list_targets, unmarked_notices
from snapplan.drivers.directory.locking import Mode, locked_store
from snapplan.drivers.directory.marker import marker_id
from snapplan.drivers.directory.ownership import check_store, own_folder
from snapplan.drivers.directory.store import Store
from snapplan.errors import BackendError, FencedError, NotFoundError, RefusedError
from snapplan.models.request import Difference, Inventory, Outcome, Progress, Recovered, StartedRestore, Verification

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from snapplan.drivers.base import Settings
    from snapplan.drivers.directory.facts import Facts
    from snapplan.drivers.directory.journal import Journal
    from snapplan.drivers.directory.options import DirectoryOptions
    from snapplan.models.request import (
        Attention,
        ChangeRequest,
        ExpireRequest,
        Mandate,
        RestoreRequest,
        SnapshotRequest,
    )
    from snapplan.models.snapshot import Mark, Snapshot
    from snapplan.models.target import Capabilities

_NO_TARGET = "{path!r} is no target: it is the store of another project or backend"


class DirectoryDriver:
    """One configured set of folders. It holds nothing open; all state is on the disk."""

    def __init__(self, settings: Settings, options: DirectoryOptions, capabilities: Capabilities) -> None:
        self.capabilities = capabilities._replace(
            parallel=options.parallel, clone_blocker="" if options.root is not None else NO_PLACE_FOR_CLONES
        )
        self._settings = settings
        self._options = options
        self._layout = lay_out(settings.backend, options, settings.base, settings.stores)
        self._store = Store(
            settings.backend,
            settings.project,
            self._layout.store,
            expected=options.store_id or settings.store_id,
            may_create=settings.may_create_store and not options.store_id,
            local=options.store_lock == "local",
            checked=options.store_permissions == "check",
            read_only=settings.read_only,
        )
        self._permit = settings.permit or NoPermit()
        # The store that was found first: another one in its place is not written to.
        self._identity = ""
        self._said: list[str] = []
        # Never released: only the first thread of a run gets it.
        self._once = partial(Lock().acquire, blocking=False)

    def inventory(self) -> Inventory:
        """Return all targets, snapshots and restores, read in one pass.

        Raises ``UnreachableError`` when anything cannot be read, ``NotSupportedError`` for a later format.
        """
        with reaching(self._settings.backend, "list what there is"):
            targets = list_targets(self._layout, self._settings.quiesce_commands)
            others = [_NO_TARGET.format(path=str(path)) for path in self._layout.stores_of_others()]
            if self._options.store_id:
                self._store.check_identity()
            if not self._store.exists():
                return Inventory(tuple(targets), [], notices=tuple(others))
            with self._opened() as store:
                notices = check_store(store, put_right=False)
                journals = list_journals(store)
                in_use = _needed(journals)
                snapshots = [*_set_aside(store, journals), *list_snapshots(store, in_use)]
                identity = marker_id(store.base)
                restores = tuple(
                    _started(each) for each in journals if each.project == store.project and _is_told(each)
                )
            attention = self._still_frozen()
        self._identity = self._identity or identity
        return Inventory(
            tuple(targets),
            list({snapshot.native_id: snapshot for snapshot in snapshots}.values()),
            restores,
            identity=identity,
            attention=attention,
            notices=(*others, *notices, *unmarked_notices(snapshots)),
        )

    @contextmanager
    def _opened(self) -> Iterator[Store]:
        """Yield the store as an open folder, so that what is read is of one store, whatever happens to its path."""
        descriptor = open_folder(self._store.path)
        try:
            yield self._store._replace(anchor=open_path(descriptor, self._store.path))
        finally:
            os.close(descriptor)

    @contextmanager
    def _locked(self, mode: Mode) -> Iterator[Store]:
        """Hold the store's lock; yields the store, checked. Raises ``StoreLockedError``, ``RefusedError``, ``OSError``."""
        with self._opened() as store:
            # Before anything is waited for: another user's store is refused.
            check_store(store, put_right=False)
        with locked_store(self._store.lockable, mode, self._permit) as descriptor:
            store = self._store._replace(anchor=open_path(descriptor, self._store.path))
            self._said += check_store(store, put_right=True)
            identity = marker_id(store.base)
            if self._identity and identity != self._identity:
                raise RefusedError(
                    store.backend,
                    f"the store {str(self._store.path)!r} is another one than it was a moment ago",
                    hint="look whether its filesystem is mounted; a new plan says what is there",
                )
            self._identity = identity
            yield store

    def _still_frozen(self) -> tuple[Attention, ...]:
        frozen = self._store.frozen
        if not frozen.is_dir() or not any(frozen.iterdir()):
            return ()
        from snapplan.drivers.directory.freeze import still_frozen

        return tuple(still_frozen(frozen))

    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        """Take snapshots, one after the other."""
        # What only writing needs is imported by the calls that write: a plan starts sooner.
        from snapplan.drivers.directory.capture import Capturing, check_request, take

        def capture(request: SnapshotRequest) -> Outcome:
            with refusing(self._store.backend, f"take {request.target.address}@{request.name}"):
                check_request(self._store, request)
                self._store.prepare()
                with self._locked(Mode.SHARED) as store:
                    capturing = Capturing(
                        self._layout,
                        store,
                        self._settings.quiesce_commands,
                        self._options,
                        self._once,
                        self._permit,
                        self._settings.stores,
                    )
                    return take(capturing, request)

        return (self._outcome(partial(capture, request)) for request in requests)

    def change(self, requests: Sequence[ChangeRequest]) -> Iterator[Outcome]:
        """Replace marks."""
        return (self._outcome(partial(self._change, request)) for request in requests)

    def expire(self, requests: Sequence[ExpireRequest]) -> Iterator[Outcome]:
        """Delete snapshots."""
        return (self._outcome(partial(self._expire, request.snapshot)) for request in requests)

    def restore(self, request: RestoreRequest) -> Outcome:
        """Restore one target or the whole system; raises the ``BackendError`` family."""
        from snapplan.drivers.directory.restore import Restoring, restore

        self._refuse_read_only()
        with refusing(self._store.backend, f"restore {request.target_address}"):
            if not self._store.exists():
                raise NotFoundError(self._store.backend, f"{request.source.address} is not there any more")
            with self._locked(Mode.EXCLUSIVE) as store:
                return self._with_notices(restore(Restoring(self._layout, store, self._permit), request))

    def recover(self, live_runs: Collection[str], mandate: Mandate = NO_MANDATE) -> list[Recovered]:
        """Put restores right as far as that may be, thaw targets and empty the trash of runs that died."""
        from snapplan.drivers.directory.freeze import thaw_leftovers
        from snapplan.drivers.directory.recovery import needs_recovery, recover
        from snapplan.drivers.directory.restore import Restoring

        self._refuse_read_only()
        with refusing(self._store.backend, "clean up after runs that died"):
            if not self._store.exists():
                return []
            with self._opened() as store:
                check_store(store, put_right=False)
                # No target stays frozen for as long as somebody else writes.
                thawed = thaw_leftovers(store.frozen)
                if not needs_recovery(store, live_runs):
                    return thawed
            with self._locked(Mode.EXCLUSIVE) as store:
                found = recover(Restoring(self._layout, store, self._permit), live_runs, mandate)
                said, self._said = self._said, []
                return [*thawed, *(Recovered(text) for text in said), *found]

    def verify(self, snapshot: Snapshot, sample: int = 100) -> Verification:
        """Compare a snapshot with its manifest. Raises ``NotFoundError``, ``BackendError``."""
        from snapplan import clock
        from snapplan.drivers.directory.verify import verify_snapshot

        with refusing(self._settings.backend, f"verify {snapshot.address}"):
            path = self._store.find(snapshot.scope, snapshot.target_name, snapshot.name)
            facts = self._store.look(path)
            if isinstance(facts, str) and (facts or os.path.lexists(path)):
                return Verification((Difference(".", "record", found=facts or "its mark is missing"),))
            path, facts = _find(self._store, snapshot)
            return verify_snapshot(path, facts, sample, clock.now().date())

    def init_store(self) -> str:
        """Make the store unless it is there; return its id. Raises ``BackendError``."""
        store = self._store._replace(may_create=True)
        with refusing(store.backend, "make the store"):
            store.prepare()
            return marker_id(store.path)

    def adopt_store(self, old: str) -> int:
        """Write the id of this store into the marks of our project that have the id ``old``; return how many there were.

        Raises ``BackendError``; what was written until then stays, and a repetition does the rest.
        """
        self._refuse_read_only()
        count = 0
        with refusing(self._store.backend, f"take over what was made in the store {old}"):
            self._store.check_identity()
            with self._locked(Mode.EXCLUSIVE) as store:
                identity = marker_id(store.base)
                for snapshot in list_snapshots(store, {}):
                    mark = snapshot.mark
                    if mark is None or mark.project != store.project or mark.store != old or old == identity:
                        continue
                    path, facts = _find(store, snapshot)
                    changed = facts._replace(mark=facts.mark._replace(store=identity))
                    store.change(path, changed, partial(self._still, store, path, facts, snapshot))
                    count += 1
        return count

    def close(self) -> None:
        """Nothing is held open."""

    def _outcome(self, act: Callable[[], Outcome]) -> Outcome:
        try:
            self._refuse_read_only()
            return self._with_notices(act())
        except (BackendError, FencedError) as error:
            return Outcome(error=error)

    def _with_notices(self, outcome: Outcome) -> Outcome:
        """Return an outcome, with what was put right in the store; it is said once."""
        said, self._said = self._said, []
        return outcome._replace(notices=(*said, *outcome.notices)) if said else outcome

    def _change(self, request: ChangeRequest) -> Outcome:
        snapshot, mark = request.snapshot, request.mark
        with refusing(self._store.backend, f"change {snapshot.address}"):
            if not self._store.exists():
                raise NotFoundError(self._store.backend, f"{snapshot.address} is not there any more")
            with self._locked(Mode.EXCLUSIVE) as store:
                path, facts = _find(store, snapshot)
                if request.adopts:
                    self._refuse_another(facts, snapshot)
                else:
                    self._refuse_foreign(store, facts, snapshot)
                if mark.project != store.project or mark.target_id != facts.mark.target_id:
                    raise RefusedError(store.backend, f"the new mark of {snapshot.address} is not of its target")
                if request.loses_pin(facts.mark):
                    raise RefusedError(store.backend, f"{snapshot.address} was pinned or unpinned meanwhile")
                # The name may have moved out of another one's way; the facts keep the one it was made under.
                changed = facts._replace(mark=mark._replace(store=marker_id(store.base) or None))
                store.change(path, changed, partial(self._still, store, path, facts, snapshot))
                damage = damage_of(str(path), changed)
                in_use = _needed(list_journals(store)).get(changed.id, "")
        stands = changed._replace(name=snapshot.name)
        return Outcome(snapshot=stands.snapshot(self._store.backend, complete=True, damage=damage, in_use=in_use))

    def _expire(self, snapshot: Snapshot) -> Outcome:
        with refusing(self._store.backend, f"delete {snapshot.address}"):
            if not self._store.exists():
                # Gone with its disk is not deleted.
                self._store.check_identity()
                return Outcome()
            with self._locked(Mode.EXCLUSIVE) as store:
                path = _folder_of(store, snapshot)
                if path is None:
                    store.check_identity()
                    # What an open restore replaced may have no place of its own yet.
                    _refuse_needed(store, snapshot)
                    return Outcome()
                facts = store.read(path)
                self._refuse_foreign(store, facts, snapshot)
                self._refuse_kept(store, facts, snapshot)
                return self._discard(store, path, partial(self._may_go, store, path, snapshot), snapshot)

    def _still(self, store: Store, path: Path, facts: Facts, snapshot: Snapshot) -> None:
        """Raise where a snapshot is not as it was when this call looked at it: the process may have been paused."""
        self._permit.check()
        if store.read(path) != facts:
            raise RefusedError(store.backend, f"{snapshot.address} was changed by somebody else meanwhile")

    def _may_go(self, store: Store, path: Path, snapshot: Snapshot) -> None:
        """Raise where a snapshot must not be deleted, as it stands right before that."""
        self._permit.check()
        facts = store.read(path)
        self._refuse_foreign(store, facts, snapshot)
        self._refuse_kept(store, facts, snapshot)

    def _discard(self, store: Store, path: Path, check: Callable[[], None], snapshot: Snapshot) -> Outcome:
        try:
            store.discard(path, check)
        except OSError as error:
            if path.exists():
                raise
            notice = f"{snapshot.address} is deleted, but its data is still in the trash: {describe(error)}"
            return Outcome(notices=(notice,))
        return Outcome()

    def _refuse_foreign(self, store: Store, facts: Facts | None, snapshot: Snapshot) -> None:
        """Raise ``RefusedError`` unless what was found is ours, and is the snapshot that was meant."""
        if facts is None or snapshot.mark is None:
            raise RefusedError(self._store.backend, f"{snapshot.address} has no mark, so it is not ours to touch")
        if facts.mark.project != self._store.project:
            raise RefusedError(self._store.backend, f"{snapshot.address} is of project {facts.mark.project!r}")
        if is_stray(facts.mark, marker_id(store.base)):
            raise RefusedError(self._store.backend, f"{snapshot.address} was made in another store, and is a copy")
        self._refuse_another(facts, snapshot)

    def _refuse_another(self, facts: Facts, snapshot: Snapshot) -> None:
        """Raise ``RefusedError`` unless what was found is the snapshot that was meant, whoever owns it."""
        if snapshot.mark is None or facts.mark.project != snapshot.mark.project:
            raise RefusedError(self._store.backend, f"{snapshot.address} has another owner than it had")
        if facts.id != snapshot.native_id or _what(facts.mark) != _what(snapshot.mark):
            raise RefusedError(self._store.backend, f"{snapshot.address} is another snapshot than the one meant")

    def _refuse_kept(self, store: Store, facts: Facts | None, snapshot: Snapshot) -> None:
        """Raise ``RefusedError`` where something came up that keeps the snapshot since it was listed."""
        pinned = facts is not None and facts.mark.pin is not None
        if pinned and (snapshot.mark is None or snapshot.mark.pin is None):
            raise RefusedError(self._store.backend, f"{snapshot.address} has been pinned meanwhile")
        _refuse_needed(store, snapshot)

    def _refuse_read_only(self) -> None:
        if self._settings.read_only:
            raise RefusedError(self._store.backend, "opened for reading only")


def _what(mark: Mark) -> tuple[object, ...]:
    # Not the profile's and period's names: `moved` renames those.
    return (mark.target_id, mark.slot, mark.key)


def _find(store: Store, snapshot: Snapshot) -> tuple[Path, Facts]:
    path = store.find(snapshot.scope, snapshot.target_name, snapshot.name)
    facts = store.read(path) if own_folder(store, path) else None
    if facts is None or facts.id != snapshot.native_id:
        raise NotFoundError(store.backend, f"{snapshot.address} is not there any more")
    return path, facts


def _folder_of(store: Store, snapshot: Snapshot) -> Path | None:
    """Return the folder of a snapshot, complete or not; ``None`` when it is gone."""
    path = store.find(snapshot.scope, snapshot.target_name, snapshot.name)
    if snapshot.completed_at is not None:
        return path if own_folder(store, path) else None
    facts = store.read(path)
    if facts is not None and facts.id == snapshot.native_id:
        raise RefusedError(store.backend, f"{snapshot.address} has become complete meanwhile")
    if not snapshot.native_id.isalnum():
        # Listed as foreign, by its place; what stands there is refused further on.
        return path if path.exists() else None
    aside = store.incoming / snapshot.native_id
    return aside if own_folder(store, aside) else None


def _needed(journals: Iterable[Journal]) -> dict[str, str]:
    """Return by native id which open restore needs a snapshot: as its source, or as what it replaced."""
    needed = {}
    for journal in journals:
        if journal.open:
            needed[journal.source] = f"restore {journal.key}"
            if journal.set_aside is not None:
                needed[journal.set_aside.id] = f"restore {journal.key}"
    return needed


def _refuse_needed(store: Store, snapshot: Snapshot) -> None:
    needed = _needed(list_journals(store)).get(snapshot.native_id)
    if needed is not None:
        raise RefusedError(store.backend, f"{snapshot.address} is needed by {needed}")


def _set_aside(store: Store, journals: Iterable[Journal]) -> Iterator[Snapshot]:
    """Yield what restores that are under way, or were interrupted, have replaced, though it has no place of its own yet."""
    for journal in journals:
        kept = journal.set_aside
        if kept is not None and journal.open and progress_of(journal) is not Progress.NOTHING:
            facts = kept._replace(completed_at=kept.mark.taken_at)
            yield facts.snapshot(store.backend, complete=True, in_use=f"restore {journal.key}")


def _is_told(journal: Journal) -> bool:
    return journal.state is not State.UNDONE


def _started(journal: Journal) -> StartedRestore:
    return StartedRestore(
        journal.key,
        journal.run,
        journal.target_id,
        journal.started_at,
        not journal.open,
        progress_of(journal) if journal.open else None,
    )
