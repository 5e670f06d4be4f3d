"""The connection to one backend of folders: the verbs of the driver contract over layout, store, capture and restore."""

from __future__ import annotations

import os
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from snapplan.drivers.base import NO_MANDATE
from snapplan.drivers.directory.failure import describe, reaching, refusing
from snapplan.drivers.directory.journal import State, list_journals
from snapplan.drivers.directory.layout import NO_PLACE_FOR_CLONES, lay_out
from snapplan.drivers.directory.listing import damage_of, is_stray, list_snapshots, list_targets
from snapplan.drivers.directory.marker import marker_id
from snapplan.drivers.directory.store import Store
from snapplan.errors import BackendError, NotFoundError, RefusedError
from snapplan.models.request import Difference, Inventory, Outcome, StartedRestore, Verification

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
        Recovered,
        RestoreRequest,
        SnapshotRequest,
    )
    from snapplan.models.snapshot import Mark, Snapshot
    from snapplan.models.target import Capabilities


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
        )
        # Never released: only the first thread of a run gets it.
        self._once = partial(Lock().acquire, blocking=False)

    def inventory(self) -> Inventory:
        """Return all targets, snapshots and restores, read in one pass.

        Raises ``UnreachableError`` when anything cannot be read, ``NotSupportedError`` for a later format.
        """
        with reaching(self._settings.backend, "list what there is"):
            targets = list_targets(self._layout, self._settings.quiesce_commands)
            if self._options.store_id:
                self._store.check_identity()
            if not self._store.exists():
                return Inventory(tuple(targets), [])
            journals = list_journals(self._store)
            in_use = {journal.source: f"restore {journal.key}" for journal in journals if journal.open}
            snapshots = list_snapshots(self._store, in_use)
            identity = marker_id(self._store.path)
            attention = self._still_frozen()
        return Inventory(
            tuple(targets),
            snapshots,
            tuple(_started(journal for journal in journals if journal.project == self._store.project)),
            identity=identity,
            attention=attention,
        )

    def _still_frozen(self) -> tuple[Attention, ...]:
        frozen = self._store.frozen
        if not frozen.is_dir() or not any(frozen.iterdir()):
            return ()
        from snapplan.drivers.directory.freeze import still_frozen

        return tuple(still_frozen(frozen))

    def create(self, requests: Sequence[SnapshotRequest]) -> Iterator[Outcome]:
        """Take snapshots, one after the other."""
        # What only writing needs is imported by the calls that write: a plan starts sooner.
        from snapplan.drivers.directory.capture import Capturing, take

        capturing = Capturing(
            self._layout,
            self._store,
            self._settings.quiesce_commands,
            self._options,
            self._once,
            self._settings.stores,
        )
        return (self._outcome(partial(take, capturing, request)) for request in requests)

    def change(self, requests: Sequence[ChangeRequest]) -> Iterator[Outcome]:
        """Replace marks."""
        return (self._outcome(partial(self._change, request)) for request in requests)

    def expire(self, requests: Sequence[ExpireRequest]) -> Iterator[Outcome]:
        """Delete snapshots."""
        return (self._outcome(partial(self._expire, request.snapshot)) for request in requests)

    def restore(self, request: RestoreRequest) -> Outcome:
        """Restore one target or the whole system; raises the ``BackendError`` family."""
        from snapplan.drivers.directory.restore import restore

        self._refuse_read_only()
        return restore(self._layout, self._store, request)

    def recover(self, live_runs: Collection[str], mandate: Mandate = NO_MANDATE) -> list[Recovered]:
        """Complete or undo restores, thaw targets and empty the trash of runs that died."""
        from snapplan.drivers.directory.recovery import recover

        self._refuse_read_only()
        return recover(self._store, live_runs)

    def verify(self, snapshot: Snapshot, sample: int = 100) -> Verification:
        """Compare a snapshot with its manifest. Raises ``NotFoundError``, ``BackendError``."""
        from snapplan import clock
        from snapplan.drivers.directory.verify import verify_snapshot

        with refusing(self._settings.backend, f"verify {snapshot.address}"):
            path = self._store.find(snapshot.scope, snapshot.target_name, snapshot.name)
            facts = self._store.look(path)
            if isinstance(facts, str) and (facts or os.path.lexists(path)):
                return Verification((Difference(".", "record", found=facts or "its mark is missing"),))
            path, facts = self._find(snapshot)
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
            identity = marker_id(self._store.path)
            for snapshot in list_snapshots(self._store, {}):
                mark = snapshot.mark
                if mark is None or mark.project != self._store.project or mark.store != old or old == identity:
                    continue
                path, facts = self._find(snapshot)
                self._store.change(path, facts._replace(mark=facts.mark._replace(store=identity)))
                count += 1
        return count

    def close(self) -> None:
        """Nothing is held open."""

    def _outcome(self, act: Callable[[], Outcome]) -> Outcome:
        try:
            self._refuse_read_only()
            return act()
        except BackendError as error:
            return Outcome(error=error)

    def _change(self, request: ChangeRequest) -> Outcome:
        snapshot, mark = request.snapshot, request.mark
        with refusing(self._store.backend, f"change {snapshot.address}"):
            path, facts = self._find(snapshot)
            if request.adopts:
                self._refuse_another(facts, snapshot)
            else:
                self._refuse_foreign(facts, snapshot)
            if mark.project != self._store.project or mark.target_id != facts.mark.target_id:
                raise RefusedError(self._store.backend, f"the new mark of {snapshot.address} is not of its target")
            # The name may have moved out of another one's way; the facts keep the one it was made under.
            changed = facts._replace(mark=mark._replace(store=marker_id(self._store.path) or None))
            self._store.change(path, changed)
        stands = changed._replace(name=snapshot.name)
        return Outcome(
            snapshot=stands.snapshot(self._store.backend, complete=True, damage=damage_of(str(path), changed))
        )

    def _expire(self, snapshot: Snapshot) -> Outcome:
        with refusing(self._store.backend, f"delete {snapshot.address}"):
            path = self._folder_of(snapshot)
            if path is None:
                # Gone with its disk is not deleted.
                self._store.check_identity()
                return Outcome()
            facts = self._store.read(path)
            self._refuse_foreign(facts, snapshot)
            self._refuse_kept(facts, snapshot)
            return self._discard(path, snapshot)

    def _discard(self, path: Path, snapshot: Snapshot) -> Outcome:
        try:
            self._store.discard(path)
        except OSError as error:
            if path.exists():
                raise
            notice = f"{snapshot.address} is deleted, but its data is still in the trash: {describe(error)}"
            return Outcome(notices=(notice,))
        return Outcome()

    def _find(self, snapshot: Snapshot) -> tuple[Path, Facts]:
        path = self._store.find(snapshot.scope, snapshot.target_name, snapshot.name)
        facts = self._store.read(path)
        if facts is None or facts.id != snapshot.native_id:
            raise NotFoundError(self._store.backend, f"{snapshot.address} is not there any more")
        return path, facts

    def _folder_of(self, snapshot: Snapshot) -> Path | None:
        """Return the folder of a snapshot, complete or not; ``None`` when it is gone."""
        path = self._store.find(snapshot.scope, snapshot.target_name, snapshot.name)
        if snapshot.completed_at is not None:
            return path if path.exists() else None
        facts = self._store.read(path)
        if facts is not None and facts.id == snapshot.native_id:
            raise RefusedError(self._store.backend, f"{snapshot.address} has become complete meanwhile")
        if not snapshot.native_id.isalnum():
            # Listed as foreign, by its place; what stands there is refused further on.
            return path if path.exists() else None
        aside = self._store.incoming / snapshot.native_id
        return aside if aside.exists() else None

    def _refuse_foreign(self, facts: Facts | None, snapshot: Snapshot) -> None:
        """Raise ``RefusedError`` unless what was found is ours, and is the snapshot that was meant."""
        if facts is None or snapshot.mark is None:
            raise RefusedError(self._store.backend, f"{snapshot.address} has no mark, so it is not ours to touch")
        if facts.mark.project != self._store.project:
            raise RefusedError(self._store.backend, f"{snapshot.address} is of project {facts.mark.project!r}")
        if is_stray(facts.mark, marker_id(self._store.path)):
            raise RefusedError(self._store.backend, f"{snapshot.address} was made in another store, and is a copy")
        self._refuse_another(facts, snapshot)

    def _refuse_another(self, facts: Facts, snapshot: Snapshot) -> None:
        """Raise ``RefusedError`` unless what was found is the snapshot that was meant, whoever owns it."""
        if snapshot.mark is None or facts.mark.project != snapshot.mark.project:
            raise RefusedError(self._store.backend, f"{snapshot.address} has another owner than it had")
        if facts.id != snapshot.native_id or _what(facts.mark) != _what(snapshot.mark):
            raise RefusedError(self._store.backend, f"{snapshot.address} is another snapshot than the one meant")

    def _refuse_kept(self, facts: Facts | None, snapshot: Snapshot) -> None:
        """Raise ``RefusedError`` where something came up that keeps the snapshot since it was listed."""
        pinned = facts is not None and facts.mark.pin is not None
        if pinned and (snapshot.mark is None or snapshot.mark.pin is None):
            raise RefusedError(self._store.backend, f"{snapshot.address} has been pinned meanwhile")
        for journal in list_journals(self._store):
            if journal.open and journal.source == snapshot.native_id:
                raise RefusedError(self._store.backend, f"{snapshot.address} is needed by restore {journal.key!r}")

    def _refuse_read_only(self) -> None:
        if self._settings.read_only:
            raise RefusedError(self._store.backend, "opened for reading only")


def _what(mark: Mark) -> tuple[object, ...]:
    # Not the profile's and period's names: `moved` renames those.
    return (mark.target_id, mark.slot, mark.key)


def _started(journals: Iterable[Journal]) -> Iterator[StartedRestore]:
    for journal in journals:
        if journal.state is not State.UNDONE:
            yield StartedRestore(journal.key, journal.run, journal.target_id, journal.started_at, not journal.open)
