"""``restores/PROJECT/KEY.json``: what a restore is about and how far it is, durable before each effect.

``preparing`` (new content is built aside; the target is untouched) becomes ``swapping`` (the renames are decided and may
have begun), ``exchanged`` (all are done; what was replaced is not in its place yet) and then ``done``. ``undoing`` says
that renames are taken back, and ``undone`` that nothing is left of the attempt: the key may be begun again.

``token`` is another one in each attempt, so that who wakes up finds out that somebody else has put it right. What stands in
a journal is never trusted: the folder aside is one of the store or beside a target, and the renames are of targets.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from snapplan.drivers.directory.durable import make_folder, write_document
from snapplan.drivers.directory.facts import Facts, NewerFormatError, from_text, to_document
from snapplan.drivers.directory.layout import BESIDE
from snapplan.drivers.directory.linux import shown_path
from snapplan.drivers.directory.ownership import read_own
from snapplan.drivers.directory.reading import LARGEST, parse
from snapplan.drivers.directory.swap import FolderMetadata, Kind, SwapPlan, Tree, Unit, progress
from snapplan.errors import BackendError, NotSupportedError
from snapplan.models.request import Progress
from snapplan.models.target import RestoreMode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from snapplan.drivers.directory.store import Store

FORMAT = "snapplan.restore/2"
# Its asides were thrown away in the end; they become safety snapshots as those of today.
EARLIER = "snapplan.restore/1"
# How the folder is called where a restore is built in the store, after the journal's name.
ASIDE = ".aside"
_LONGEST_NAME = 120
_PARTS = ("new", "old")
_TEXTS = ("key", "run", "project", "target_id", "content", "mode", "as_name", "source", "source_address")


class State(StrEnum):
    """How far a restore is."""

    PREPARING = "preparing"
    SWAPPING = "swapping"
    EXCHANGED = "exchanged"
    DONE = "done"
    UNDOING = "undoing"
    UNDONE = "undone"


class Journal(NamedTuple):
    """One restore.

    ``aside`` is the folder in which its new content is built; ``source`` the snapshot's native id. ``set_aside`` is what
    will stand beside the safety snapshot, and ``trees`` are what it is made of; ``None`` where nothing is replaced.
    """

    key: str
    run: str
    project: str
    target_id: str
    content: str
    mode: str
    as_name: str
    source: str
    source_address: str
    started_at: datetime
    aside: Path
    state: State = State.PREPARING
    plan: SwapPlan = SwapPlan()
    token: str = ""
    set_aside: Facts | None = None
    trees: tuple[Tree, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it is neither completed nor undone."""
        return self.state not in (State.DONE, State.UNDONE)


def journal_path(store: Store, key: str) -> Path:
    """Return the file of a restore's journal. A key that is no good file name is replaced by its digest."""
    # Keys of the declared kind are safe as they are; one from another source may be any text.
    plain = key.replace("-", "").replace("_", "").replace(".", "")
    if not (plain.isascii() and plain.isalnum() and key[0].isalnum() and len(key) <= _LONGEST_NAME):
        key = "key-" + hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()
    return store.restores / store.project / f"{key}.json"


def aside_path(store: Store, key: str, token: str) -> Path:
    """Return the folder in the store in which one attempt at a restore is built."""
    path = journal_path(store, key)
    return path.with_name(f"{path.name.removesuffix('.json')}.{token[:8]}{ASIDE}")


def write_journal(store: Store, journal: Journal, *, check: Callable[[], None] | None = None) -> None:
    """Write ``journal``, durable when it returns; ``check`` is asked right before. Raises ``OSError``."""
    path = journal_path(store, journal.key)
    make_folder(path.parent)
    write_document(path, _document(store, journal), f"restore.{journal.state}", check=check)


def read_journal(store: Store, key: str) -> Journal | None:
    """Return the journal of ``key``, ``None`` when the key was never begun. Raises ``BackendError``, ``OSError``."""
    path = journal_path(store, key)
    try:
        return _read(store, path)
    except FileNotFoundError:
        return None


def list_journals(store: Store) -> list[Journal]:
    """Return all journals, other projects' too. Raises ``BackendError``, ``OSError``."""
    return [_read(store, path) for path in sorted(store.restores.glob("*/*.json"))]


def _read(store: Store, path: Path) -> Journal:
    try:
        document = parse(read_own(store, path, LARGEST))
        form = str(document["format"])
        if form not in (FORMAT, EARLIER) and form.startswith("snapplan.restore/"):
            raise NotSupportedError(
                store.backend,
                f"{shown_path(str(path))!r} has the format {form!r}, which this snapplan does not know",
                hint="use the snapplan that wrote it, or a later one",
            )
        return _journal(store, path, document)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, NewerFormatError) as error:
        # Never skipped: an open restore that is not seen would leave a mixture for ever.
        raise BackendError(
            store.backend,
            f"the journal of a restore, {shown_path(str(path))!r}, cannot be read: {error!r}",
            hint="look at the target; remove the file when the restore is no longer of interest",
        ) from error


