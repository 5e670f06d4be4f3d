"""Where snapshots lie, and the durable steps by which one comes, changes and goes.

::

    STORE/snapplan-store.json                  the marker
    STORE/lock                                 who writes holds a lock on it (``locking``)
    STORE/snapshots/vm/web-01/NAME/            a complete snapshot (the cloud's: snapshots/cloud/NAME/)
            data/  mark.json  manifest.jsonl
    STORE/incoming/ID/                         one that is being made, its mark written first
    STORE/trash/ID/                            one that is being removed
    STORE/restores/PROJECT/KEY.json                    what was restored, and how far it is
    STORE/frozen/                              which targets are frozen
    STORE/backends/PROJECT.json                whose store it is: one backend of each project

A snapshot is complete when it stands under ``snapshots/``: it gets there by one exclusive rename after everything in it was
synced, and leaves by one rename into the trash. Folders of the store are private to the user.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan import crash
from snapplan.drivers.directory import linux
from snapplan.drivers.directory.durable import make_folder, move_exclusive, sync_parents, write_document
from snapplan.drivers.directory.facts import Facts, NewerFormatError, from_text, to_document
from snapplan.drivers.directory.failure import describe
from snapplan.drivers.directory.linux import shown_path
from snapplan.drivers.directory.locking import LOCK, Lockable, locked_folders
from snapplan.drivers.directory.marker import FORMAT, MARKER, marker_format, marker_id
from snapplan.drivers.directory.names import folder_named
from snapplan.drivers.directory.ownership import own_folder, read_own
from snapplan.drivers.directory.reading import read_file
from snapplan.drivers.directory.removal import remove_tree
from snapplan.errors import NotSupportedError, RefusedError
from snapplan.models.target import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from snapplan.drivers.base import Permit

MARK = "mark.json"
MANIFEST = "manifest.jsonl"
DATA = "data"


_BRING_BACK = "mount its disk; `snapplan drivers init {backend}` makes a new one"
_ID = re.compile("[0-9a-f]{32}")


def nothing_to_check() -> None:
    """What is asked before a step that needs no permission."""


class Store(NamedTuple):
    """The store of one backend; ``project`` is ours.

    ``expected`` is the id of the store that is known (empty: none is): another one in its place is not written to.
    ``may_create`` says whether it is made where there is none.
    ``anchor`` is the same folder, open, while a call is under way: what is done below it is done in that folder, whatever
    somebody puts in the place of ``path`` meanwhile. ``local`` and ``checked`` are what ``store_lock`` and
    ``store_permissions`` say. ``read_only``: it is only read, which a user may do who trusts root.
    """

    backend: str
    project: str
    path: Path
    expected: str = ""
    may_create: bool = True
    anchor: Path | None = None
    local: bool = False
    checked: bool = True
    read_only: bool = False

    @property
    def base(self) -> Path:
        """Where everything of the store is found."""
        return self.path if self.anchor is None else self.anchor

    @property
    def lockable(self) -> Lockable:
        """What is locked while it is written."""
        return Lockable(self.backend, self.path, self.local)

    @property
    def snapshots(self) -> Path:
        """Complete snapshots."""
        return self.base / "snapshots"

    @property
    def incoming(self) -> Path:
        """Snapshots that are being made, or that a dead run left."""
        return self.base / "incoming"

    @property
    def trash(self) -> Path:
        """Snapshots that are being removed."""
        return self.base / "trash"

    @property
    def restores(self) -> Path:
        """Journals of restores, and what is built for them."""
        return self.base / "restores"

    @property
    def frozen(self) -> Path:
        """Records of frozen targets; another process writes there too, so it is the path that everybody has."""
        return self.path / "frozen"

    def exists(self) -> bool:
        """Return whether there is a store. Raises ``NotSupportedError``, ``RefusedError`` where there is something else."""
        form = self._format()
        if form is None and self._is_used():
            # Somebody else may have made it between the two looks: the marker is written first.
            form = self._format()
            if form is None:
                raise self._occupied()
        if form is None:
            return False
        if form == FORMAT:
            self._check_claim()
            return True
        if form.startswith("snapplan.store/"):
            raise _newer(self.backend, self.path / MARKER, form)
        raise self._occupied()

    def prepare(self) -> None:
        """Make the store unless it is there, and claim it. Raises ``OSError``, ``RefusedError`` and as ``exists`` does."""
        if not self.exists():
            self._refuse_to_make()
            make_folder(self.path)
            # Somebody else may have made the folder, to have us write into it.
            own_folder(self, self.path)
            _write_once(self.path / MARKER, {"format": FORMAT, "id": self.expected or new_id()}, "store.marker")
            # On a full disk they could not be made any more, and nothing be deleted.
            make_folder(self.trash)
            make_lock(self.path)
        if not self._claim.exists():
            make_folder(self._claim.parent)
            _write_once(self._claim, {"backend": self.backend}, "store.claim")
            self._check_claim()
        self.check_identity()

    def check_identity(self) -> None:
        """Raise ``RefusedError`` where another store is in the place of the one that is known, or none at all."""
        found = marker_id(self.base) if self.exists() else ""
        if self.expected and found != self.expected:
            there = f"there is {found}" if found else "there is none"
            raise RefusedError(
                self.backend,
                f"the store {self.expected} is not at {str(self.path)!r}: {there}",
                hint=_BRING_BACK.format(backend=self.backend),
            )

    def _refuse_to_make(self) -> None:
        if not self.may_create:
            raise RefusedError(
                self.backend,
                f"there is no store at {str(self.path)!r}, and this run may not make one",
                hint=_BRING_BACK.format(backend=self.backend),
            )

    @property
    def _claim(self) -> Path:
        return self.base / "backends" / f"{self.project}.json"

    def _check_claim(self) -> None:
        """Raise ``RefusedError`` where the store is another backend's of our project.

        Its snapshots carry our project's mark, so they would be listed, counted and expired as ours.
        """
        try:
            owner = json.loads(read_own(self, self._claim, 1 << 16))["backend"]
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError, RecursionError):
            owner = "?"
        if owner != self.backend:
            raise RefusedError(
                self.backend,
                f"the store {str(self.path)!r} is that of backend {owner!r}",
                hint=f"give each backend a store of its own; if the backend was renamed, write so in {str(self._claim)!r}",
            )

    def is_only_ours(self) -> bool:
        """Whether no other project has claimed the store, so that what stands in it without a mark can only be ours."""
        return [path.name for path in _children(self._claim.parent)] == [self._claim.name]

    def _format(self) -> str | None:
        try:
            return marker_format(self.base)
        except FileNotFoundError:
            return None

    def _is_used(self) -> bool:
        return self.path.is_dir() and not all(child.name.startswith(MARKER) for child in self.base.iterdir())

    def _occupied(self) -> RefusedError:
        return RefusedError(
            self.backend,
            f"{str(self.path)!r} holds something else than a snapplan store",
            hint=f"give store: another folder; a store carries the file {MARKER}",
        )

    def target_folder(self, scope: Scope, folder: str) -> Path:
        """Return the folder of a target's snapshots, by its own folder name."""
        return self.snapshots / scope if scope is Scope.CLOUD else self.snapshots / scope / folder

    def find(self, scope: Scope, target_name: str, name: str) -> Path:
        """Return the folder of a complete snapshot by the names it is listed under; it need not exist."""
        if scope is Scope.CLOUD:
            return self.snapshots / scope / name
        return folder_named(self.snapshots / scope, target_name) / name

    def read(self, snapshot: Path | str) -> Facts | None:
        """Return what stands beside a snapshot, ``None`` when nothing readable does.

        Raises ``NotSupportedError`` for a later format.
        """
        found = self.look(snapshot)
        return found if isinstance(found, Facts) else None

    def look(self, snapshot: Path | str) -> Facts | str:
        """Return what stands beside a snapshot, or in a few words why it cannot be read: empty where nothing is there.

        Raises ``NotSupportedError`` for a later format.
        """
        path = f"{snapshot}/{MARK}"
        try:
            return from_text(read_file(path))
        except NewerFormatError as error:
            raise _newer(self.backend, path, str(error)) from None
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            return f"its mark cannot be read: {os.strerror(error.errno) if error.errno else error}"
        except ValueError as error:
            return f"its mark cannot be read: {_valid(str(error))}"

    @contextmanager
    def begin(self, facts: Facts, permit: Permit) -> Iterator[Path]:
        """Yield a new folder for a snapshot that is about to be made, its mark in it and durable. Raises ``OSError``.

        While the block runs the folder is locked, so that nobody takes it for what a run that died has left.
        """
        self.prepare()
        make_folder(self.incoming)
        unmarked = self.incoming / f".{self.project}.{facts.id}"
        unmarked.mkdir(mode=0o700)
        crash.point("create.folder")
        aside = self.incoming / facts.id
        with locked_folders(self.lockable, [unmarked], permit):
            try:
                write_document(unmarked / MARK, to_document(facts), "create.mark")
                unmarked.rename(aside)
                linux.fsync_directory(self.incoming)
            except BaseException:
                # What cannot be removed now either, the next run removes.
                for left in (unmarked, aside):
                    with suppress(OSError):
                        remove_tree(left)
                raise
            crash.point("create.begun")
            yield aside

    def clear(self, facts: Facts, permit: Permit) -> bool:
        """Remove what earlier attempts at the same snapshot left incomplete; return whether there was one.

        Another process that is making it now is waited for. Raises ``StoreLockedError``, ``OSError``.
        """
        found = ((path, self.read(path)) for path in _children(self.incoming))
        begun = [path for path, left in found if left is not None and left.mark.identity == facts.mark.identity]
        for path in begun:
            # It may be completed meanwhile: then it is not here any more.
            with suppress(FileNotFoundError), locked_folders(self.lockable, [path], permit):
                self.discard(path)
        return bool(begun)

    def complete(self, aside: Path, facts: Facts, check: Callable[[], None] = nothing_to_check) -> Path:
        """Make the snapshot in ``aside`` complete: final facts, sync, one exclusive rename. Returns its folder.

        ``check`` is asked right before the rename. Raises ``FileExistsError`` where that name is taken, ``OSError``; then
        it is still aside.
        """
        write_document(aside / MARK, to_document(facts), "create.facts")
        linux.sync_filesystem(aside)
        crash.point("create.synced")
        place = self.target_folder(facts.scope, facts.folder) / facts.name
        self.place(aside, place, check)
        crash.point("create.complete")
        return place

    def place(self, aside: Path, place: Path, check: Callable[[], None] = nothing_to_check) -> None:
        """Bring a whole snapshot to its place, durably. Raises ``FileExistsError``, ``OSError``, what ``check`` raises."""
        for attempt in range(3):
            make_folder(place.parent)
            check()
            try:
                linux.rename_exclusive(aside, place)
            except FileNotFoundError:
                # The target's last other snapshot went meanwhile, and its folder with it.
                if attempt == 2:
                    raise
                continue
            break
        crash.point("create.renamed")
        sync_parents(aside, place)

    def change(self, snapshot: Path, facts: Facts, check: Callable[[], None] = nothing_to_check) -> None:
        """Replace what stands beside a snapshot, atomically and durably; ``check`` is asked before. Raises ``OSError``."""
        crash.point("change.begin")
        write_document(snapshot / MARK, to_document(facts), "change.mark", check=check)

    def discard(self, snapshot: Path, check: Callable[[], None] = nothing_to_check) -> None:
        """Take a snapshot, complete or not, out of the listing by one rename, then remove it. Raises ``OSError``.

        ``check`` is asked right before the rename; what it raises ends it, and nothing was done.
        What cannot be removed stays in the trash, for the next run.
        """
        make_folder(self.trash)
        crash.point("expire.begin")
        trashed = self.trash / new_id()
        check()
        move_exclusive(snapshot, trashed)
        crash.point("expire.trashed")
        remove_tree(trashed)
        crash.point("expire.removed")
        if snapshot.parent != self.incoming:
            self._tidy(snapshot.parent)

    def _tidy(self, folder: Path) -> None:
        if folder.parent == self.snapshots:
            return
        try:
            folder.rmdir()
        except OSError:
            return

    def sweep(self) -> list[str]:
        """Remove what dead runs left in the trash, and what never got a mark; return in sentences what was done."""
        unmarked = [path for path in _children(self.incoming) if self._is_unmarked(path.name)]
        left = [*_children(self.trash), *unmarked]
        for draft in self.restores.glob(f"{self.project}/*.json.new"):
            draft.unlink(missing_ok=True)
        said = []
        for path in left:
            try:
                remove_tree(path)
            except OSError as error:
                said.append(f"{shown_path(str(path))!r} cannot be removed: {describe(error)}")
            else:
                said.append(f"removed {shown_path(str(path))!r}, which a run that died left behind")
        return said

    def is_swept(self) -> bool:
        """Return whether ``sweep`` has nothing to remove. Raises ``OSError``."""
        drafts = self.restores.glob(f"{self.project}/*.json.new")
        unmarked = any(self._is_unmarked(path.name) for path in _children(self.incoming))
        return not (_children(self.trash) or unmarked or next(drafts, None))

    def _is_unmarked(self, name: str) -> bool:
        # Exactly: a project's name may be the beginning of another's.
        project, _, identity = name.removeprefix(".").rpartition(".")
        return name.startswith(".") and project == self.project and _ID.fullmatch(identity) is not None


def make_lock(store: Path) -> None:
    """Make the file that is locked, with the store: on a full disk it could not be made any more. Raises ``OSError``."""
    os.close(os.open(store / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def new_id() -> str:
    """Return an id that is never given twice."""
    return uuid.uuid4().hex


def _write_once(path: Path, document: Mapping[str, Any], point: str) -> None:
    """Write the JSON file ``path`` unless it is there, durably; of several threads and processes one does it."""
    draft = path.with_name(f"{path.name}.{new_id()}")
    write_document(draft, document, point)
    try:
        move_exclusive(draft, path)
    except FileExistsError:
        draft.unlink()
    crash.point(f"{point}.made")


def _valid(text: str) -> str:
    """Return a message as text that can be shown: it may quote what it is about."""
    return text.encode("ascii", "backslashreplace").decode()[:200]


def _children(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [folder / entry.name for entry in entries]
    except FileNotFoundError:
        return []


def _newer(backend: str, path: Path | str, form: str) -> NotSupportedError:
    return NotSupportedError(
        backend,
        f"{str(path)!r} has the format {form!r}, which this snapplan does not know",
        hint="use the snapplan that wrote it, or a later one",
    )