def _document(store: Store, journal: Journal) -> dict[str, Any]:
    def inside(unit: Unit) -> dict[str, Any]:
        return {**unit._asdict(), "live": str(unit.live), "aside": str(unit.aside.relative_to(journal.aside))}

    return {
        "format": FORMAT,
        **journal._asdict(),
        "started_at": journal.started_at.isoformat(),
        "aside": shown_path(str(journal.aside)),
        "plan": {
            "units": [inside(unit) for unit in journal.plan.units],
            "folders": [{**folder._asdict(), "path": str(folder.path)} for folder in journal.plan.folders],
            "around": [str(folder) for folder in journal.plan.around],
        },
        "set_aside": None if journal.set_aside is None else to_document(journal.set_aside),
        "trees": [tree._asdict() for tree in journal.trees],
    }


def _journal(store: Store, path: Path, document: Mapping[str, Any]) -> Journal:
    written = Path(document["aside"])
    aside = _aside_of(store, path, document, written)
    plan = document["plan"]
    units = tuple(_unit(unit, written, aside) for unit in plan["units"])
    folders = tuple(
        FolderMetadata(
            _absolute(folder["path"]), *(_number(folder[name]) for name in ("mode", "uid", "gid", "mtime_ns"))
        )
        for folder in plan["folders"]
    )
    around = tuple(_absolute(folder) for folder in plan.get("around", ()))
    kept = document.get("set_aside")
    text = {name: str(document[name]) for name in _TEXTS}
    return Journal(
        **text,
        started_at=datetime.fromisoformat(document["started_at"]),
        aside=aside,
        state=State(document["state"]),
        plan=SwapPlan(units, folders, around),
        token=str(document.get("token", "")),
        set_aside=None if kept is None else from_text(json.dumps(kept).encode()),
        trees=tuple(Tree(_inside(tree["path"]), _prefix(tree["prefix"])) for tree in document.get("trees", ())),
    )


def _aside_of(store: Store, path: Path, document: Mapping[str, Any], written: Path) -> Path:
    """Return the folder aside as it is reached now: the store may have been moved since, or be mounted elsewhere."""
    project = str(document["project"])
    if project != path.parent.name:
        raise ValueError(f"it is of project {project!r}")
    if written.parts[-3:-1] == (store.restores.name, project) and written.suffix == ASIDE:
        return store.restores / project / written.name
    # The folder aside gets removed in the end, so it had better be one that we made.
    if not written.name.startswith(BESIDE) or _absolute(str(written)) != written:
        raise ValueError(f"aside is {str(written)!r}")
    return written


def _unit(unit: Mapping[str, Any], written: Path, aside: Path) -> Unit:
    place = Path(unit["aside"])
    inside = place.relative_to(written) if place.is_absolute() else place
    numbers = [None if unit[name] is None else _number(unit[name]) for name in ("new", "old")]
    return Unit(Kind(unit["kind"]), _absolute(unit["live"]), aside / _inside(str(inside)), *numbers)


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is no number")
    return value


def _absolute(text: str) -> Path:
    if not text.startswith("/") or os.path.normpath(text) != text:
        raise ValueError(f"{text!r} is no plain path")
    return Path(text)


def _inside(text: str) -> str:
    if text.split("/")[0] not in _PARTS or os.path.normpath(text) != text:
        raise ValueError(f"{text!r} is no part of what a restore builds")
    return text


def _prefix(text: str) -> str:
    if text and (text.startswith(("/", "..")) or os.path.normpath(text) != text):
        raise ValueError(f"{text!r} is no part of a snapshot")
    return text


def check_places(journal: Journal, places: Collection[Path]) -> None:
    """Raise ``OSError`` where a journal names what is no target of the backend; ``places`` are the folders that may change.

    The folder aside must be in the store, or a folder of ours beside one of them.
    """
    named = [*(unit.live for unit in journal.plan.units), *(folder.path for folder in journal.plan.folders)]
    for live in (*named, *journal.plan.around):
        if not any(live == place or place in live.parents for place in places):
            raise OSError(errno.EPERM, "the journal of a restore names what is no target of this backend", str(live))
    if journal.aside.name.startswith(BESIDE):
        beside = {parent for place in places for parent in place.parents}
        if journal.aside.parent not in beside:
            raise OSError(errno.EPERM, "the journal of a restore names a folder elsewhere", str(journal.aside))
        status = journal.aside.lstat() if os.path.lexists(journal.aside) else None
        if status is not None and status.st_uid != os.geteuid():
            raise OSError(errno.EPERM, "the folder of a restore is another user's", str(journal.aside))


def progress_of(journal: Journal) -> Progress | None:
    """Return how much of an open restore was exchanged; ``None`` where nothing is replaced (a clone)."""
    if journal.state is State.PREPARING:
        found = Progress.NOTHING
    elif journal.state is State.SWAPPING:
        found = progress(journal.plan.units)
    elif journal.state is State.UNDOING:
        found = Progress.SOME
    else:
        found = Progress.ALL
    return found if journal.mode == RestoreMode.IN_PLACE else None
